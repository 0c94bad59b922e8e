"""Which images are shown at which scale, so that none covers another."""

import numpy as np
from numpy.typing import NDArray

from visavis.flows.mapping.layout import Positions

COARSEST = 1 / 8
"""Of the map's width: what two images are apart at least at the first level."""

STEP = 2**0.5
"""By which each level is finer than the one before."""

LAST = 24
"""At this level all images are shown, however near."""


def levels(positions: Positions, first: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """The level (n,) from which on each image is shown; an image of a level is in all later ones.

    Args:
        positions: (n, 2), each 0…1.
        first: (n,) which images come before the others.
    """
    count = len(positions)
    rank = np.lexsort((np.arange(count), ~first if first is not None else np.zeros(count)))
    order = np.empty(count, np.int64)
    order[rank] = np.arange(count)
    found = np.full(count, LAST, np.uint8)
    for level in range(LAST):
        apart = COARSEST / STEP**level
        if first is not None:
            _fill(positions, order, found, level, apart, first)
        _fill(positions, order, found, level, apart, np.ones(count, bool))
    return found


def _fill(
    positions: Positions,
    order: NDArray[np.int64],
    found: NDArray[np.uint8],
    level: int,
    apart: float,
    among: NDArray[np.bool_],
) -> None:
    """Let as many images as fit into a level: those of one of four colours of cells at a time.

    Two cells of one colour never touch, so what is taken in them is far enough apart.
    """
    cells = (positions / apart).astype(np.int64) + 1
    side = int(1 / apart) + 4
    key = cells[:, 0] * side + cells[:, 1]
    shown = np.flatnonzero(found < LAST)
    order_of = np.argsort(key[shown], kind="stable")
    held_keys, held = key[shown][order_of], shown[order_of]
    left = np.flatnonzero((found == LAST) & among)
    left = left[_free(positions, cells, side, left, held_keys, held, apart)]
    for colour in range(4):
        mine = left[(cells[left, 0] % 2) * 2 + cells[left, 1] % 2 == colour]
        taken = _best(key, order, mine)
        found[taken] = level
        taken = taken[np.argsort(key[taken], kind="stable")]
        left = left[found[left] == LAST]
        left = left[_free(positions, cells, side, left, key[taken], taken, apart)]


def _best(
    key: NDArray[np.int64], order: NDArray[np.int64], left: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Of the images in each cell the one that comes first."""
    ranked = left[np.lexsort((order[left], key[left]))]
    _, begins = np.unique(key[ranked], return_index=True)
    return ranked[begins]


def _free(
    positions: Positions,
    cells: NDArray[np.int64],
    side: int,
    left: NDArray[np.int64],
    held_keys: NDArray[np.int64],
    held: NDArray[np.int64],
    apart: float,
) -> NDArray[np.bool_]:
    """Which have no shown image too near: less than a cell's width away."""
    free = np.ones(len(left), bool)
    if not len(held):
        return free
    for right in (-1, 0, 1):
        for down in (-1, 0, 1):
            key = (cells[left, 0] + right) * side + cells[left, 1] + down
            at = np.minimum(np.searchsorted(held_keys, key), len(held) - 1)
            near = np.abs(positions[left] - positions[held[at]]).max(axis=1) < apart
            free &= ~((held_keys[at] == key) & near)
    return free
