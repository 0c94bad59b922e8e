"""Looking over an index without a query: pages, random picks, fields and their values, counts."""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.filters import TypedFilter, check_field, resolve
from visavis.store.capabilities import Facet
from visavis.store.nearest.ranking import Fetch, Numbers
from visavis.store.sqlite import rows
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.snapshots import Snapshots
from visavis.store.sqlite.where import column, compile_filter, field_expression
from visavis.types import FieldValue, Filter, ImageRecord, Vectors

_LISTED = 50  # values of a field that are named, the commonest first
_FEW = 12  # so many different values are always worth naming
_STALE_FACTOR = 10.0  # counting may take a tenth of the time while an index is being written
_STALEST = 60.0  # seconds
_KEPT = 64  # counts under filters that are remembered
_ORDERS = 4  # orders by a field that are remembered: 8 bytes a record each
_SAMPLED = 100  # records that say in which order the catalogue has its fields

_NUMBER_TYPES = "('integer','real')"


@dataclass(frozen=True, slots=True)
class _CountedFacets:
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
        self._counted: _CountedFacets | None = None
        self._narrowed: OrderedDict[Filter, tuple[int, tuple[Facet, ...]]] = OrderedDict()
        self._ordering = threading.Lock()
        self._orders: OrderedDict[tuple[str, bool], tuple[int, Numbers]] = OrderedDict()

    def generation(self) -> int:
        """A number that grows with every change of the index."""
        return int(self._db.meta("generation") or 0)

    def count(self, where: Filter | None = None) -> int:
        """How many records there are, or pass a filter."""
        with self._db.reading():
            return len(self._numbers(where))

    def page(
        self, limit: int, offset: int = 0, where: Filter | None = None, sort: str = ""
    ) -> tuple[list[ImageRecord], int]:
        """Some records in the order they were added, and how many there are in all.

        `sort` is a field to order them by instead, after a minus the largest first; records without
        it come last. Raises FilterError for a field that no record has.
        """
        with self._db.reading():
            numbers = self._numbers(where)
            if sort:
                ordered = self._ordered(sort.removeprefix("-"), sort.startswith("-"))
                numbers = ordered[np.isin(ordered, numbers)]
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

    def facets(self, where: Filter | None = None) -> tuple[Facet, ...]:
        """The records' fields in the catalogue's order. May lag up to a minute behind changes.

        Under a filter, each field's counts are those of the records that pass the conditions on the
        *other* fields: what choosing another of its values would lead to.
        """
        with self._counting:  # one thread counts, the others wait for its result
            generation = self.generation()
            held = self._counted
            if held is None or not held.fits(generation):
                started = time.monotonic()
                facets = tuple(self._facets())
                ended = time.monotonic()
                held = self._counted = _CountedFacets(facets, generation, ended, ended - started)
            if where is None:
                return held.facets
            known = self._narrowed.get(where)
            if known is None or known[0] != held.generation:
                known = held.generation, tuple(self._under(where, held.facets))
                _remember(self._narrowed, where, known, _KEPT)
            return known[1]

    def _under(self, where: Filter, whole: Sequence[Facet]) -> list[Facet]:
        with self._db.translated(), self._db.reading() as connection:
            typed = resolve(where, rows.kinds(connection))
            found = []
            for facet in whole:
                others = tuple(c for c in typed.conditions if c.field != facet.name)
                found.append(self._left(facet, *compile_filter(TypedFilter(others))))
            return found

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

    def _ordered(self, name: str, descending: bool) -> Numbers:
        """All records by a field: numbers before texts, ties and those without as they were added.

        Texts are compared without case.
        """
        connection, generation = self._db.connection, self.generation()
        with self._ordering:
            known = self._orders.get((name, descending))
            if known is None or known[0] != generation:
                named = rows.kinds(connection)
                check_field(name, named)
                value = column(name, name in named)
                way = "DESC" if descending else "ASC"
                numbers = connection.execute(
                    f"SELECT number FROM records ORDER BY {value} IS NULL,"
                    f" {value} COLLATE NOCASE {way}, number"
                ).fetchall()
                known = generation, np.array(numbers, np.int64).reshape(-1)
                _remember(self._orders, (name, descending), known, _ORDERS)
            return known[1]

    def _facets(self) -> list[Facet]:
        with self._db.reading() as connection:
            named = rows.kinds(connection)
            sample = connection.execute(
                "SELECT fields FROM records WHERE fields IS NOT NULL LIMIT ?", (_SAMPLED,)
            ).fetchall()
            first = dict.fromkeys(name for (text,) in sample for name in json.loads(text))
            ordered = dict.fromkeys([*(n for n in first if n in named), *sorted(named)])
            found = [self._facet(Facet(name, named[name])) for name in ordered]
            return [facet for facet in found if facet.count]

    def _facet(self, of: Facet) -> Facet:
        """A field's facts, of all records."""
        value, number = _expressions(of.name)
        count, distinct, least, most = self._db.connection.execute(
            f"SELECT count({value}), count(DISTINCT {value}), min({number}), max({number})"
            " FROM records"
        ).fetchone()
        listed = distinct <= _FEW or distinct * 2 <= count
        values = tuple(self._values(of.name, _LISTED)) if listed else None
        return Facet(of.name, of.type, count, distinct, values, least, most)

    def _left(self, of: Facet, where: str, given: Sequence[FieldValue]) -> Facet:
        """The same of the records that pass a filter, in one look at them.

        A field is a list or is none whatever the filter, so that nothing jumps.
        """
        if of.values is None:  # to count different titles would cost more than all the rest
            value, number = _expressions(of.name)
            count, least, most = self._db.connection.execute(
                f"SELECT count({value}), min({number}), max({number}) FROM records WHERE {where}",
                given,
            ).fetchone()
            return Facet(of.name, of.type, count, min(of.distinct, count), None, least, most)
        values = self._values(of.name, of.count, where, given)
        numbers = [value for value, _ in values if isinstance(value, int | float)]
        return Facet(
            of.name,
            of.type,
            sum(count for _, count in values),
            len(values),
            tuple(values[:_LISTED]),
            min(numbers, default=None),
            max(numbers, default=None),
        )

    def values(self, name: str, limit: int) -> list[tuple[FieldValue, int]]:
        """The commonest values of a field with their counts."""
        with self._db.translated():
            return self._values(name, limit)

    def _values(
        self, name: str, limit: int, where: str = "1", given: Sequence[FieldValue] = ()
    ) -> list[tuple[FieldValue, int]]:
        return self._db.connection.execute(
            f"SELECT {field_expression(name)} AS value, count(*) AS n FROM records"
            f" WHERE value IS NOT NULL AND ({where}) GROUP BY value ORDER BY n DESC, value LIMIT ?",
            (*given, limit),
        ).fetchall()


def _expressions(name: str) -> tuple[str, str]:
    """The SQL that reads a field, and the same where it is a number."""
    value = field_expression(name)
    return value, f"CASE WHEN typeof({value}) IN {_NUMBER_TYPES} THEN {value} END"


def _remember(known: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > most:
        known.popitem(last=False)


def _scattered(numbers: Sequence[int] | Numbers, seed: int) -> NDArray[np.uint64]:
    """A hash of each number with a seed (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        start = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        mixed = np.asarray(numbers, np.uint64) * np.uint64(0x9E3779B97F4A7C15) + start
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))
