"""Looking over an index without a query: pages, random picks, fields and their values, counts."""

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import FilterError
from visavis.filters import NEARBY, TypedFilter, check_field, resolve
from visavis.store.capabilities import Facet
from visavis.store.nearest.ranking import Fetch, Numbers
from visavis.store.sqlite import rows
from visavis.store.sqlite.capabilities.facets import Facets
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.snapshots import Snapshots
from visavis.store.sqlite.where import (
    apart,
    bound,
    column,
    compile_filter,
    field_expression,
    in_order,
)
from visavis.types import FieldValue, Filter, ImageRecord, Vectors

_ORDERS = 4  # orders by a field that are remembered: 8 bytes a record each


class Browse:
    """What can be asked of an index without a query. Safe to use from threads."""

    def __init__(self, db: Database, snapshots: Snapshots, fetch: Fetch) -> None:
        self._db = db
        self._snapshots = snapshots
        self._fetch = fetch
        self._facets = Facets(db)
        self._ordering = threading.Lock()
        self._orders: OrderedDict[tuple[str, bool], tuple[int, Numbers]] = OrderedDict()

    def generation(self) -> int:
        """A number that grows with every change of the records."""
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
        it come last. Under a filter `nearby`, that orders by distance. Raises FilterError for a
        field that no record has.
        """
        with self._db.reading() as connection:
            numbers = self._numbers(where)
            if sort == NEARBY and where is not None and NEARBY not in rows.kinds(connection):
                numbers = self._nearest(resolve(where, rows.kinds(connection)))
            elif sort:
                ordered = self._ordered(sort.removeprefix("-"), sort.startswith("-"))
                numbers = ordered[np.isin(ordered, numbers)]
            return self._records(numbers[offset : offset + limit]), len(numbers)

    def _nearest(self, where: TypedFilter) -> Numbers:
        """The records that pass a filter, by their distance from its place."""
        place = next((one.around for one in where.conditions if one.around is not None), None)
        if place is None:
            raise FilterError("the order 'nearby' needs the filter nearby=LATITUDE,LONGITUDE")
        (sql, given), (by, place_given) = compile_filter(where), apart(place)
        found = self._db.connection.execute(
            f"SELECT number FROM records WHERE {sql} ORDER BY {by}, number", (*given, *place_given)
        ).fetchall()
        return np.array(found, np.int64).reshape(-1)

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
        return self._facets.of(where)

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

        Texts are compared without case, and times across their zones.
        """
        connection, generation = self._db.connection, self.generation()
        with self._ordering:
            known = self._orders.get((name, descending))
            if known is None or known[0] != generation:
                named = rows.kinds(connection)
                check_field(name, named)
                value, by = column(name, name in named), in_order(name, name in named)
                way = "DESC" if descending else "ASC"
                numbers = connection.execute(
                    f"SELECT number FROM records ORDER BY {value} IS NULL,"
                    f" {by} COLLATE NOCASE {way}, number"
                ).fetchall()
                known = generation, np.array(numbers, np.int64).reshape(-1)
                _remember(self._orders, (name, descending), known, _ORDERS)
            return known[1]

    def counts(
        self, name: str, values: Sequence[FieldValue], where: Filter | None = None
    ) -> dict[FieldValue, int]:
        """How many records (that pass the filter) have each of some values of a field.

        Raises FilterError for a field that no record has.
        """
        with self._db.reading() as connection:
            named = rows.kinds(connection)
            check_field(name, named)
            sql, given = compile_filter(resolve(where, named)) if where else ("1", [])
            asked = {bound(value): value for value in values}
            found = connection.execute(
                f"SELECT {column(name, name in named)} AS value, count(*) FROM records WHERE"
                f" value IN ({','.join('?' * len(asked))}) AND ({sql}) GROUP BY value",
                (*asked, *given),
            ).fetchall()
        return {asked[value]: count for value, count in found}

    def values(self, name: str, limit: int) -> list[tuple[FieldValue, int]]:
        """The commonest values of a field with their counts."""
        with self._db.translated():
            return self._db.connection.execute(
                f"SELECT {field_expression(name)} AS value, count(*) AS n FROM records"
                " WHERE value IS NOT NULL GROUP BY value ORDER BY n DESC, value LIMIT ?",
                (limit,),
            ).fetchall()


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
