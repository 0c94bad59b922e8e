"""Copies that were moved within their frame are found, and nothing else is."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from pictures import page, product, scene
from PIL import Image, ImageOps

from visavis.evaluation.edits import edited
from visavis.images.decode import decode
from visavis.matching.local import features, local_check, mirrored, same_by_features
from visavis.types import RGB

pytest.importorskip("cv2")

MOVED = ["crop", "quarter", "rotate", "border", "caption", "screenshot", "text", "emoji", "screen"]


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


def test_features_in_a_mirror_are_those_of_the_mirrored_picture() -> None:
    original = rich(2)
    found = mirrored(features(original))
    again = features(np.ascontiguousarray(original[:, ::-1]))
    nearest = (found.descriptors @ again.descriptors.T).argmax(axis=1)
    off = np.linalg.norm(found.points - again.points[nearest], axis=1)
    assert np.median(off) < 1


def photographed(poster: RGB, seed: int) -> RGB:
    """A wall with a poster on it, seen by hand: from aside, and lit from one side."""
    cv2 = pytest.importorskip("cv2")
    chance = random.Random(seed)
    wall = np.full((360, 480, 3), (186, 178, 170), np.float32)
    height, width = poster.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    left, top, size = chance.uniform(30, 90), chance.uniform(20, 60), chance.uniform(0.9, 1.1)
    askew = [[chance.uniform(-22, 22) for _ in range(2)] for _ in range(4)]
    placed = (corners * size + (left, top) + np.array(askew)).astype(np.float32)
    how = cv2.getPerspectiveTransform(corners, placed)
    seen = cv2.warpPerspective(poster.astype(np.float32), how, (480, 360))
    there = cv2.warpPerspective(np.ones(poster.shape, np.float32), how, (480, 360))
    light = np.linspace(chance.uniform(0.75, 1), chance.uniform(0.75, 1), 480)[None, :, None]
    pixels: RGB = np.clip((wall * (1 - there) + seen) * light, 0, 255).astype(np.uint8)
    return pixels


def test_two_photographs_of_one_poster_are_no_copies_but_one_of_the_poster_is() -> None:
    posters = [rich(seed) for seed in range(5)]
    one = [photographed(poster, 2 * seed) for seed, poster in enumerate(posters)]
    other = [photographed(poster, 2 * seed + 1) for seed, poster in enumerate(posters)]
    views = [same_by_features(a)(b) for a, b in zip(one, other, strict=True)]
    shown = [same_by_features(a)(b) for a, b in zip(one, posters, strict=True)]
    back = [same_by_features(b)(a) for a, b in zip(one, posters, strict=True)]
    assert not any(views)
    assert sum(shown) >= 4
    assert sum(back) >= 4
