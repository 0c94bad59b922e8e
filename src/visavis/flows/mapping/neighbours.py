"""The nearest neighbours of all images, by FAISS."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.types import Vectors

_EXACT = 40_000  # images among which all pairs are compared
_BLOCK = 4_096
_PROBES = 24


def nearest(
    vectors: Vectors, count: int, among: Vectors | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The nearest of others for each vector, and their cosines: (n, k) each, best first.

    Among more than 40,000, some of them are missed: only lists of like ones are compared.

    Args:
        vectors: (n, dim) of unit length.
        count: How many; fewer where there are no more.
        among: The others; None: the vectors themselves, each without itself.
    """
    others = vectors if among is None else among
    count = min(count, len(others) - (among is None))
    if count < 1:
        return np.empty((len(vectors), 0), np.int32), np.empty((len(vectors), 0), np.float32)
    index = _index(others)
    found = np.empty((len(vectors), count), np.int32)
    cosines = np.empty((len(vectors), count), np.float32)
    for begin in range(0, len(vectors), _BLOCK):
        block = np.ascontiguousarray(vectors[begin : begin + _BLOCK], np.float32)
        scores, rows = index.search(block, count + (among is None))
        if among is None:
            rows, scores = _without_itself(rows, scores, begin)
        found[begin : begin + len(block)] = rows
        cosines[begin : begin + len(block)] = scores
    return found, cosines


def _without_itself(
    rows: NDArray[np.int64], scores: NDArray[np.float32], begin: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """One column less: each row's own number, or the last where it is not among them."""
    own = np.arange(begin, begin + len(rows))[:, None]
    last = np.argsort(rows == own, axis=1, kind="stable")[:, :-1]
    rows, scores = np.take_along_axis(rows, last, 1), np.take_along_axis(scores, last, 1)
    gaps = rows < 0  # lists that held too few: the nearest stands in
    return np.where(gaps, rows[:, :1], rows), np.where(gaps, scores[:, :1], scores)


def _index(vectors: Vectors) -> Any:
    import faiss

    rows = np.ascontiguousarray(vectors, np.float32)
    dim = rows.shape[1]
    index: Any = faiss.IndexFlatIP(dim)
    if len(rows) > _EXACT:
        lists = int(2 * np.sqrt(len(rows)))
        index = faiss.IndexIVFFlat(index, dim, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.seed, index.cp.max_points_per_centroid = 8, 1234, 64
        index.train(rows)
        index.nprobe = _PROBES
    index.add(rows)
    return index
