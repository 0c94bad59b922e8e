"""Boxes: fractions of the upright picture to the pixels they cover."""

import numpy as np
import pytest

from visavis.errors import UsageError
from visavis.images.decode import crop
from visavis.types import RGB, Box


def corners(width: int = 48, height: int = 32) -> RGB:
    """Four fields of different colours: no turn or mirror of it looks the same."""
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    pixels[:top, :left] = (220, 30, 30)
    pixels[:top, left:] = (30, 200, 40)
    pixels[top:, :left] = (40, 40, 210)
    pixels[top:, left:] = (230, 220, 60)
    return pixels


def test_a_box_cuts_out_its_part() -> None:
    pixels = corners(40, 20)
    part = crop(pixels, (0.5, 0.0, 1.0, 0.5))
    assert part.shape == (10, 20, 3)
    assert (part == (30, 200, 40)).all()
    part[:] = 0
    assert pixels.any(axis=2).all(), "a crop is a copy"


def test_a_box_keeps_at_least_one_pixel_and_no_stray_ones() -> None:
    pixels = corners(10, 10)
    assert crop(pixels, (0.999, 0.999, 1.0, 1.0)).shape == (1, 1, 3)
    assert crop(pixels, (0.51, 0.51, 0.5101, 0.5101)).shape == (1, 1, 3)
    assert crop(pixels, (0.1, 0.0, 0.7, 1.0)).shape == (10, 6, 3)  # 0.7 * 10 > 7 in floats
    assert (crop(pixels, (0, 0, 1, 1)) == pixels).all()


@pytest.mark.parametrize(
    "box",
    [
        (0.5, 0, 0.5, 1),
        (0.6, 0, 0.5, 1),
        (0, 0.2, 1, 0.1),
        (-0.1, 0, 1, 1),
        (0, 0, 1.1, 1),
        (float("nan"), 0, 1, 1),
        (0, 0, float("inf"), 1),
        (0, 0, 1),
    ],
)
def test_a_senseless_box_is_refused(box: Box) -> None:
    with pytest.raises(UsageError, match="box"):
        crop(corners(), box)
