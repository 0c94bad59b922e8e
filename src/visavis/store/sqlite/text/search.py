"""Searching by words in the records' own text, alone or together with how pictures look."""

import sqlite3
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from visavis.errors import IndexLockedError, StoreError
from visavis.store.base import DEPTH
from visavis.store.capabilities import LOOKS, Again, TextAnswer
from visavis.store.nearest.codes import dots
from visavis.store.nearest.ranking import Fetch, Numbers, Ranking, Snapshot, rounded
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.lock import writer_lock
from visavis.store.sqlite.paging import PlacedRecord, placed
from visavis.store.sqlite.snapshots import Snapshots
from visavis.store.sqlite.text import table as text_table
from visavis.store.sqlite.text.hits import Hits, Matching
from visavis.store.stopping import unstoppable
from visavis.store.text.fusion import fused, ranked
from visavis.store.text.own import Words, pieces, where_they_stand
from visavis.types import Filter, Match, Vectors

_SMALL = 100_000  # records whose missing words a search waits for


class _Asked(NamedTuple):
    """A question while it is answered, over one view of the database."""

    connection: sqlite3.Connection
    snapshot: Snapshot
    words: Words
    selected: Numbers | None
    matching: Matching
    hits: Hits

    def answer(self, matches: Sequence[Match]) -> TextAnswer:
        total = len(self.snapshot) if self.selected is None else len(self.selected)
        found = bool(len(self.hits.found.numbers))
        return TextAnswer(tuple(matches), total, found, self.hits.whole)


class _Head(NamedTuple):
    """The first part of a fused ranking."""

    ranking: Ranking
    """By the common score, without what is below the least score."""
    numbers: Numbers
    """Of the whole part."""
    scores: dict[int, float]
    """By looks, as far as they are known."""
    seen: frozenset[int]
    """Those that looks brought."""


class TextSearch:
    """Finds records by their own text. Safe to use from threads."""

    def __init__(self, db: Database, snapshots: Snapshots, fetch: Fetch) -> None:
        self._db = db
        self._snapshots = snapshots
        self._fetch = fetch
        self._making = threading.Lock()
        self._tried = False

    def prepare(self) -> bool:
        """Whether text can be searched; for a small index of before it is made ready now.

        A large one, or one that another process writes to, gets its words with the next run that
        writes. Reading never fails for the lack of them.
        """
        if self._current():
            return True
        with self._making, unstoppable():
            if not self._tried and not self._current() and self._snapshots.count() <= _SMALL:
                self._tried = True
                try:
                    with writer_lock(self._db.path.parent, wait=0), self._db.writing() as writer:
                        text_table.make(writer)
                except (IndexLockedError, StoreError, OSError):
                    return False  # it cannot be written to, or not now
        return self._current()

    def _current(self) -> bool:
        with self._db.translated():
            return text_table.is_current(self._db.connection)

    def search(
        self,
        words: Words,
        limit: int,
        offset: int = 0,
        where: Filter | None = None,
        min_score: float | None = None,
    ) -> TextAnswer:
        """Records whose text has the words; the score is the share of the words that it has."""
        with self._db.reading() as connection:
            asked = self._read(connection, self._snapshots.fresh(connection), words, where)
            ranking, shares = _listed(asked, offset + limit, min_score)
            end = min(offset + limit, len(ranking.numbers))
            return asked.answer(
                [
                    Match(one.record, shares[one.number], _stand(one, words))
                    for one in placed(connection, ranking, offset, end)
                ]
            )

    def count(
        self, words: Words, where: Filter | None = None, min_score: float | None = None
    ) -> int:
        """How many records all the pages of `search` have."""
        with self._db.reading() as connection:
            asked = self._read(connection, self._snapshots.fresh(connection), words, where)
            return len(_listed(asked, None, min_score)[0].numbers)

    def fused(
        self,
        words: Words,
        vector: Vectors,
        limit: int,
        offset: int = 0,
        where: Filter | None = None,
        min_score: float | None = None,
        again: Again | None = None,
    ) -> TextAnswer:
        """Records by both rankings; the score is that of looks, and every record has one.

        Those that the text found and the first hundred by looks, which `again` may put in another
        order, are fused, and the others follow by looks. Equal ones come in order of id.
        """
        with self._db.reading() as connection:
            snapshot = self._snapshots.fresh_for(connection, vector)
            asked = self._read(connection, snapshot, words, where)
            head = self._head(asked, vector, min_score, again)
            count, end = len(head.ranking.numbers), offset + limit
            found = self._scored(
                placed(connection, head.ranking, offset, min(end, count)), head, vector
            )
            if end > count:
                found += self._rest(
                    asked, head, vector, (max(0, offset - count), end - count), min_score
                )
            by_text = frozenset(asked.hits.found.numbers.tolist())
            return asked.answer([_match(one, words, by_text, head.seen) for one in found])

    def _head(
        self, asked: _Asked, vector: Vectors, min_score: float | None, again: Again | None
    ) -> _Head:
        looks = asked.snapshot.rank(vector, DEPTH, asked.selected, self._fetch)
        through = looks.tied(0, DEPTH).stop if len(looks.numbers) > DEPTH else DEPTH
        seen, near = looks.numbers[:through], looks.scores[:through]
        order = near if again is None else again(seen, near)
        numbers, keys = fused(asked.hits.found, ranked(seen, order))
        ranking = Ranking(numbers, keys)
        scores = dict(zip(seen.tolist(), near.tolist(), strict=True))
        if min_score is not None:
            scores |= self._looked(numbers, vector)
            ranking = ranking.only(
                np.array([scores[number] >= min_score for number in numbers.tolist()], bool)
            )
        return _Head(ranking, numbers, scores, frozenset(seen.tolist()))

    def _rest(
        self,
        asked: _Asked,
        head: _Head,
        vector: Vectors,
        ranks: tuple[int, int],
        min_score: float | None,
    ) -> list[PlacedRecord]:
        """What follows the head, by looks alone."""
        need = ranks[1] + len(head.numbers)
        rest = asked.snapshot.rank(vector, need, asked.selected, self._fetch)
        rest = rest.only(~np.isin(rest.numbers, head.numbers))
        if min_score is not None:
            rest = rest.reaching(min_score)
        return placed(asked.connection, rest, ranks[0], min(ranks[1], len(rest.numbers)))

    def _scored(
        self, found: list[PlacedRecord], head: _Head, vector: Vectors
    ) -> list[PlacedRecord]:
        """Records of the head with their scores by looks."""
        missing = [one.number for one in found if one.number not in head.scores]
        scores = head.scores | self._looked(np.array(missing, np.int64), vector)
        return [one._replace(score=scores[one.number]) for one in found]

    def _looked(self, numbers: Numbers, vector: Vectors) -> dict[int, float]:
        if not len(numbers):
            return {}
        fetched, vectors = self._fetch(numbers)
        scores = rounded(dots(vectors, vector))
        return dict(zip(fetched.tolist(), scores.tolist(), strict=True))

    def _read(
        self,
        connection: sqlite3.Connection,
        snapshot: Snapshot,
        words: Words,
        where: Filter | None,
    ) -> _Asked:
        selected = self._snapshots.selected(connection, where, snapshot.generation)
        matching = Matching(connection, selected)

        hits = matching.find(words, len(snapshot))
        return _Asked(connection, snapshot, words, selected, matching, hits)


def _listed(
    asked: _Asked, need: int | None, min_score: float | None
) -> tuple[Ranking, dict[int, float]]:
    """The ranking by text, at least `need` of it (None: all), and the share of words by number."""
    numbers, ranks, shares = asked.hits.found
    order = np.argsort(ranks, kind="stable")
    numbers, ranks, shares = numbers[order], ranks[order], shares[order]
    if asked.hits.rest and (need is None or need > len(numbers)):
        rest = asked.matching.rest(asked.hits)
        ranks = np.concatenate([ranks, len(numbers) + 1 + np.arange(len(rest))])
        numbers = np.concatenate([numbers, rest])
        shares = np.concatenate([shares, np.full(len(rest), shares[0])])
    ranking = Ranking(numbers, -ranks.astype(np.float64))
    if min_score is not None:
        ranking = ranking.only(shares >= min_score)
    return ranking, dict(zip(numbers.tolist(), shares.tolist(), strict=True))


def _match(
    one: PlacedRecord, words: Words, by_text: frozenset[int], by_looks: frozenset[int]
) -> Match:
    named = one.number in by_text
    looked = (LOOKS,) if one.number in by_looks or not named else ()
    return Match(one.record, one.score, (*(_stand(one, words) if named else ()), *looked))


def _stand(one: PlacedRecord, words: Words) -> tuple[str, ...]:
    return where_they_stand(words.groups, pieces(one.record, one.source, words.groups))
