"""Copies that were moved within their frame are found, and nothing else is."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from pictures import page, product, scene
from PIL import Image, ImageOps

from visavis.evaluation.edits import edited
from visavis.images.decode import decode
from visavis.matching.local import features, local_check, same_by_features
from visavis.types import RGB

pytest.importorskip("cv2")

MOVED = ["crop", "quarter", "rotate", "border", "caption", "screenshot", "text", "emoji"]


def rich(seed: int) -> RGB:
    """A scene with grain, as photographs have."""
    grain = np.random.default_rng(seed).normal(0, 12, (240, 320, 1))
    return np.clip(scene(seed) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("edit", MOVED)
def test_a_moved_copy_is_the_same(edit: str) -> None:
    found = 0
    for seed in range(6):
        original = rich(seed)
        copy = decode(edited(edit, original, random.Random(seed)), "copy").pixels
        found += same_by_features(copy)(original)
    assert found >= 5


def test_a_mirrored_crop_is_the_same() -> None:
    original = rich(3)
    crop = np.asarray(ImageOps.mirror(Image.fromarray(original)).crop((20, 10, 280, 220)))
    assert same_by_features(crop)(original)


@pytest.mark.parametrize("draw", [rich, scene, page])
def test_other_pictures_are_not(draw: Callable[[int], RGB]) -> None:
    pictures = [draw(seed) for seed in range(7)]
    wrong = [
        (one, other)
        for one, picture in enumerate(pictures)
        for other, another in enumerate(pictures)
        if one != other and same_by_features(picture)(another)
    ]
    assert not wrong


def test_nothing_is_not_the_same_as_nothing() -> None:
    white, grey = np.full((90, 90, 3), 255, np.uint8), np.full((90, 90, 3), 128, np.uint8)
    assert not same_by_features(white)(white)
    assert not same_by_features(grey)(product((200, 30, 30)))


def test_it_tells_where_a_crop_was() -> None:
    original = rich(4)
    crop = original[60:180, 80:240]
    corners = local_check(features(crop), features(original)).corners
    assert np.allclose(corners[0], (80 / 320, 60 / 240), atol=0.02)
    assert np.allclose(corners[2], (240 / 320, 180 / 240), atol=0.02)


@pytest.mark.parametrize("shape", [(60_000, 1, 3), (1, 60_000, 3)])
def test_a_picture_as_thin_as_a_hair_is_like_nothing(shape: tuple[int, int, int]) -> None:
    hair = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    assert not same_by_features(hair)(rich(1))
