"""The SQLite file: schema, connections, and SQLite's errors in our words.

One connection a thread. Writers are kept apart by the index's lock (see lock.py), so a busy
database is only ever a checkpoint or a reader's snapshot, and SQLite's own wait is enough.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from visavis.errors import (
    IndexDamagedError,
    IndexIncompatibleError,
    IndexLockedError,
    IndexMissingError,
    StorageFullError,
    StoreError,
    UsageError,
)
from visavis.filters import Reading, Span, Value, distance, folded, has_one, items_of, moment
from visavis.store.sqlite.opening import OpenedDatabase, has_space, open_file
from visavis.store.stopping import go_on, unstoppable
from visavis.types import FieldValue

DATABASE = "index.sqlite"
"""The file in the folder of an index."""

SCHEMA_VERSION = 1

# Of SQLite's machine, some 20 ms, between two looks at whether to go on: each look waits for its
# turn with Python, so what is quick should do without.
_STEPS = 400_000

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, uri TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL
);
-- AUTOINCREMENT: a number is never given twice, so it names one content of one record for ever,
-- and caches can be kept by number.
CREATE TABLE records (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    source INTEGER NOT NULL,
    uri TEXT,          -- NULL: the source's folder + the id without the source's prefix
    size INTEGER NOT NULL, modified REAL NOT NULL, sha256 BLOB NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    fields TEXT        -- JSON object; NULL: none
);
-- Eight bytes of the digest find the row; the whole digest decides.
CREATE INDEX records_by_content ON records (substr(sha256, 1, 8));
-- Apart from the records, so that a walk over either does not drag the other through memory.
CREATE TABLE vectors (number INTEGER PRIMARY KEY, vector BLOB NOT NULL);
-- A log: what caches made earlier still hold. Emptied when they are made again.
CREATE TABLE removed (seq INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL);
CREATE TABLE fields (name TEXT PRIMARY KEY, type TEXT NOT NULL) WITHOUT ROWID;
"""

_WHOSE = "SELECT (SELECT * FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
_GENERATION = "SELECT value FROM meta WHERE key='generation'"


class Database:
    """The SQLite file of an index, opened once a thread.

    Raises IndexDamagedError when the file is not sound, IndexIncompatibleError when a newer
    visavis made it, StorageFullError and IndexLockedError as they happen.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._closed = False
        self._facts: Mapping[str, str] = {}
        try:
            with self.translated():
                self._prepare(self.connection)
            self._identity = _identity(path)
        except BaseException:
            self.close()
            raise

    def check_place(self) -> None:
        """Raise IndexMissingError where this file is no longer the one at its path.

        A file that was deleted can be written to as long as it is open, and nobody would find that.
        """
        if _identity(self.path) != self._identity:
            raise IndexMissingError(
                f"{self.path.parent}: the index was deleted, moved or replaced by another while it "
                "was in use; nothing more was written to it - run the same command again"
            )

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection; statements outside `writing` and `reading` stand alone."""
        if self._closed:
            self._drop()
            raise StoreError(f"{self.path.parent}: the index was closed")
        held: _Owned | None = getattr(self._local, "held", None)
        if held is not None and (held.connection.in_transaction or not held.file.outdated()):
            return held.connection
        file = open_file(self.path)
        opened = file.connection
        # FULL: a commit that returned survives a power cut, not only the death of the process.
        # Mapped (SQLite's most, 2 GB): a search reads some 30 pages from all over the file, and a
        # system call and a copy for each took a sixth of its time.
        opened.executescript(
            "PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; PRAGMA mmap_size=2147418112;"
        )
        opened.create_function("folded", 1, _folded, deterministic=True)
        opened.create_function("distance", 4, _distance, deterministic=True)
        opened.create_function("has_item", 3, _has_item, deterministic=True)
        opened.create_function("moment", 2, _moment, deterministic=True)
        opened.set_progress_handler(_stopped, _STEPS)
        self._local.held = _Owned(file)
        return opened

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version, tables = connection.execute(_WHOSE).fetchone()
        if version == 0 and tables:
            raise IndexDamagedError(
                f"{self.path}: it is a database of another program; keep the index in a folder of "
                "its own"
            )
        if version > SCHEMA_VERSION:
            raise IndexIncompatibleError(
                f"{self.path.parent}: a newer visavis made this index (schema {version}, this one "
                f"reads {SCHEMA_VERSION}); upgrade with: pip install --upgrade visavis"
            )
        if version == 0:
            connection.execute("PRAGMA page_size=8192")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            # Asked again: another process may have made it while this one waited.
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute("COMMIT")

    def translated(self) -> "translated":
        """SQLite's errors as ours."""
        return translated(self.path)

    @contextmanager
    def writing(self, *, records: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing.

        `records` says whether they change, so that what was read of them has to be read again.
        Raises IndexMissingError as `check_place`.
        """
        self.check_place()
        connection = self.connection
        with self.translated(), unstoppable():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if records:
                    connection.execute(
                        "INSERT INTO meta VALUES ('generation', 1)"
                        " ON CONFLICT DO UPDATE SET value = value + 1"
                    )
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view over several statements."""
        connection = self.connection
        with self.translated():
            outermost = not connection.in_transaction  # else the outer view counts
            if outermost:
                connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction and outermost:  # some errors have ended it
                    connection.execute("COMMIT")
            if outermost and self._local.held.file.outdated():
                raise IndexLockedError(
                    f"{self.path.parent}: the index was written while it was read; try again"
                )

    @staticmethod
    def see_anew(connection: sqlite3.Connection) -> None:
        """Let a view that `reading` opened show the newest state."""
        connection.execute("COMMIT")
        connection.execute("BEGIN")

    def facts(self) -> Mapping[str, str]:
        """What the index remembers of itself, as it is in this thread's view.

        One statement as a rule: every change of these facts counts the generation up.
        """
        connection = self.connection
        with self.translated():
            facts, found = self._facts, connection.execute(_GENERATION).fetchone()
            if found is None or found[0] != facts.get("generation"):
                facts = self._facts = dict(connection.execute("SELECT key, value FROM meta"))
        return facts

    def meta(self, key: str) -> str | None:
        """A remembered fact, or None."""
        with self.translated():
            row = self.connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    @contextmanager
    def attached(self, path: Path, name: str) -> Iterator[None]:
        """Another database's tables within reach, as name.table."""
        with self.translated():
            self.connection.execute("ATTACH ? AS " + name, (str(path),))
            try:
                yield
            finally:
                self.connection.execute("DETACH " + name)

    def check(self) -> None:
        """SQLite's own check of the whole file. Raises IndexDamagedError."""
        with self.translated():
            verdict = self.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise _damaged(self.path, verdict)

    def compact(self) -> None:
        """Give free pages back to the disk and empty the log."""
        with self.translated():
            self.connection.execute("VACUUM")
            self.truncate_log()

    def truncate_log(self) -> None:
        """Move the write-ahead log into the file, as far as readers allow."""
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close this thread's connection, and the others as their threads notice or end.

        Not at once: SQLite's Python module crashes when a connection is closed under a statement.
        """
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        self._local.__dict__.pop("held", None)


class _Owned:
    """A thread's connection; it is closed when the thread ends or the database object goes."""

    def __init__(self, file: OpenedDatabase) -> None:
        self.file = file
        self.connection = file.connection

    def __del__(self) -> None:
        self.file.close()


class translated:
    """SQLite's errors over a file as ours; a class, as a search enters it several times."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.DatabaseError):
            if str(error) == "interrupted":
                go_on()  # raises again what `_stopped` has seen
            raise _translate(self._path, error) from error
        if isinstance(error, UnicodeEncodeError):
            raise UsageError(
                f"{error.object!r} is no valid text: it holds half a character"
            ) from error


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - twice as quick, and asked before every transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _stopped() -> bool:
    """Whether SQLite is to give up what it is doing; it asks this in the thread that waits."""
    try:
        go_on()
    except Exception:
        return True
    return False


def _folded(value: object) -> str | None:
    return None if value is None else folded(str(value))


def _has_item(value: FieldValue | None, field: str, asked: str) -> bool:
    """Whether a list has an item that is, or lies within, what is asked for."""
    return has_one(items_of(field, value) or (), *_asked(asked))


@lru_cache(maxsize=16)
def _asked(text: str) -> tuple[frozenset[Value], list[Span]]:
    any_of, spans = json.loads(text)
    return frozenset(any_of), [Span(*span) for span in spans]


def _moment(value: FieldValue | None, reading: Reading) -> FieldValue | None:
    return moment(value, reading) if isinstance(value, str) else value


def _distance(*degrees: object) -> float | None:
    """Kilometres between two places; None where one is none."""
    numbers = [number for number in degrees if isinstance(number, int | float)]
    return distance(*numbers) if len(numbers) == 4 else None


def _damaged(path: Path, detail: str) -> IndexDamagedError:
    return IndexDamagedError(
        f"{path}: the index is damaged ({detail}); restore it from a backup, or delete the folder "
        f"{path.parent} and index again - your pictures are not touched by either"
    )


def _translate(path: Path, error: sqlite3.DatabaseError) -> Exception:
    text = str(error)
    unwritten = "readonly" in text or "I/O" in text
    if "full" in text or (unwritten and not has_space(path)):
        return StorageFullError(
            f"{path.parent}: no space left for the index; what was committed before is safe - free "
            "some space and run the same command again"
        )
    if "locked" in text or "busy" in text:
        return IndexLockedError(f"{path.parent}: the index is busy in another process; try again")
    if "readonly" in text:
        return StoreError(
            f"{path.parent}: the index may only be read from here; write to it as its owner, on a "
            "disk that is not read-only"
        )
    if "unable to open" in text or "disk I/O" in text:
        return StoreError(f"{path.parent}: the index cannot be read or written ({text})")
    if "malformed" in text or "not a database" in text or "no such table" in text:
        return _damaged(path, text)
    return StoreError(f"{path}: {text}")
