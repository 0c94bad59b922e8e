"""Which records have a question's words in their own text, best first.

The work has a bound: of the records that have the words only so many are ranked, the rest follow
in the order they were added. At a million records, ranking all that have a common word takes
seconds (7 µs each), finding them a tenth of one.
"""

import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.store.fusion import Ranked, ranked
from visavis.store.nearest import Numbers
from visavis.store.own_text import Group, Words

RANKED = 1_000
"""Records with all the words that are ranked, and as many more with them in a row."""

# A word in a title says more than one in another field, and a folder holds many pictures.
_RANK = "bm25(texts, 2.0, 1.0, 1.0, 0.5)"
_DECIMALS = 6

Standing = Callable[[Numbers], Sequence[set[int]]]
"""For each of some records, which of the question's words stand in its text."""


class Hits(NamedTuple):
    """The records that were found."""

    found: Ranked
    """Weighted by the share of the question's words that stand in them."""
    rest: str = ""
    """The query of those that were not ranked; nothing: all were."""

    @property
    def whole(self) -> bool:
        """Whether they have every word of the question."""
        return bool(len(self.found.numbers)) and bool((self.found.weights == 1).all())


NONE = Hits(Ranked(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)))


class Matching:
    """Asks the table of words, among the records that pass a filter."""

    def __init__(self, connection: sqlite3.Connection, selected: Numbers | None) -> None:
        self._connection = connection
        self._among = ""
        if selected is not None:
            flags = np.zeros(int(selected[-1]) + 1 if len(selected) else 1, bool)
            flags[selected] = True
            chosen, most = flags.tobytes(), len(flags)
            connection.create_function(
                "selected", 1, lambda number: chosen[number] if number < most else 0
            )
            self._among = " AND selected(rowid)"

    def find(self, words: Words, total: int, standing: Standing) -> Hits:
        """Records with all the words, in a row first; or else with as many as there are."""
        if not words.groups:
            return NONE
        query = _every(words.groups, words.without)
        every = self._ranked(query)
        if not len(every.numbers):
            return self._some(words, total, standing)
        rest = query if len(every.numbers) == RANKED else ""
        if not words.phrase:
            return Hits(every, rest)
        row = self._ranked(_without(f'"{words.phrase}"', words.without))
        others = ~np.isin(every.numbers, row.numbers)
        numbers = np.concatenate([row.numbers, every.numbers[others]])
        ranks = np.concatenate([row.ranks, every.ranks[others] + len(row.numbers)])
        return Hits(Ranked(numbers, ranks, np.ones(len(numbers))), rest)

    def rest(self, hits: Hits) -> Numbers:
        """The records that were found and not ranked, in the order they were added."""
        if not hits.rest:
            return np.empty(0, np.int64)
        (text,) = self._connection.execute(
            f"SELECT group_concat(rowid) FROM texts WHERE texts MATCH ?{self._among}", (hits.rest,)
        ).fetchone()
        return np.setdiff1d(np.fromstring(text or "", np.int64, sep=","), hits.found.numbers)

    def _ranked(self, query: str) -> Ranked:
        found = self._connection.execute(
            f"SELECT rowid, {_RANK} FROM texts WHERE texts MATCH ?{self._among} LIMIT {RANKED}",
            (query,),
        ).fetchall()
        numbers = np.fromiter((row[0] for row in found), np.int64, len(found))
        scores = np.fromiter((-row[1] for row in found), np.float64, len(found))
        return ranked(numbers, np.round(scores, _DECIMALS))

    def _first(self, query: str) -> Numbers:
        found = self._connection.execute(
            f"SELECT rowid FROM texts WHERE texts MATCH ?{self._among} LIMIT {RANKED}", (query,)
        ).fetchall()
        return np.fromiter((row[0] for row in found), np.int64, len(found))

    def _some(self, words: Words, total: int, standing: Standing) -> Hits:
        """No record has all the words: those with the words that occur, or with some of them."""
        each = {group: self._first(_every([group], words.without)) for group in words.groups}
        there = [group for group, numbers in each.items() if len(numbers)]
        if len(words.groups) > len(there) > 0:
            query = _every(there, words.without)
            every = self._ranked(query)
            if len(every.numbers):
                share = np.full(len(every.numbers), len(there) / len(words.groups))
                rest = query if len(every.numbers) == RANKED else ""
                return Hits(every._replace(weights=share), rest)
        rarest = sorted(each.values(), key=len)
        numbers = _first_distinct(rarest, RANKED)
        if not len(numbers):
            return NONE
        worth = [math.log(1 + total / max(1, len(each[group]))) for group in words.groups]
        stand = standing(numbers)
        scores = np.array([sum(worth[at] for at in found) for found in stand])
        shares = np.array([len(found) / len(words.groups) for found in stand])
        kept = shares > 0
        best = ranked(numbers[kept], np.round(scores[kept], _DECIMALS))
        return Hits(best._replace(weights=shares[kept]))


def _first_distinct(parts: Sequence[Numbers], most: int) -> NDArray[np.int64]:
    together = np.concatenate([np.empty(0, np.int64), *parts])
    _, first = np.unique(together, return_index=True)
    return together[np.sort(first)[:most]]


def _every(groups: Sequence[Group], without: Sequence[tuple[Group, ...]]) -> str:
    """The query for records that have all groups; words are letters and digits, so nothing in it
    can be taken for an operator.
    """
    return _without(_all_of(groups), without)


def _without(query: str, without: Sequence[tuple[Group, ...]]) -> str:
    for groups in without:
        query = f"({query}) NOT ({_all_of(groups)})"
    return query


def _all_of(groups: Sequence[Group]) -> str:
    written = [" OR ".join(f'"{form}"' for form in group) for group in groups]
    return " AND ".join(f"({forms})" for forms in written)
