"""Where images lie on a map: neighbours near one another, in NumPy alone.

t-SNE (van der Maaten, Hinton, 2008) on the nearest neighbours of each image. What repels is counted
on a grid, as Linderman et al. do (2019, FIt-SNE): the images' density is convolved with the kernel
by FFT, and the force read off at each image (cloud in cell, Hockney and Eastwood, 1981).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float32]
"""Of images on a map: (n, 2)."""

PERPLEXITY = 12.0
"""How many of the neighbours count, smoothly; of small collections fewer."""

PASSES = 500
"""In which the layout is found."""

_EARLY = 200  # passes in which neighbours attract more, so that islands find their place
_EXAGGERATION = 12.0
_SPACING = 0.4  # of the grid: the kernel is 1 wide
_FINEST = 320  # cells of a side at most; larger maps get larger cells
_LEAST_GAIN = 0.01
_FARTHEST = 5.0  # that an image moves in one pass

Step = Callable[[int, int], None]
"""Called with the passes that are done, and of how many."""


def lay_out(
    neighbours: NDArray[np.int32],
    cosines: NDArray[np.float32],
    start: Positions,
    step: Step = lambda done, total: None,
) -> Positions:
    """Positions in which neighbours are near; the same for the same input.

    Args:
        neighbours: (n, k) rows of each image's nearest others.
        cosines: (n, k) of each with its image.
        start: (n, 2) where they begin, of any scale; two must not be the same.
        step: See Step.
    """
    count = len(neighbours)
    pull = affinities(cosines) / np.float32(2 * count)
    places = (start * (1e-4 / max(float(start.std()), 1e-12))).astype(np.float32)
    moved = np.zeros_like(places)
    gains = np.ones_like(places)
    grid = _Grid()
    for number in range(PASSES):
        early = number < _EARLY
        more = _EXAGGERATION if early else 1.0
        force = more * _attraction(places, neighbours, pull) + grid.repulsion(places)
        rate = max(count / more, min(200.0, count / 2))
        same = (force > 0) == (moved > 0)
        gains = np.maximum(np.where(same, gains + 0.2, gains * 0.8), _LEAST_GAIN)
        moved = (0.5 if early else 0.8) * moved + rate * gains * force
        np.clip(moved, -_FARTHEST, _FARTHEST, out=moved)
        places += moved
        places -= places.mean(axis=0)
        step(number + 1, PASSES)
    return places


def affinities(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much each neighbour counts: (n, k), rows that sum to 1, of one perplexity."""
    apart = 2.0 - 2.0 * np.minimum(cosines, 1.0)
    apart = apart - apart.min(axis=1, keepdims=True)
    wanted = np.log(min(PERPLEXITY, 0.8 * cosines.shape[1], max(2.0, len(cosines) / 6)))
    low, high = np.full(len(cosines), 1e-3), np.full(len(cosines), 1e6)
    for _ in range(40):  # bisection, of the logarithm
        sharp = np.sqrt(low * high)
        weights = np.exp(-sharp[:, None] * apart)
        total = weights.sum(axis=1)
        entropy = np.log(total) + sharp * (weights * apart).sum(axis=1) / total
        wide = entropy > wanted
        low, high = np.where(wide, sharp, low), np.where(wide, high, sharp)
    found: NDArray[np.float32] = (weights / total[:, None]).astype(np.float32)
    return found


def _attraction(
    places: Positions, neighbours: NDArray[np.int32], pull: NDArray[np.float32]
) -> Positions:
    """What draws each to its neighbours, and these to it."""
    force = np.empty_like(places)
    away = [places[neighbours, axis] - places[:, axis, None] for axis in (0, 1)]
    weight = pull / (1 + away[0] ** 2 + away[1] ** 2)
    flat = neighbours.ravel()
    for axis in (0, 1):
        drawn = weight * away[axis]
        back = np.bincount(flat, drawn.ravel(), len(places))
        force[:, axis] = drawn.sum(axis=1) - back
    return force


class _Grid:
    """Counts what repels; keeps the kernel's spectrum as long as the grid stays."""

    def __init__(self) -> None:
        self._key = (0, 0.0)
        self._spectra: list[NDArray[np.complex64]] = []

    def repulsion(self, places: Positions) -> Positions:
        """What drives each away from all others, divided by the sum of all kernels."""
        low = places.min(axis=0)
        extent = float((places.max(axis=0) - low).max())
        side, spacing = _size(extent)
        self._prepare(side, spacing)
        at = (places - low) / spacing
        cell = at.astype(np.int32)
        part = at - cell
        corners = [
            (
                (cell[:, 0] + right) * 2 * side + cell[:, 1] + down,
                np.abs(1 - right - part[:, 0]) * np.abs(1 - down - part[:, 1]),
            )
            for right in (0, 1)
            for down in (0, 1)
        ]
        density = np.zeros(4 * side * side, np.float32)
        for index, share in corners:
            density += np.bincount(index, share, len(density)).astype(np.float32)
        spectrum = np.fft.rfft2(density.reshape(2 * side, 2 * side))
        fields = [
            np.fft.irfft2(spectrum * one, (2 * side, 2 * side)).ravel() for one in self._spectra
        ]
        near, right, down = (
            sum(field[index] * share for index, share in corners) for field in fields
        )
        total = max(float(near.sum()) - _own([share for _, share in corners], spacing), 1e-3)
        return (np.stack([right, down], axis=1) / total).astype(np.float32)

    def _prepare(self, side: int, spacing: float) -> None:
        if self._key == (side, spacing):
            return
        self._key = (side, spacing)
        steps = np.fft.fftfreq(2 * side, 1 / (2 * side)).astype(np.float32) * spacing
        right, down = steps[:, None], steps[None, :]
        near = 1 / (1 + right**2 + down**2)
        kernels = (near, right * near**2, down * near**2)
        self._spectra = [np.fft.rfft2(one).astype(np.complex64) for one in kernels]


def _own(shares: list[NDArray[np.float32]], spacing: float) -> float:
    """What all images count for themselves in the sum of kernels, spread over four corners each."""
    side, across = 1 / (1 + spacing**2), 1 / (1 + 2 * spacing**2)
    upper_left, lower_left, upper_right, lower_right = shares
    beside = (upper_left + lower_right) * (lower_left + upper_right)
    opposite = upper_left * lower_right + lower_left * upper_right
    squares = sum(share**2 for share in shares)
    return float((squares + 2 * (side * beside + across * opposite)).sum())


def _size(extent: float) -> tuple[int, float]:
    """Cells of a side and their size; in steps, so that a kernel serves for some passes."""
    side = 16
    while side < _FINEST and (side - 2) * _SPACING < extent:
        side = side * 5 // 4
    spacing = _SPACING
    while (side - 2) * spacing < extent:
        spacing *= 1.05
    return side, spacing
