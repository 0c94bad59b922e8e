"""How an index's file is opened: to be written, or, where that may not be, to be read.

SQLite's write-ahead log wants two files beside the database that every reader may write. Where an
index is another user's, or lies on a read-only or a full disk, there are three ways around that:

- A writer is at work, or died at it: both files are there, and SQLite reads them as they are.
- The log is there without its index (a disk that was pulled out): a private copy of both is read.
- There is no log: the file is complete, and nobody is writing. SQLite may take it for immutable,
  as long as it is looked at before and after each view whether that is still so.
"""

import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from visavis.disk import reason

_LOG_INDEX = 1 << 15  # bytes; on a full disk a shorter one is left, which is of no use
_LITTLE = 1 << 20  # bytes left on a disk: the files beside may need more

_Seen = tuple[tuple[int, int] | None, ...]


@dataclass(slots=True)
class OpenedDatabase:
    """A connection, and what the files looked like if it would not notice that they change."""

    connection: sqlite3.Connection
    path: Path
    seen: _Seen | None = None
    private: tempfile.TemporaryDirectory[str] | None = None

    def outdated(self) -> bool:
        """Whether the files have changed in a way that this connection does not see."""
        return self.seen is not None and self.seen != _look(self.path)

    def close(self) -> None:
        """Close it, and delete its copies."""
        self.connection.close()
        if self.private is not None:
            self.private.cleanup()


def open_file(path: Path) -> OpenedDatabase:
    """A connection to a database that lies there, or to a new one. Raises sqlite3.DatabaseError."""
    may_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if not path.exists() or (may_write and _has_room(path)):
        return OpenedDatabase(_connected(str(path), uri=False), path)
    seen = _look(path)
    log, log_index = seen[1:]
    if log is not None and log_index is not None and log_index[1] >= _LOG_INDEX:
        return OpenedDatabase(_connected(_uri(path, "mode=ro")), path)
    if log is not None and log[1]:
        return _copied(path, seen)
    return OpenedDatabase(_connected(_uri(path, "immutable=1")), path, seen)


def has_space(path: Path) -> bool:
    """Whether more than next to nothing can be written beside a file."""
    try:
        return shutil.disk_usage(path.parent).free >= _LITTLE
    except OSError:
        return True


def _has_room(path: Path) -> bool:
    """Whether the files beside the database can be made; asked where little space is left."""
    if has_space(path):
        return True
    trial = _connected(str(path), uri=False)
    try:
        trial.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return "I/O" not in str(error)
    finally:
        trial.close()
    return True


def _copied(path: Path, seen: _Seen) -> OpenedDatabase:
    private = tempfile.TemporaryDirectory(prefix="visavis-")
    copy = Path(private.name) / path.name
    try:
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    except OSError as error:
        private.cleanup()
        raise sqlite3.OperationalError(f"unable to open a private copy: {reason(error)}") from error
    return OpenedDatabase(_connected(str(copy), uri=False), path, seen, private)


def _connected(name: str, *, uri: bool = True) -> sqlite3.Connection:
    return sqlite3.connect(
        name, timeout=30.0, isolation_level=None, check_same_thread=False, uri=uri
    )


def _uri(path: Path, how: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{how}"


def _look(path: Path) -> _Seen:
    """Time and size of the database, its log and the log's index; None for what is not there."""
    return tuple(_facts(f"{path}{suffix}") for suffix in ("", "-wal", "-shm"))


def _facts(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
