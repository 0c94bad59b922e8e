"""Ranking many questions at once: each stage is one call for all of them.

The answers are those of `Snapshot.rank`, for a fraction of the work: the approximate index, the
codes and the database are asked together, and where all codes have to be read, they are read once
for many questions, as a product of matrices. Such a product says which records are worth an exact
score; the exact scores are computed as for one question, so that they are the same.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.store.base import DEPTH
from visavis.store.nearest.ann import one_thread
from visavis.store.nearest.codes import ROUNDING, dots, possibly_best, products
from visavis.store.nearest.ranking import (
    Fetch,
    Numbers,
    Ranking,
    Snapshot,
    among,
    exact_scores,
    rounded,
)
from visavis.types import Vectors

_PROPOSED = 64  # questions whose candidates are scored together, some MB
_FLOATS = 2**23  # scores of whole indexes at a time, 32 MB


def rank_all(
    snapshot: Snapshot, vectors: Vectors, need: int, selected: Numbers | None, fetch: Fetch
) -> list[Ranking]:
    """At least the best `need` records for each of the vectors (n, dim); see `Snapshot.rank`."""
    whole = (vectors[:, 0] != 0) & (vectors[:, -1] != 0)  # others ask for a part: less to read
    if len(vectors) == 1 or not whole.all():
        return [snapshot.rank(vector, need, selected, fetch) for vector in vectors]
    if snapshot.base is None:
        return _in_memory(snapshot, vectors, need, selected)
    found: dict[int, Ranking] = {}
    if snapshot.proposes(selected):
        if need > DEPTH:
            return [snapshot.rank(vector, need, selected, fetch) for vector in vectors]
        for start in range(0, len(vectors), _PROPOSED):
            part = vectors[start : start + _PROPOSED]
            ranked = _proposed(snapshot, part, need, selected, fetch)
            found |= {start + at: ranking for at, ranking in ranked.items()}
    rest = [at for at in range(len(vectors)) if at not in found]
    step = max(1, _FLOATS // len(snapshot))
    for start in range(0, len(rest), step):
        places = rest[start : start + step]
        exact = _exactly(snapshot, vectors[places], need, selected, fetch)
        found |= zip(places, exact, strict=True)
    return [found[at] for at in range(len(vectors))]


def _in_memory(
    snapshot: Snapshot, vectors: Vectors, need: int, selected: Numbers | None
) -> list[Ranking]:
    """Rankings where there is no base."""
    numbers, tail = snapshot.tail_numbers, snapshot.tail
    if selected is not None:
        passing = among(numbers, selected)
        numbers, tail = numbers[passing], tail[passing]
    rankings = []
    step = max(1, _FLOATS // max(1, len(numbers)))
    for start in range(0, len(vectors), step):
        part = vectors[start : start + step]
        for vector, scores in zip(part, products(tail, part).T, strict=True):
            kept = np.flatnonzero(possibly_best(scores, ROUNDING, need))
            rankings.append(Ranking.of([(numbers[kept], dots(tail[kept], vector))]))
    return rankings


def _exactly(
    snapshot: Snapshot, vectors: Vectors, need: int, selected: Numbers | None, fetch: Fetch
) -> list[Ranking]:
    """Rankings of all records (that pass), as the codes are read through once."""
    assert snapshot.base is not None  # narrows the type: `rank_all` asked
    codes = snapshot.base.codes
    positions = None if selected is None else codes.positions(selected)
    coded, errors = codes.all_scores(vectors, positions), codes.errors(positions)
    if positions is None and len(snapshot.removed):
        coded[:, snapshot.removed] = -np.inf
    rankings = []
    for vector, scores in zip(vectors, coded, strict=True):
        kept = np.flatnonzero(possibly_best(scores, errors, need))
        found = codes.numbers[kept if positions is None else positions[kept]]
        tail = snapshot.rank_tail(vector, need, selected)
        rankings.append(Ranking.of([tail, exact_scores(found, vector, fetch)]))
    return rankings


def _proposed(
    snapshot: Snapshot, vectors: Vectors, need: int, selected: Numbers | None, fetch: Fetch
) -> dict[int, Ranking]:
    """Rankings of the approximate index's candidates, where they are to be trusted."""
    owners, numbers, sure = _candidates(snapshot, vectors, need, selected)
    fetched, exact = fetch(np.unique(numbers))
    order = np.argsort(fetched)
    at = order[np.searchsorted(fetched, numbers, sorter=order)]
    scores = rounded(np.einsum("ij,ij->i", exact[at], vectors[owners]))
    best = np.lexsort((numbers, -scores, owners))
    numbers, scores = numbers[best], scores[best]
    ends = np.searchsorted(owners, np.arange(len(vectors) + 1))
    rankings = {}
    for which in np.flatnonzero(sure).tolist():
        part = slice(ends[which], ends[which + 1])
        ranking = Ranking(numbers[part], scores[part])
        if len(snapshot.tail_numbers):
            tail = snapshot.rank_tail(vectors[which], need, selected)
            ranking = Ranking.of([tail, (ranking.numbers, ranking.scores)])
        rankings[which] = ranking.first()
    return rankings


def _candidates(
    snapshot: Snapshot, vectors: Vectors, need: int, selected: Numbers | None
) -> tuple[NDArray[np.intp], Numbers, NDArray[np.bool_]]:
    """Whose candidates (sorted), their numbers, and which questions are answered by them."""
    assert snapshot.base is not None  # narrows the types: `proposes` says so
    assert snapshot.base.ann is not None
    one_thread()
    codes, ann = snapshot.base.codes, snapshot.base.ann
    found = np.sort(ann.candidates_of(vectors, snapshot.depth(selected)), axis=1)
    kept = found >= 0
    positions = codes.places(np.maximum(found, codes.numbers[0]))
    coded = codes.scores_of(vectors, positions)
    coded[~kept] = -np.inf
    tenth = np.partition(coded, -10, axis=1)[:, -10]
    sure = (np.count_nonzero(kept, axis=1) >= DEPTH) & (tenth >= ann.trusted)
    if len(snapshot.removed) or selected is not None:
        kept &= ~np.isin(positions, snapshot.removed)
        if selected is not None:
            kept &= among(found, selected)
        coded[~kept] = -np.inf
    sure &= np.count_nonzero(kept, axis=1) >= DEPTH
    if need < DEPTH:
        errors = codes.errors(positions)
        at_worst = np.partition(coded - errors, -max(need, 1), axis=1)[:, -max(need, 1)]
        kept &= (coded + errors >= at_worst[:, None]) & (need > 0)
    kept &= sure[:, None]
    owners, _ = np.nonzero(kept)
    return owners, found[kept], sure
