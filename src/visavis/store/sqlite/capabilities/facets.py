"""Counting the values of all fields, of all records or of those that pass a filter.

The values of a field are kept as numbers, one for each record (a column): what passes a filter is
counted in milliseconds, however long the texts are. A column takes 4 bytes a record.
"""

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.filters import TypedFilter, resolve
from visavis.store.capabilities import Facet, Period
from visavis.store.nearest.ranking import Numbers
from visavis.store.sqlite import rows
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.where import compile_filter, field_expression
from visavis.store.stopping import held, unstoppable
from visavis.types import FieldValue, Filter

_LISTED = 50  # values of a field that are named, the commonest first
_FEW = 12  # so many different values are always worth naming
_STALE_FACTOR = 10.0  # counting may take a tenth of the time while an index is being written
_STALEST = 60.0  # seconds
_KEPT = 64  # counts under filters that are remembered
_SAMPLED = 100  # records that say in which order the catalogue has its fields

_NUMBER_TYPES = "('integer','real')"
_PERIODS: tuple[tuple[Period, int], ...] = (("year", 4), ("month", 7), ("day", 10))
"""What dates are counted by, and how many of their letters that is."""

Passing = NDArray[np.bool_]
"""Of each record whether it passes."""


class _Column(NamedTuple):
    """A field of all records."""

    facet: Facet
    """Of all of them."""
    values: Sequence[FieldValue]
    """The different ones in their order; none where they are not listed."""
    codes: NDArray[np.int32]
    """Of each record: which of the values; 0 where they are not listed; -1: it has none."""
    figures: NDArray[np.float64] | None = None
    """The numbers where values are not listed; NaN where there is none."""

    def of(self, passing: Passing) -> Facet:
        """The facet of some of the records.

        A field is a list or is none whatever the filter, so that nothing jumps.
        """
        codes = self.codes[passing]
        codes = codes[codes >= 0]
        if self.facet.values is not None:
            counts = np.bincount(codes, minlength=len(self.values))
            return _listed(self.facet, self.values, counts)
        figures = np.empty(0) if self.figures is None else self.figures[passing]
        figures = figures[~np.isnan(figures)]
        return replace(
            self.facet,
            count=len(codes),
            distinct=min(self.facet.distinct, len(codes)),  # to count titles would cost the most
            min=float(figures.min()) if len(figures) else None,
            max=float(figures.max()) if len(figures) else None,
        )


@dataclass(frozen=True, slots=True)
class _Counted:
    """The columns with the generation they are of, and when they were read in how many seconds."""

    numbers: Numbers
    """Of the records, sorted."""
    columns: tuple[_Column, ...]
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
        found = []
        for column in counted.columns:
            name = column.facet.name
            own = 1 << names.index(name) if name in names else 0
            found.append(column.of(counted.passing(numbers[(failed & ~own) == 0])))
        return tuple(found)


def _failed(
    connection: sqlite3.Connection, where: TypedFilter, names: Sequence[str]
) -> tuple[Numbers, Numbers]:
    """The records that fail the conditions on one field at most, and a bit for which that is.

    In one look at all of them.
    """
    parts, parameters = [], []
    for at, name in enumerate(names):
        alone = TypedFilter(tuple(c for c in where.conditions if c.field == name))
        sql, given = compile_filter(alone)
        parts.append(f"CASE WHEN {sql} THEN 0 ELSE {1 << at} END")
        parameters += given
    found = connection.execute(
        f"SELECT number, {' + '.join(parts)} AS failed FROM records"
        " WHERE failed & (failed - 1) = 0",
        parameters,
    ).fetchall()
    both = np.array(found, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _counted(connection: sqlite3.Connection, generation: int) -> _Counted:
    started = time.monotonic()
    (text,) = connection.execute("SELECT group_concat(number) FROM records").fetchone()
    numbers = np.sort(_numbers(text))
    columns = tuple(_column(connection, numbers, facet) for facet in _named(connection))
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


def _column(connection: sqlite3.Connection, numbers: Numbers, of: Facet) -> _Column:
    value = field_expression(of.name)
    figure = f"CASE WHEN typeof(value) IN {_NUMBER_TYPES} THEN value END"
    distinct, count, least, most = connection.execute(
        f"SELECT count(*), coalesce(sum(n), 0), min({figure}), max({figure}) FROM"
        f" (SELECT {value} AS value, count(*) AS n FROM records WHERE value IS NOT NULL"
        " GROUP BY value)"
    ).fetchone()
    codes = np.full(len(numbers), -1, np.int32)
    if of.type == "date" and distinct > _FEW:
        of, value = _by_period(connection, of, value)
    if of.by or distinct <= _FEW or distinct * 2 <= count:
        found = connection.execute(
            f"SELECT {value} AS value, count(*), group_concat(number) FROM records"
            " WHERE value IS NOT NULL GROUP BY value ORDER BY value"
        ).fetchall()
        values = [row[0] for row in found]
        counts = np.array([row[1] for row in found], np.int64)
        having = _numbers(",".join(row[2] for row in found))
        codes[np.searchsorted(numbers, having)] = np.repeat(np.arange(len(found)), counts)
        return _Column(_listed(of, values, counts), values, codes)
    (text,) = connection.execute(
        f"SELECT group_concat(number) FROM records WHERE {value} IS NOT NULL"
    ).fetchone()
    codes[np.searchsorted(numbers, _numbers(text))] = 0
    figures = None
    if of.type in ("number", "mixed"):
        figures = np.full(len(numbers), np.nan)
        known = np.array(
            connection.execute(
                f"SELECT number, {value} AS value FROM records"
                f" WHERE typeof({value}) IN {_NUMBER_TYPES}"
            ).fetchall(),
            np.float64,
        ).reshape(-1, 2)
        figures[np.searchsorted(numbers, known[:, 0].astype(np.int64))] = known[:, 1]
    return _Column(Facet(of.name, of.type, count, distinct, None, least, most), (), codes, figures)


def _by_period(connection: sqlite3.Connection, of: Facet, value: str) -> tuple[Facet, str]:
    """Count dates by years, or where all are of one year or month, by what tells them apart."""
    first, last = connection.execute(f"SELECT min({value}), max({value}) FROM records").fetchone()
    differ = (one for one in _PERIODS if first[: one[1]] != last[: one[1]])
    by, letters = next(differ, _PERIODS[-1])
    return replace(of, by=by), f"substr({value}, 1, {letters})"


def _listed(of: Facet, values: Sequence[FieldValue], counts: NDArray[np.int64]) -> Facet:
    """A facet whose values are named, the commonest first and equally common ones in order.

    Of dates the latest years, months or days.
    """
    had = np.flatnonzero(counts)
    order = np.arange(len(had))[::-1] if of.by else np.argsort(-counts[had], kind="stable")
    best = had[order[:_LISTED]]
    figures = [value for at in had.tolist() if isinstance(value := values[at], int | float)]
    return Facet(
        of.name,
        of.type,
        int(counts.sum()),
        len(had),
        tuple((values[at], int(counts[at])) for at in best.tolist()),
        min(figures, default=None),
        max(figures, default=None),
        of.by,
    )


def _numbers(text: str | None) -> Numbers:
    return np.fromstring(text or "", np.int64, sep=",")
