"""What is known of images besides their vectors, by content, and what flows note for themselves.

Kept by the digest of the file, so it follows an image through renames, moves and other models.
An index of before has no such tables; they are made when something is first kept.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from visavis.store.sqlite.database import Database

_MAKE = (
    "CREATE TABLE IF NOT EXISTS signatures (content BLOB PRIMARY KEY, signature BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
)
_AT_ONCE = 500  # signatures in one statement
_KEY = 16  # bytes of the digest: two images with the same ones will not be met


class Evidence:
    """Reads and keeps signatures and notes; writing needs the index's lock."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def signatures(self, hashes: Sequence[str]) -> dict[str, bytes]:
        """The signatures of content with these SHA-256 digests (hex), where there are any."""
        digests = {_key(digest): digest for digest in hashes}
        keys, found = list(digests), dict[bytes, bytes]()
        with self._db.translated():
            if not keys or not self._has("signatures"):
                return {}
            for start in range(0, len(keys), _AT_ONCE):
                block = keys[start : start + _AT_ONCE]
                found |= self._db.connection.execute(
                    "SELECT content, signature FROM signatures"
                    f" WHERE content IN ({','.join('?' * len(block))})",
                    block,
                )
        return {digests[key]: found[key] for key in keys if key in found}

    def keep(self, signatures: Mapping[str, bytes]) -> None:
        """Keep signatures of content, in one transaction; what is known stays."""
        if not signatures:
            return
        with self._db.writing(records=False) as connection:
            self._make(connection)
            connection.executemany(
                "INSERT OR IGNORE INTO signatures VALUES (?, ?)",
                ((_key(digest), signature) for digest, signature in signatures.items()),
            )

    def noted(self, name: str) -> bytes | None:
        """What was noted under a name."""
        with self._db.translated():
            if not self._has("notes"):
                return None
            row = self._db.connection.execute(
                "SELECT value FROM notes WHERE name=?", (name,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def note(self, name: str, value: bytes) -> None:
        """Note something under a name, in place of what was there."""
        self.note_all({name: value})

    def note_all(self, notes: Mapping[str, bytes]) -> None:
        """Note several things by their names, all or none."""
        with self._db.writing(records=False) as connection:
            self._make(connection)
            connection.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes.items())

    def sweep(self) -> None:
        """Drop the signatures of content that no record has any more."""
        with self._db.writing(records=False) as connection:
            self._make(connection)
            connection.execute(
                "DELETE FROM signatures WHERE NOT EXISTS (SELECT 1 FROM records r WHERE"
                " substr(r.sha256, 1, 8) = substr(content, 1, 8)"
                f" AND substr(r.sha256, 1, {_KEY}) = content)"
            )

    def _has(self, table: str) -> bool:
        return bool(
            self._db.connection.execute(
                "SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (table,)
            ).fetchone()
        )

    @staticmethod
    def _make(connection: sqlite3.Connection) -> None:
        for statement in _MAKE:
            connection.execute(statement)


def _key(digest: str) -> bytes:
    return bytes.fromhex(digest)[:_KEY]
