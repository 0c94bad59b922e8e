"""A rolling store of pictures that the teacher has looked at.

The teacher costs as much as the student, so each of its pictures is used a few times, with other
edits each time, before a fresh one takes its place. Everything in the store follows from the seed
and the number of pictures made so far, so a stopped training finds the same store again.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.training.teacher import Projection, Teacher
from visavis.types import RGB


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures with what the teacher says about them."""

    pixels: NDArray[np.uint8]
    """(n, side, side, 3)."""
    vectors: NDArray[np.float32]
    """(n, dim): projected embeddings."""
    maps: NDArray[np.float32]
    """(n, dim, cells, cells): projected embeddings place by place."""
    scores: NDArray[np.float32]
    """(n, classes): probabilities."""
    hints: list[NDArray[np.float32]]
    """(n, numbers, h, w): projected inner maps."""


class Pool:
    """The latest `capacity` pictures of an endless stream, made in blocks."""

    def __init__(
        self,
        stream: Callable[[int], RGB],
        teacher: Teacher,
        projection: Projection,
        hints: Sequence[Projection],
        *,
        side: int,
        cells: int,
        hint_cells: Sequence[int],
        capacity: int,
        block: int,
        classes: int,
        threads: int = 2,
    ) -> None:
        if capacity % block:
            raise ValueError(f"the capacity {capacity} must be a multiple of the block {block}")
        self._stream, self._teacher, self._projection = stream, teacher, projection
        self._side, self._cells, self._block, self._classes = side, cells, block, classes
        self.capacity = capacity
        dim = projection.matrix.shape[1]
        self._pixels = np.zeros((capacity, side, side, 3), np.uint8)
        self._vectors = np.zeros((capacity, dim), np.float16)
        self._maps = np.zeros((capacity, dim, cells, cells), np.float16)
        self._scores = np.zeros((capacity, classes), np.float16)
        self._hinting = list(zip(hints, hint_cells, strict=True))
        self._hints = [
            np.zeros((capacity, by.matrix.shape[1], cells, cells), np.float16)
            for by, cells in self._hinting
        ]
        self._blocks = 0
        self._threads = ThreadPoolExecutor(threads)

    def advance(self, blocks: int) -> None:
        """Make the store hold the last pictures of the first `blocks` blocks."""
        first = max(self._blocks, blocks - self.capacity // self._block)
        for number in range(first, blocks):
            self._make(number)
        self._blocks = blocks

    def take(self, places: NDArray[np.int64]) -> Examples:
        """The examples at these places (0 … capacity - 1)."""
        return Examples(
            self._pixels[places],
            self._vectors[places].astype(np.float32),
            self._maps[places].astype(np.float32),
            self._scores[places].astype(np.float32),
            [hint[places].astype(np.float32) for hint in self._hints],
        )

    def _make(self, number: int) -> None:
        numbers = range(number * self._block, (number + 1) * self._block)
        pictures = list(self._threads.map(self._stream, numbers))
        maps, scores, hints = self._teacher.look(pictures)
        kept = scores[:, -self._classes :]  # a background class, if there is one, comes first
        start = numbers[0] % self.capacity
        place = slice(start, start + self._block)
        self._pixels[place] = list(self._threads.map(self._shrunk, pictures))
        self._vectors[place] = self._projection.vectors(maps.mean(axis=(2, 3)))
        self._maps[place] = self._projection.maps(_cells(maps, self._cells))
        for kept_hints, (projection, cells), seen in zip(
            self._hints, self._hinting, hints, strict=True
        ):
            kept_hints[place] = projection.maps(_cells(seen, cells))
        self._scores[place] = kept / kept.sum(axis=1, keepdims=True)

    def _shrunk(self, picture: RGB) -> RGB:
        image = Image.fromarray(picture)
        return np.asarray(image.resize((self._side, self._side), Image.Resampling.BICUBIC))


def _cells(maps: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Averages over `cells` × `cells` overlapping windows (adaptive average pooling)."""
    height, width = maps.shape[2:]
    rows, columns = _windows(height, cells), _windows(width, cells)
    averages: NDArray[np.float32] = np.einsum(
        "nchw,ih,jw->ncij", maps, rows, columns, optimize=True
    )
    return averages


def _windows(length: int, cells: int) -> NDArray[np.float32]:
    """(cells, length): each row averages over its window."""
    weights = np.zeros((cells, length), np.float32)
    for cell in range(cells):
        start, end = cell * length // cells, -(-(cell + 1) * length // cells)
        weights[cell, start:end] = 1 / (end - start)
    return weights
