"""All images on one map: some are laid out, the others placed among their neighbours."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.flows.mapping.layout import Positions, Step, lay_out
from visavis.flows.mapping.neighbours import nearest
from visavis.types import Vectors

NEIGHBOURS = 10
"""Of each image, that are kept and placed by."""

LANDMARKS = 20_000
"""Images that are laid out; of a larger collection so many are picked by chance."""

_PULLING = 36  # neighbours that attract an image while the layout is found
_FEW = 4  # images, for which no layout is found
_BLOCK = 8_192
_SPREAD = 6_000  # images of which each gets a place for itself; of more, most are seen as dots
_FILLED = 0.34  # of the map, by the places of all images
_PUSHES, _PUSHED_BY = 90, 8
_JITTER = 0.35  # of the usual distance between neighbours on the map


class Arranged(NamedTuple):
    """Where images lie."""

    positions: Positions
    """(n, 2), each 0…1; the longer side of the map is filled."""
    neighbours: NDArray[np.int32]
    """(n, k) rows of the nearest others, best first."""
    cosines: NDArray[np.float32]
    """(n, k) of each with its image."""


def arrange(
    vectors: Vectors,
    seed: int,
    before: Positions | None = None,
    step: Step = lambda done, total: None,
) -> Arranged:
    """A map of all images.

    Args:
        vectors: (n, dim) of unit length.
        seed: Of what is left to chance.
        before: (n, 2) where they lay on an earlier map, NaN for those that did not: the new one is
            turned as that was.
        step: See Step.
    """
    chance = np.random.default_rng(seed)
    count = len(vectors)
    chosen = np.arange(count)
    if count > LANDMARKS:
        chosen = np.sort(chance.choice(count, LANDMARKS, replace=False))
    some = vectors if len(chosen) == count else vectors[chosen]
    found, cosines = nearest(some, _PULLING)
    start = _start(some, chance, None if before is None else before[chosen])
    places = fitted(_circle(count) if count < _FEW else lay_out(found, cosines, start, step))
    _separate(places, chance)
    if count <= _SPREAD:
        places = fitted(_spread(places))
    if len(chosen) == count:
        return Arranged(places, found[:, :NEIGHBOURS], cosines[:, :NEIGHBOURS])
    positions = np.full((count, 2), np.nan, np.float32)
    positions[chosen] = places
    place_others(vectors, positions, seed)
    return Arranged(positions, *nearest(vectors, NEIGHBOURS))


def place_others(vectors: Vectors, positions: Positions, seed: int) -> None:
    """Put those whose position is NaN at the medoid of their nearest that have one, or beside it.

    On 1,000 unseen images of 10,000 that kept more of the true neighbours than other ways did.
    """
    known, new = (np.flatnonzero(np.isnan(positions[:, 0]) == new) for new in (False, True))
    if not len(new):
        return
    chance = np.random.default_rng(seed + 1)
    among, places = vectors[known], positions[known]
    spread = _JITTER * spacing(places)
    for begin in range(0, len(new), _BLOCK):
        block = new[begin : begin + _BLOCK]
        found, _ = nearest(vectors[block], NEIGHBOURS, among)
        there = places[found]
        apart = np.linalg.norm(there[:, :, None] - there[:, None], axis=3).sum(axis=2)
        medoid = there[np.arange(len(block)), apart.argmin(axis=1)]
        positions[block] = medoid + chance.normal(0, spread, medoid.shape)
    np.clip(positions, 0, 1, out=positions)


def spacing(places: Positions) -> float:
    """The usual distance between neighbours, were they spread evenly over where there are any."""
    cells = np.unique((places * 64).astype(np.int64) @ np.array([65, 1]))
    return float(np.sqrt(len(cells) / 64**2 / max(1, len(places))))


def fitted(places: Positions) -> Positions:
    """The same map within 0…1, the shorter side in the middle."""
    low, high = places.min(axis=0), places.max(axis=0)
    longest = max(float((high - low).max()), 1e-9)
    within: Positions = np.clip((places - (low + high) / 2) / longest + 0.5, 0, 1)
    return within.astype(np.float32)


def _spread(places: Positions) -> Positions:
    """The same map with room for each image: those too near push one another away."""
    import faiss

    spread = places.astype(np.float32)
    room = np.float32(np.sqrt(_FILLED / len(spread)))
    nearest_ones = min(_PUSHED_BY, len(spread) - 1) + 1
    for _ in range(_PUSHES):
        index = faiss.IndexFlatL2(2)
        index.add(spread)
        squared, rows = index.search(spread, nearest_ones)
        apart = np.sqrt(np.maximum(squared, 0))
        away = spread[:, None] - spread[rows]
        lacks = np.clip(room - apart, 0, None) / np.maximum(apart, 1e-6)
        step = 0.3 * (away * lacks[..., None]).sum(axis=1)
        if float(np.abs(step).max()) < 0.01 * room:
            break
        spread = spread + np.clip(step, -room / 2, room / 2)
    return spread


def _separate(places: Positions, chance: np.random.Generator) -> None:
    """Move those a little that lie on one spot: vectors that are the same end there."""
    _, spot, counts = np.unique(places.round(5), axis=0, return_inverse=True, return_counts=True)
    crowded = np.flatnonzero(counts[spot.ravel()] > 1)
    moved = chance.normal(0, _JITTER * spacing(places), (len(crowded), 2))
    places[crowded] = np.clip(places[crowded] + moved, 0, 1)


def _start(vectors: Vectors, chance: np.random.Generator, before: Positions | None) -> Positions:
    """Where the layout begins: the two main directions, or as an earlier map had it."""
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    main = directions[:, -2:][:, ::-1]
    main = main * np.sign(main[np.abs(main).argmax(axis=0), [0, 1]])  # else by chance
    start = centred @ main
    if before is not None and np.isfinite(before[:, 0]).mean() > 0.5:
        known = np.isfinite(before[:, 0])
        start = np.where(known[:, None], before, before[known].mean(axis=0))
    scale = float(start.std()) or 1.0
    shaken: Positions = (start + chance.normal(0, 1e-2 * scale, start.shape)).astype(np.float32)
    return shaken


def _circle(count: int) -> Positions:
    """Places for so few that there is nothing to lay out."""
    turns = np.arange(count) * (2 * np.pi / max(1, count))
    return np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
