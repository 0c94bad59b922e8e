"""One hit for many: the best view of each value of a field, copies behind what they are copies of.

Matches are taken in their order, in blocks whose sizes depend on nothing but how far one has come:
so every page sees the same heads, and pages neither repeat nor leave out one. Each is four times
as large as the one before, as a block is found by ranking all that lies before it. Where most of a
block stood behind heads, a filter leaves out the values that have one, so that ten hits take few
blocks also where the nearest thousand records are of one value.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from visavis.filters import check_field, normal
from visavis.matching.pixel_check import Compared
from visavis.matching.signature import Signature
from visavis.store.base import VectorStore
from visavis.store.capabilities import has_evidence, has_facets
from visavis.store.stopping import go_on
from visavis.types import Condition, FieldValue, Filter, ImageRecord, Kind, Match, Query

FIRST = 32
"""Matches of the first block; each is four times as large as the one before."""

FARTHEST, FARTHEST_UNIQUE = 20_000, 2_000
"""Matches that are looked through at most; comparing pictures takes .2 ms each."""

_WINDOW = 200  # heads that a match is compared with


class Block(NamedTuple):
    """Some matches in their order."""

    met: Sequence[Match]
    kept: Sequence[Match]
    """Those that the query wants, in the order in which people see them."""
    last: bool
    """Whether none that the query wants can follow."""


Fetch = Callable[[int, int, Filter | None], Block]
"""The matches behind a number of them, as many as are asked for, of those that pass a filter."""


def folds(query: Query) -> bool:
    """Whether matches are to stand behind others."""
    return query.group_by is not None or query.unique


def folded(
    query: Query, store: VectorStore, first: Block, fetch: Fetch, filtered: bool = True
) -> tuple[tuple[Match, ...], tuple[str, ...]]:
    """The heads of the page that was asked for, and what there is to note.

    `filtered` says that a filter does not change how the matches that pass it are ordered.

    Raises FilterError for a field that no record has.
    """
    heads = _Heads(query, store, filtered)
    heads.take(first)
    farthest = FARTHEST_UNIQUE if query.unique else FARTHEST
    wanted, size, done, looked = query.offset + query.limit, FIRST, first.last, len(first.met)
    while not done and len(heads.found) < wanted and looked < farthest:
        size = min(4 * size, farthest - looked)
        block = fetch(size, heads.passed(), heads.others())
        heads.take(block)
        done, looked = block.last, looked + len(block.met)
    notes = heads.notes()
    if not done and len(heads.found) < wanted:
        notes += (f"no more than the first {looked:,} matches were looked through",)
    return heads.page(query.offset, wanted), notes


class _Heads:
    """The heads so far, and what stands behind them."""

    def __init__(self, query: Query, store: VectorStore, filtered: bool) -> None:
        self._query = query
        self._store = store
        self._kinds = dict(store.fields())
        self._field = None if query.group_by is None else normal(query.group_by)
        self._kind: Kind | None = None
        if self._field is not None:
            self._kind = check_field(self._field, self._kinds)
        # A filter takes dates for what lies within a day, and "50" for a number as well.
        self._excludes = filtered and self._kind in ("text", "number")
        self.found: list[Match] = []
        self._values: set[FieldValue] = set()  # that have a head
        self._left_out: frozenset[FieldValue] = frozenset()  # of these, by the filter
        self._met: Counter[FieldValue | None] = Counter()
        self._copies: dict[int, list[str]] = {}
        self._files: dict[str, int] = {}  # by digest
        self._compared = Compared(_WINDOW)
        self._unknown = False

    def take(self, block: Block) -> None:
        """Find the heads among further matches."""
        before = len(self.found)
        self._met.update(self._value(match.record) for match in block.met)
        known = self._signatures(block.kept)
        for match in block.kept:
            go_on()
            value = self._value(match.record)
            if value is not None and value in self._values:
                continue
            signature = known.get(match.record.sha256)
            if self._query.unique and self._is_copy(match, signature):
                continue
            if value is not None:
                self._values.add(value)
            if self._query.unique:
                self._files[match.record.sha256] = len(self.found)
                self._compared.add(signature)
            self.found.append(match)
        # Each block's filter is a look at all records: only where it spares more than it costs.
        if self._excludes and (len(self.found) - before) * 2 < len(block.met):
            self._left_out = frozenset(self._values)

    def passed(self) -> int:
        """How many of the matches that `others` lets through have been met: the first of them."""
        return sum(met for value, met in self._met.items() if value not in self._left_out)

    def others(self) -> Filter | None:
        """The filter of the query, and of what has no head yet, as far as it is to leave it out."""
        where = self._query.where
        if not self._left_out or self._field is None:
            return where
        headed = Condition(self._field, "!=", tuple(self._left_out), quoted=True)
        return Filter((*(where.conditions if where else ()), headed))

    def page(self, start: int, stop: int) -> tuple[Match, ...]:
        """Some of the heads, with what stands behind them."""
        shown = self.found[start:stop]
        views = self._views([self._value(match.record) for match in shown])
        return tuple(
            replace(match, views=views[at], copies=tuple(self._copies.get(start + at, ())))
            for at, match in enumerate(shown)
        )

    def notes(self) -> tuple[str, ...]:
        """What people have to know of the answer."""
        if not self._unknown:
            return ()
        return (
            "some pictures were imported or indexed by an older version, and were told from others "
            "by their files alone; visavis index --refresh looks again at pictures of the latter",
        )

    def _value(self, record: ImageRecord) -> FieldValue | None:
        """What the record has in the field; nothing where that is empty, too."""
        if self._field is None:
            return None
        own = self._field in self._kinds
        value = record.fields.get(self._field) if own else getattr(record, self._field)
        if isinstance(value, str) and (own or self._field != "id"):  # is kept as it was written
            return normal(value) or None
        return value

    def _is_copy(self, match: Match, signature: Signature | None) -> bool:
        at = self._files.get(match.record.sha256)
        if at is None and signature is not None:
            at = self._compared.first_same(signature)
        if at is None:
            return False
        self._copies.setdefault(at, []).append(match.record.id)
        return True

    def _signatures(self, matches: Sequence[Match]) -> dict[str, Signature]:
        if not self._query.unique:
            return {}
        hashes = {match.record.sha256 for match in matches}
        store = self._store
        kept = store.evidence.signatures(list(hashes)) if has_evidence(store) else {}
        self._unknown |= len(kept) < len(hashes)
        return {digest: Signature.unpacked(data) for digest, data in kept.items()}

    def _views(self, values: Sequence[FieldValue | None]) -> list[int | None]:
        """How many more records have each of the values, and pass the filter."""
        if self._field is None:
            return [None] * len(values)
        counts = self._counts([value for value in values if value is not None])
        own = self._own_value()
        return [
            0 if value is None else counts.get(value, 0) - 1 - (value == own) for value in values
        ]

    def _counts(self, values: Sequence[FieldValue]) -> Mapping[FieldValue, int]:
        """How many records that pass the filter have each of the values."""
        assert self._field is not None  # narrows the type: `_views` asked
        if has_facets(self._store):
            return self._store.browse.counts(self._field, values, self._query.where)
        passing = self._store.records(self._query.where)
        return Counter(value for record in passing if (value := self._value(record)) is not None)

    def _own_value(self) -> FieldValue | None:
        """What the record has that is asked with, and is no match of itself; None: it counts not.

        It counts where it passes the filter.
        """
        if self._query.without is None:
            return None
        conditions = self._query.where.conditions if self._query.where else ()
        itself = Condition("id", "=", (self._query.without,))
        if not self._store.count(Filter((*conditions, itself))):
            return None
        return self._value(self._store.get(self._query.without))
