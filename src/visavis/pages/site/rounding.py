"""Vectors in few bits, for a page to load: the looks coarsely, and what words ask for finely.

Columns stand one after the other, so that packing gives each number the bits that its own column
needs; and a page that adds up products column by column reads them in order.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.types import Vectors

LOOK_STEPS = 160
"""Of a number, between 0 and 1, in the part of a vector that says what a picture looks like."""

MEANING_STEPS = 450
"""The same in the part that words ask for. It has a tenth of a vector's square, and words ask for
it alone; coarser steps would cost them one answer in twenty."""

_LARGEST = 127
_EVENLY = 0.3
"""How much of the weight is spread evenly over all directions; without it, those in which the
pictures hardly differ would take on errors without end."""
_BLOCK = 4096  # rows: 14 MB at a time


def in_columns(vectors: Vectors, meaning: int) -> bytes:
    """Unit vectors (n, dim) as dim × n int8, and then n float32 to multiply the looks by.

    `meaning` of the numbers, the last ones, are what words ask for. The factors make the product
    of each row with its own vector 1: what rounding changes along a vector, which is what the
    scores of near pictures would feel most, is undone.
    """
    count, dim = vectors.shape
    passed_on = _passed_on(vectors[:, : dim - meaning])
    columns = np.empty((dim, count), np.int8)
    factors = np.empty(count, "<f4")
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        look, told = np.vsplit(vectors[block].T.astype(np.float64), [dim - meaning])
        looks, meanings = _shaped(look, passed_on), _limited(told * MEANING_STEPS)
        own = (looks * look).sum(axis=0) / LOOK_STEPS
        rest = 1 - (meanings * told).sum(axis=0) / MEANING_STEPS
        factors[block] = np.divide(rest, own, out=np.ones_like(own), where=own > 0)
        columns[:, block] = np.concatenate([looks, meanings])
    return b"".join([columns.tobytes(), factors.tobytes()])


def _passed_on(looks: Vectors) -> NDArray[np.float64]:
    """(dim, dim): what an error in one number takes from each of those after it.

    A question is a picture too, so an error counts by how much pictures reach in its direction.
    What it does to such questions is taken back by the numbers that are not yet rounded: a tenth
    to a sixth less noise in the scores, for the same bits. It is the rounding of GPTQ (Frantar et
    al., 2023) with the pictures' own second moments.
    """
    reach = (looks.T @ looks).astype(np.float64) / max(1, len(looks))
    reach += max(_EVENLY * float(np.trace(reach)) / len(reach), 1e-9) * np.eye(len(reach))
    upper: NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(reach)).T
    return upper / np.diag(upper)[:, None]


def _shaped(look: NDArray[np.float64], passed_on: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole numbers (dim, n), each rounded so as to make up for those before it."""
    left, whole = look.copy(), np.empty_like(look)
    for at in range(len(look)):
        whole[at] = _limited(left[at] * LOOK_STEPS)
        error = left[at] - whole[at] / LOOK_STEPS
        left[at + 1 :] -= np.outer(passed_on[at, at + 1 :], error)
    return whole


def _limited(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.rint(numbers).clip(-_LARGEST, _LARGEST)
