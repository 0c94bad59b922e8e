"""The SQLite file: refused when it is damaged, never changed by a refusal, shared by threads."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from brute import clustered, some_record

from visavis.errors import (
    IndexDamagedError,
    IndexIncompatibleError,
    IndexMissingError,
    StoreError,
    VisavisError,
)
from visavis.store.base import ModelFacts, Page
from visavis.store.sqlite.database import DATABASE, Database
from visavis.store.sqlite.store import SqliteStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = SqliteStore.create(tmp_path / "an.index", ModelFacts("fake", "fake", "fake", 4))
    source = store.source("catalogue", "/all.csv").number
    store.upsert(source, [some_record(f"{at}") for at in range(500)], clustered(500, 4))
    store.settle()
    store.close()
    return tmp_path / "an.index"


@pytest.fixture
def store(folder: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(folder)
    yield opened
    opened.close()


def test_no_index_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(IndexMissingError, match="visavis index FOLDER --index"):
            SqliteStore(place)
    (tmp_path / DATABASE).touch()
    with pytest.raises(IndexMissingError, match="this is a file; name the folder"):
        SqliteStore(tmp_path / DATABASE)


@pytest.mark.parametrize("start", [0, 90])
def test_a_damaged_file_is_refused_with_advice_and_left_alone(folder: Path, start: int) -> None:
    path = folder / DATABASE
    data = bytearray(path.read_bytes())
    data[start : start + 4096] = os.urandom(4096)
    path.write_bytes(data)
    with pytest.raises(IndexDamagedError, match=r"damaged.*restore it from a backup.*index again"):
        SqliteStore(folder).search(clustered(1, 4), Page(5))
    assert path.read_bytes() == bytes(data)


def read_all(folder: Path) -> None:
    store = SqliteStore(folder)
    try:
        store.search(clustered(1, 4), Page(500))
        list(store.records())
    finally:
        store.close()


def test_a_truncated_file_is_refused_or_answers_with_an_error(folder: Path) -> None:
    path = folder / DATABASE
    data = path.read_bytes()
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(IndexDamagedError, match="restore it from a backup"):
            read_all(folder)
        assert path.stat().st_size == int(len(data) * share)


def test_a_check_finds_damage_in_the_middle(folder: Path) -> None:
    path = folder / DATABASE
    data = bytearray(path.read_bytes())
    for at in range(3 * 8192, len(data), 8192):
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data)
    store = SqliteStore(folder)
    with pytest.raises(IndexDamagedError):
        store.check()
    with pytest.raises(IndexDamagedError):
        store.settle(thorough=True)
    store.close()


def test_a_file_of_something_else_is_refused(folder: Path) -> None:
    (folder / DATABASE).write_text(
        "It was a dark and stormy night; the rain fell in torrents.\n" * 9
    )
    with pytest.raises(IndexDamagedError, match="not a database"):
        SqliteStore(folder)


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE stamps (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(IndexDamagedError, match=r"index\.sqlite: it is a database of another"):
        SqliteStore.create(tmp_path, ModelFacts("fake", "fake", "fake", 4))
    with pytest.raises(IndexDamagedError, match="in a folder of its own"):
        SqliteStore(tmp_path)
    assert path.read_bytes() == before


def test_an_index_of_a_newer_version_is_refused(folder: Path) -> None:
    connection = sqlite3.connect(folder / DATABASE)
    connection.execute("PRAGMA user_version=2")
    connection.close()
    with pytest.raises(IndexIncompatibleError, match="pip install --upgrade visavis"):
        SqliteStore(folder)


def test_a_start_that_was_killed_is_told_and_made_up_for(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()
    with pytest.raises(IndexMissingError, match="never finished"):
        SqliteStore(tmp_path)
    store = SqliteStore.create(tmp_path, ModelFacts("fake", "fake", "fake", 4))
    assert store.info().records == 0
    store.close()


def test_creating_twice_keeps_what_is_there(folder: Path) -> None:
    again = SqliteStore.create(folder, ModelFacts("other", "other", "other", 9))
    assert (again.count(), again.model()) == (500, ModelFacts("fake", "fake", "fake", 4))
    again.close()


def test_a_transaction_is_all_or_nothing(folder: Path) -> None:
    db = Database(folder / DATABASE)
    before = db.meta("generation")

    def interrupted() -> None:
        with db.writing() as connection:
            connection.execute("DELETE FROM records")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert db.connection.execute("SELECT count(*) FROM records").fetchone() == (500,)
    assert db.meta("generation") == before
    db.close()


def test_threads_that_ended_leave_no_open_files(store: SqliteStore) -> None:
    def ask() -> None:
        assert store.search(clustered(1, 4), Page(1))[0].total == 500

    for _ in range(5):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(100):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert len(os.listdir("/proc/self/fd")) <= before + 6  # noqa: PTH208


def test_closing_while_threads_search_ends_in_an_answer_or_an_error_of_ours(folder: Path) -> None:
    for _ in range(8):
        store = SqliteStore(folder)
        go = threading.Event()

        def ask(store: SqliteStore = store, go: threading.Event = go) -> str:
            go.set()
            for turn in range(200):
                try:
                    store.search(clustered(1, 4, seed=turn), Page(20))
                except VisavisError as error:
                    return str(error)
            return ""

        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(ask) for _ in range(3)]
            go.wait()
            store.close()
            assert all("close" in each.result() for each in asked)


def test_a_second_close_is_harmless(store: SqliteStore) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.info()


def test_a_reader_that_is_in_the_middle_does_not_stop_a_writer(
    folder: Path, store: SqliteStore
) -> None:
    reader = Database(folder / DATABASE)
    with reader.reading() as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (500,)
        store.remove(["1", "2"])
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (500,)
    with reader.reading() as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (498,)
    reader.close()


def test_numbers_are_never_given_twice(store: SqliteStore) -> None:
    source = store.source("catalogue", "/all.csv").number
    given: list[int] = []
    for _ in range(3):
        store.remove([record.id for record in store.records()])
        store.upsert(source, [some_record(id) for id in "abc"], clustered(3, 4))
        given += [number for number, _ in store.numbered_records()]
    assert given == sorted(set(given))
    assert len(given) == 9
