import itertools
import random
from io import BytesIO
from math import atan2, degrees

import numpy as np
import pytest
from PIL import Image

from visavis.drawn.gallery import draw_gallery
from visavis.evaluation.edits import EDITS, ELEVEN, LARGEST_SIDE, edited
from visavis.images.decode import decode
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


def test_older_figures_are_means_over_the_first_eleven_of_nineteen() -> None:
    assert len(EDITS) == 19
    assert ELEVEN == ("resize", "crop", "jpeg", "blur", "light", "grey", "rotate", "flip",
                      "caption", "border", "screenshot")  # fmt: skip


@pytest.mark.parametrize(("name", "share"), [("crop", 1 / 2), ("quarter", 1 / 4)])
def test_cuts_keep_a_half_and_a_quarter_of_the_area_and_its_pixels(name: str, share: float) -> None:
    found = copy(name)
    assert found.shape[0] * found.shape[1] == pytest.approx(192 * 160 * share, rel=0.02)
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


@pytest.mark.parametrize(("name", "deviation"), [("blur", 8), ("soft", 12)])
def test_blurs_have_a_deviation_of_so_many_thousandths_of_the_longer_side(
    name: str, deviation: float
) -> None:
    step = np.zeros((60, 1000, 3), np.uint8)
    step[:, 500:] = 255
    rise = np.diff(copy(name, step)[30, :, 0].astype(float))
    places = np.arange(len(rise))
    middle = np.average(places, weights=rise)
    found = np.average((places - middle) ** 2, weights=rise) ** 0.5
    assert found == pytest.approx(deviation, rel=0.05)


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


def test_sepia_is_what_browsers_make_of_it() -> None:
    """The weights of https://www.w3.org/TR/filter-effects-1/#sepiaEquivalent, for pure colours."""
    pure = np.array([[[100, 0, 0], [0, 100, 0], [0, 0, 100], [255, 255, 255]]], np.uint8)
    wanted = [[39.3, 34.9, 27.2], [76.9, 68.6, 53.4], [18.9, 16.8, 13.1], [255, 255, 239]]
    assert copy("sepia", pure)[0] == pytest.approx(np.array(wanted), abs=1)


def test_a_turn_is_by_a_quarter_to_either_side() -> None:
    ways = [np.rot90(PICTURE, quarters) for quarters in (1, 3)]
    found = [copy("turn", seed=seed) for seed in range(20)]
    which = [[np.array_equal(one, way) for way in ways] for one in found]
    assert all(map(any, which))
    assert np.any(which, axis=0).all()


def test_a_thumbnail_has_64_pixels_and_nothing_is_made_larger() -> None:
    assert copy("small").shape == (64, 53, 3)  # of 192 × 160
    tiny = np.full((20, 30, 3), 9, np.uint8)
    assert copy("small", tiny).shape == tiny.shape


def test_words_stand_in_white_with_black_edges_along_the_top_and_the_bottom() -> None:
    ground = np.full((300, 400, 3), 120, np.uint8)
    for seed in range(5):
        found = copy("text", ground, seed).astype(int)
        changed = (found != ground).any(axis=2)
        assert not changed[75:-75].any()  # what is in the middle of the picture is to be seen
        for part in (slice(0, 75), slice(-75, None)):
            columns = np.flatnonzero(changed[part].any(axis=0))
            assert 0.25 < np.ptp(columns) / 400 <= 1
            assert abs(columns.mean() - 200) < 10
            assert {0, 255} <= set(found[part].ravel())
        assert (found == found[..., :1]).all()  # neither colour nor fringes


def test_three_emoji_hide_at_most_a_ninth_of_a_square_each() -> None:
    ground = np.full((300, 300, 3), 120, np.uint8)
    hidden = [(copy("emoji", ground, seed) != ground).any(axis=2) for seed in range(12)]
    shares = [one.mean() for one in hidden]
    assert 0.08 < min(shares) <= max(shares) <= 3 / 9 + 0.01
    assert np.mean(hidden, axis=0).min() < np.mean(hidden, axis=0).max()  # not always there


def test_a_photographed_screen_is_seen_from_aside() -> None:
    """Four dots in a square: the two of the farther side lie closer together."""
    dots = np.zeros((300, 300, 3), np.uint8)
    for y in (75, 225):
        for x in (75, 225):
            dots[y - 12 : y + 12, x - 12 : x + 12] = 255
    for seed in range(6):
        found = copy("screen", dots, seed).astype(float).mean(axis=2)
        assert max(found.shape) == pytest.approx(448, rel=0.02)
        bright = np.where(found > 150, found, 0)
        half = len(found) // 2
        at = {}
        for down, right in itertools.product((0, 1), (0, 1)):
            part = bright[down * half : (down + 1) * half, right * half : (right + 1) * half]
            rows, columns = (np.average(where, weights=part) for where in np.indices(part.shape))
            at[down, right] = np.array((rows + down * half, columns + right * half))
        sides = [np.linalg.norm(at[1, right] - at[0, right]) for right in (0, 1)]
        assert 1.05 < max(sides) / min(sides) < 1.4


def test_a_photographed_screen_has_a_dark_frame_and_room_at_its_edges() -> None:
    white = np.full((200, 300, 3), 255, np.uint8)
    for seed in range(6):
        dark = copy("screen", white, seed).mean(axis=2) < 60
        assert 0.04 < dark.mean() < 0.25
        high, wide = dark.shape
        assert not dark[high // 4 : -high // 4, wide // 4 : -wide // 4].any()


def test_a_photographed_screen_has_coloured_stripes_that_the_picture_has_not() -> None:
    """Its dots are 4.3 pixels wide where it is at its own distance; grain is the same in red and
    blue, and wide bands are left out."""
    grey = np.full((300, 300, 3), 150, np.uint8)
    found = copy("screen", grey).astype(float)
    high, wide = (side // 2 for side in found.shape[:2])
    part = (found[..., 0] - found[..., 2])[high - 64 : high + 64, wide - 64 : wide + 64]
    power = np.abs(np.fft.fft2(part * np.outer(np.hanning(128), np.hanning(128)))) ** 2
    y, x = np.abs(np.fft.fftfreq(128))[:, None], np.abs(np.fft.fftfreq(128))
    fine = np.where(np.hypot(y, x) > 1 / 8, power, 0)
    row, column = np.unravel_index(fine.argmax(), fine.shape)
    assert 3 < 1 / x[column] < 6
    assert y[row, 0] < 1 / 20  # they stand nearly upright
    assert fine.max() > 50 * np.median(power[np.hypot(y, x) > 1 / 8])
