import random
from io import BytesIO
from math import atan2, degrees

import numpy as np
import pytest
from PIL import Image

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


def test_resize_leaves_a_third_of_each_side() -> None:
    assert copy("resize").shape == (64, 53, 3)  # of 192 × 160


def test_the_jpeg_has_the_quantisation_of_quality_10() -> None:
    """The table of the JPEG standard, K.1, times 5: libjpeg scales it by 5000 / quality %."""
    with Image.open(BytesIO(edited("jpeg", PICTURE, random.Random(0)))) as file:
        assert file.format == "JPEG"
        table = file.quantization[0]  # type: ignore[attr-defined]
    assert sorted(table)[:4] == [50, 55, 60, 60]
    assert max(table) == 255  # 121 × 5, cut off


def test_the_blur_has_a_deviation_of_a_hundred_and_twenty_fifth_of_the_longer_side() -> None:
    step = np.zeros((60, 1000, 3), np.uint8)
    step[:, 500:] = 255
    rise = np.diff(copy("blur", step)[30, :, 0].astype(float))
    places = np.arange(len(rise))
    middle = np.average(places, weights=rise)
    assert np.average((places - middle) ** 2, weights=rise) ** 0.5 == pytest.approx(8, rel=0.05)


def test_light_goes_up_or_down_by_two_fifths_and_so_does_contrast() -> None:
    halves = np.full((10, 10, 3), 80, np.uint8)
    halves[:, 5:] = 120
    copies = [copy("light", halves, seed).astype(float) for seed in range(40)]
    found = sorted({(one.mean().round(), np.ptp(one)) for one in copies})
    wanted = [(60, 40 * 0.6 * 0.6), (60, 40 * 0.6 * 1.4), (140, 40 * 1.4 * 0.6), (140, 40 * 1.96)]
    assert np.array(found) == pytest.approx(np.array(wanted), abs=1)  # whole levels


def test_the_rotation_is_by_eight_degrees_either_way() -> None:
    dot = np.zeros((201, 201, 3), np.uint8)
    dot[98:103, 178:183] = 255  # 80 to the right of the middle
    turned = set()
    for seed in range(20):
        light = copy("rotate", dot, seed)[..., 0].astype(float)
        y, x = (np.average(at, weights=light) for at in np.indices(light.shape))
        turned.add(round(degrees(atan2(y - 100, x - 100)), 1))
    assert sorted(turned) == pytest.approx([-8, 8], abs=0.3)


def test_the_caption_is_a_fifth_as_high_and_the_border_a_tenth_as_wide() -> None:
    assert copy("caption").shape == (192 + 38, 160, 3)
    assert copy("border").shape == (192 + 2 * 19, 160 + 2 * 19, 3)
