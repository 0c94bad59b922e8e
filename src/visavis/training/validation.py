"""How well embeddings find, measured between the epochs of a training.

The measures are those of `visavis.metrics`, on the score that an index uses: the dot product of
unit vectors.
"""

from typing import Any

import numpy as np

from visavis import metrics
from visavis.training.data.samples import Numbers
from visavis.types import Vectors

MOST_QUERIES = 2000
"""Of more pictures so many are drawn to ask; all are searched."""

_BLOCK = 256  # queries scored at once


def retrieval_figures(
    vectors: Vectors,
    labels: Numbers,
    seed: int = 0,
    sides: Numbers | None = None,
    asks: int | None = None,
) -> dict[str, float]:
    """`map` and `recall@1`: the means of what `retrieval_values` gives."""
    values = retrieval_values(vectors, labels, seed, sides, asks)
    return {name: float(found.mean()) for name, found in values.items()}


def retrieval_values(
    vectors: Vectors,
    labels: Numbers,
    seed: int = 0,
    sides: Numbers | None = None,
    asks: int | None = None,
) -> dict[str, metrics.Floats]:
    """`map` and `recall@1` of each picture that asks for the others of its label.

    With `sides` it asks among the pictures of other sides alone. Pictures without a partner are
    searched and do not ask. Equal scores rank by number.

    Args:
        vectors: (n, dim), unit length.
        labels: (n,).
        seed: Draws the queries when there are many.
        sides: (n,), a number for each.
        asks: How many of the first pictures ask; None: all. The others are searched alone.
    """
    own = np.arange(len(labels)) if sides is None else sides
    asking = _asking(labels, seed, sides, asks)
    precision, recall = [], []
    for start in range(0, len(asking), _BLOCK):
        block = asking[start : start + _BLOCK]
        for query, scores in zip(block.tolist(), vectors[block] @ vectors.T, strict=True):
            asked = np.flatnonzero(own != own[query])
            order = asked[np.argsort(-scores[asked], kind="stable")]
            ranks = np.flatnonzero(labels[order] == labels[query]) + 1
            precision.append(metrics.average_precision(ranks, len(ranks)))
            recall.append(metrics.recall_at(ranks, 1))
    return {"map": np.array(precision), "recall@1": np.array(recall)}


def gain_figures(
    ours: Vectors,
    theirs: Vectors,
    labels: Numbers,
    seed: int = 0,
    sides: Numbers | None = None,
    asks: int | None = None,
    *,
    by_label: bool,
) -> dict[str, dict[str, Any]]:
    """How much better some embeddings find than others of the same pictures.

    Of each measure `difference` and `interval`, 95 % of a paired bootstrap: both are measured on
    the same queries, drawn again. With `by_label` whole labels are drawn, since those were kept
    from the training: pictures of one label gain together. Other arguments are those of
    `retrieval_values`.
    """
    mine = retrieval_values(ours, labels, seed, sides, asks)
    other = retrieval_values(theirs, labels, seed, sides, asks)
    groups = labels[_asking(labels, seed, sides, asks)].tolist() if by_label else None
    found = {}
    for name, values in mine.items():
        difference, interval = metrics.paired_difference(values, other[name], groups=groups)
        found[name] = {"difference": difference, "interval": [*interval]}
    return found


def _asking(labels: Numbers, seed: int, sides: Numbers | None, asks: int | None) -> Numbers:
    """Numbers of the pictures that ask."""
    asking = np.flatnonzero(partners(labels, sides)[:asks])
    if len(asking) <= MOST_QUERIES:
        return asking
    return np.sort(np.random.default_rng(seed).choice(asking, MOST_QUERIES, replace=False))


def partners(labels: Numbers, sides: Numbers | None = None) -> Numbers:
    """(n,): how many others of its label each picture can find, on other sides where there are."""
    _, label, of_label = np.unique(labels, return_inverse=True, return_counts=True)
    if sides is None:
        return of_label[label] - 1
    cells = np.stack([labels, sides])
    _, cell, of_cell = np.unique(cells, axis=1, return_inverse=True, return_counts=True)
    return of_label[label] - of_cell[cell.reshape(-1)]
