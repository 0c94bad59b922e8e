"""How the records of an index differ from one another, and vectors in which that counts less.

Most records differ in a few ways, such as what they show at large. People who mark may well mean
something else, such as a colour, which lies along ways in which records differ little.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from visavis.types import Vectors

_Matrix = NDArray[np.float64]

_POWER = 1 / 4  # of the variance; a half would make all alike, 0 would leave them as they are
_NONE = 1e-9  # of the largest variance


class Spread(NamedTuple):
    """The mean of some records, and how far they are from it along each way."""

    mean: _Matrix
    """(dim,)."""
    axes: _Matrix
    """(dim, r), orthonormal: the ways in which they differ."""
    variances: _Matrix
    """(r,), along these."""

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """That of vectors (n, dim), one at least."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        apart = (vectors - mean) / len(vectors) ** 0.5
        if len(apart) >= apart.shape[1]:
            variances, axes = np.linalg.eigh(apart.T @ apart)
            return cls(mean, axes, np.maximum(variances, 0))
        variances, mixes = np.linalg.eigh(apart @ apart.T)  # the same values, and fewer
        held = variances > _NONE * variances[-1]
        axes = apart.T @ (mixes[:, held] / np.sqrt(variances[held]))
        return cls(mean, axes, variances[held])

    def evened(self, rows: Vectors) -> _Matrix:
        """Vectors (n, dim) from the mean on, shorter along what records differ much in; unit ones.

        One that is the mean stays zero.
        """
        moved = self.shrunk(rows - self.mean)
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.maximum(lengths, _NONE))

    def shrunk(self, rows: _Matrix) -> _Matrix:
        """Vectors (n, dim) divided along each axis by the fourth root of 1 + its relative variance.

        That is relative to the mean of all dimensions. The matrix is symmetric, so it also takes a
        direction among shrunk vectors back to that among the vectors as they are.
        """
        usual = max(float(self.variances.sum()) / len(self.mean), 1e-12)
        factors = (1 + self.variances / usual) ** -_POWER
        return np.asarray(rows + ((rows @ self.axes) * (factors - 1)) @ self.axes.T)

    def deviation(self, direction: _Matrix) -> float:
        """The standard deviation of the records' dot products with a direction (dim,)."""
        return float(np.sqrt(((self.axes.T @ direction) ** 2 * self.variances).sum()))
