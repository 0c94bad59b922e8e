"""A run over one source: which of its records were met, and which have gone."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from visavis.store.base import Gone, KnownRecord
from visavis.store.sqlite import edits
from visavis.store.sqlite.database import Database

_BLOCK = 8_192
_OWN = "source=? AND substr(id, 1, length(?))=?"
_AMONG = (
    "SELECT r.number FROM json_each(?) j JOIN records r ON r.id = j.value WHERE r.source=?"
    " UNION SELECT r.number FROM json_each(?) j"
    " JOIN records r ON r.id > j.value || '/' AND r.id < j.value || '0' WHERE r.source=?"
)


class SqliteSweep:
    """Marks what was met by its number: a byte for each that was given when the sweep began.

    Numbers only grow, and are never given twice: larger ones were written since.
    """

    def __init__(
        self, db: Database, source: int, below: str = "", among: Sequence[str] | None = None
    ) -> None:
        self._db = db
        self._source = source
        self._below = below
        self._among = among
        with db.translated():
            row = db.connection.execute("SELECT max(number) FROM records").fetchone()
        self._newest = int(row[0] or 0)
        self._marks = bytearray(self._newest + 1)
        self._asked: dict[str, int] = {}  # numbers of the ids that were asked about last

    def count(self) -> int:
        """How many records the source has."""
        with self._db.translated():
            among, given = self._own()
            row = self._db.connection.execute(
                f"SELECT count(*) FROM records WHERE {among}", given
            ).fetchone()
        return int(row[0])

    def known(self, ids: Sequence[str]) -> dict[str, KnownRecord]:
        """What is known of these ids, of whatever source; unknown ones are left out."""
        found = self._found("id, number, source, size, modified, sha256, uri, fields", ids)
        self._asked = {row[0]: row[1] for row in found}
        return {
            row[0]: KnownRecord(row[2] == self._source, self._met(row[1]), *row[3:])
            for row in found
        }

    def seen(self, ids: Sequence[str]) -> None:
        """Note that the source names these ids still: they are not gone."""
        numbers = [self._asked[id] for id in ids if id in self._asked]
        if len(numbers) < len(ids):
            others = [id for id in ids if id not in self._asked]
            numbers += [row[0] for row in self._found("number", others)]
        for number in numbers:
            if number <= self._newest:
                self._marks[number] = 1

    def gone(self, spared: Callable[[str, str], bool], most: int | None = None) -> Gone:
        """Remove the source's records that were neither seen nor written since the sweep began."""
        leaving: list[int] = []
        moved = 0
        with self._db.reading() as connection:
            among, given = self._own()
            cursor = connection.execute(
                f"SELECT number FROM records WHERE {among} AND number<=?", (*given, self._newest)
            )
            numbers = np.fromiter((row[0] for row in cursor), np.int64)
            unseen = numbers[np.frombuffer(self._marks, np.uint8)[numbers] == 0].tolist()
            for start in range(0, len(unseen), _BLOCK):
                part = edits.named(connection, unseen[start : start + _BLOCK])
                going = [number for number, id, uri in part if not spared(id, uri)]
                if self._among is None:
                    moved += edits.count_moved(connection, going, self._newest)
                leaving += going
            if self._among is not None:  # the runs before may have met their new places
                moved = len(edits.moved(connection, leaving))
            lost = len(leaving) - moved
            refused = lost if most is not None and lost > most else 0
            if refused:
                newer_than = self._newest if self._among is None else None
                leaving = edits.moved(connection, leaving, newer_than)
        for start in range(0, len(leaving), _BLOCK):
            with self._db.writing() as connection:
                edits.delete(connection, leaving[start : start + _BLOCK])
        return Gone(len(leaving), moved, refused)

    def _own(self) -> tuple[str, tuple[int | str, ...]]:
        """SQL for the records that this run is about, and its parameters."""
        if self._among is None:
            return _OWN, (self._source, self._below, self._below)
        ids = json.dumps(list(self._among))
        return f"number IN ({_AMONG})", (ids, self._source, ids, self._source)

    def _met(self, number: int) -> bool:
        return number > self._newest or bool(self._marks[number])

    def _found(self, columns: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        with self._db.translated():
            return self._db.connection.execute(
                f"SELECT {columns} FROM records WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(ids),),
            ).fetchall()
