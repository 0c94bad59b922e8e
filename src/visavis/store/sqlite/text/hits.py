"""Which records have a question's words in their own text, best first.

The work has a bound: of the records that have the words only so many are ranked, the rest follow
in the order they were added. At a million records, ranking all that have a common word takes
seconds, finding them a tenth of one.
"""

import math
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.store.nearest.ranking import Numbers
from visavis.store.text.fusion import RankedRecords, ranked
from visavis.store.text.own import Group, Words

RANKED = 500
"""Records with all the words that are ranked, and as many more with them in a row."""

# A word in a title says more than one in another field, and a folder holds many pictures.
_RANK = "bm25(texts, 2.0, 1.0, 1.0, 0.5)"
_DECIMALS = 6


class Hits(NamedTuple):
    """The records that were found."""

    found: RankedRecords
    """Weighted by the share of the question's words that stand in them."""
    rest: str = ""
    """The query of those that were not ranked; nothing: all were."""

    @property
    def whole(self) -> bool:
        """Whether they have every word of the question."""
        return bool(len(self.found.numbers)) and bool((self.found.weights == 1).all())


NONE = Hits(RankedRecords(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)))


class Matching:
    """Asks the table of words, among the records that pass a filter."""

    def __init__(self, connection: sqlite3.Connection, selected: Numbers | None) -> None:
        self._connection = connection
        self._among = ""
        if selected is not None:
            self._among = self._only(selected, "selected")

    def _only(self, numbers: Numbers, name: str) -> str:
        """The condition that a record is one of these, by a function of that name."""
        flags = np.zeros(int(numbers.max(initial=0)) + 1, bool)
        flags[numbers] = True
        chosen, most = flags.tobytes(), len(flags)
        self._connection.create_function(
            name, 1, lambda number: chosen[number] if number < most else 0
        )
        return f" AND {name}(rowid)"

    def find(self, words: Words, total: int) -> Hits:
        """Records with all the words, in a row first; or else with as many as there are."""
        if not words.groups:
            return NONE
        query = _every(words.groups, words.without)
        every = self._ranked(query)
        if not len(every.numbers):
            return self._some(words, total)
        rest = query if len(every.numbers) == RANKED else ""
        if not words.phrase:
            return Hits(every, rest)
        row = self._ranked(_without(f'"{words.phrase}"', words.without))
        others = ~np.isin(every.numbers, row.numbers)
        numbers = np.concatenate([row.numbers, every.numbers[others]])
        ranks = np.concatenate([row.ranks, every.ranks[others] + len(row.numbers)])
        return Hits(RankedRecords(numbers, ranks, np.ones(len(numbers))), rest)

    def rest(self, hits: Hits) -> Numbers:
        """The records that were found and not ranked, in the order they were added."""
        if not hits.rest:
            return np.empty(0, np.int64)
        return np.setdiff1d(self._all(hits.rest, self._among), hits.found.numbers)

    def _all(self, query: str, among: str) -> Numbers:
        (text,) = self._connection.execute(
            f"SELECT group_concat(rowid) FROM texts WHERE texts MATCH ?{among}", (query,)
        ).fetchone()
        return np.fromstring(text or "", np.int64, sep=",")

    def _ranked(self, query: str) -> RankedRecords:
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

    def _some(self, words: Words, total: int) -> Hits:
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
        numbers = _first_distinct(sorted(each.values(), key=len), RANKED)
        if not len(numbers):
            return NONE
        among = self._only(numbers, "candidate")
        scores, shares = np.zeros(len(numbers)), np.zeros(len(numbers))
        for group in there:
            rare = len(each[group]) < RANKED
            holding = each[group] if rare else self._all(_every([group], ()), among)
            has = np.isin(numbers, holding)
            scores += has * math.log(1 + total / len(each[group]))  # a rare word says more
            shares += has / len(words.groups)
        best = ranked(numbers, np.round(scores, _DECIMALS))
        return Hits(best._replace(weights=np.round(shares, _DECIMALS)))


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
    """In one NOT: SQLite takes no query of a hundred brackets within one another."""
    unwanted = " OR ".join(f"({_all_of(groups)})" for groups in without)
    return f"({query}) NOT ({unwanted})" if unwanted else query


def _all_of(groups: Sequence[Group]) -> str:
    written = [" OR ".join(f'"{form}"' for form in group) for group in groups]
    return " AND ".join(f"({forms})" for forms in written)
