"""The regions of a map: where images lie close together, and what they have in common."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.filters import COMMA_SEPARATED, values_of
from visavis.flows.mapping.layout import Positions
from visavis.types import Fields, Vectors

Words = Callable[[Vectors], Sequence[Sequence[str]]]
"""Words for what each of (n, dim) vectors shows."""

_SIDE = 128  # cells of the grid on which images are counted
_KINDS = ((0.028, 0.5, 14), (0.012, 0.3, 60))
# How far an image reaches, at least and by the root of their number; how many regions at most.
_FEWEST = 3  # images of a region
_COMMON = 0.34  # of a region's images, that share what it is called by, at least
_SAMPLED = 4_000  # images for which words are found
_LEAST = 0.01  # of the highest summit: by how much a summit stands out


@dataclass(frozen=True, slots=True)
class Region:
    """Images that lie close together on a map."""

    name: str
    """The value of a field, or the tag, that most tells them from the others; may be empty."""
    field: str
    """The field with that value; nothing: the name is a tag of the model, or there is none."""
    share: float
    """Of its images: how many have it."""
    rows: NDArray[np.int64]
    """Of its images."""
    typical: int
    """The row of the one that is most like all of them."""
    place: tuple[float, float]
    """Its middle on the map."""
    fine: bool
    """Whether it is one of many small ones rather than of the few large ones."""


def find_regions(
    positions: Positions, fields: Sequence[Fields], vectors: Vectors, words: Words | None = None
) -> tuple[Region, ...]:
    """The regions of a map, large ones first, then small ones.

    Args:
        positions: (n, 2), each 0…1.
        fields: Of the n images, those that may be spoken of.
        vectors: (n, dim) of unit length.
        words: Names regions where no field does.
    """
    if len(positions) < _FEWEST:
        return ()
    parts = [_basins(positions, *kind) for kind in _KINDS]
    values = _values(fields)
    names = [_names(part, values) for part in parts]
    if words is not None and not any(name for some in names for name, _, _ in some.values()):
        values = _in_words(vectors, words)
        names = [_names(part, values) for part in parts]
    found = []
    for fine, (part, named) in enumerate(zip(parts, names, strict=True)):
        for number, (name, field, share) in named.items():
            rows = np.flatnonzero(part == number)
            typical = _typical(rows, vectors)
            place = positions[_middle(rows, positions)]
            middle = float(place[0]), float(place[1])
            found.append(Region(name, field, share, rows, typical, middle, bool(fine)))
    return tuple(sorted(found, key=lambda one: (one.fine, -len(one.rows), one.typical)))


def _typical(rows: NDArray[np.int64], vectors: Vectors) -> int:
    mine = vectors[rows]
    return int(rows[np.argmax(mine @ mine.mean(axis=0))])


def _middle(rows: NDArray[np.int64], positions: Positions) -> int:
    """The image nearest to the middle of all, so that a bent region's is not beside it."""
    mine = positions[rows]
    return int(rows[np.argmin(np.linalg.norm(mine - np.median(mine, axis=0), axis=1))])


# -- where they are --------------------------------------------------------------------------------


def _basins(positions: Positions, least: float, share: float, most: int) -> NDArray[np.int64]:
    """The number of each image's region (n,): the hill of the images' density that it stands on."""
    cells = np.minimum((positions * _SIDE).astype(np.int64), _SIDE - 1)
    flat = cells[:, 0] * _SIDE + cells[:, 1]
    reach = max(least, share / len(positions) ** 0.5)
    density = _smooth(np.bincount(flat, minlength=_SIDE**2).reshape(_SIDE, _SIDE), reach)
    hills, summits = _hills(density)
    stands_out = sorted((out for out, _ in summits.values()), reverse=True)
    bound = max([_LEAST * float(density.max()), *stands_out[most : most + 1]])
    of = {summit: _joined(summit, summits, bound) for summit in summits}
    return np.array([of[hill] for hill in hills[flat].tolist()])


def _smooth(counts: NDArray[np.int64], reach: float) -> NDArray[np.float64]:
    size = np.arange(-_SIDE, _SIDE) / _SIDE
    kernel = np.exp(-0.5 * (size / reach) ** 2)
    spectrum = np.fft.rfft2(np.pad(counts, (0, _SIDE)))
    wave = np.fft.rfft2(np.fft.ifftshift(np.outer(kernel, kernel)))
    smooth: NDArray[np.float64] = np.fft.irfft2(spectrum * wave)[:_SIDE, :_SIDE]
    return np.maximum(smooth, 0)


_Summits = dict[int, tuple[float, int]]
"""Of each summit: how far one has to climb down to reach a higher one, and which that is."""


def _hills(density: NDArray[np.float64]) -> tuple[NDArray[np.int64], _Summits]:
    """The summit under which each cell lies (cells,), and what is known of the summits.

    Cells are met from the highest down, and two hills meet at the pass between them.
    """
    wide = _SIDE + 2
    height = np.pad(density, 1).ravel()
    steps = [right * wide + down for right in (-1, 0, 1) for down in (-1, 0, 1) if right or down]
    order = np.argsort(-height, kind="stable")
    heights = height.tolist()
    hill = [-1] * len(heights)
    leads: dict[int, int] = {}
    summits: _Summits = {}

    def leader(summit: int) -> int:
        while leads[summit] != summit:
            summit = leads[summit]
        return summit

    for cell in order[: int((height > 1e-9).sum())].tolist():
        near = [hill[cell + step] for step in steps if hill[cell + step] >= 0]
        if not near:
            hill[cell] = leads[cell] = cell
            continue
        meeting = sorted({leader(one) for one in set(near)}, key=lambda one: -heights[one])
        highest = max(
            (cell + step for step in steps if hill[cell + step] >= 0), key=heights.__getitem__
        )
        hill[cell] = hill[highest]
        for lower in meeting[1:]:
            leads[lower] = meeting[0]
            summits[lower] = heights[lower] - heights[cell], meeting[0]
    for summit in leads:
        summits.setdefault(summit, (np.inf, summit))
    return np.array(hill).reshape(wide, wide)[1:-1, 1:-1].ravel(), summits


def _joined(summit: int, summits: _Summits, bound: float) -> int:
    """The summit itself if it stands out by more than the bound, or that of the hill it is on."""
    while summits[summit][0] <= bound:
        summit = summits[summit][1]
    return summit


# -- what they are called --------------------------------------------------------------------------

_Values = dict[tuple[str, str], NDArray[np.int64]]
"""Of a field and a value, the rows that have it."""


def _values(fields: Sequence[Fields]) -> _Values:
    """What images may have in common: texts that several have, in fields that nearly all have."""
    found: dict[tuple[str, str], list[int]] = {}
    having: Counter[str] = Counter()
    for row, mine in enumerate(fields):
        for name, value in mine.items():
            if isinstance(value, str) and value.strip():
                having[name] += 1
                for part in values_of(name, value):
                    found.setdefault((name, str(part)), []).append(row)
    distinct = Counter(name for name, _ in found)
    repeated = {name for name in having if distinct[name] * 2 <= having[name]}
    kept = repeated | COMMA_SEPARATED
    return {key: np.array(rows) for key, rows in found.items() if key[0] in kept and len(rows) > 1}


def _in_words(vectors: Vectors, words: Words) -> _Values:
    """The same from words for what images show."""
    step = max(1, len(vectors) // _SAMPLED)
    found: dict[tuple[str, str], list[int]] = {}
    for row, mine in zip(range(0, len(vectors), step), words(vectors[::step]), strict=True):
        for word in mine:
            found.setdefault(("", word), []).extend(range(row, min(row + step, len(vectors))))
    return {key: np.array(rows) for key, rows in found.items()}


def _names(part: NDArray[np.int64], values: _Values) -> dict[int, tuple[str, str, float]]:
    """Of each region, the largest first: its name, the field that has it, and their share."""
    numbers, where, sizes = np.unique(part, return_inverse=True, return_counts=True)
    worth: list[list[tuple[float, float, str, str]]] = [[] for _ in numbers]
    for (field, value), rows in values.items():
        inside = np.bincount(where[rows], minlength=len(numbers))
        share, usual = inside / sizes, len(rows) / len(part)
        gain = share * np.log(np.maximum(share, 1e-9) / usual)
        for number in np.flatnonzero(share >= _COMMON / 2):
            worth_of = max(float(gain[number]), 1e-6 * float(share[number]))
            worth[number].append((worth_of, float(share[number]), value, field))
    kept = [number for number in range(len(numbers)) if sizes[number] >= _FEWEST]
    kept.sort(key=lambda number: -int(sizes[number]))
    return {int(numbers[number]): _name(worth[number]) for number in kept}


def _name(worth: Sequence[tuple[float, float, str, str]]) -> tuple[str, str, float]:
    """The value that most tells them from others; two of a field where none is common enough."""
    ranked = sorted(worth, key=lambda one: (-one[0], one[2], one[3]))
    for _, share, value, field in ranked:
        if share >= _COMMON:
            return value, field, share
    if ranked:
        _, share, value, field = ranked[0]
        second = next((one for one in ranked[1:] if one[3] == field), None)
        if second is not None and field and share + second[1] >= _COMMON:
            return f"{value}, {second[2]}", field, share + second[1]
    return "", "", 0.0
