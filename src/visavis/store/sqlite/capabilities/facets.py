"""Counting the values of all fields, of all records or of those that pass a filter.

The values of a field are kept as numbers, one for each record (`Column`): what passes a filter is
counted in milliseconds, however long the texts are.
"""

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from visavis.filters import TypedFilter, resolve
from visavis.store.capabilities import Facet
from visavis.store.nearest.ranking import Numbers
from visavis.store.sqlite import rows
from visavis.store.sqlite.capabilities.columns import Column, Passing, read_columns
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.where import compile_filter
from visavis.store.stopping import held, unstoppable
from visavis.types import Filter

_STALE_FACTOR = 10.0  # counting may take a tenth of the time while an index is being written
_STALEST = 60.0  # seconds
_KEPT = 64  # counts under filters that are remembered
_SAMPLED = 100  # records that say in which order the catalogue has its fields


@dataclass(frozen=True, slots=True)
class _Counted:
    """The columns with the generation they are of, and when they were read in how many seconds."""

    numbers: Numbers
    """Of the records, sorted."""
    columns: tuple[Column, ...]
    generation: int
    at: float
    took: float

    def fits(self, generation: int) -> bool:
        """Whether they may still be shown: the newest, or recent ones that were costly."""
        age = time.monotonic() - self.at
        return generation == self.generation or age < min(self.took * _STALE_FACTOR, _STALEST)

    def passing(self, numbers: Numbers) -> Passing:
        """Which of the records have these numbers."""
        return np.isin(self.numbers, numbers)


class Facets:
    """The facets of an index, which may lag up to a minute behind it. Safe to use from threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._counting = threading.Lock()
        self._counted: _Counted | None = None
        self._narrowed: OrderedDict[Filter, tuple[int, tuple[Facet, ...]]] = OrderedDict()

    def of(self, where: Filter | None) -> tuple[Facet, ...]:
        """The fields in the catalogue's order; see `Browsing.facets`."""
        counted = self._current()
        if where is None:
            return tuple(column.facet for column in counted.columns if column.facet.count)
        known = self._narrowed.get(where)
        if known is None or known[0] != counted.generation:
            known = counted.generation, self._under(where, counted)
            with self._counting:
                self._narrowed[where] = known
                self._narrowed.move_to_end(where)
                while len(self._narrowed) > _KEPT:
                    self._narrowed.popitem(last=False)
        return known[1]

    def _current(self) -> _Counted:
        with held(self._counting):  # one thread counts, the others wait for its result
            generation = int(self._db.meta("generation") or 0)
            counted = self._counted
            if counted is None or not counted.fits(generation):
                with unstoppable(), self._db.reading() as connection:
                    counted = self._counted = _counted(connection, generation)
            return counted

    def _under(self, where: Filter, counted: _Counted) -> tuple[Facet, ...]:
        """Each field's counts among the records that pass the conditions on the other fields."""
        with self._db.reading() as connection:
            typed = resolve(where, rows.kinds(connection))
            names = list(dict.fromkeys(condition.field for condition in typed.conditions))
            numbers, failed = _failed(connection, typed, names)

        @cache
        def passing(own: int) -> Passing:
            return counted.passing(numbers[(failed & ~own) == 0])

        return tuple(
            column.of(passing(1 << names.index(name) if name in names else 0))
            for column in counted.columns
            for name in (column.facet.name,)
        )


def _failed(
    connection: sqlite3.Connection, where: TypedFilter, names: Sequence[str]
) -> tuple[Numbers, Numbers]:
    """The records that fail the conditions on one field at most, and a bit for which that is.

    In one look at all of them. The LIMIT is of none: without it, SQLite works out the bits anew
    wherever they are named.
    """
    parts, parameters = [], []
    for at, name in enumerate(names):
        alone = TypedFilter(tuple(c for c in where.conditions if c.field == name))
        sql, given = compile_filter(alone)
        parts.append(f"CASE WHEN {sql} THEN 0 ELSE {1 << at} END")
        parameters += given
    found = connection.execute(
        f"SELECT number, failed FROM (SELECT number, {' + '.join(parts)} AS failed FROM records"
        " LIMIT -1) WHERE failed & (failed - 1) = 0",
        parameters,
    ).fetchall()
    both = np.array(found, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _counted(connection: sqlite3.Connection, generation: int) -> _Counted:
    started = time.monotonic()
    numbers, columns = read_columns(connection, _named(connection))
    ended = time.monotonic()
    return _Counted(numbers, columns, generation, ended, ended - started)


def _named(connection: sqlite3.Connection) -> list[Facet]:
    """The fields in the catalogue's order, uncounted."""
    named = rows.kinds(connection)
    sample = connection.execute(
        "SELECT fields FROM records WHERE fields IS NOT NULL LIMIT ?", (_SAMPLED,)
    ).fetchall()
    first = dict.fromkeys(name for (text,) in sample for name in rows.fields_of(text))
    ordered = dict.fromkeys([*(name for name in first if name in named), *sorted(named)])
    return [Facet(name, named[name]) for name in ordered]
