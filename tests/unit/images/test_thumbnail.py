"""Thumbnails keep shape and look; encoded pictures can be decoded."""

import numpy as np
import pytest
from PIL import Image

from visavis.errors import UsageError
from visavis.images.decode import decode
from visavis.images.thumbnail import encode_jpeg, encode_webp, thumbnail


@pytest.mark.parametrize(
    ("size", "side", "wanted"),
    [
        ((400, 300), 100, (100, 75)),
        ((300, 400), 100, (75, 100)),
        ((100, 100), 100, (100, 100)),
        ((40, 30), 100, (40, 30)),
        ((2000, 3), 100, (100, 1)),
    ],
)
def test_a_thumbnail_fits_and_keeps_the_shape(
    size: tuple[int, int], side: int, wanted: tuple[int, int]
) -> None:
    pixels = np.full((size[1], size[0], 3), 77, np.uint8)
    small = thumbnail(pixels, side)
    assert (small.shape[1], small.shape[0]) == wanted
    assert (small == 77).all()


def test_a_thumbnail_looks_like_a_full_lanczos_resize() -> None:
    rng = np.random.default_rng(2)
    coarse = Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8))
    pixels = np.asarray(coarse.resize((1600, 1200), Image.Resampling.BICUBIC))
    wanted = np.asarray(Image.fromarray(pixels).resize((160, 120), Image.Resampling.LANCZOS))
    assert np.abs(thumbnail(pixels, 160).astype(int) - wanted).mean() < 1.0


def test_encoded_pictures_come_back() -> None:
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:, 20:] = (200, 120, 40)
    for encode in (encode_jpeg, encode_webp):
        found = decode(encode(pixels, 90), "x").pixels
        assert np.abs(found.astype(int) - pixels).mean() < 6
    assert len(encode_jpeg(pixels, 20)) < len(encode_jpeg(pixels, 95))


def test_a_senseless_side_is_refused() -> None:
    with pytest.raises(UsageError):
        thumbnail(np.zeros((4, 4, 3), np.uint8), 0)
