"""How well embeddings find, measured between the epochs of a training.

The measures are those of `visavis.metrics`, on the score that an index uses: the dot product of
unit vectors.
"""

import numpy as np

from visavis import metrics
from visavis.training.samples import Numbers
from visavis.types import Vectors

MOST_QUERIES = 2000
"""Of more pictures so many are drawn to ask; all are searched."""

_BLOCK = 256  # queries scored at once


def retrieval_figures(
    vectors: Vectors, labels: Numbers, seed: int = 0, sides: Numbers | None = None
) -> dict[str, float]:
    """`map` and `recall@1` where each picture asks for the others of its label.

    With `sides` it asks among the pictures of other sides alone. Pictures without a partner are
    searched and do not ask. Equal scores rank by number.

    Args:
        vectors: (n, dim), unit length.
        labels: (n,).
        seed: Draws the queries when there are many.
        sides: (n,), a number for each.
    """
    own = np.arange(len(labels)) if sides is None else sides
    asking = np.flatnonzero(partners(labels, sides))
    if len(asking) > MOST_QUERIES:
        asking = np.sort(np.random.default_rng(seed).choice(asking, MOST_QUERIES, replace=False))
    precision, recall = [], []
    for start in range(0, len(asking), _BLOCK):
        block = asking[start : start + _BLOCK]
        for query, scores in zip(block.tolist(), vectors[block] @ vectors.T, strict=True):
            asked = np.flatnonzero(own != own[query])
            order = asked[np.argsort(-scores[asked], kind="stable")]
            ranks = np.flatnonzero(labels[order] == labels[query]) + 1
            precision.append(metrics.average_precision(ranks, len(ranks)))
            recall.append(metrics.recall_at(ranks, 1))
    return {"map": float(np.mean(precision)), "recall@1": float(np.mean(recall))}


def partners(labels: Numbers, sides: Numbers | None = None) -> Numbers:
    """(n,): how many others of its label each picture can find, on other sides where there are."""
    _, label, of_label = np.unique(labels, return_inverse=True, return_counts=True)
    if sides is None:
        return of_label[label] - 1
    cells = np.stack([labels, sides])
    _, cell, of_cell = np.unique(cells, axis=1, return_inverse=True, return_counts=True)
    return of_label[label] - of_cell[cell.reshape(-1)]
