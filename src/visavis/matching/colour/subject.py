"""Which part of a picture is its subject, by the little that is kept of it: see `Subject`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.matching.colour.spaces import Floats
from visavis.matching.signature import COLOUR_SIDE, SIDE, Signature

Mask = NDArray[np.bool_]

_STEP = SIDE // COLOUR_SIDE
_CENTRE = 0.6  # standard deviation of the weight around the middle; 1 is half the picture's side
_MODES = 3  # colours that a backdrop may have
_LEAST_SHARE = 0.15  # of the frame: what has less is no backdrop
_LIGHT, _COLOUR = 20.0, 14.0  # how far the pixels of a backdrop are from its colour
_BLED = 6.0  # how much lighter or darker a pixel of it is than the one beside it
_LEAST_SUBJECT = 0.03  # of all pixels: a smaller one is a backdrop not understood
_NEIGHBOURS = (
    (np.s_[1:], np.s_[:-1]),
    (np.s_[:-1], np.s_[1:]),
    (np.s_[:, 1:], np.s_[:, :-1]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)
_LEAST_INNER = 0.3  # of the subject's pixels: where fewer are no edge, edges count too
_LEAST_MIXED = 0.25  # of a cell of colour: what the subject has of it, for its colour to be known


class Subject(NamedTuple):
    """What a picture shows in front of its backdrop.

    A backdrop is what looks alike along the frame, in one to three colours, and all that is joined
    with it: a table, a wall, the white of a catalogue. Where there is none, the middle counts more.
    """

    rgb: NDArray[np.uint8]
    """(pixels, 3)"""
    weights: Floats
    """(pixels,): how much each counts; they add up to 1."""


def subject(signature: Signature) -> Subject:
    """The subject of a picture, from its signature: brightness is finer there than colour.

    The colour of a cell that the subject shares with the backdrop is unmixed.
    """
    light, colour = signature.light, signature.colour
    behind, backdrop = _backdrop(light, _enlarged(colour))
    if behind.mean() > 1 - _LEAST_SUBJECT:
        behind = np.zeros_like(behind)
    own = _cells(~behind)[..., None]
    others = _cells(behind)[..., None] * backdrop
    unmixed = (colour - others) / np.maximum(own, _LEAST_MIXED)
    known = np.repeat(np.repeat(own[..., 0] >= _LEAST_MIXED, _STEP, 0), _STEP, 1)
    seen = ~behind & known
    if not seen.any():
        seen = ~behind
    inner = seen & ~_beside(behind)
    if inner.sum() >= _LEAST_INNER * seen.sum():
        seen = inner
    rgb = _rgb(light[seen], np.repeat(np.repeat(unmixed, _STEP, 0), _STEP, 1)[seen])
    weights = _WEIGHTS[seen]
    return Subject(rgb, np.asarray(weights / weights.sum(), np.float32))


def _beside(mask: Mask) -> Mask:
    """What is next to a mask, and so a mixture of both in a picture made small."""
    found = np.zeros_like(mask)
    for here, there in _NEIGHBOURS:
        found[here] |= mask[there]
    return found


def _backdrop(light: Floats, colour: Floats) -> tuple[Mask, Floats]:
    """Where the backdrop is, and its mean colour."""
    scaled = np.concatenate([light[..., None] / _LIGHT, colour / _COLOUR], axis=-1)
    edge = scaled[_FRAME]
    left = np.ones(len(edge), bool)
    candidates = np.zeros((SIDE, SIDE), bool)
    for _ in range(_MODES):
        if left.sum() < _LEAST_SHARE * len(edge):
            break
        mode = _densest(edge[left])
        near = ((edge - mode) ** 2).sum(axis=1) < 1
        if (near & left).sum() < _LEAST_SHARE * len(edge):
            break
        candidates |= ((scaled - mode) ** 2).sum(axis=-1) < 1
        left &= ~near
    found = _bled(_joined(candidates, _FRAME), light)
    mean = colour[found].mean(axis=0) if found.any() else np.zeros(2, np.float32)
    return found, np.asarray(mean, np.float32)


def _bled(found: Mask, light: Floats) -> Mask:
    """A backdrop with the pixels at its edge that only have the subject's coarser colour.

    They are as light as what is beside them.
    """
    for _ in range(_STEP // 2):
        count = np.zeros(light.shape, np.float32)
        total = np.zeros(light.shape, np.float32)
        for here, there in _NEIGHBOURS:
            count[here] += found[there]
            total[here] += np.where(found[there], light[there], 0)
        near = (count > 0) & (np.abs(light - total / np.maximum(count, 1)) < _BLED)
        found = found | near
    return found


def _densest(points: Floats) -> Floats:
    """The middle of where most points lie."""
    cells = np.floor(points * 1.5).astype(np.int64)
    keys = cells @ np.array([1, 1 << 20, 1 << 40])
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    mode = points[inverse == counts.argmax()].mean(axis=0)
    near = ((points - mode) ** 2).sum(axis=1) < 1
    return np.asarray(points[near].mean(axis=0) if near.any() else mode, np.float32)


def _joined(candidates: Mask, seeds: Mask) -> Mask:
    """The candidates that are joined with seeds among them: whole runs of a row or column."""
    found = candidates & seeds
    across, down = _runs(candidates), _runs(candidates.T)
    before = -1
    while (count := int(found.sum())) != before:
        before = count
        found = candidates & _reached(across, found)
        found = candidates & _reached(down, found.T).T
    return found


def _runs(candidates: Mask) -> NDArray[np.int64]:
    """A number for each run of candidates in a row."""
    starts = ~candidates
    starts[:, 0] = True
    return np.asarray(np.cumsum(starts).reshape(starts.shape), np.int64)


def _reached(runs: NDArray[np.int64], found: Mask) -> Mask:
    reached = np.zeros(int(runs[-1, -1]) + 1, bool)
    reached[runs[found]] = True
    return reached[runs]


def _cells(mask: Mask) -> Floats:
    """How much of each cell of colour a mask has."""
    shape = (COLOUR_SIDE, _STEP, COLOUR_SIDE, _STEP)
    return np.asarray(mask.reshape(shape).mean(axis=(1, 3)), np.float32)


def _enlarged(colour: Floats) -> Floats:
    """(48, 48, 2), linear between the middles of cells."""
    return np.asarray(np.einsum("ya,abc,xb->yxc", _BETWEEN, colour, _BETWEEN, optimize=True))


def _rgb(light: Floats, colour: NDArray[np.floating]) -> NDArray[np.uint8]:
    """ITU-R BT.601, full range, as in JPEG."""
    blue, red = colour[:, 0], colour[:, 1]
    rgb = np.stack(
        [light + 1.402 * red, light - 0.344136 * blue - 0.714136 * red, light + 1.772 * blue],
        axis=-1,
    )
    return np.asarray(np.rint(rgb).clip(0, 255), np.uint8)


def _weights() -> Floats:
    offset = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    bump = np.exp(-(offset**2) / (2 * _CENTRE**2))
    return np.asarray(np.outer(bump, bump), np.float32)


def _between() -> Floats:
    place = np.clip((np.arange(SIDE) + 0.5) / _STEP - 0.5, 0, COLOUR_SIDE - 1)
    return np.asarray(
        np.maximum(0, 1 - np.abs(place[:, None] - np.arange(COLOUR_SIDE))), np.float32
    )


def _frame() -> Mask:
    frame = np.ones((SIDE, SIDE), bool)
    frame[2:-2, 2:-2] = False
    return frame


_WEIGHTS, _BETWEEN, _FRAME = _weights(), _between(), _frame()
