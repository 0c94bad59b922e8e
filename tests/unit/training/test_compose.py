from dataclasses import replace

import numpy as np
import pytest

from visavis.training.compose import Mixture, composition
from visavis.training.pictures import Pictures

PLAIN = Mixture(whole=0, blend=0, paste=0, collage=0, recolour=0)
ONLY = {name: replace(PLAIN, **{name: 1.0}) for name in ("whole", "blend", "paste", "collage")}


def flat(*colours: tuple[int, int, int]) -> Pictures:
    """Pictures of 20 × 30 pixels in one colour each."""
    pixels = np.concatenate([np.tile(np.array(colour, np.uint8), 600) for colour in colours])
    return Pictures(pixels, np.array([[20, 30]] * len(colours)))


def colours_of(picture: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(int(v) for v in pixel) for pixel in picture.reshape(-1, 3)}


def test_picture_n_of_the_stream_is_always_the_same() -> None:
    pictures = flat((250, 0, 0), (0, 250, 0), (0, 0, 250))
    members = np.arange(3)
    first = [composition(pictures, members, 32, Mixture(), 1, n) for n in range(20)]
    again = [composition(pictures, members, 32, Mixture(), 1, n) for n in reversed(range(20))]
    assert all(np.array_equal(a, b) for a, b in zip(first, reversed(again), strict=True))
    assert len({picture.tobytes() for picture in first}) > 10


def test_only_members_are_shown() -> None:
    pictures = flat((250, 0, 0), (0, 250, 0))
    shown = [composition(pictures, np.array([1]), 16, PLAIN, 1, n) for n in range(10)]
    assert all(colours_of(picture) == {(0, 250, 0)} for picture in shown)


@pytest.mark.parametrize("kind", ["paste", "collage"])
def test_pasted_parts_and_collages_show_several_pictures_side_by_side(kind: str) -> None:
    pictures = flat((250, 0, 0), (0, 250, 0))
    shown = [composition(pictures, np.arange(2), 16, ONLY[kind], 1, n) for n in range(10)]
    assert max(len(colours_of(picture)) for picture in shown) == 2


def test_a_blend_lies_between_its_pictures() -> None:
    pictures = flat((200, 0, 0), (0, 200, 0))
    shown = [composition(pictures, np.arange(2), 16, ONLY["blend"], 1, n) for n in range(20)]
    mixed = [p[0, 0] for p in shown if len(colours_of(p)) == 1 and 0 < p[0, 0, 0] < 200]
    assert mixed
    assert all(abs(int(red) + int(green) - 200) <= 1 for red, green, _ in mixed)


def test_a_whole_picture_is_squashed_to_a_square() -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (16, 1, 3))
    pictures = Pictures(ramp.ravel(), np.array([[16, 64]]))
    made = composition(pictures, np.array([0]), 32, ONLY["whole"], 1, 0).astype(int)
    ends = sorted([made[0, 0, 0], made[0, -1, 0]])
    assert made.shape == (32, 32, 3)
    assert ends[0] < 8
    assert ends[1] > 247
