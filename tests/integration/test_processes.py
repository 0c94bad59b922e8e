"""Several processes at one index: many read while one writes, a second writer waits its turn."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis.errors import IndexLockedError, StoreError
from visavis.flows import ingest
from visavis.image_index import ImageIndex
from visavis.store.capabilities import local

WRITER = """
import sys
import time
from visavis.flows import ingest
from visavis.image_index import ImageIndex
ingest._COMMIT_ROWS = 8
index = ImageIndex.create(sys.argv[1], "fake", jobs=1)
def progress(report):
    sys.stdout.write(f"{report.added + report.unchanged}\\n")
    sys.stdout.flush()
    if len(sys.argv) > 3:
        sys.stdin.readline()  # goes on when it is told to
    else:
        time.sleep(0.02)  # leaves the processor to readers, if there is only one
index.add(sys.argv[2], progress=progress)
index.remove(where='id>="0050"')
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(11)
    for at in range(200):
        pixels = draw.integers(0, 255, (2, 2, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(pixels).save(folder / f"{at:04}.png")
    return folder


@contextmanager
def writing(path: Path, photos: Path, stepwise: bool) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WRITER, str(path), str(photos), *(["step"] * stepwise)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            yield running
        finally:
            running.kill()


def told(running: subprocess.Popen[bytes]) -> int:
    assert running.stdout is not None
    return int(running.stdout.readline())


def go_on(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin is not None
    running.stdin.write(b"\n")
    running.stdin.flush()


def test_a_reader_finds_what_a_writer_has_committed_at_once(
    index: ImageIndex, photos: Path
) -> None:
    with writing(index.path, photos, stepwise=True) as running:
        for _ in range(12):
            count = told(running)
            result = index.search(photos / "0000.png", limit=500)
            assert result.total_searched == len(result.matches) == count == len(index)
            assert result.matches[0].record.id == "0000.png"
            go_on(running)


def test_a_reader_gets_a_whole_answer_at_any_time(index: ImageIndex, photos: Path) -> None:
    with writing(index.path, photos, stepwise=False) as running:
        counts = []
        while running.poll() is None:
            result = index.search(photos / "0000.png", limit=500)
            assert result.total_searched == len(result.matches)
            filtered = index.search(photos / "0000.png", where='id<"0020"', limit=500)
            assert filtered.total_searched == len(filtered.matches)
            counts.append(result.total_searched)
        assert running.returncode == 0
    assert len(set(counts)) > 2
    assert len(index) == 50


def test_a_second_writer_is_told_who_writes(index: ImageIndex, photos: Path) -> None:
    with writing(index.path, photos, stepwise=True) as running:
        told(running)
        for write in (lambda: index.add(photos), lambda: index.remove("0000.png"), index.compact):
            with pytest.raises(IndexLockedError, match=rf"process {running.pid} \(.*since \d\d:"):
                write()


def test_a_second_writer_waits_when_it_may(index: ImageIndex, photos: Path) -> None:
    with (
        writing(index.path, photos, stepwise=False) as running,
        ImageIndex.open(index.path, lock_seconds=30) as patient,
    ):
        told(running)
        patient.remove("0000.png")
        running.wait(30)
    assert running.returncode == 0
    assert len(index) == 49


def test_two_first_runs_at_once_make_one_index(tmp_path: Path, plug_in: None, photos: Path) -> None:
    path = tmp_path / "contested.index"
    patient = WRITER.replace("jobs=1", "jobs=1, lock_seconds=60")  # where all else is busy as well
    command = [sys.executable, "-c", patient, str(path), str(photos)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    with ImageIndex.open(path) as made:
        assert len(made) == 50


# -- a full disk -----------------------------------------------------------------------------------

LIMITED = """
import resource, signal, sys
from visavis.flows import ingest
from visavis.errors import StoreError
from visavis.image_index import ImageIndex
ingest._COMMIT_ROWS = 8
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
index = ImageIndex.create(sys.argv[1], "fake", jobs=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
told = 0
def progress(report):
    global told
    told = report.added
try:
    index.add(sys.argv[2], progress=progress)
except StoreError as error:
    sys.stdout.write(f"{told}\\n{type(error).__name__}\\n{error}")
"""


def test_files_that_may_not_grow_are_a_sentence_and_lose_nothing(
    tmp_path: Path, plug_in: None, photos: Path
) -> None:
    path = tmp_path / "small.index"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(photos)],
        capture_output=True,
        text=True,
        check=True,
    )
    count, _, sentence = done.stdout.split("\n", 2)
    assert str(path) in sentence
    with ImageIndex.open(path) as index:
        held = len(index)
        assert held >= int(count) > 0
        assert index.add(photos).added == 200 - held
        assert len(index) == 200


def test_a_full_disk_is_a_sentence_and_loses_nothing(
    tiny_disk: Callable[[str], Path], plug_in: None, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_COMMIT_ROWS", 8)
    place = tiny_disk("8m")
    with ImageIndex.create(place / "an.index", "fake") as index:
        some = [str(photos / f"{at:04}.png") for at in range(40)]
        assert index.add(some).added == 40
        told = [0]
        for room in (200_000, 30_000, 0):
            (place / "ballast").unlink(missing_ok=True)
            free = shutil.disk_usage(place).free
            (place / "ballast").write_bytes(b"x" * (free - room))
            with pytest.raises(StoreError, match=str(place)):
                index.add(photos, progress=lambda report: told.append(report.added))
            assert len(index) >= 40 + max(told)
            known = next(index.records()).id  # the folder takes its pictures over, ids and all
            assert len(index.search(f"id:{known}", limit=500).matches) == len(index)
    with ImageIndex.open(place / "an.index") as index:
        held = len(index)
        assert held >= 40 + max(told)
        (place / "ballast").unlink()
        local(index.store, "be checked").check()
        assert index.add(photos).failed == []
        assert len(index) == 200
