"""Where in one picture does another lie, at which size? Told by correlating their pixels.

A picture is laid over another in many sizes and at every place, and the normalised correlation of
their brightness is 1 where it is the same but for light and contrast (Lewis: "Fast Normalized
Cross-Correlation", 1995): all places at once by a Fourier transform, the means and deviations under
each place by integral images. It needs no features and no training, and small pictures: sides of
SIDE pixels. Turned, mirrored or stretched parts are not for this check, but for
`visavis.matching.local`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.matching.pixel_check import is_recoloured, pixel_checks
from visavis.matching.signature import Signature, signature
from visavis.types import RGB, Box

SIDE = 128
"""Pixels: the longer side of a picture that is looked through."""

COARSE = 64
"""The same where many are looked through, as far as their signatures show them."""

SIZES = tuple(0.16 * 1.1**step for step in range(20))
"""The sizes in which a picture is looked for: the root of its area, of the canvas's longer side."""

FLAT = 2.5
"""Grey levels: what deviates less under a place is no evidence."""

CORRELATED, FORMED = 0.85, 0.35
"""From which correlation of brightness and of gradients on a picture is there. Chosen on crops of
a quarter to a sixteenth of 160 photographs: one in twenty was missed, one of 400 others taken."""

HOPELESS = 0.6
"""A correlation that a closer look does not make enough."""

WHOLE = 0.8
"""Of the larger picture; what takes as much of it is all of it, and compared as a whole."""

_AROUND = 0.15  # of a place's sides: how far around it is looked at again
_FINER = (0.925, 0.95, 0.975, 1.0, 1.025, 1.05, 1.075)
_WORSE = 0.1  # by so much less a closer look may agree, as it sees more
_FINE = (0.955, 1.045)  # of the best size: it is looked for again in these

Grey = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture lies in another."""

    score: float
    """Normalised correlation, -1…1; 0 where it cannot be told."""
    box: Box
    """Of the picture that was looked through, as fractions of its sides."""
    size: float = 0.0
    """The root of the area under it, of the longer side of that picture."""

    @property
    def area(self) -> float:
        """The share of that picture under it."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


NOWHERE = Place(0.0, (0.0, 0.0, 1.0, 1.0))


class Canvas:
    """A picture to look through: grey, its longer side `side` pixels."""

    def __init__(self, grey: Grey, side: int) -> None:
        self.side = side
        self.height, self.width = grey.shape
        self.padded = np.zeros((side, side), np.float32)
        """With zeros below and on the right: (side, side)."""
        self.padded[: self.height, : self.width] = grey
        self._grey = grey

    @classmethod
    def of(cls, pixels: RGB, side: int = SIDE) -> Self:
        """A picture's own."""
        longer = max(pixels.shape[:2])
        height, width = (max(1, round(one * side / longer)) for one in pixels.shape[:2])
        return cls(_grey(Image.fromarray(pixels).convert("L").resize((width, height))), side)

    @classmethod
    def of_signature(cls, known: Signature, shape: tuple[int, int]) -> Self:
        """As far as its signature shows a picture of that height and width."""
        height, width = (max(1, round(one * COARSE / max(shape))) for one in shape)
        return cls(_grey(Image.fromarray(known.light).resize((width, height))), COARSE)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Of what is `padded`: (side, side // 2 + 1)."""
        return np.asarray(np.fft.rfft2(self.padded), np.complex64)

    def deviations(self, height: int, width: int) -> Grey:
        """The root of the summed squares about the mean, under each place of a window."""
        sums, squares = (under(one, height, width) for one in self._integrals)
        left = squares - sums**2 / (height * width)
        return np.sqrt(np.maximum(left, 0.0)).astype(np.float32)

    @cached_property
    def _integrals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the grey levels and of their squares."""
        return integral(self._grey), integral(self._grey.astype(np.float64) ** 2)

    def box(self, top: int, left: int, height: int, width: int) -> Box:
        """A window of so many pixels as fractions of the picture's sides."""
        return (
            left / self.width,
            top / self.height,
            (left + width) / self.width,
            (top + height) / self.height,
        )


class Sought:
    """A picture to look for, in the sizes that were asked for so far. Safe for threads."""

    def __init__(self, pixels: RGB, side: int = SIDE) -> None:
        self.side = side
        self._shape = pixels.shape[:2]
        self._shown = Image.fromarray(pixels).convert("L")
        self._shown.thumbnail((2 * side, 2 * side))
        self._kept: dict[tuple[int, int], Spectrum] = {}

    @classmethod
    def of_signature(cls, known: Signature, shape: tuple[int, int]) -> Self:
        """As far as its signature shows a picture of that height and width."""
        light = np.rint(known.light).clip(0, 255).astype(np.uint8)
        made = cls(np.repeat(light[:, :, None], 3, axis=2), COARSE)
        made._shape = shape
        return made

    def shape(self, size: float) -> tuple[int, int]:
        """Its height and width in pixels where the root of its area is `size` of the side."""
        ratio = (self._shape[0] / self._shape[1]) ** 0.5
        whole = size * self.side
        return max(1, round(whole * ratio)), max(1, round(whole / ratio))

    def padded(self, shape: tuple[int, int]) -> Grey:
        """The picture in that height and width, without its mean and of length 1, and zeros."""
        grey = _grey(self._shown.resize(shape[::-1]))
        grey = grey - grey.mean()
        length = max(float(np.linalg.norm(grey)), FLAT * grey.size**0.5)
        padded = np.zeros((self.side, self.side), np.float32)
        padded[: shape[0], : shape[1]] = grey / length
        return padded

    def spectrum(self, shape: tuple[int, int]) -> Spectrum:
        """Of what `padded` gives, conjugated."""
        if shape not in self._kept:
            self._kept[shape] = np.conj(np.fft.rfft2(self.padded(shape)))
        return self._kept[shape]


def placed(sought: Sought, canvas: Canvas, sizes: Sequence[float] = SIZES) -> Place:
    """Where the picture lies in the other one, in its best size and place; both of one side."""
    found = [_best(sought, canvas, size) for size in sizes]
    best = max(found, key=_score)
    if best.score <= 0:
        return NOWHERE
    return max([best, *(_best(sought, canvas, best.size * by) for by in _FINE)], key=_score)


def refined(pixels: RGB, other: RGB, place: Place) -> Place:
    """Where a picture lies in another to a pixel or so, once it is known roughly.

    The place is looked at by itself, with what is around it, as large as a whole picture was.
    """
    left, top, right, bottom = place.box
    across, down = _AROUND * (right - left), _AROUND * (bottom - top)
    around, frame = cut_out(other, (left - across, top - down, right + across, bottom + down))
    height, width = other.shape[:2]
    area = (right - left) * width * (bottom - top) * height
    size = area**0.5 / max(around.shape[:2])
    found = placed(Sought(pixels), Canvas.of(around), [size * by for by in _FINER])
    if found.score <= place.score - _WORSE:
        return place
    wide, high = frame[2] - frame[0], frame[3] - frame[1]
    box = (
        frame[0] + found.box[0] * wide,
        frame[1] + found.box[1] * high,
        frame[0] + found.box[2] * wide,
        frame[1] + found.box[3] * high,
    )
    return Place(found.score, box, place.size)


class Agreement(NamedTuple):
    """What pixels say of a picture at its place in another."""

    form: float
    """How far gradients agree, -1…1: smooth pictures, as of a sky, correlate in many places."""
    recoloured: bool
    """Whether its colours are others, as no edit makes them."""


def agreement(pixels: RGB, other: RGB, place: Place) -> Agreement:
    """How far a picture agrees with what lies at its place in another."""
    there, _ = cut_out(other, place.box)
    mine, its = signature(pixels), signature(there)
    [check] = pixel_checks(mine, [its])
    return Agreement(check.form, is_recoloured(mine, its))


def is_there(place: Place, form: float) -> bool:
    """Whether a picture lies in another at that place: brightness and gradients agree."""
    return place.score >= CORRELATED and form >= FORMED


def cut_out(pixels: RGB, box: Box) -> tuple[RGB, Box]:
    """The part of a picture in whole pixels around a box, and the box that these make."""
    height, width = pixels.shape[:2]
    left, right = _span(box[0], box[2], width)
    top, bottom = _span(box[1], box[3], height)
    found = np.ascontiguousarray(pixels[top:bottom, left:right])
    return found, (left / width, top / height, right / width, bottom / height)


def _span(start: float, stop: float, length: int) -> tuple[int, int]:
    first = min(max(0, round(start * length)), length - 1)
    return first, max(first + 1, min(length, round(stop * length)))


def _score(place: Place) -> float:
    return place.score


def _best(sought: Sought, canvas: Canvas, size: float) -> Place:
    """The best place for one size."""
    height, width = sought.shape(size)
    rows, columns = canvas.height - height + 1, canvas.width - width + 1
    if rows < 1 or columns < 1:
        return NOWHERE
    product = canvas.spectrum * sought.spectrum((height, width))
    found = np.fft.irfft2(product, (canvas.side, canvas.side))[:rows, :columns]
    deviations = canvas.deviations(height, width)
    scores = found / np.maximum(deviations, FLAT * (height * width) ** 0.5)
    top, left = divmod(int(scores.argmax()), columns)
    return Place(float(scores[top, left]), canvas.box(top, left, height, width), size)


def _grey(image: Image.Image) -> Grey:
    return np.asarray(image, np.float32)


def integral(grey: NDArray[np.floating]) -> NDArray[np.float64]:
    """The sums above and left of each corner: (…, height, width) to (…, height + 1, width + 1)."""
    *many, height, width = grey.shape
    sums = np.zeros((*many, height + 1, width + 1))
    sums[..., 1:, 1:] = grey.cumsum(axis=-2, dtype=np.float64).cumsum(axis=-1)
    return sums


def under(sums: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """The sum under each place of a window, from `integral`."""
    across = sums[..., width:] - sums[..., :-width]
    found: NDArray[np.float64] = across[..., height:, :] - across[..., :-height, :]
    return found
