import random

import numpy as np
import pytest

from visavis.evaluation.edits import EDITS, LARGEST_SIDE, edited
from visavis.images.decode import decode
from visavis.images.drawn import draw_gallery
from visavis.types import RGB

PICTURE = next(iter(draw_gallery(1, side=192))).pixels[:, :160].copy()


def copy(name: str, pixels: RGB = PICTURE, seed: int = 0) -> RGB:
    return decode(edited(name, pixels, random.Random(seed)), name).pixels


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_changes_the_picture_and_repeats_with_its_seed(name: str) -> None:
    again = copy(name)
    assert np.array_equal(copy(name), again)
    assert again.shape != PICTURE.shape or not np.array_equal(again, PICTURE)


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_takes_a_tiny_and_a_long_picture(name: str) -> None:
    for shape in ((1, 1, 3), (3, 200, 3), (200, 2, 3)):
        assert copy(name, np.full(shape, 120, np.uint8)).size > 0


def test_the_crop_keeps_half_of_the_area_and_its_pixels() -> None:
    found = copy("crop")
    assert found.shape[0] * found.shape[1] == pytest.approx(192 * 160 / 2, rel=0.02)
    height, width = found.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(PICTURE[..., 0], (height, width))
    assert (windows == found[..., 0]).all(axis=(2, 3)).any()


def test_flip_grey_and_border_are_what_they_say() -> None:
    assert np.array_equal(copy("flip"), PICTURE[:, ::-1])
    grey = copy("grey")
    assert np.array_equal(grey[..., 0], grey[..., 2])
    assert np.array_equal(copy("border")[19:-19, 19:-19], PICTURE)


def test_caption_and_screenshot_hold_the_whole_picture() -> None:
    for name in ("caption", "screenshot"):
        found = copy(name)
        height, width = PICTURE.shape[:2]
        windows = np.lib.stride_tricks.sliding_window_view(found[..., 1], (height, width))
        assert (windows == PICTURE[..., 1]).all(axis=(2, 3)).any(), name


def test_large_originals_become_as_small_as_sites_make_them() -> None:
    large = np.full((30, 3000, 3), 90, np.uint8)
    assert max(copy("flip", large).shape) == LARGEST_SIDE
