"""Codes compared by counting the bits in which they differ; exact, and quick enough for all."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.store.nearest.ann import one_thread
from visavis.store.stopping import go_on

Codes = NDArray[np.uint8]


class Nearest(NamedTuple):
    """The rows that have the nearest codes, nearest first; each row once."""

    rows: NDArray[np.int64]
    differing: NDArray[np.int64]
    """Bits in which the nearest code of the row differs."""
    place: NDArray[np.int64]
    """Which of the row's codes that is."""


def nearest(code: Codes, table: NDArray[np.uint8], most: int) -> Nearest:
    """Of rows that hold several codes one after the other, those with the nearest to one.

    Args:
        code: (bytes,).
        table: (n, codes of a row · bytes).
        most: How many rows are wanted; more may come, and fewer where there are fewer.
    """
    size, each = len(code), table.shape[1] // max(1, len(code))
    if not len(table):
        nothing = np.empty(0, np.int64)
        return Nearest(nothing, nothing, nothing)
    go_on()
    one_thread()
    import faiss  # imported when it is needed: a tenth of a second

    flat = np.ascontiguousarray(table).reshape(-1, size)
    count = min(len(flat), most * each)  # enough, were all codes of a row among them
    differing, found = faiss.knn_hamming(code[None], flat, count)
    order = np.lexsort((found[0], differing[0]))
    places, bits = found[0][order].astype(np.int64), differing[0][order].astype(np.int64)
    _, first = np.unique(places // each, return_index=True)
    kept = np.sort(first)
    return Nearest(places[kept] // each, bits[kept], places[kept] % each)
