"""The windows that a picture is looked at through: all of it, four large ones, nine small ones."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.types import Box

_SIDES = ((1, 1.0), (2, 0.62), (3, 0.45))  # windows in a row, and their side; they overlap


def _windows() -> tuple[Box, ...]:
    found: list[Box] = []
    for count, side in _SIDES:
        starts = [at * (1 - side) / max(1, count - 1) for at in range(count)]
        found += [(left, top, left + side, top + side) for top in starts for left in starts]
    return tuple(found)


WINDOWS: tuple[Box, ...] = _windows()
"""Fourteen boxes as fractions of the picture; the first is all of it."""


@cache
def shares(high: int, wide: int) -> NDArray[np.float32]:
    """How much of each cell of a grid lies in each window: (14, high · wide), rows that sum to 1.

    The mean over a window of a map with these cells is the product with its row.
    """
    rows = np.empty((len(WINDOWS), high * wide), np.float32)
    for row, (left, top, right, bottom) in zip(rows, WINDOWS, strict=True):
        covered = np.outer(_covered(top, bottom, high), _covered(left, right, wide))
        row[:] = (covered / covered.sum()).ravel()
    return rows


def _covered(start: float, stop: float, cells: int) -> NDArray[np.float64]:
    """The share of each of `cells` equal cells of 0…1 that lies between two places."""
    edges = np.arange(cells + 1) / cells
    inside = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start)
    return np.asarray(np.maximum(inside, 0.0))
