"""One writer at a time, named for the others."""

import json
import threading
import time
from pathlib import Path

import pytest

from visavis.errors import IndexLockedError, StoreError
from visavis.store.sqlite.lock import writer_lock


def test_the_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    for _ in range(3):
        with writer_lock(tmp_path, wait=0):
            assert json.loads((tmp_path / "write.holder").read_text())["pid"]
        assert not (tmp_path / "write.holder").exists()


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path, wait=0):
        raise ZeroDivisionError
    with writer_lock(tmp_path, wait=0):
        pass


def test_a_second_thread_waits_its_turn(tmp_path: Path) -> None:
    order: list[str] = []

    def write(name: str) -> None:
        with writer_lock(tmp_path, wait=5):
            order.append(f"{name} in")
            time.sleep(0.05)
            order.append(f"{name} out")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry[0] for entry in order[::2]] == [entry[0] for entry in order[1::2]]
    assert sorted(order) == sorted(f"{name} {way}" for name in "abc" for way in ("in", "out"))


def test_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path) -> None:
    for text in ("", "[]", '"x"', "{}", '{"pid": 1, "command": "x", "since": "soon"}'):
        with writer_lock(tmp_path, wait=0):
            (tmp_path / "write.holder").write_text(text)
            with (
                pytest.raises(IndexLockedError, match="another process is writing"),
                writer_lock(tmp_path, wait=0),
            ):
                pass


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"), writer_lock(tmp_path / "file"):
        pass
