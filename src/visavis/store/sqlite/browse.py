"""Looking over an index without a query: pages, random picks, fields and their values, counts."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.store.nearest.ranking import Fetch, Numbers
from visavis.store.sqlite import rows
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.snapshots import Snapshots
from visavis.store.sqlite.where import field_expression
from visavis.types import FieldValue, Filter, ImageRecord, Vectors

_LISTED = 50  # values of a field that are named, the commonest first
_FEW = 12  # so many different values are always worth naming
_STALE_FACTOR = 10.0  # counting may take a tenth of the time while an index is being written
_STALEST = 60.0  # seconds

_NUMBER_TYPES = "('integer','real')"


@dataclass(frozen=True, slots=True)
class Facet:
    """One field of the records, for choosing filters."""

    name: str
    type: str
    """text, number or mixed."""
    count: int
    """Records that have it."""
    distinct: int
    """Different values."""
    values: tuple[tuple[FieldValue, int], ...] | None
    """The commonest values with their counts; None when nearly all differ."""
    min: float | None
    max: float | None
    """The least and the greatest number; None when there are no numbers."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """Facets with the generation they are of, and when they were counted in how many seconds."""

    facets: tuple[Facet, ...]
    generation: int
    at: float
    took: float

    def fits(self, generation: int) -> bool:
        """Whether they may still be shown: the newest, or recent ones that were costly."""
        age = time.monotonic() - self.at
        return generation == self.generation or age < min(self.took * _STALE_FACTOR, _STALEST)


class Browse:
    """What can be asked of an index without a query. Safe to use from threads."""

    def __init__(self, db: Database, snapshots: Snapshots, fetch: Fetch) -> None:
        self._db = db
        self._snapshots = snapshots
        self._fetch = fetch
        self._counting = threading.Lock()
        self._counted: _Counted | None = None

    def generation(self) -> int:
        """A number that grows with every change of the index."""
        return int(self._db.meta("generation") or 0)

    def count(self, where: Filter | None = None) -> int:
        """How many records there are, or pass a filter."""
        with self._db.reading():
            return len(self._numbers(where))

    def page(
        self, limit: int, offset: int = 0, where: Filter | None = None
    ) -> tuple[list[ImageRecord], int]:
        """Some records in the order they were added, and how many there are in all."""
        with self._db.reading():
            numbers = self._numbers(where)
            return self._records(numbers[offset : offset + limit]), len(numbers)

    def sample(self, limit: int, seed: int, where: Filter | None = None) -> list[ImageRecord]:
        """Records picked by chance; the same seed picks the same ones.

        A record's place depends on its number and the seed alone, so records that come or go
        meanwhile change few of the picks.
        """
        with self._db.reading():
            numbers = self._numbers(where)
            order = np.argsort(_scattered(numbers, seed), kind="stable")
            return self._records(numbers[order[:limit]])

    def passes(self, id: str, where: Filter) -> bool:
        """Whether a record is there and passes a filter."""
        with self._db.reading() as connection:
            row = connection.execute("SELECT number FROM records WHERE id=?", (id,)).fetchone()
            return row is not None and bool(np.isin(row[0], self._numbers(where)))

    def facets(self) -> tuple[Facet, ...]:
        """The records' fields by name. May lag up to a minute while a large index is written."""
        with self._counting:  # one thread counts, the others wait for its result
            generation = self.generation()
            held = self._counted
            if held is None or not held.fits(generation):
                started = time.monotonic()
                facets = tuple(self._facets())
                ended = time.monotonic()
                held = self._counted = _Counted(facets, generation, ended, ended - started)
            return held.facets

    def reaching(self, vector: Vectors, min_score: float, where: Filter | None = None) -> int:
        """How many records have at least a score against a unit vector; exact."""
        with self._db.reading() as connection:
            snapshot = self._snapshots.fresh(connection)
            selected = self._snapshots.selected(connection, where, snapshot.generation)
            return snapshot.count_reaching(vector, min_score, selected, self._fetch)

    def _numbers(self, where: Filter | None) -> Numbers:
        connection = self._db.connection
        snapshot = self._snapshots.fresh(connection)
        selected = self._snapshots.selected(connection, where, snapshot.generation)
        return snapshot.numbers() if selected is None else selected

    def _records(self, numbers: Numbers) -> list[ImageRecord]:
        """The records with these numbers, in their order."""
        found = {
            row[0]: rows.record(row[1:])
            for row in self._db.connection.execute(
                f"SELECT r.number, {rows.RECORD_COLUMNS} FROM json_each(?) j"
                " JOIN records r ON r.number = j.value JOIN sources s ON s.number = r.source",
                (json.dumps(numbers.tolist()),),
            )
        }
        return [found[number] for number in numbers.tolist() if number in found]

    def _facets(self) -> list[Facet]:
        with self._db.reading() as connection:
            named = connection.execute("SELECT name, type FROM fields ORDER BY name").fetchall()
            return [facet for name, kind in named if (facet := self._facet(name, kind)) is not None]

    def _facet(self, name: str, kind: str) -> Facet | None:
        """The field's facts; None when no record has it any more."""
        value = field_expression(name)
        number = f"CASE WHEN typeof({value}) IN {_NUMBER_TYPES} THEN {value} END"
        count, distinct, least, most = self._db.connection.execute(
            f"SELECT count({value}), count(DISTINCT {value}), min({number}), max({number})"
            " FROM records"
        ).fetchone()
        if not count:
            return None
        listed = distinct <= _FEW or distinct * 2 <= count
        values = tuple(self.values(name, _LISTED)) if listed else None
        return Facet(name, kind, count, distinct, values, least, most)

    def values(self, name: str, limit: int) -> list[tuple[FieldValue, int]]:
        """The commonest values of a field with their counts."""
        with self._db.translated():
            return self._db.connection.execute(
                f"SELECT {field_expression(name)} AS value, count(*) AS n FROM records"
                " WHERE value IS NOT NULL GROUP BY value ORDER BY n DESC, value LIMIT ?",
                (limit,),
            ).fetchall()


def _scattered(numbers: Sequence[int] | Numbers, seed: int) -> NDArray[np.uint64]:
    """A hash of each number with a seed (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        start = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        mixed = np.asarray(numbers, np.uint64) * np.uint64(0x9E3779B97F4A7C15) + start
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))
