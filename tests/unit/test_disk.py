"""Files are whole or not there."""

import contextlib
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from visavis.disk import cache_home, new_folder, reason, write_whole


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
