"""Where a picture is light and where it is dark, as a row that can be searched for.

Embeddings of whole pictures put some copies (grey ones, tiny ones) behind hundreds of look-alikes
where a collection has many. Coarse brightness does not: it hardly changes when a picture is made
smaller, compressed, blurred, darker or grey. It proposes pairs; what they are is for the pixel
check. A second row is turned and flipped so that all eight ways to hang a picture have the same.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.matching.signature import SIDE

CELLS = 12
"""Cells a side."""

Rows = NDArray[np.float32]


def layouts(lights: NDArray[np.float32]) -> tuple[Rows, Rows]:
    """Rows (n, 144) of unit length for (n, 48, 48): as pictures are, and turned the same way.

    A flat picture has zeros.
    """
    step = SIDE // CELLS
    coarse = lights.reshape(-1, CELLS, step, CELLS, step).mean(axis=(2, 4))
    return _unit(coarse), _unit(np.stack([_hung(grid) for grid in coarse]))


def _hung(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """The brightest quarter at the top left, and the brighter of its neighbours at the top."""
    half = CELLS // 2
    around = [grid[:half, :half], grid[:half, half:], grid[half:, half:], grid[half:, :half]]
    turned = np.rot90(grid, int(np.argmax([part.mean() for part in around])))
    if turned[:half, half:].mean() < turned[half:, :half].mean():
        turned = turned.T
    return turned


def _unit(grids: NDArray[np.float32]) -> Rows:
    rows = grids.reshape(len(grids), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Rows = np.where(length > 1.0, rows / np.maximum(length, 1.0), 0.0).astype(np.float32)
    return unit
