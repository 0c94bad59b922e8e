"""Vectors as the sides of planes on which they lie: 32 bytes each, compared by counting bits.

Of two unit vectors at an angle, a share of angle / π of all planes through the origin lies between
them (Charikar: "Similarity estimation techniques from rounding algorithms", 2002); planes at right
angles to one another estimate it better (Ji, Li, Yan, Zhang, Tian: "Super-bit locality-sensitive
hashing", 2012).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.types import Vectors

BITS = 256
"""Of a code; 32 bytes."""

Codes = NDArray[np.uint8]


def codes(vectors: Vectors) -> Codes:
    """(n, 32) for unit vectors (n, dim)."""
    return np.packbits(vectors @ _planes(vectors.shape[1]) > 0, axis=1)


def cosines(differing: NDArray[np.integer]) -> NDArray[np.float32]:
    """The cosines of vectors whose codes differ in so many bits."""
    return np.asarray(np.cos(np.pi / BITS * differing), np.float32)


@cache
def _planes(dim: int) -> NDArray[np.float32]:
    """The same in every process: (dim, 256), in blocks of columns at right angles."""
    random = np.random.RandomState(0)  # its numbers are promised never to change
    blocks: list[NDArray[np.float64]] = []
    while sum(block.shape[1] for block in blocks) < BITS:
        across, upper = np.linalg.qr(random.standard_normal((dim, min(dim, BITS))))
        blocks.append(across * np.sign(np.diag(upper)))
    return np.concatenate(blocks, axis=1)[:, :BITS].astype(np.float32)
