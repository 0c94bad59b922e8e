"""How gradients of brightness correlate in all eight turns and flips, for the price of two.

Gradients need not be laid over one another cell by cell. Of two grids a and b with the cosine
transforms A and B, the products of neighbours' differences sum to

    sum over k and l of (w[k] + w[l]) A[k, l] B[k, l]    with w[k] = 2 - 2 cos(pi k / 48)

and a flip changes nothing but the sign of all odd rows, or columns, of a transform. So the sums
over even and odd rows and columns are worked out once, and every turn puts them together anew.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.matching.signature import SIDE, Grid

WAYS = 8
"""Quarter turns against the clock, 0…3, and each of these in a mirror, 4…7."""

CLASS = (SIDE // 2) ** 2
"""Coefficients of one parity: even or odd rows, and even or odd columns."""

Parts = NDArray[np.float32]
"""(4, …, CLASS): even rows and columns, even rows and odd columns, and so on; of length 1."""

# What each way makes of a transform: is it transposed, are odd rows and odd columns negated?
_TRANSPOSED = np.array([0, 1, 0, 1, 0, 1, 0, 1])
_ODD_ROWS = np.array([1, -1, -1, 1, 1, -1, -1, 1])
_ODD_COLUMNS = np.array([1, 1, -1, -1, -1, -1, 1, 1])
_SIGNS = np.stack(
    [np.ones(WAYS), _ODD_COLUMNS, _ODD_ROWS, _ODD_ROWS * _ODD_COLUMNS], dtype=np.float32
)
_ROUNDING = 0.01  # grey levels: a grid of whole numbers that is not flat has gradients of 1
_FEW = 128  # rows at once: larger products go to all threads, which costs more than it spares


def _cosines() -> NDArray[np.float32]:
    order = np.arange(SIDE)
    rows = np.cos(np.pi / SIDE * np.outer(order, order + 0.5)) * np.sqrt(2 / SIDE)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float32)


def _weights() -> NDArray[np.float32]:
    by_order = 2 - 2 * np.cos(np.pi / SIDE * np.arange(SIDE))
    return np.asarray(np.sqrt(by_order[:, None] + by_order), np.float32)


_COSINES, _WEIGHTS = _cosines(), _weights()


def parts(light: Grid) -> Parts:
    """What is to be kept of a grid (48, 48) to correlate it: (4, CLASS); of a flat one, zeros."""
    return _by_parity(_transformed(light))


def correlations(kept: Parts, light: Grid) -> NDArray[np.float32]:
    """How the gradients of a grid correlate with those of kept ones: (4, n, CLASS) to (n, WAYS)."""
    found = _transformed(light)
    asked = np.stack([_by_parity(found), _by_parity(found.T)], axis=2)  # (4, CLASS, 2)
    few = [kept[:, at : at + _FEW] @ asked for at in range(0, kept.shape[1], _FEW)]
    sums = np.concatenate(few, axis=1) if few else np.zeros((4, 0, 2), np.float32)
    correlated: NDArray[np.float32] = np.einsum("pnw,pw->nw", sums[:, :, _TRANSPOSED], _SIGNS)
    return correlated


def _transformed(light: Grid) -> Grid:
    """The transform, in which products of gradients are products: (48, 48), of length 1."""
    around = light - light.mean()  # of large numbers, rounding alone would leave gradients
    found: Grid = _COSINES @ around @ _COSINES.T * _WEIGHTS
    found /= np.float32(max(float(np.linalg.norm(found)), _ROUNDING))
    return found


def _by_parity(found: Grid) -> Parts:
    half = SIDE // 2
    cells = found.reshape(half, 2, half, 2).transpose(1, 3, 0, 2)
    return np.ascontiguousarray(cells).reshape(4, CLASS)
