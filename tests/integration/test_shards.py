"""Shards from start to end: the commands, and runs that are killed on the way."""

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from PIL import Image

from visavis.image_index import ImageIndex
from visavis.types import ImageRecord

Cli = Callable[..., Any]

PICTURES = 150
SHARDER = """
import sys
from visavis.embedders.registry import load_embedder
from visavis.exchange.shards import indexing
from visavis.exchange.shards.place import ShardPlace
from visavis.sources.folder import FolderSource
indexing.ROWS = 16
def progress(report):
    print(report.added + report.unchanged, flush=True)
indexing.index_to_shards(FolderSource(sys.argv[1]), ShardPlace(sys.argv[2]),
    load_embedder("fake"), indexing.ShardOptions(jobs=2), progress)
print("done", flush=True)
"""
LOADER = """
import sys
from visavis.exchange.shards.loading import load_shards
def progress(report, total):
    print(report.added + report.unchanged, flush=True)
load_shards([sys.argv[1]], sys.argv[2], progress=progress)
print("done", flush=True)
"""


def _killed(script: str, *arguments: Path, after: int) -> bool:
    """Run a script and kill it after some lines; whether it had come to its end."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(after)]
        running.send_signal(signal.SIGKILL)
        lines.append(running.stdout.read())
    return b"done" in b"".join(lines)


def _kill_until_done(script: str, *arguments: Path, chance: random.Random) -> int:
    """Kill run after run, and let the last one end; how many were killed."""
    kills = sum(not _killed(script, *arguments, after=chance.randrange(1, 5)) for _ in range(3))
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True)
    return kills


def _contents(path: Path) -> dict[str, tuple[ImageRecord, bytes]]:
    with ImageIndex.open(path) as index:
        return {r.id: (r, index.store.vector(r.id).tobytes()) for r in index.records()}


def test_kills_on_the_way_leave_every_picture_once(tmp_path: Path, plug_in: None) -> None:
    photos, shards, place = (tmp_path / name for name in ("photos", "shards", "loaded.index"))
    photos.mkdir()
    draw = np.random.default_rng(3)
    for at in range(PICTURES):
        pixels = draw.integers(0, 255, (2, 2, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(pixels).save(photos / f"{at:04}.png")
    chance = random.Random(8)
    assert _kill_until_done(SHARDER, photos, shards, chance=chance) >= 2
    ids = [id for path in shards.glob("*.parquet") for id in parquet.read_table(path)["id"]]
    assert sorted(map(str, ids)) == [f"{at:04}.png" for at in range(PICTURES)]
    assert _kill_until_done(LOADER, shards, place, chance=chance) >= 1
    with ImageIndex.create(tmp_path / "direct.index", "fake") as direct:
        direct.add(photos)
    assert _contents(place) == _contents(tmp_path / "direct.index")


def test_from_pictures_to_an_answer(cli: Cli, drawn: Path, drawn_index: Path) -> None:
    made = cli("index", drawn / "catalogue.csv", "--shards", "shards", "--model", "classic")
    assert made.out.splitlines()[1] == "1 shard in shards, model classic"
    assert cli("index", drawn / "catalogue.csv", "--shards", "shards").out.startswith("0 added, 56")
    done = cli("load", "shards", "--index", "new.index")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1] == "56 records in new.index, model classic"
    again = cli("load", "shards", "--index", "new.index")
    assert again.out.startswith("0 added, 56 unchanged")
    ask = ("search", drawn / "images" / "mug-01-front.jpg", "--jsonl", "--index")
    assert cli(*ask, "new.index").out == cli(*ask, drawn_index).out


def test_damage_and_another_model_have_their_codes(cli: Cli, drawn: Path, tmp_path: Path) -> None:
    cli("index", drawn / "images", "--shards", "shards", "--model", "classic")
    [shard] = (tmp_path / "shards").iterdir()
    (tmp_path / "shards" / "half.parquet").write_bytes(shard.read_bytes()[:5000])
    done = cli("load", "shards", "--index", "new.index")
    assert done.code == 2
    assert done.out.startswith("56 added")
    assert done.err.startswith("error: shards/half.parquet: it is no sound Parquet file")
    assert len(done.err.splitlines()) == 1
    ImageIndex.create(tmp_path / "other.index", "visavis-s").close()
    refused = cli("load", shard, "--index", "other.index")
    assert (refused.code, refused.out.splitlines()[0][:7]) == (3, "0 added")
    assert f"its vectors have 448 dimensions, and those of {shard} have 384" in refused.err


def test_options_of_an_index_are_refused_for_shards(cli: Cli, drawn: Path, tmp_path: Path) -> None:
    for option in (["--index", "x"], ["--rebuild"], ["--tag", "2"], ["--yes"], ["--reduce", "9"]):
        done = cli("index", drawn / "images", "--shards", "shards", *option)
        assert (done.code, done.out) == (2, "")
        assert f"leave out {option[0]}" in done.err
    assert "--thumbnails is for --shards" in cli("index", drawn / "images", "--thumbnails").err
    assert list(tmp_path.glob("*shards*")) == []
