"""A small classifier over vectors: the direction in which they become such, and where that begins.

Logistic regression with a squared penalty, by Newton's method in the coordinates that the vectors
span, and half as much of the sum of marks (Rocchio 1971), which is the better of the two while
there are few. This twice, and added up: among the vectors as they are, which is better for kinds of
things, and among those that are evened out (see Spread), which is better for colours and the like.
A direction is the query: the dot product with it ranks records, so that every store can search by
it. Records picked by chance are weak negatives, as few of them are such.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.flows.concepts.spread import Spread
from visavis.types import Vectors

_Matrix = NDArray[np.float64]


class _Way(NamedTuple):
    """How to learn."""

    penalty: float
    """On the squared length of the direction."""
    chance: float
    """What a record picked by chance counts, where a mark counts 1."""


_PLAIN, _EVENED = _Way(1 / 3, 1.0), _Way(0.1, 0.3)
_SUM = 0.5  # of the sum of marks, beside a direction of length 1
_AGAINST = 0.5  # of a mark that says no, in that sum
_DEVIATIONS = 2.6  # chosen on classes of pascal and grocery, see benchmarks/marks.py
FEW = 10  # records, of which no spread can be told
_STEPS = 30
_CLOSE = 1e-6  # a step that changes less ends the search
_TOLD = 1e-3  # the length of a normal below which nothing but rounding tells rows apart


def direction(yes: Vectors, no: Vectors, random: Vectors, spread: Spread | None = None) -> Vectors:
    """The unit vector (dim,) along which such records are far ahead.

    Args:
        yes: (n, dim), unit vectors of what is such; at least one.
        no: (m, dim), of what is not.
        random: (k, dim), of records picked by chance.
        spread: Of the index's records; None: they are too few to tell.
    """
    plain = _learned([rows.astype(np.float64) for rows in (yes, no, random)], _PLAIN)
    if spread is None:
        return plain.astype(np.float32)
    rows = [spread.evened(rows) for rows in (yes, no, random)]
    evened = spread.shrunk(_learned(rows, _EVENED)[None])[0]
    wide = spread.deviation(plain), spread.deviation(evened)
    if min(wide) < 1e-9:  # all records are alike
        return plain.astype(np.float32)
    return _unit(plain / wide[0] + evened / wide[1], plain).astype(np.float32)


def _learned(given: Sequence[_Matrix], way: _Way) -> _Matrix:
    yes, no, _ = given
    total = _unit(yes.sum(axis=0) - _AGAINST * no.sum(axis=0), yes[0])
    rows = np.concatenate(given)
    if len(rows) == len(yes):  # nothing to tell them from
        return total
    target, weights = np.zeros(len(rows)), np.ones(len(rows))
    target[: len(yes)] = 1.0
    weights[len(yes) + len(no) :] = way.chance
    learned = _unit(logistic_normal(rows, target, weights, way.penalty), total, _TOLD)
    return _unit(learned + _SUM * total, yes[0])


def cut(learned: Vectors, yes: Vectors, no: Vectors, random: Vectors) -> float | None:
    """The score along a direction from which on a record is such; None: too few to tell by.

    So far above the mean of records picked by chance (k, dim) that of those that are not such about
    one in a hundred passes, but never above half-way between the marked ones: else many of those
    picked are such themselves. Where nearly all records are marked, it is what parts these best.
    """
    such, not_such, scores = (
        rows.astype(np.float64) @ learned.astype(np.float64) for rows in (yes, no, random)
    )
    if len(such) + len(not_such) + len(scores) < FEW or not len(not_such) + len(scores):
        return None
    if len(scores) < FEW and len(not_such):
        return _parting(such, not_such)
    marked = float(np.median(not_such)) if len(not_such) else -1.0
    half_way = (float(np.median(such)) + max(float(scores.mean()), marked)) / 2
    others = scores[scores < half_way]
    if len(others) < FEW:
        return half_way
    return min(half_way, float(others.mean() + _DEVIATIONS * others.std()))


def _parting(such: _Matrix, others: _Matrix) -> float:
    """The score with the least share of such (n,) below it and of others (m,) above it, together.

    It lies in the middle between the two that it parts.
    """
    starts = np.unique(such)
    wrong = [float((such < at).mean() + (others >= at).mean()) for at in starts]
    least = float(starts[int(np.argmin(wrong))])
    below = np.concatenate([such[such < least], others[others < least]])
    return (least + float(below.max())) / 2 if len(below) else least


def _unit(vector: _Matrix, otherwise: _Matrix, least: float = 1e-9) -> _Matrix:
    length = float(np.linalg.norm(vector))
    return otherwise if length < least else np.asarray(vector / length)


def logistic_normal(rows: _Matrix, target: _Matrix, weights: _Matrix, penalty: float) -> _Matrix:
    """The normal (dim,) of a logistic regression; Newton's method, Bishop 2006, section 4.3.3.

    Args:
        rows: (n, dim).
        target: (n,), 1 for what is such and 0 for what is not.
        weights: (n,), what each row counts.
        penalty: On the squared length of the normal.
    """
    coordinates, back = _spanned(rows)
    design = np.hstack([coordinates, np.ones((len(rows), 1))])
    held_back = np.full(design.shape[1], penalty)
    held_back[-1] = 1e-6  # of the offset, for a matrix that can be solved in any case
    found = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-(design @ found)))
        slope = design.T @ (weights * (likely - target)) + held_back * found
        curved = weights * np.maximum(likely * (1 - likely), 1e-6)
        bend = (design * curved[:, None]).T @ design
        step = np.linalg.solve(bend + np.diag(held_back), slope)
        found -= step
        if float(np.abs(step).max()) < _CLOSE:
            break
    return np.asarray(back @ found[:-1])


def _spanned(rows: _Matrix) -> tuple[_Matrix, _Matrix]:
    """Rows in as few coordinates as they span (n, r), and the way back from these (dim, r)."""
    count, dim = rows.shape
    if count >= dim:
        return rows, np.eye(dim)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    large = values > 1e-9 * values[-1]
    roots = np.sqrt(values[large])
    return vectors[:, large] * roots, rows.T @ (vectors[:, large] / roots)
