"""A server that watches folders: new pictures are found, and serving does not depend on it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Serve, Served, picture

from visavis.image_index import ImageIndex


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for mark in range(3):
        (tmp_path / "photos" / f"{mark}.jpg").write_bytes(picture(mark=mark))
    return tmp_path / "photos"


@pytest.fixture
def index(photos: Path, tmp_path: Path) -> Path:
    with ImageIndex.create(tmp_path / "an.index", "classic") as made:
        made.add(photos)
    return tmp_path / "an.index"


def _records(served: Served) -> int:
    return int(served.get("/v1/info").json()["records"])


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task")
    found = [task / "children" for task in listed.iterdir()]
    pids = [int(child) for task in found for child in task.read_text().split()]
    return [child for child in pids if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_new_picture_is_found_while_serving(serve: Serve, photos: Path, index: Path) -> None:
    served = serve(index, "--port", "0", "--watch", str(photos))
    until(lambda: "watched by the system's events" in served.log.read_text())
    until(lambda: "3 unchanged" in served.log.read_text())
    (photos / "new.jpg").write_bytes(picture(mark=9))
    until(lambda: _records(served) == 4)
    assert served.get("/v1/images/new.jpg").status_code == 200
    (photos / "new.jpg").unlink()
    until(lambda: _records(served) == 3)
    children = _children(served.process.pid)
    assert len(children) == 1
    assert served.stop() == 0
    assert not any(_lives(child) for child in children)
    assert "1 added in" in served.log.read_text()


def test_what_is_excluded_stays_out_while_serving(serve: Serve, photos: Path, index: Path) -> None:
    (photos / "private").mkdir()
    (photos / "private" / "secret.jpg").write_bytes(picture(mark=7))
    served = serve(index, "--port", "0", "--watch", str(photos), "--exclude", "private")
    until(lambda: "3 unchanged" in served.log.read_text())
    (photos / "private" / "later.jpg").write_bytes(picture(mark=8))
    (photos / "new.jpg").write_bytes(picture(mark=9))
    until(lambda: _records(served) == 4)
    assert served.get("/v1/images/new.jpg").status_code == 200
    assert served.get("/v1/images/private%2Fsecret.jpg").status_code == 404


def test_excluding_from_nothing_is_a_mistake(index: Path) -> None:
    line = [sys.executable, "-m", "visavis", "serve", "--index", str(index), "--port", "0"]
    done = subprocess.run(
        [*line, "--exclude", "private"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--watch" in done.stderr


def test_serving_goes_on_when_watching_fails(serve: Serve, photos: Path, index: Path) -> None:
    served = serve(index, "--port", "0", "--watch", str(photos))
    until(lambda: len(_children(served.process.pid)) == 1)
    [child] = _children(served.process.pid)
    os.kill(child, signal.SIGKILL)
    until(lambda: "watching has ended (exit code -9)" in served.log.read_text())
    assert _records(served) == 3
    until(lambda: bool(_children(served.process.pid)))
    (photos / "new.jpg").write_bytes(picture(mark=9))
    until(lambda: _records(served) == 4)
    [child] = _children(served.process.pid)
    served.process.kill()
    until(lambda: not _lives(child))


def test_another_index_in_its_place_is_watched_for(
    serve: Serve, photos: Path, index: Path, tmp_path: Path
) -> None:
    served = serve(index, "--port", "0", "--watch", str(photos))
    until(lambda: "3 unchanged" in served.log.read_text())
    with ImageIndex.create(tmp_path / "next", "classic"):
        pass
    index.rename(tmp_path / "old")
    (tmp_path / "next").rename(index)
    until(lambda: _records(served) == 3)
    (photos / "new.jpg").write_bytes(picture(mark=9))
    until(lambda: _records(served) == 4)


def test_a_wrong_name_is_an_exit_code(index: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "visavis", "serve", "--index", str(index), "--port", "0"]
    done = subprocess.run(
        [*line, "--watch", str(tmp_path / "nowhere")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no such file or folder" in done.stderr
