"""Files are whole or not there."""

import contextlib
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from visavis.disk import cache_home, new_folder, reason, write_named, write_whole
from visavis.errors import UsageError


def test_a_file_is_replaced_and_whoever_reads_the_old_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_whole(path, b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_others_may_read_it_as_they_may_any_file(tmp_path: Path) -> None:
    plain, whole = tmp_path / "plain", tmp_path / "whole"
    plain.write_bytes(b"")
    write_whole(whole, b"")
    assert stat.S_IMODE(whole.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_whole(tmp_path / "folder", b"content")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_reason_is_in_words_without_a_number_or_a_path(tmp_path: Path) -> None:
    def of(read: Callable[[], object]) -> str:
        with pytest.raises((OSError, ValueError, RecursionError)) as caught:
            read()
        return reason(caught.value)

    assert of((tmp_path / "none").read_bytes) == "No such file or directory"
    assert of(lambda: b"\xff".decode()) == "it is no text in UTF-8"
    assert of(lambda: json.loads("[" * 100_000)) == "it is nested too deeply"
    assert of(lambda: json.loads("{")).startswith("Expecting property name")
    assert reason(OSError("two\nlines.")) == "two lines"
    assert reason(EOFError()) == "EOFError"


def test_caches_lie_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_home("words") == tmp_path / "visavis" / "words"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert cache_home("words") == tmp_path / "me" / ".cache" / "visavis" / "words"


def test_a_folder_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "model"
    for content in ("old", "new"):
        with new_folder(place) as made:
            made.mkdir()
            (made / "a").write_text(content)
            assert place.exists() == (content == "new")
        assert (place / "a").read_text() == content
    with contextlib.suppress(ZeroDivisionError), new_folder(place) as made:
        made.mkdir()
        raise ZeroDivisionError
    assert (place / "a").read_text() == "new"
    assert list(place.parent.iterdir()) == [place]


def test_a_file_that_was_named_keeps_what_it_held_when_there_is_no_room(
    tiny_disk: Callable[[str], Path],
) -> None:
    path = tiny_disk("1m") / "report.json"
    write_named(path, "report", b"old")
    with pytest.raises(UsageError, match=r"cannot write the report .*No space left on device"):
        write_named(path, "report", b"x" * (2 << 20))
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_named_file_may_be_a_link_a_pipe_or_for_some_eyes_only(tmp_path: Path) -> None:
    secret, link, pipe = (tmp_path / name for name in ("secret", "link", "pipe"))
    secret.write_bytes(b"old")
    secret.chmod(0o600)
    link.symlink_to(secret)
    write_named(link, "report", b"new")
    assert link.is_symlink()
    assert secret.read_bytes() == b"new"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads:
        read = threads.submit(pipe.read_bytes)
        write_named(pipe, "report", b"piped")
        assert read.result(10) == b"piped"
    assert pipe.is_fifo()
