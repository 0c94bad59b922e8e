"""Vectors of another model, gathered beside the index until all are there."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from visavis.store.base import ModelFacts
from visavis.store.sqlite import rows
from visavis.store.sqlite.database import translated
from visavis.types import ImageRecord, Vectors


class Rebuild:
    """A file of (number, vector) for one model; what an interrupted run left is used again."""

    def __init__(
        self,
        folder: Path,
        model: ModelFacts,
        numbered: Callable[[], Iterator[tuple[int, ImageRecord]]],
        adopt: Callable[[Path, ModelFacts], None],
    ) -> None:
        """`numbered` gives the records with their numbers, `adopt` takes the vectors of a file."""
        self._model = model
        self._numbered = numbered
        self._adopt = adopt
        fingerprint = model.fingerprint
        self.path = folder / "rebuild.sqlite"
        with translated(self.path):
            if self.path.exists() and self._made_by() != fingerprint:
                self.discard()
            self._connection = sqlite3.connect(self.path, isolation_level=None)
            self._connection.executescript(
                "PRAGMA page_size=8192; PRAGMA journal_mode=WAL;"
                "CREATE TABLE IF NOT EXISTS made_by (fingerprint TEXT);"
                "CREATE TABLE IF NOT EXISTS vectors"
                " (number INTEGER PRIMARY KEY, vector BLOB, sha256 BLOB);"
            )
            if self._made_by() is None:
                self._connection.execute("INSERT INTO made_by VALUES (?)", (fingerprint,))

    def _made_by(self) -> str | None:
        connection = sqlite3.connect(self.path)
        try:
            row = connection.execute("SELECT fingerprint FROM made_by").fetchone()
        except sqlite3.DatabaseError:  # not ours, or stopped before it was
            return None
        finally:
            connection.close()
        return None if row is None else str(row[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def count(self) -> int:
        """How many vectors are there."""
        with translated(self.path):
            row = self._connection.execute("SELECT count(*) FROM vectors").fetchone()
        return int(row[0])

    def missing(self) -> Iterator[tuple[int, ImageRecord]]:
        """The records that have no vector here yet, with their numbers."""
        find = "SELECT 1 FROM vectors WHERE number=?"
        for number, record in self._numbered():
            if self._connection.execute(find, (number,)).fetchone() is None:
                yield number, record

    def put(self, numbers: Sequence[int], vectors: Vectors, hashes: Sequence[str]) -> None:
        """Keep vectors, and the SHA-256 of what they show, under their records' numbers.

        All in one transaction.
        """
        with translated(self.path):
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                [
                    (number, rows.blob(vector), bytes.fromhex(digest))
                    for number, vector, digest in zip(numbers, vectors, hashes, strict=True)
                ],
            )
            self._connection.execute("COMMIT")

    def swap(self) -> str:
        """Let them take the place of the old ones, all at once; records without one leave."""
        self._adopt(self.path, self._model)
        self.discard()
        return ""

    def discard(self) -> None:
        """Delete the file."""
        connection: sqlite3.Connection | None = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
