"""The edits of the training: every one gives a picture that differs, the same for the same seed."""

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw
from recipes.visavis_s.edits import EDITS, SHARES, edited, perspective


def picture(width: int = 120, height: int = 90) -> Image.Image:
    """A sun over a hill: colours, edges, and nothing that is the same on both sides."""
    made = Image.new("RGB", (width, height), "#78b4e6")
    draw = ImageDraw.Draw(made)
    draw.ellipse((0.1 * width, 0.1 * height, 0.4 * width, 0.5 * height), fill="#f5c83c")
    draw.polygon([(0, height), (0.7 * width, 0.4 * height), (width, height)], fill="#3c8c50")
    return made


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_picture_the_same_way_for_the_same_seed(name: str) -> None:
    first, again = (EDITS[name](picture(), random.Random(4)) for _ in range(2))
    assert first.mode == "RGB"
    assert first.tobytes() == again.tobytes()
    assert first.size != picture().size or first.tobytes() != picture().tobytes()


@pytest.mark.parametrize("size", [(1, 1), (2, 400), (9, 9)])
def test_edits_take_pictures_of_any_size(size: tuple[int, int]) -> None:
    for name, edit in EDITS.items():
        for seed in range(3):
            assert min(edit(picture(*size), random.Random(seed)).size) >= 1, name


def test_every_edit_has_a_share() -> None:
    assert SHARES.keys() == EDITS.keys()
    assert min(SHARES.values()) > 0
    drawn = {edited(picture(), random.Random(seed)).tobytes() for seed in range(40)}
    assert len(drawn) == 40


def test_a_quarter_has_about_a_quarter_of_the_area() -> None:
    for seed in range(20):
        part = EDITS["quarter"](picture(400, 200), random.Random(seed))
        assert 0.18 <= part.width * part.height / (400 * 200) <= 0.32


def test_a_turned_picture_lies_on_its_side_or_its_head() -> None:
    turned = [EDITS["turn"](picture(), random.Random(seed)) for seed in range(30)]
    assert {one.size for one in turned} == {(90, 120), (120, 90)}


def test_grey_has_no_colour_and_old_photographs_are_brown() -> None:
    grey = np.asarray(EDITS["grey"](picture(), random.Random(0)))
    assert (grey == grey[:, :, :1]).all()
    for seed in range(10):
        toned = np.asarray(EDITS["tinted"](picture(), random.Random(seed)), np.float64)
        if toned[..., 0].mean() > toned[..., 2].mean() + 20:
            return
    pytest.fail("no seed of ten gave a brown picture")


def test_perspective_takes_corners_to_corners() -> None:
    places = [(3.0, 5.0), (90.0, 2.0), (95.0, 80.0), (1.0, 70.0)]
    sources = [(0.0, 0.0), (100.0, 0.0), (100.0, 80.0), (0.0, 80.0)]
    a, b, c, d, e, f, g, h = perspective(places, sources)
    for (x, y), (u, v) in zip(places, sources, strict=True):
        below = g * x + h * y + 1
        assert ((a * x + b * y + c) / below, (d * x + e * y + f) / below) == pytest.approx((u, v))
