"""The values of all fields as numbers, one for each record, read in one look at the records.

A column takes 4 bytes a record, and 8 more where its numbers are not listed. While it is read, the
different values of a field are told from one another, up to a bound; beyond that only their hashes
are kept, so that a million captions take no more memory than a million numbers.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.filters import values_of
from visavis.store.capabilities import Facet, Period
from visavis.store.nearest.ranking import Numbers
from visavis.store.sqlite.where import field_expression
from visavis.types import FieldValue

_LISTED = 50  # values of a field that are named, the commonest first
_FEW = 12  # so many different values are always worth naming
_TOLD_APART = 50_000  # different values of a field that is listed at all
_BLOCK = 10_000  # records
_AT_ONCE = 500  # fields; a statement of SQLite has 2,000 columns at most
_DAY = 10  # letters of a date
_PERIODS: tuple[tuple[Period, int], ...] = (("year", 4), ("month", 7), ("day", _DAY))
"""What dates are counted by, and how many of their letters that is."""

Passing = NDArray[np.bool_]
"""Of each record whether it passes."""

Codes = NDArray[np.int32]
"""Of each record which of the values it has; -1: none."""


class Column(NamedTuple):
    """A field of all records."""

    facet: Facet
    """Of all of them."""
    values: Sequence[FieldValue]
    """The different ones in their order; none where they are not listed."""
    codes: Codes
    """Of each record: which of the values; 0 where they are not listed; -1: it has none."""
    figures: NDArray[np.float64] | None = None
    """The numbers where values are not listed; NaN where there is none."""
    rows: NDArray[np.int32] | None = None
    """Where records have several values: which of the records each code is of, in their order."""

    def of(self, passing: Passing) -> Facet:
        """The facet of some of the records.

        A field is a list or is none whatever the filter, so that nothing jumps.
        """
        codes = self.codes[passing if self.rows is None else passing[self.rows]]
        codes = codes[codes >= 0]
        having = len(codes) if self.rows is None else _different(self.rows[passing[self.rows]])
        if self.facet.values is not None:
            counts = np.bincount(codes, minlength=len(self.values))
            return _listed(self.facet, self.values, counts, having)
        figures = np.empty(0) if self.figures is None else self.figures[passing]
        figures = figures[~np.isnan(figures)]
        return replace(
            self.facet,
            count=having,
            distinct=min(self.facet.distinct, len(codes)),  # to count titles would cost the most
            min=float(figures.min()) if len(figures) else None,
            max=float(figures.max()) if len(figures) else None,
        )


def read_columns(
    connection: sqlite3.Connection, fields: Sequence[Facet]
) -> tuple[Numbers, tuple[Column, ...]]:
    """The records' numbers, sorted, and a column for each field, whose facet is uncounted."""
    numbers: list[int] = []
    columns: list[Column] = []
    for start in range(0, max(1, len(fields)), _AT_ONCE):
        part = fields[start : start + _AT_ONCE]
        numbers, reading = [], [_READINGS.get(facet.type, _Reading)(facet) for facet in part]
        named = "".join(f", {field_expression(facet.name)}" for facet in part)
        found = connection.execute(f"SELECT number{named} FROM records ORDER BY number")
        while block := list(islice(found, _BLOCK)):
            first, *values = zip(*block, strict=True)
            numbers += first
            for one, column in zip(reading, values, strict=True):
                one.add(column)
        columns += [one.column() for one in reading]
    return np.array(numbers, np.int64), tuple(columns)


class _Places(dict[FieldValue | None, int]):
    """Values in the order in which they came, each with its place; None has none."""

    def __init__(self) -> None:
        self[None] = -1

    def __missing__(self, value: FieldValue) -> int:
        place = self[value] = len(self) - 1
        return place

    def values_met(self) -> list[FieldValue]:
        """The values, by their places."""
        return [value for value in self if value is not None]


class _Reading:
    """A field while its values are read."""

    def __init__(self, facet: Facet) -> None:
        self._facet = facet
        self._places = _Places()
        self._codes: list[Codes] = []
        self._by_days = False  # dates whose times were left out: there are too many of them
        self._hashes: list[NDArray[np.int64]] = []  # of the values since there were too many
        self._figures: list[NDArray[np.float64]] = []  # the numbers among them
        self._ends: list[int | float] = []  # the least and the largest of these

    def add(self, block: Sequence[FieldValue | None]) -> None:
        """The values of some more records."""
        if self._figures:
            self._add_untold(block)
            return
        if self._by_days:
            block = [None if value is None else str(value)[:_DAY] for value in block]
        places = map(self._places.__getitem__, block)
        self._codes.append(np.fromiter(places, np.int32, len(block)))
        if len(self._places) > _TOLD_APART:
            if self._facet.type == "date" and not self._by_days:
                self._merge(_DAY)
                self._by_days = True
            else:
                self._add_untold(())

    def _add_untold(self, block: Sequence[FieldValue | None]) -> None:
        has = np.fromiter((value is not None for value in block), bool, len(block))
        self._codes.append(np.where(has, 0, -1).astype(np.int32))
        self._hashes.append(_hashes(v for v in block if v is not None))
        figures = [value if isinstance(value, int | float) else np.nan for value in block]
        self._figures.append(np.array(figures, np.float64))
        self._ends = _ends([*self._ends, *(v for v in block if isinstance(v, int | float))])

    def _merge(self, letters: int) -> None:
        """Take values that begin with the same letters for one."""
        merged = _Places()
        into = [merged[str(value)[:letters]] for value in self._places.values_met()]
        codes = self._joined()
        self._codes = [np.array([*into, -1], np.int32)[codes]]
        self._places = merged

    def _joined(self) -> Codes:
        return np.concatenate([*self._codes, np.empty(0, np.int32)])

    def column(self) -> Column:
        """What was read."""
        if self._figures:
            return self._unlisted()
        values = self._places.values_met()
        if self._facet.type == "date" and (self._by_days or len(values) > _FEW):
            return self._by_period(min(map(str, values)), max(map(str, values)))
        codes = self._joined()
        if len(values) <= _FEW or len(values) * 2 <= np.count_nonzero(codes >= 0):
            return self._listed_column(self._facet)
        return self._unlisted()

    def _by_period(self, first: str, last: str) -> Column:
        """Count dates by years, or where all are of one year or month, by what differs."""
        differ = (one for one in _PERIODS if first[: one[1]] != last[: one[1]])
        by, letters = next(differ, _PERIODS[-1])
        self._merge(letters)
        return self._listed_column(replace(self._facet, by=by))

    def _listed_column(self, facet: Facet) -> Column:
        values, codes = _in_order(self._places.values_met(), self._joined())
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        return Column(_listed(facet, values, counts, int(counts.sum())), values, codes)

    def _unlisted(self) -> Column:
        met, codes = self._places.values_met(), self._joined()
        apart = sum(map(len, self._codes)) - sum(map(len, self._figures))
        known = np.array([v if isinstance(v, int | float) else np.nan for v in met] + [np.nan])
        figures = np.concatenate([known[codes[:apart]], *self._figures])
        distinct = len(np.unique(np.concatenate([_hashes(met), *self._hashes])))
        ends = _ends([*self._ends, *(v for v in met if isinstance(v, int | float))])
        codes = np.minimum(codes, 0)
        count = int(np.count_nonzero(codes == 0))
        least, most = (ends[0], ends[-1]) if ends else (None, None)
        facet = Facet(self._facet.name, self._facet.type, count, distinct, None, least, most)
        return Column(facet, (), codes, figures if ends else None)


class _ReadingLists:
    """A field of lists while its values are read."""

    def __init__(self, facet: Facet) -> None:
        self._facet = facet
        self._places = _Places()
        self._met: dict[FieldValue, Codes] = {}  # of values that were met before
        self._codes: list[Codes] = [np.empty(0, np.int32)]
        self._rows: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        self._hashes: list[NDArray[np.int64]] = []  # of all items, once there are too many
        self._read = 0

    def add(self, block: Sequence[FieldValue | None]) -> None:
        """The values of some more records."""
        lengths = self._add_untold(block) if self._hashes else self._add_told(block)
        rows = np.arange(self._read, self._read + len(block), dtype=np.int32)
        self._rows.append(np.repeat(rows, lengths))
        self._read += len(block)

    def _add_told(self, block: Sequence[FieldValue | None]) -> list[int]:
        codes = [self._codes_of(value) for value in block]
        self._codes.append(np.concatenate(codes))
        if len(self._met) > _TOLD_APART:
            self._met.clear()
        if len(self._places) > _TOLD_APART:
            self._hashes.append(_hashes(self._places.values_met()))
            self._places = _Places()
        return list(map(len, codes))

    def _codes_of(self, value: FieldValue | None) -> Codes:
        if value is None:
            return self._codes[0]
        if value not in self._met:
            places = [self._places[item] for item in self._items(value)]
            self._met[value] = np.array(places, np.int32)
        return self._met[value]

    def _add_untold(self, block: Sequence[FieldValue | None]) -> list[int]:
        items = [self._items(value) for value in block]
        self._hashes.append(_hashes(item for some in items for item in some))
        self._codes.append(np.zeros(len(self._hashes[-1]), np.int32))
        return list(map(len, items))

    def _items(self, value: FieldValue | None) -> Sequence[FieldValue]:
        return () if value is None else values_of(self._facet.name, value)

    def column(self) -> Column:
        """What was read."""
        codes, rows = np.concatenate(self._codes), np.concatenate(self._rows)
        met, having = self._places.values_met(), _different(rows)
        if self._hashes or len(met) > max(_FEW, len(codes) // 2):
            distinct = len(np.unique(np.concatenate([*self._hashes, _hashes(met)])))
            facet = replace(self._facet, count=having, distinct=distinct)
            return Column(facet, (), np.zeros_like(codes), rows=rows)
        values, codes = _in_order(met, codes)
        counts = np.bincount(codes, minlength=len(values))
        return Column(_listed(self._facet, values, counts, having), values, codes, rows=rows)


_READINGS: dict[str, type[_Reading | _ReadingLists]] = {"list": _ReadingLists}


def _in_order(met: Sequence[FieldValue], codes: Codes) -> tuple[list[FieldValue], Codes]:
    """Values that were met, numbers before texts, and the codes as their places in that order."""
    order = sorted(range(len(met)), key=lambda at: (isinstance(met[at], str), met[at]))
    places = np.full(len(met) + 1, -1, np.int32)
    places[order] = np.arange(len(met))
    return [met[at] for at in order], places[codes]


def _different(rows: NDArray[np.int32]) -> int:
    """How many different ones there are in an order."""
    return int(np.count_nonzero(np.diff(rows, prepend=-1)))


def _hash(value: FieldValue) -> int:
    return hash(value) ^ ((value == -1) << 62)  # to Python, -1 and -2 have one hash


def _hashes(values: Iterable[FieldValue]) -> NDArray[np.int64]:
    return np.array([_hash(value) for value in values], np.int64)


def _ends(numbers: Sequence[int | float]) -> list[int | float]:
    return [min(numbers), max(numbers)] if numbers else []


def _listed(
    of: Facet, values: Sequence[FieldValue], counts: NDArray[np.int64], having: int
) -> Facet:
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
        having,
        len(had),
        tuple((values[at], int(counts[at])) for at in best.tolist()),
        min(figures, default=None),
        max(figures, default=None),
        of.by,
    )
