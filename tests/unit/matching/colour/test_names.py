"""Colours as people write them."""

import numpy as np
import pytest
from PIL import ImageColor

from visavis.errors import UsageError
from visavis.matching.colour.names import SAID, SHADES, said, shades_of
from visavis.matching.colour.spaces import din99, lab


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("teal", (0, 128, 128)),
        ("Dark Red", (139, 0, 0)),
        ("dark-red", (139, 0, 0)),
        ("#C01F2A", (192, 31, 42)),
        ("c01f2a", (192, 31, 42)),
        ("#abc", (170, 187, 204)),
        ("lightgray", (211, 211, 211)),
    ],
)
def test_a_colour_has_a_name_or_a_value(text: str, colour: tuple[int, int, int]) -> None:
    assert list(shades_of(text)) == [colour]


def test_the_basic_colours_are_those_of_things_rather_than_of_screens() -> None:
    for name, shades in SHADES.items():
        assert shades_of(name) == shades
    assert shades_of("gray") == SHADES["grey"]
    assert ImageColor.getrgb("blue") not in SHADES["blue"]


@pytest.mark.parametrize("text", ["rde", "", "#12", "#1234567", "red shoes", "x" * 500])
def test_what_is_no_colour_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no colour; .* a hex value such as #c01f2a") as raised:
        shades_of(text)
    assert len(str(raised.value)) < 300


def test_names_spelled_nearly_so_are_offered() -> None:
    with pytest.raises(UsageError, match="did you mean turquoise"):
        shades_of("turqoise")


def test_a_text_is_a_colour_where_it_says_nothing_else() -> None:
    assert [said(text) for text in ("Red", "in navy", "red shoes", "olive", "shoes")] == [
        "red",
        "navy",
        None,
        None,
        None,
    ]
    assert all(shades_of(name) for name in SAID)


def test_the_spaces_agree_with_published_values() -> None:
    # Of D65: white, black, and the primaries as Lindbloom's calculator gives them.
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    known: list[list[float]] = [
        [100, 0, 0],
        [0, 0, 0],
        [53.24, 80.09, 67.20],
        [87.73, -86.18, 83.18],
        [32.30, 79.19, -107.86],
    ]
    np.testing.assert_allclose(lab(rgb).astype(float), np.array(known), atol=0.05)
    blue, cloth, grey = din99(np.array([[0, 0, 255], [58, 90, 154], [128, 128, 128]], np.uint8))
    assert np.linalg.norm(blue - cloth) < np.linalg.norm(blue - grey)
