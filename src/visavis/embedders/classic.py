"""`classic`: colour and shape without any weights, for the minutes before a network is there.

Two descriptors of 384 dimensions together, each of unit length, joined with equal weight:

* colour: a hue, saturation, value histogram (16 × 4 × 4), as square roots of its shares, so that
  the dot product of two is their Bhattacharyya coefficient. Each pixel is shared among the eight
  bins around it, so that a little more light does not throw it over a bin's edge, and counts more
  in the middle of the picture, where the subject is.
* shape: how strong the edges are in each of 8 directions (light to dark is told from dark to
  light), in 4 × 4 overlapping cells; after Dalal and Triggs, "Histograms of Oriented Gradients
  for Human Detection" (2005), again as square roots of shares.

It tells one object from others well and says little about kinds of things: docs/design.md has
the figures, and what was tried and left out.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.embedders.base import unit_rows
from visavis.types import RGB, Vectors

SIDE = 96
"""Working size in pixels; larger ones measured the same."""
COLOUR_BINS = (16, 4, 4)
CELLS = 4
DIRECTIONS = 8
CENTRE_SPREAD = 0.6
"""Standard deviation of the weight around the middle; 1 is half the picture's side."""

_VERSION = "classic 1"  # to be raised with every change of what comes out

Floats = NDArray[np.float64]
Bins = NDArray[np.intp]


class ClassicEmbedder:
    """Colour and shape descriptors, about a millisecond a picture, the same on every machine."""

    name = "classic"
    ref = "classic"
    dim = 4 * 4 * 16 + CELLS * CELLS * DIRECTIONS
    side: int | None = SIDE
    fingerprint = hashlib.sha256(_VERSION.encode()).hexdigest()[:16]

    def __init__(self) -> None:
        hues, saturations, values = COLOUR_BINS
        # One table for each channel: a byte's two bins (times the stride), and its share in each
        self._tables = (
            _share_table(hues, saturations * values, circular=True),
            _share_table(saturations, values),
            _share_table(values, 1),
        )
        offset = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
        bump = np.exp(-(offset**2) / (2 * CENTRE_SPREAD**2))
        self._centre = np.outer(bump, bump).ravel()
        self._cells = _cell_weights()
        self._brightness = np.sqrt(np.arange(256) / 255.0)

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """One unit vector for each picture, in order: (n, 384) float32."""
        rows = np.empty((len(images), self.dim), dtype=np.float64)
        for row, image in zip(rows, images, strict=True):
            small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            row[:] = np.concatenate((self._colour(small), self._shape(small)))
        return unit_rows(rows)

    def _colour(self, small: Image.Image) -> Floats:
        pixels = np.asarray(small.convert("HSV")).reshape(-1, 3)
        hue, saturation, value = (
            [(bins[side][byte], share[side][byte]) for side in (0, 1)]
            for (bins, share), byte in zip(self._tables, pixels.T, strict=True)
        )
        histogram = np.zeros(np.prod(COLOUR_BINS))
        for hue_bin, hue_share in hue:
            weighted = hue_share * self._centre
            for saturation_bin, saturation_share in saturation:
                pair_bin, pair_share = hue_bin + saturation_bin, weighted * saturation_share
                for value_bin, value_share in value:
                    histogram += np.bincount(
                        pair_bin + value_bin, pair_share * value_share, minlength=histogram.size
                    )
        return _root_of_shares(histogram)

    def _shape(self, small: Image.Image) -> Floats:
        # The square root evens out light: an edge in the shade counts like one in the sun.
        grey = self._brightness[np.asarray(small.convert("L"))]
        across, down = np.zeros_like(grey), np.zeros_like(grey)
        across[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
        down[1:-1] = grey[2:] - grey[:-2]
        strength = np.hypot(across, down).ravel()
        position = np.arctan2(down, across).ravel() * (DIRECTIONS / (2 * np.pi))
        first = np.floor(position)
        share = position - first
        bins = first.astype(np.intp) % DIRECTIONS
        maps = np.zeros((DIRECTIONS, SIDE * SIDE))
        pixel = np.arange(SIDE * SIDE)
        maps[bins, pixel] = strength * (1 - share)
        maps[(bins + 1) % DIRECTIONS, pixel] = strength * share
        cells = self._cells @ maps.reshape(DIRECTIONS, SIDE, SIDE) @ self._cells.T
        return _root_of_shares(cells.ravel())


def _share_table(
    bins: int, stride: int, *, circular: bool = False
) -> tuple[tuple[Bins, Bins], tuple[Floats, Floats]]:
    """For each byte, the two bins whose centres it lies between, and its share in each."""
    position = (np.arange(256) + 0.5) / 256 * bins - 0.5
    first = np.floor(position).astype(np.intp)
    share = position - first
    both = (first % bins, (first + 1) % bins)
    if not circular:
        both = (np.clip(first, 0, bins - 1), np.clip(first + 1, 0, bins - 1))
    return (both[0] * stride, both[1] * stride), (1 - share, share)


def _cell_weights() -> Floats:
    """(CELLS, SIDE): how much each line of pixels counts in each line of cells, linear between."""
    position = np.clip((np.arange(SIDE) + 0.5) / SIDE * CELLS - 0.5, 0, CELLS - 1)
    return np.maximum(0.0, 1.0 - np.abs(position - np.arange(CELLS)[:, None]))


def _root_of_shares(histogram: Floats) -> Floats:
    """Square roots of shares, of unit length; all 0 for an empty histogram (no edges at all)."""
    total = histogram.sum()
    # Edges fainter than a thousandth of a grey level a pixel are rounding, not a shape.
    return np.sqrt(histogram / total) if total > 1e-6 * histogram.size else np.zeros_like(histogram)
