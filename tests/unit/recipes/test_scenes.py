"""Products in front of something."""

import random

import numpy as np
from PIL import Image, ImageDraw
from recipes.visavis_s.scenes import cut_out, in_scene


def product() -> Image.Image:
    picture = Image.new("RGB", (90, 120), "white")
    ImageDraw.Draw(picture).rectangle((20, 20, 69, 99), fill=(200, 0, 0))
    return picture


def test_a_product_is_told_from_its_white_ground() -> None:
    mask = np.asarray(cut_out(product())) > 0
    assert mask[20:100, 20:70].mean() > 0.99
    assert mask[:18].sum() == mask[:, :18].sum() == 0


def test_the_scene_is_where_the_ground_was() -> None:
    scene = Image.new("RGB", (50, 50), (0, 0, 200))
    shown = np.asarray(in_scene(product(), scene, random.Random(1)), np.int64)
    assert shown.shape == (224, 224, 3)
    reds, blues = shown[..., 0] > shown[..., 2] + 60, shown[..., 2] > shown[..., 0] + 60
    assert 0.05 < reds.mean() < 0.5
    assert blues.mean() > 0.4
    assert (~reds & ~blues).mean() < 0.05
    again = np.asarray(in_scene(product(), scene, random.Random(1)))
    assert np.array_equal(again, shown)
