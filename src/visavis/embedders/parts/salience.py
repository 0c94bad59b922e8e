"""What stands out in a picture, by the map of a network: boxes around its subjects.

A network that tells kinds of things answers strongly where there is one, and hardly on a ground
(Wei, Luo, Wu, Zhou: "Selective convolutional descriptor aggregation for fine-grained image
retrieval", 2017). Here an answer counts as far as no blank picture gets it at that place, since
maps have a middle and edges of their own. What is above Otsu's threshold (1979) is taken apart at
its saddles, as Chazal, Guibas, Oudot and Skraba cluster by persistence (2013), unless the answers
on both sides are alike: things that touch become two, and the halves of one thing do not.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.types import Box, Subject

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
"""Of a grid, row after row."""

BLANKS = (0, 64, 127, 200, 255)
"""The greys of the pictures that show nothing."""

MOST = 3
"""Subjects of a picture."""

_FINER = 3  # pixels of a cell's side: what a box is exact to
_STANDS_OUT = 1.75  # times a blank's strength that the strongest place has, or nothing is there
_DEEP = 0.3  # of the highest peak's height: a saddle that may take two things apart
_ALIKE = 0.5  # cosine of the answers on both sides of it, of one thing
_SMALLEST, _WHOLE = 0.012, 0.6  # of the picture's area: a speck, and all of it
_LEAST = 0.15  # of all that stands out: what less is, was not meant
_WITHIN = 0.5  # of the smaller box: what lies so far within a stronger one belongs to it


class Blank(NamedTuple):
    """How a network answers to pictures that show nothing."""

    low: Floats
    """The weakest answers: (channels, high, wide)."""
    high: Floats
    """The strongest."""
    strength: float
    """Of a place, on the average."""

    @classmethod
    def of(cls, maps: Floats) -> "Blank":
        """From the maps of blank pictures: (n, channels, high, wide)."""
        strength = float(np.linalg.norm(maps, axis=1).mean())
        return cls(maps.min(axis=0), maps.max(axis=0), strength)


def subjects(seen: Floats, blank: Blank) -> list[Subject]:
    """Up to three boxes around what a picture's map (channels, high, wide) shows, most first.

    None where nothing stands out, or what does fills the picture.
    """
    beyond = seen - seen.clip(blank.low, blank.high)
    strength = np.linalg.norm(beyond, axis=0)
    if strength.max() <= _STANDS_OUT * blank.strength:
        return []
    above = np.maximum(_finer(strength) - _otsu(strength), 0)
    total = float(above.sum())
    found: list[Subject] = []
    for piece in sorted(_pieces(above, beyond), key=lambda one: -above.ravel()[one].sum()):
        one = Subject(_around(piece, above.shape), float(above.ravel()[piece].sum()) / total)
        if _area(one.box) >= _WHOLE and not found:
            return []
        if len(piece) < _SMALLEST * above.size or one.score < _LEAST or _area(one.box) >= _WHOLE:
            continue
        if not any(_lies_within(one.box, other.box) for other in found):
            found.append(one)
    return found[:MOST]


def _area(box: Box) -> float:
    """As a fraction of the picture; 0 of what is no box."""
    left, top, right, bottom = box
    return max(0.0, right - left) * max(0.0, bottom - top)


def _lies_within(one: Box, other: Box) -> bool:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    common = _area((left, top, right, bottom))
    return common > _WITHIN * min(_area(one), _area(other))


def _around(piece: Places, shape: tuple[int, ...]) -> Box:
    high, wide = shape
    rows, columns = np.divmod(piece, wide)
    return (
        float(columns.min() / wide),
        float(rows.min() / high),
        float((columns.max() + 1) / wide),
        float((rows.max() + 1) / high),
    )


def _finer(cells: Floats) -> Floats:
    """The same on a finer grid, linear between the middles of cells."""
    down, across = (_between(count) for count in cells.shape)
    return np.asarray(down @ cells @ across.T, np.float32)


def _between(cells: int) -> Floats:
    place = np.clip((np.arange(cells * _FINER) + 0.5) / _FINER - 0.5, 0, cells - 1)
    shares = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells)))
    return np.asarray(shares, np.float32)


def _otsu(values: Floats) -> float:
    """What best parts values in two: between them lies most of the variance."""
    ordered = np.sort(values, axis=None)
    count = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)
    below, above = sums[:-1] / count, (sums[-1] - sums[:-1]) / (ordered.size - count)
    best = int(np.argmax(count * (ordered.size - count) * (above - below) ** 2))
    return float(ordered[best] + ordered[best + 1]) / 2


def _pieces(above: Floats, beyond: Floats) -> Iterator[Places]:
    """The places of each thing: what is joined, and not parted by a saddle.

    From the highest place down, each joins the highest thing beside it; where two meet, they are
    one unless the lower peak rises far enough above that place, and their answers differ.
    """
    heights = above.ravel()
    order = np.argsort(-heights, kind="stable")
    order = order[heights[order] > 0]
    things = _Things(heights, beyond, above.shape[1])
    for place in map(int, order):
        things.join(place)
    owners = np.array([things.peak(int(place)) for place in order], np.int64)
    for owner in dict.fromkeys(owners.tolist()):
        yield order[owners == owner]


class _Things:
    """Places joined to the peaks that they lie under, and the answers summed over each thing."""

    def __init__(self, heights: Floats, beyond: Floats, wide: int) -> None:
        self._heights = heights
        self._deep = _DEEP * float(heights.max())
        self._wide = wide
        self._answers = np.ascontiguousarray(beyond.transpose(1, 2, 0))
        self._parent: dict[int, int] = {}
        self._sums: dict[int, Floats] = {}

    def peak(self, place: int) -> int:
        """The highest place of the thing that a place belongs to."""
        parent = self._parent
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    def join(self, place: int) -> None:
        """Take in a place; those higher are in already."""
        first, *others = self._beside(place) or [place]
        self._parent[place] = first
        row, column = divmod(place, self._wide)
        answer = self._answers[row // _FINER, column // _FINER]
        self._sums[first] = self._sums[first] + answer if first in self._sums else answer
        for lower in others:
            if self._is_one(first, lower, place):
                self._parent[lower] = first
                self._sums[first] = self._sums[first] + self._sums.pop(lower)

    def _beside(self, place: int) -> Sequence[int]:
        """The peaks of what lies beside a place, the highest first."""
        column = place % self._wide
        near = [place - self._wide, place + self._wide]
        near += [place - 1] * (column > 0) + [place + 1] * (column < self._wide - 1)
        peaks = {self.peak(one) for one in near if one in self._parent}
        return sorted(peaks, key=lambda one: (-self._heights[one], one))

    def _is_one(self, first: int, lower: int, saddle: int) -> bool:
        if self._heights[lower] - self._heights[saddle] < self._deep:
            return True
        one, other = self._sums[first], self._sums[lower]
        return float(one @ other) > _ALIKE * float(np.linalg.norm(one) * np.linalg.norm(other))
