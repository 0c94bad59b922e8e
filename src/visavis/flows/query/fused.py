"""Questions with several sides: candidates of each, all of them scored by every side.

Of a small index, or a few records that pass a filter, all are candidates, so that the answer is
exact. Of a larger one they are the first of each side and of the sum of all vectors; a page that
lies behind the last of them is told that there are no more.
"""

import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.errors import UsageError
from visavis.flows.aspects.colours import ASPECT
from visavis.flows.query.group_by import FIRST, Block, folded, folds
from visavis.flows.query.ranking import Judging
from visavis.flows.query.sides import Side, Sides
from visavis.flows.query.vector import reason_for_nothing
from visavis.matching.colour.likeness import likeness
from visavis.store.aspects import AspectRows, Numbers, WithAspects
from visavis.store.base import Page
from visavis.types import Condition, Filter, Match, Query, Relation, SearchResult, Vectors

ALL = 4_096
"""Records that are all scored by every side; of more, candidates are."""

CANDIDATES = 1_000
"""The first of each side."""

GOOD = 0.4
"""The share of a subject from which on it is said to have a colour."""

_SAMPLE = 1_000  # records that say which score is the least


class _Ranking(NamedTuple):
    """Records best first."""

    numbers: Numbers
    scores: NDArray[np.float64]
    alike: NDArray[np.bool_] | None
    """Which of them are what was asked for, on every side; None: that is not known."""
    total: int
    partly: bool
    """Whether only candidates were scored."""
    notes: tuple[str, ...] = ()

    def only(self, kept: NDArray[np.bool_]) -> "_Ranking":
        alike = None if self.alike is None else self.alike[kept]
        return self._replace(numbers=self.numbers[kept], scores=self.scores[kept], alike=alike)


def answer(
    query: Query,
    store: WithAspects,
    sides: Sides,
    judging: Judging,
    started: float,
    notes: tuple[str, ...] = (),
) -> SearchResult:
    """The answer to a query whose sides were read; raises UsageError for its min_score."""
    ranking = _ranked(query, store, sides, judging)
    kept = _kept(query, ranking)
    matches, more = _shown(query, store, kept)
    good_from = GOOD if _is_one_colour(sides) else None
    if ranking.partly and (query.count or query.offset + query.limit > len(kept.numbers)):
        more += (f"no more than the first {len(ranking.numbers):,} matches were looked through",)
    return SearchResult(
        matches,
        ranking.total,
        judging.model.name,
        (time.perf_counter() - started) * 1000,
        _reason(query, ranking, matches, good_from),
        notes + ranking.notes + more,
        len(kept.numbers) if query.count else None,
        _verdict(ranking),
        good_from,
    )


def _ranked(query: Query, store: WithAspects, sides: Sides, judging: Judging) -> _Ranking:
    rows = store.aspects.rows(ASPECT, query.where)
    total = store.count(query.where)
    if query.without is not None:
        itself = list(store.aspects.numbers([query.without]).values())
        kept = ~np.isin(rows.numbers, itself)
        rows = AspectRows(rows.numbers[kept], rows.values[kept])
        others = query.where.conditions if query.where else ()
        total -= store.count(Filter((*others, Condition("id", "=", (query.without,)))))
    left_out = total - len(rows.numbers)
    partly = bool(sides.vectors) and len(rows.numbers) > ALL
    if sides.vectors:
        rows, vectors = _candidates(query, store, sides, rows)
        sides = sides.calibrated(_sample(store, vectors))
    else:
        vectors = np.empty((len(rows.numbers), 0), np.float32)
    scores = sides.scores(vectors, rows.values)
    order = np.argsort(-scores, kind="stable")  # equal ones in the order in which they were added
    alike = _alike(query, sides, vectors, rows, judging, total)
    return _Ranking(
        rows.numbers[order],
        scores[order],
        None if alike is None else alike[order],
        total,
        partly,
        (_left_out(left_out),) if left_out > 0 else (),
    )


def _left_out(count: int) -> str:
    return (
        f"{count} records of which no colours are kept yet were left out; the next run of visavis "
        "index or visavis compact adds them"
    )


def _sample(store: WithAspects, known: Vectors) -> Vectors:
    """The vectors of some records of the index, or of all, which may be known already."""
    numbers = store.aspects.rows(ASPECT).numbers
    if len(known) == len(numbers):
        return known
    step = max(1, len(numbers) // _SAMPLE) if len(numbers) > ALL else 1
    return store.aspects.vectors(numbers[::step])[1]


def _candidates(
    query: Query, store: WithAspects, sides: Sides, rows: AspectRows
) -> tuple[AspectRows, Vectors]:
    """Records to be scored, with their vectors: all, or the first of each side."""
    chosen = rows.numbers
    if len(chosen) > ALL:
        parts = [_first_by_looks(query, store, sides)]
        for tint in sides.tints:
            fits = likeness(rows.values, tint.wanted)
            first = np.argpartition(-fits if tint.weight >= 0 else fits, CANDIDATES)[:CANDIDATES]
            parts.append(rows.numbers[first])
        chosen = np.intersect1d(np.concatenate(parts), rows.numbers)
    found, vectors = store.aspects.vectors(chosen)
    order = np.argsort(found)
    found, vectors = found[order], vectors[order]
    values = rows.values[np.searchsorted(rows.numbers, found)]
    return AspectRows(found, values), vectors


def _first_by_looks(query: Query, store: WithAspects, sides: Sides) -> Numbers:
    asked = [np.sign(side.weight) * side.asked.vector for side in sides.vectors]
    if len(asked) > 1:
        total = np.sum([side.weight * side.asked.vector for side in sides.vectors], axis=0)
        asked.append(total / max(float(np.linalg.norm(total)), 1e-9))
    page = Page(CANDIDATES, without=query.without)
    answers = store.search(np.asarray(asked, np.float32), page, query.where)
    ids = {match.record.id for found in answers for match in found.matches}
    return np.array(sorted(store.aspects.numbers(list(ids)).values()), np.int64)


def _alike(
    query: Query,
    sides: Sides,
    vectors: Vectors,
    rows: AspectRows,
    judging: Judging,
    total: int,
) -> NDArray[np.bool_] | None:
    """Which records have what was asked for on every side; None where a side cannot tell.

    What only lacks an unwanted colour is not said to be what was asked for.
    """
    if not sides.tints or any(side.weight < 0 for side in sides.vectors):
        return None
    if not sides.vectors and all(tint.weight <= 0 for tint in sides.tints):
        return None
    alike = np.ones(len(rows.numbers), bool)
    for tint in sides.tints:
        if tint.weight:
            has = likeness(rows.values, tint.wanted) >= GOOD
            alike &= has if tint.weight > 0 else ~has
    for side in sides.vectors:
        least = _least(side, query, judging, total)
        if least is None and (side.asked.learned is not None or not side.asked.pictured):
            return None
        floor = np.inf if least is None else side.asked.floor(least)
        alike &= vectors @ side.asked.vector >= floor
    return alike


def _least(side: Side, query: Query, judging: Judging, total: int) -> float | None:
    """The score of looks from which on a record is similar."""
    if side.asked.learned is not None:
        return side.asked.learned.similar_from
    if side.asked.pictured:
        return judging.cut(total, query.false_match)
    return side.asked.good_from


def _is_one_colour(sides: Sides) -> bool:
    """Whether scores are how much of a record has a colour, and nothing else."""
    weights = [tint.weight for tint in sides.tints if tint.weight]
    return not sides.vectors and len(weights) == 1 and weights[0] > 0


def _verdict(ranking: _Ranking) -> Literal["similar", "none"] | None:
    """Whether anything is what was asked for."""
    if ranking.alike is None:
        return None
    return "similar" if ranking.alike.any() else "none"


def _kept(query: Query, ranking: _Ranking) -> _Ranking:
    least = query.min_score
    if least is None:
        return ranking
    if least != "auto":
        return ranking.only(ranking.scores >= least)
    if ranking.alike is None:
        raise UsageError(
            "min_score auto is for pictures, concepts, colours (colour:red) and words, where the "
            "model knows from which score on answers are good, as it does not of words for colours "
            "and of mixtures; give a number"
        )
    return ranking.only(ranking.alike)


def _reason(
    query: Query, ranking: _Ranking, matches: Sequence[Match], good_from: float | None
) -> str | None:
    """Why there are no matches, or none that is what was asked for."""
    if ranking.alike is None or ranking.alike.any() or not len(ranking.numbers):
        return None if matches else reason_for_nothing(query, ranking.total)
    if not matches and query.min_score != "auto":
        return reason_for_nothing(query, ranking.total)
    if good_from is None:
        return "nothing has all that was asked for"
    best = float(ranking.scores[0])
    return f"nothing in this colour: the best scores {best:.2f}, it counts from {good_from:.2f} on"


def _shown(
    query: Query, store: WithAspects, ranking: _Ranking
) -> tuple[tuple[Match, ...], tuple[str, ...]]:
    def fetch(size: int, offset: int, _: Filter | None = None) -> Block:
        end = min(offset + size, len(ranking.numbers))
        found = _matches(store, ranking, offset, end)
        return Block(found, found, end == len(ranking.numbers))

    if folds(query):
        return folded(query, store, fetch(FIRST, 0), fetch, filtered=False)
    return tuple(fetch(query.limit, query.offset).kept), ()


def _matches(store: WithAspects, ranking: _Ranking, start: int, end: int) -> Sequence[Match]:
    records = store.aspects.records(ranking.numbers[start:end])
    found = []
    for at in range(start, end):
        record = records.get(int(ranking.numbers[at]))
        if record is not None:  # a writer removed it meanwhile
            relation: Relation | None = None
            if ranking.alike is not None:
                relation = "similar" if ranking.alike[at] else "other"
            found.append(Match(record, float(ranking.scores[at]), relation=relation))
    return found
