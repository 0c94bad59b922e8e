"""An indexing run that is killed, twenty times: nothing told is lost, and the next run goes on."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from visavis.image_index import ImageIndex
from visavis.types import ImageRecord

Draw = Callable[..., Path]

KILLS = 20
PICTURES = 1500

INDEXER = """
import sys
from visavis.flows import ingest
from visavis.image_index import ImageIndex
ingest._COMMIT_ROWS = 8  # commits often, so that kills fall into all places
index = ImageIndex.create(sys.argv[1], "fake", jobs=2)
def progress(report):
    sys.stdout.write(f"{report.added} {report.unchanged}\\n")
    sys.stdout.flush()
index.add(sys.argv[2], progress=progress)
sys.stdout.write("done\\n")
"""


def _pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    draw = np.random.default_rng(11)
    for at in range(count):
        pixels = draw.integers(0, 255, (8, 8, 3), np.uint8).repeat(2, 0).repeat(2, 1)
        Image.fromarray(pixels).save(folder / f"{at:04}.png")
    return folder


def _told(output: bytes) -> int:
    """How many records the run has said are on disk."""
    lines = [line.split() for line in output.decode().splitlines(keepends=True) if "\n" in line]
    return max((int(line[0]) + int(line[1]) for line in lines if len(line) == 2), default=0)


def _contents(path: Path) -> dict[str, tuple[ImageRecord, bytes]]:
    with ImageIndex.open(path) as index:
        return {r.id: (r, index.store.vector(r.id).tobytes()) for r in index.records()}


def test_twenty_kills_lose_nothing_that_was_told(tmp_path: Path, plug_in: None) -> None:
    photos, path = _pictures(tmp_path / "photos", PICTURES), tmp_path / "killed.index"
    chance = random.Random(5)
    before: dict[str, tuple[ImageRecord, bytes]] = {}
    finished = 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", INDEXER, str(path), str(photos)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            output = b""
            if chance.random() < 0.8:  # most are killed at work, some while they start
                for _ in range(chance.randrange(1, 6)):
                    output += running.stdout.readline()
                time.sleep(chance.random() * 0.004)
            else:
                time.sleep(chance.random() * 0.4)
            running.send_signal(signal.SIGKILL)
            output += running.stdout.read()
        finished += b"done" in output
        if not (path / "index.sqlite").exists():
            continue
        connection = sqlite3.connect(path / "index.sqlite")
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        connection.close()
        if ImageIndex.create(path, "fake").info().records == 0:
            continue
        held = _contents(path)
        assert len(held) >= _told(output)
        assert before.items() <= held.items()  # what one run has kept, the next one leaves alone
        with ImageIndex.open(path) as index:
            some = next(iter(held))
            found = index.search(f"id:{some}", limit=len(held)).matches
            assert {match.record.id for match in found} == set(held)
        before = held
    assert before
    assert finished < KILLS // 2  # else too little was killed
    with ImageIndex.create(path, "fake") as index:
        report = index.add(photos)
        assert (report.added + report.unchanged, report.failed) == (PICTURES, [])
        assert report.unchanged >= len(before)
    with ImageIndex.create(tmp_path / "unbroken.index", "fake") as index:
        index.add(photos)
    assert _contents(path) == _contents(tmp_path / "unbroken.index")


def test_the_lock_of_a_killed_writer_is_free(tmp_path: Path, plug_in: None) -> None:
    path = tmp_path / "an.index"
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from visavis.image_index import ImageIndex\n"
        "from visavis.store.sqlite.lock import writer_lock\n"
        "ImageIndex.create(sys.argv[1], 'fake').close()\n"
        "with writer_lock(Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"locked\n"
        os.kill(running.pid, signal.SIGKILL)
    with ImageIndex.open(path, lock_seconds=0.2) as index:
        assert index.remove("nobody", missing_ok=True) == 0
