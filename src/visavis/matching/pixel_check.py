"""The same picture, edited? Told from two signatures alone, without reading a file.

The gradients of brightness of two signatures are correlated in all eight turns and flips. Resizing,
compression, blur, and changes of light or to grey leave them nearly alone; other views of an object
do not correlate. What correlates may still be another product in the same pose: so the parts that
show anything have to agree one by one, and the colours may differ by no more than edits of a
photograph make them. Crops, borders, captions and writing move the picture within its frame: that
is not for this check, but for `visavis.matching.local`.

Thresholds were chosen on the copies, views and catalogue pairs of docs/results.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.matching.signature import COLOUR_SIDE, SIDE, Grid, Signature
from visavis.matching.turns import CLASS, correlations, parts

Verdict = Literal["same", "recoloured", "unknown"]

LEAST_FORM = 0.65
"""Correlation of the gradients below which nothing else is looked at."""
PARTS = 6
"""Parts a side; each has 8 × 8 cells."""
VISIBLE = 2.0
"""Grey levels: a part with weaker gradients shows nothing."""
ENOUGH, MANY = 8, 20
"""Parts that have to show something (fewer are no evidence: an empty page, a flat colour), and
from how many on the picture fills its frame (a product on a white ground does not)."""
GREY = 4.0
"""Colour differences (of 128) below this are as good as none."""
OTHER_COLOURS = 0.25  # of all colour there is; crops of a picture differ by a tenth of this
RECOLOURED = 0.3
"""The share of the colour that no edit of a whole photograph explains."""
TURNED_HUE = 0.25
"""The share of the colour, be it as pale as it may, that turning all hues explains and no edit."""
WHITE_BALANCE = 64.0
"""Of 128: the most colour that light gives to white. No light makes a white stripe yellow."""
FAR, PART = 36.0, 1 / 8
"""Of 128, and of the picture: so much of it differs so much in colour as no edit explains."""
NOISE = 1.0
"""Colour differences (of 128) that compression leaves in a cell without colour."""
ONE_TINT = 0.35
"""The share of its colour by which a picture in one colour differs from one tint."""
SAME_LIGHT = 25.0
"""Levels by which grey may be darker or brighter than the colour that it was."""


@dataclass(frozen=True, slots=True)
class PixelCheck:
    """What two signatures say of their pictures."""

    verdict: Verdict
    form: float
    """Correlation of the gradients in the best of eight turns and flips, -1…1."""
    colour: float
    """The share of colour that differs, 0…1; 0 where the forms differ."""
    quarters: int = 0
    """Quarter turns against the clock that lay the first on the second; 0 if it lies so as well."""


def pixel_checks(asked: Signature, others: Sequence[Signature]) -> list[PixelCheck]:
    """Compare a picture with others."""
    if not others:
        return []
    turned = _turned(asked.light)
    mine, theirs = _gradients(turned), _gradients(np.stack([other.light for other in others]))
    # One by one: so small a product stays in this thread, and waking others costs a hundred times.
    forms = np.stack([mine @ row for row in theirs], axis=1)
    length = float(np.linalg.norm(mine[0]))  # of all turns the same
    forms /= np.maximum(length * np.sqrt(np.einsum("ij,ij->i", theirs, theirs)), 1e-6)
    best = forms.argmax(axis=0)
    colours = _turned(asked.colour)
    lies = np.where(forms[[0, 4]].max(axis=0) >= LEAST_FORM, 0, best % 4)
    return [
        replace(
            _judged(turned[way], colours[way], other, float(forms[way, at])), quarters=int(lies[at])
        )
        for at, (way, other) in enumerate(zip(best, others, strict=True))
    ]


def turn_of(asked: Signature, other: Signature) -> tuple[int, bool]:
    """How the picture lies best on the other: quarter turns against the clock, then mirrored."""
    forms = _unit(_turned(asked.light)) @ _unit(other.light[None])[0]
    way = int(forms.argmax())
    return way % 4, way >= 4


class Compared:
    """The last of many pictures, which further ones are compared with one by one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._rows = np.zeros((4, most, CLASS), np.float32)
        self._kept: dict[int, Signature] = {}

    def add(self, one: Signature | None) -> None:
        """Take in a picture; without a signature it only takes a number."""
        place = self._count % self._most
        self._kept.pop(self._count - self._most, None)
        self._rows[:, place] = 0 if one is None else parts(one.light)
        if one is not None:
            self._kept[self._count] = one
        self._count += 1

    def first_same(self, asked: Signature) -> int | None:
        """The number of the first of those kept that shows the same, edited; None: none does."""
        forms = correlations(self._rows[:, : min(self._count, self._most)], asked.light)
        likely = set(np.flatnonzero(forms.max(axis=1) >= LEAST_FORM))
        for at, other in self._kept.items() if likely else ():
            if at % self._most not in likely:
                continue
            form = forms[at % self._most]
            way = int(form.argmax())
            light, colour = _turned(asked.light)[way], _turned(asked.colour)[way]
            if _judged(light, colour, other, float(form[way])).verdict == "same":
                return at
        return None


def _judged(light: Grid, colour: Grid, other: Signature, form: float) -> PixelCheck:
    if form < LEAST_FORM:
        return PixelCheck("unknown", form, 0.0)
    detail = _detail(_blurred(light), _blurred(other.light))
    if not _agree(form, detail):
        return PixelCheck("unknown", form, 0.0)
    recoloured, differs = _recoloured(Signature(light, colour), other)
    return PixelCheck("recoloured" if recoloured else "same", form, differs)


class _Detail(NamedTuple):
    """How smoothed gradients correlate: all of them, and part by part where parts show anything."""

    whole: float
    each: float
    """The mean over the parts."""
    parts: int


def _agree(form: float, detail: _Detail) -> bool:
    """Whether gradients and smoothed gradients say that the layout is the same.

    A blurred or tiny copy keeps less of the fine gradients, so the smoothed ones may decide; not so
    for a few outlines on an empty ground, which many products share.
    """
    if detail.parts >= MANY and detail.whole >= 0.96 and detail.each >= 0.9:
        return True
    return detail.parts >= ENOUGH and form >= 0.9 and detail.each >= 0.85


def _turned(grid: Grid) -> Grid:
    """The eight turns and flips of a square grid (n, n, …)."""
    turns = [np.rot90(grid, quarter) for quarter in range(4)]
    return np.stack([*turns, *(turn[:, ::-1] for turn in turns)])


def _unit(lights: Grid) -> NDArray[np.float32]:
    """The gradients of (n, 48, 48) as rows of unit length; of a flat picture, zeros."""
    rows = _gradients(lights)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def _gradients(lights: Grid) -> NDArray[np.float32]:
    """The gradients of (n, 48, 48), across and down, as rows."""
    number, half = len(lights), SIDE * (SIDE - 1)
    rows = np.empty((number, 2 * half), np.float32)
    across = rows[:, :half].reshape(number, SIDE, SIDE - 1)
    down = rows[:, half:].reshape(number, SIDE - 1, SIDE)
    np.subtract(lights[:, :, 1:], lights[:, :, :-1], out=across)
    np.subtract(lights[:, 1:], lights[:, :-1], out=down)
    return rows


def _blurred(light: Grid) -> Grid:
    padded = np.pad(light, 1, mode="edge")
    across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred: Grid = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16
    return blurred


def _detail(one: Grid, other: Grid) -> _Detail:
    first, second = _parts(one), _parts(other)
    products = (first * second).sum(axis=1)
    energies = np.sqrt((first**2).sum(axis=1)), np.sqrt((second**2).sum(axis=1))
    lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    whole = products.sum() / max(lengths[0] * lengths[1], 1e-6)
    contrast = lengths[1] / max(lengths[0], 1e-6)
    least = VISIBLE * np.sqrt(first.shape[1])
    visible = np.maximum(energies[0] * max(contrast, 1.0), energies[1]) > least
    if not visible.any():
        return _Detail(float(whole), 0.0, 0)
    each = products / np.maximum(energies[0] * energies[1], 1e-6)
    return _Detail(float(whole), float(each[visible].mean()), int(visible.sum()))


def _parts(light: Grid) -> NDArray[np.float32]:
    """Gradients by part: (36, 128)."""
    side = SIDE // PARTS
    gradients = np.stack(list(np.gradient(light)))
    parts = gradients.reshape(2, PARTS, side, PARTS, side).transpose(1, 3, 0, 2, 4)
    return parts.reshape(PARTS * PARTS, -1)


def colour_residual(one: Signature, other: Signature) -> float:
    """The share of colour that no edit of a whole photograph explains, 0…1.

    An edit makes all colours stronger or weaker, tints what is bright (another white balance), or
    leaves one hue (grey, sepia). A recoloured product changes its hue and keeps its white ground.
    """
    return _residual(_Colours.of(one), _Colours.of(other))


def _residual(first: "_Colours", second: "_Colours") -> float:
    if _is_toned(first, second) or _is_toned(second, first):
        return 0.0
    return min(_unexplained(first, second), _unexplained(second, first))


def is_recoloured(one: Signature, other: Signature) -> bool:
    """Whether two pictures of one layout, the right way up, have other colours.

    Stricter than `pixel_checks`: for a part of a picture it is all that tells two products of one
    shape apart, and a copy of a part has the very colours of the part, or is grey or in one tint.
    """
    if _recoloured(one, other)[0]:
        return True
    first, second = _Colours.of(one), _Colours.of(other)
    if _is_toned(first, second) or _is_toned(second, first):
        return False
    apart = float(np.abs(one.colour - other.colour).mean())
    strength = float(np.abs(one.colour).mean() + np.abs(other.colour).mean())
    return apart > OTHER_COLOURS * max(strength, GREY)


def _recoloured(one: Signature, other: Signature) -> tuple[bool, float]:
    """Whether the colours are others, and the share that differs."""
    first, second = _Colours.of(one), _Colours.of(other)
    hue = min(_turned_hue(first, second), _turned_hue(second, first))
    if hue > TURNED_HUE or _is_dyed(first, second) or _is_dyed(second, first):
        return True, max(hue, RECOLOURED)
    left = _residual(first, second)
    if left and _is_other_in_part(first, second) and _is_other_in_part(second, first):
        return True, max(left, RECOLOURED)
    return left > RECOLOURED, left


class _Colours(NamedTuple):
    """A signature's colour and brightness by coarse cells."""

    colour: NDArray[np.float32]
    """(144, 2)"""
    bright: NDArray[np.float32]
    """(144, 1)"""

    @classmethod
    def of(cls, picture: Signature) -> "_Colours":
        step = SIDE // COLOUR_SIDE
        light = picture.light.reshape(COLOUR_SIDE, step, COLOUR_SIDE, step).mean(axis=(1, 3))
        return cls(picture.colour.reshape(-1, 2), light.reshape(-1, 1))


def _is_toned(one: _Colours, other: _Colours) -> bool:
    """Whether one is the other in grey, or in one tint that reaches its brightest parts too."""
    if _rms(one.colour) < GREY:
        return bool(np.abs(one.bright - other.bright).mean() < 8 or _spread(other) >= GREY)
    if _spread(one) >= 1.5 * GREY:
        return False
    ground = _tint_of_ground(one)
    return _spread(other) >= GREY if ground is None else ground > GREY


def _tint_of_ground(picture: _Colours) -> float | None:
    """How strong colour is in the brightest parts; None: there are none."""
    tints = np.linalg.norm(picture.colour[picture.bright[:, 0] >= 200], axis=1)
    return float(np.median(tints)) if len(tints) else None


def _spread(picture: _Colours) -> float:
    """How far colours are (root mean square) from one tint that depends on brightness alone.

    Of one hue, or from one to another: three flat colours, as of a flag, are no tint, though a
    curve over brightness meets each of them.
    """
    known = np.hstack([picture.bright, picture.bright**2 / 255, np.ones_like(picture.bright)])
    fitted, *_ = np.linalg.lstsq(known, picture.colour, rcond=None)
    tint = known @ fitted
    beside = np.linalg.svd(tint - tint.mean(axis=0), compute_uv=False)[1] / np.sqrt(len(tint))
    return max(_rms(picture.colour - tint), float(beside))


def _rms(colour: NDArray[np.float32]) -> float:
    return float(np.sqrt((colour**2).sum(axis=1).mean()))


def _is_dyed(one: _Colours, other: _Colours) -> bool:
    """Whether the one, in grey, is darker or brighter where the other has its only colour.

    A black logo is no red one in grey. What has several colours is told by its detail.
    """
    strength = np.linalg.norm(other.colour, axis=1)
    strong = _rms(other.colour)
    if strong < GREY / 2 or _rms(one.colour) > strong / 4 or _spread(other) > ONE_TINT * strong:
        return False
    if (_tint_of_ground(other) or 0.0) > GREY:
        return False  # all of it is tinted, as by age
    coloured = strength > 0.3 * float(strength.max())
    return bool(np.abs(one.bright - other.bright)[coloured].mean() > SAME_LIGHT)


def _unexplained(one: _Colours, other: _Colours) -> float:
    """The share of the other's colour that is left after scaling and tinting the one's."""
    wanted = _rows(other.colour)
    floor = GREY**2 * len(one.colour)
    return _left_by_edit(one, other) / max(float((wanted**2).sum()), floor)


def _turned_hue(one: _Colours, other: _Colours) -> float:
    """The share of the other's colour that no edit explains, but turning all hues of the one does.

    Noise is explained by neither, so this tells pale colours too.
    """
    wanted, turned = _rows(other.colour), one.colour[:, ::-1] * np.array([-1, 1], np.float32)
    known = np.hstack([_rows(one.colour)[:, None], _rows(turned)[:, None], _tints(one)])
    gained = _left_by_edit(one, other) - _left(known, wanted)
    return gained / max(float((wanted**2).sum()), NOISE**2 * len(one.colour))


def _left_by_edit(one: _Colours, other: _Colours) -> float:
    return float((_unedited(one, other) ** 2).sum())


def _unedited(one: _Colours, other: _Colours) -> NDArray[np.float32]:
    """What is left of the other's colour after scaling and tinting the one's, in one row."""
    # other = scale * one + tint * brightness: three unknowns, the scale not below 0.
    own, tints, wanted = _rows(one.colour), _tints(one), _rows(other.colour)
    fitted, *_ = np.linalg.lstsq(np.hstack([own[:, None], tints]), wanted, rcond=None)
    if fitted[0] < 0:
        fitted[0], fitted[1:] = 0, np.linalg.lstsq(tints, wanted, rcond=None)[0]
    strength = 255 * float(np.linalg.norm(fitted[1:]))
    if strength > WHITE_BALANCE:
        fitted[1:] *= WHITE_BALANCE / strength
        left = wanted - tints @ fitted[1:]
        fitted[0] = max(0.0, float(own @ left) / max(float(own @ own), 1e-6))
    unedited: NDArray[np.float32] = wanted - fitted[0] * own - tints @ fitted[1:]
    return unedited


def _is_other_in_part(one: _Colours, other: _Colours) -> bool:
    """Whether a part of the picture is far from its colour in the one, however that is edited.

    As the stripe of a flag is, and hardly a cell of a photograph.
    """
    far = np.linalg.norm(_unedited(one, other).reshape(2, -1), axis=0) > FAR
    return bool(far.mean() > PART)


def _left(known: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """What a sum of known rows leaves of what is wanted, in squares."""
    fitted, *_ = np.linalg.lstsq(known, wanted, rcond=None)
    return float(((wanted - known @ fitted) ** 2).sum())


def _rows(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Both differences of colour in one row."""
    return np.ascontiguousarray(colour.T).reshape(-1)


def _tints(picture: _Colours) -> NDArray[np.float32]:
    """What a tint of each colour would add to the rows: as much as is bright."""
    zeros = np.zeros_like(picture.bright)
    return np.vstack([np.hstack([picture.bright, zeros]), np.hstack([zeros, picture.bright])])
