"""Geometry and numbers, against Pillow and numpy used plainly."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import PreprocessSpec
from visavis.types import RGB

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = [
    (100, 60),
    (60, 100),
    (64, 64),
    (333, 211),
    (31, 500),
    (224, 223),
    (40, 7),
    (1, 1),
    (1, 90),
]


def noise(width: int, height: int) -> RGB:
    rng = np.random.default_rng(width * 1000 + height)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def plain(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """The documented formula in double precision: (3, high, wide)."""
    numbers: NDArray[np.float64] = (pixels / 255.0 - np.array(MEAN)) / np.array(STD)
    return numbers.transpose(2, 0, 1)


def clip_processor(image: RGB, side: int, size: int) -> RGB:
    """What the hub's CLIP and DINO processors do: the whole picture resized, then cut."""
    picture = Image.fromarray(image)
    width, height = picture.size
    shorter = min(width, height)
    wide, high = int(side * width / shorter), int(side * height / shorter)
    whole = picture.resize((wide, high), Image.Resampling.BICUBIC)
    left, top = (wide - size) // 2, (high - size) // 2
    return np.asarray(whole.crop((left, top, left + size, top + size)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [32, 40])
def test_the_shorter_side_and_a_crop_give_what_the_hubs_processors_give(
    size: tuple[int, int], side: int
) -> None:
    image = noise(*size) // 2 + 64  # no overshoot is cut off, so the order of passes is no matter
    spec = PreprocessSpec(32, "shortest", "center", resize_to=side)
    ours = np.asarray(Preprocess(spec).resized(image)).astype(int)
    reference = clip_processor(image, side, 32).astype(int)
    assert np.abs(ours - reference).max() <= 2  # grey levels: Pillow rounds between its passes


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "number"),
    [("nearest", 0), ("lanczos", 1), ("bilinear", 2), ("bicubic", 3), ("box", 4)],
)
def test_squashing_is_pillows_resize(size: tuple[int, int], name: str, number: int) -> None:
    image = noise(*size)
    spec = PreprocessSpec(32, interpolation=name, mean=MEAN, std=STD)
    reference = Image.fromarray(image).resize((32, 32), Image.Resampling(number))
    (ours,) = Preprocess(spec)([image])
    np.testing.assert_allclose(ours, plain(np.asarray(reference)), atol=1e-5)


def test_a_squash_with_a_crop_cuts_the_middle_of_the_squashed_picture() -> None:
    image = noise(90, 50)
    spec = PreprocessSpec(32, "squash", "center", resize_to=40)
    reference = Image.fromarray(image).resize((40, 40), Image.Resampling.BICUBIC)
    ours = np.asarray(Preprocess(spec).resized(image)).astype(int)
    assert np.abs(ours - np.asarray(reference.crop((4, 4, 36, 36)))).max() <= 1


def test_a_letterbox_keeps_the_shape_and_fills_with_the_mean() -> None:
    image = np.full((20, 40, 3), 255, dtype=np.uint8)
    spec = PreprocessSpec(32, "letterbox", mean=MEAN, std=STD)
    (ours,) = Preprocess(spec)([image])
    np.testing.assert_allclose(ours[:, :8], 0, atol=0.01)  # half a grey level, in deviations
    np.testing.assert_allclose(ours[:, 24:], 0, atol=0.01)
    np.testing.assert_allclose(ours[:, 8:24], plain(np.full((16, 32, 3), 255)), atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_a_letterbox_takes_any_shape(size: tuple[int, int]) -> None:
    assert Preprocess(PreprocessSpec(32, "letterbox"))([noise(*size)]).shape == (1, 3, 32, 32)


def test_blue_comes_first_where_the_model_wants_it_and_the_mean_follows() -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:] = (255, 128, 0)
    spec = PreprocessSpec(32, channels="BGR", mean=(0.1, 0.2, 0.3))
    (ours,) = Preprocess(spec)([image])
    np.testing.assert_allclose(ours[:, 0, 0], [0 - 0.1, 128 / 255 - 0.2, 1 - 0.3], atol=1e-6)


def test_a_letterbox_in_blue_first_order_is_filled_with_the_mean_too() -> None:
    spec = PreprocessSpec(32, "letterbox", channels="BGR", mean=MEAN)
    (ours,) = Preprocess(spec)([noise(32, 8)])
    np.testing.assert_allclose(ours[:, 0, 0], 0, atol=0.003)


def test_channels_come_last_where_the_model_wants_it() -> None:
    image = noise(32, 32)
    last = Preprocess(PreprocessSpec(32, mean=MEAN, std=STD, layout="NHWC"))([image])
    assert last.shape == (1, 32, 32, 3)
    np.testing.assert_allclose(last[0].transpose(2, 0, 1), plain(image), atol=1e-5)


def test_half_precision_is_rounded_once_at_the_end() -> None:
    image = noise(32, 32)
    (ours,) = Preprocess(PreprocessSpec(32, mean=MEAN, std=STD), np.float16)([image])
    assert ours.dtype == np.float16
    np.testing.assert_allclose(ours, plain(image), atol=2e-3)


def test_a_graph_that_takes_bytes_gets_the_pixels_as_they_are() -> None:
    image = noise(32, 32)
    (ours,) = Preprocess(PreprocessSpec(32, mean=MEAN, std=STD, layout="NHWC"), np.uint8)([image])
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, image)


def test_pictures_that_are_views_of_larger_ones_work() -> None:
    image = noise(90, 90)
    spec = PreprocessSpec(32)
    (view,) = Preprocess(spec)([image[10:60, 20:80]])
    (copy,) = Preprocess(spec)([image[10:60, 20:80].copy()])
    np.testing.assert_array_equal(view, copy)
