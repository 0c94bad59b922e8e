"""Key files: what is written, what is read, what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from visavis.errors import UsageError
from visavis.server.edge import keys as keys_module
from visavis.server.edge.keys import KeyFile, Keys, check_keys, new_key


def test_a_new_key_opens_its_scopes_and_the_file_does_not_hold_it(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    reader = new_key(file, "reader", ["read"])
    writer = new_key(file, "writer", ["write", "read"])
    keys = Keys.read(file)
    assert keys.scopes(reader) == {"read"}
    assert keys.scopes(writer) == {"read", "write"}
    for wrong in ("", reader[:-1], reader + "x", reader.upper(), "\ud800", "é"):
        assert keys.scopes(wrong) == frozenset()
    assert reader not in file.read_text()
    assert file.stat().st_mode & 0o77 == 0
    assert reader != new_key(file, "reader", ["read"])


def test_comments_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = new_key(file, "a", ["read"])
    file.write_text("# ours\n\n  " + file.read_text())
    assert Keys.read(file).scopes(key) == {"read"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no key in it"),
        ("# nothing\n", "no key in it"),
        ("shop read secret", "line 1"),
        ("# x\nshop admin sha256:" + "0" * 64, "line 2"),
        ("shop read sha256:xyz", "line 1"),
    ],
)
def test_a_file_that_is_not_understood_names_the_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(UsageError, match=told):
        check_keys(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Keys.read(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "scopes"), [("a b", ["read"]), ("a\nb", ["read"]), ("a", ["all"])]
)
def test_bad_names_and_scopes_are_refused_and_nothing_is_written(
    tmp_path: Path, name: str, scopes: list[str]
) -> None:
    with pytest.raises(UsageError):
        new_key(tmp_path / "keys", name, scopes)
    assert not (tmp_path / "keys").exists()


def test_a_key_is_added_behind_a_last_line_without_an_end(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = new_key(file, "first", ["read"])
    file.write_text(file.read_text().rstrip("\n"))
    second = new_key(file, "second", ["write"])
    keys = Keys.read(file)
    assert keys.scopes(first) == {"read"}
    assert keys.scopes(second) == {"write"}


def test_a_file_that_holds_anything_else_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("bread, milk\n")
    with pytest.raises(UsageError, match=r"notes\.txt, line 1"):
        new_key(file, "shop", ["read"])
    assert file.read_text() == "bread, milk\n"


def test_a_key_ends_after_its_last_day(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    today = datetime.now(UTC).date()
    yesterday = str(today - timedelta(days=1))
    old = new_key(file, "old", ["read"], str(today))
    file.write_text(file.read_text().replace(str(today), yesterday))
    last = new_key(file, "last", ["read"], str(today))
    with pytest.raises(UsageError, match="that day is over"):
        new_key(file, "late", ["read"], yesterday)
    keys = Keys.read(file)
    assert keys.scopes(old) == frozenset()
    assert keys.scopes(last) == {"read"}
    with pytest.raises(UsageError, match="no day"):
        new_key(file, "odd", ["read"], "tomorrow")
    assert len(file.read_text().splitlines()) == 2


def test_a_file_that_changes_is_read_again_and_one_that_is_broken_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "_LOOK_EVERY", 0.0)
    file = tmp_path / "keys"
    first = new_key(file, "first", ["read"])
    held = KeyFile(file)
    second = new_key(file, "second", ["write"])
    assert held.scopes(second) == {"write"}
    file.write_text("half a li")
    assert held.scopes(first) == {"read"}
    file.unlink()
    assert held.scopes(first) == {"read"}
    third = new_key(file, "third", ["read"])
    assert held.scopes(first) == frozenset()
    assert held.scopes(third) == {"read"}
    file.write_text("# the last one was taken back\n")
    assert held.scopes(third) == frozenset()
