"""Two rankings made one: what a record's text says of it, and how it looks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.store.nearest.ranking import Numbers

K = 60
"""From the paper below, where it was found on other data than ours and to matter little."""


class RankedRecords(NamedTuple):
    """Records with their ranks, from 1; equal ones share a rank."""

    numbers: Numbers
    ranks: NDArray[np.int64]
    weights: NDArray[np.float64]
    """How much of a place in this ranking counts; 1: all."""


def ranked(numbers: Numbers, scores: NDArray[np.floating], weight: float = 1.0) -> RankedRecords:
    """Records by their scores, higher ones first: the rank says how many are better."""
    ascending = np.sort(scores)
    ranks = len(scores) - np.searchsorted(ascending, scores, "right") + 1
    return RankedRecords(numbers, ranks, np.full(len(numbers), weight))


def fused(*rankings: RankedRecords) -> tuple[Numbers, NDArray[np.float64]]:
    """All records of some rankings and their common scores, best first.

    Reciprocal rank fusion: a record gets 1 / (K + rank) from each ranking that has it (Cormack,
    Clarke and Büttcher, Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods, SIGIR 2009). Ranks can be added where scores, being of different kinds, cannot.
    """
    numbers, places = np.unique(
        np.concatenate([ranking.numbers for ranking in rankings]), return_inverse=True
    )
    scores = np.zeros(len(numbers))
    start = 0
    for ranking in rankings:
        here = places[start : start + len(ranking.numbers)]
        scores[here] += ranking.weights / (K + ranking.ranks)
        start += len(ranking.numbers)
    scores = np.round(scores, 12)  # equal ones stay equal, in whatever order they were added up
    order = np.argsort(-scores, kind="stable")
    return numbers[order], scores[order]
