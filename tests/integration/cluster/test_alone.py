"""`visavis index --ray` where there is no cluster but the one that it starts itself."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from visavis import ImageIndex
from visavis.cli.main import run


def test_a_cluster_of_this_machine_alone(gallery: Path, tmp_path: Path, plug_in: None) -> None:
    pytest.importorskip("ray")
    place = tmp_path / "an.index"
    words = ["index", str(gallery), "--index", str(place), "--model", "fake"]
    words += ["--ray", "local", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "visavis", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("16 added, 0 unchanged")
    assert done.stderr.startswith("node 127.0.0.1: 16 images, ")
    assert len(done.stderr.splitlines()) == 1, done.stderr  # nothing of Ray's own
    with ImageIndex.open(place) as index:
        assert len(index) == 16


def test_shards_are_made_by_a_cluster(gallery: Path, tmp_path: Path, plug_in: None) -> None:
    pytest.importorskip("ray")
    shards, place = tmp_path / "shards", tmp_path / "an.index"
    words = ["index", str(gallery), "--shards", str(shards), "--model", "fake", "--thumbnails"]
    words += ["--ray", "local", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "visavis", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("16 added, 0 unchanged")
    assert done.stdout.endswith(f"1 shard in {shards}, model fake\n")
    assert run(["load", str(shards), "--index", str(place)]) == 0
    with ImageIndex.open(place) as index:
        assert index.add(gallery).unchanged == 16
        kept = [index.shelf.thumbnails.kept(record.sha256, 320) for record in index]
        assert all(kept)


def test_a_dead_port_is_a_sentence_and_leaves_no_index(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    place = tmp_path / "an.index"
    assert run(["index", str(gallery), "--index", str(place), "--ray", address]) == 6
    said = capsys.readouterr().err
    assert said.startswith(f"error: no Ray cluster answers at {address} (")
    assert len(said.splitlines()) == 1
    assert not place.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--ray", "nowhere"], "--ray is local, auto or HOST:PORT, not 'nowhere'"),
        (["--ray", "local", "--rebuild"], "leave out --rebuild"),
        (["--ray", "local", "--tag", "3", "--metadata"], "leave out --tag, --metadata"),
        (["--ray", "h:1", "--jobs", "3"], "--jobs is for --ray local"),
        (["--ray-deadline", "30"], "--ray-deadline is for --ray"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    gallery: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    reason: str,
) -> None:
    place = tmp_path / "an.index"
    assert run(["index", str(gallery), "--index", str(place), *words]) == 2
    assert reason in capsys.readouterr().err
    assert not place.exists()


def test_without_ray_the_extra_is_named(gallery: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None\nfrom visavis.cli.main import run\n"
    words = ["index", str(gallery), "--index", str(tmp_path / "an.index"), "--ray", "local"]
    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(run({words!r}))"],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert done.stderr == "error: --ray needs an optional part: pip install 'visavis[cluster]'\n"
    assert not (tmp_path / "an.index").exists()


def test_many_failures_are_shown_by_their_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for at in range(30):
        (photos / f"{at:02}.jpg").touch()
        (photos / f"{at:02}.png").write_bytes(b"no picture at all" * 9)
    run(["index", str(photos), "--index", str(tmp_path / "an.index"), "--model", "classic"])
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(line.startswith("skipped 30: ") for line in told)
    assert f"({photos / '00.jpg'} …)" in told[0]
