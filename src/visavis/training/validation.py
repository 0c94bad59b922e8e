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


def retrieval_figures(vectors: Vectors, labels: Numbers, seed: int = 0) -> dict[str, float]:
    """`map` and `recall@1` where each picture asks for the others of its label.

    Pictures without a partner are searched and do not ask. Equal scores rank by number.

    Args:
        vectors: (n, dim), unit length.
        labels: (n,).
        seed: Draws the queries when there are many.
    """
    _, of, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    asking = np.flatnonzero(sizes[of] > 1)
    if len(asking) > MOST_QUERIES:
        asking = np.sort(np.random.default_rng(seed).choice(asking, MOST_QUERIES, replace=False))
    precision, recall = [], []
    for start in range(0, len(asking), _BLOCK):
        block = asking[start : start + _BLOCK]
        for query, scores in zip(block.tolist(), vectors[block] @ vectors.T, strict=True):
            scores[query] = -np.inf  # comes last and is cut off
            order = np.argsort(-scores, kind="stable")[:-1]
            ranks = np.flatnonzero(labels[order] == labels[query]) + 1
            precision.append(metrics.average_precision(ranks, len(ranks)))
            recall.append(metrics.recall_at(ranks, 1))
    return {"map": float(np.mean(precision)), "recall@1": float(np.mean(recall))}
