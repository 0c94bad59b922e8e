"""The colours of a subject: what is in front of a backdrop, in which colours, and how much."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visavis.matching.colour.likeness import likeness, of_palette, of_shades
from visavis.matching.colour.names import Colour, shades_of
from visavis.matching.colour.palette import (
    BYTES,
    WIDTH,
    Palette,
    codes_of,
    palette,
    rgb_of,
)
from visavis.matching.colour.spaces import Floats, din99
from visavis.matching.signature import signature
from visavis.types import RGB

RED, BLUE, WHITE = (192, 31, 42), (31, 79, 160), (255, 255, 255)


def drawn(subject: Colour, backdrop: Colour, share: float = 0.25, side: int = 200) -> RGB:
    """A disc that covers a share of a plain picture."""
    picture = Image.new("RGB", (side, side), backdrop)
    radius = side * (share / np.pi) ** 0.5
    middle = side / 2
    box = (middle - radius, middle - radius, middle + radius, middle + radius)
    ImageDraw.Draw(picture).ellipse(box, subject)
    return np.array(picture)


def of(pixels: RGB) -> Palette:
    return palette(signature(pixels))


def has(pixels: RGB, colour: str) -> float:
    values = np.frombuffer(of(pixels).packed(), np.uint8)[None]
    return float(likeness(values, of_shades(shades_of(colour)))[0])


@pytest.mark.parametrize("backdrop", [WHITE, (0, 0, 0), BLUE, (240, 235, 220)])
@pytest.mark.parametrize("share", [0.06, 0.25, 0.6])
def test_the_backdrop_is_no_colour_of_the_subject(backdrop: Colour, share: float) -> None:
    found = of(drawn(RED, backdrop, share))
    assert has(drawn(RED, backdrop, share), "#c01f2a") > 0.75
    main = np.array([int(found.hex()[0][at : at + 2], 16) for at in (1, 3, 5)])
    assert np.abs(main - RED).max() < 24


def test_a_shaded_backdrop_is_one_all_the_same() -> None:
    shade = np.linspace(225, 250, 200)[:, None, None].repeat(200, 1).repeat(3, 2).astype(np.uint8)
    disc = (drawn(RED, (0, 0, 0)) != 0).any(axis=2)
    shade[disc] = RED
    assert has(shade, "#c01f2a") > 0.85


def test_what_the_subject_encloses_belongs_to_it() -> None:
    picture = Image.fromarray(drawn(RED, WHITE, 0.4))
    ImageDraw.Draw(picture).ellipse((75, 75, 125, 125), WHITE)
    pixels = np.asarray(picture)
    assert 0.1 < has(pixels, "white") < 0.5
    assert 0.5 < has(pixels, "#c01f2a") < 0.9


def test_without_a_backdrop_the_middle_counts_more() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (200, 200, 3), np.uint8)
    noise[50:150, 50:150] = RED
    assert has(noise, "#c01f2a") > 0.35  # of a quarter of the picture


def test_a_picture_of_one_colour_has_that_colour() -> None:
    assert has(np.full((60, 80, 3), RED, np.uint8), "#c01f2a") > 0.95
    assert has(np.full((1, 1, 3), 255, np.uint8), "white") > 0.95


def test_a_palette_is_kept_in_few_bytes() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (90, 60, 3), np.uint8)
    made = of(pixels)
    packed = made.packed()
    assert len(packed) == BYTES <= 128
    again = Palette.unpacked(packed)
    kept = made.shares >= 1 / 255
    assert again.codes.tolist()[: kept.sum()] == made.codes[: kept.sum()].tolist()
    np.testing.assert_allclose(again.shares[: kept.sum()], made.shares[: kept.sum()], atol=0.01)
    assert np.isclose(made.shares.sum(), 1)


def test_codes_are_the_nearest_of_five_bits() -> None:
    colours = np.random.default_rng(3).integers(0, 256, (500, 3)).astype(np.uint8)
    assert np.abs(rgb_of(codes_of(colours)).astype(int) - colours).max() <= 5


def test_likeness_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(4)
    pictures = [drawn(tuple(rng.integers(0, 256, 3)), WHITE, 0.3) for _ in range(6)]
    pictures[0][60:100, 60:140] = BLUE
    palettes = [Palette.unpacked(of(one).packed()) for one in pictures]
    values = np.array([np.frombuffer(of(one).packed(), np.uint8) for one in pictures])

    def near(one: Floats, other: Floats) -> float:
        return float(np.exp(-((one - other) ** 2).sum() / (2 * WIDTH**2)))

    def dot(one: Palette, other: Palette) -> float:
        mine, yours = din99(rgb_of(one.codes)), din99(rgb_of(other.codes))
        return sum(
            float(share * other_share) * near(colour, other_colour)
            for share, colour in zip(one.shares, mine, strict=True)
            for other_share, other_colour in zip(other.shares, yours, strict=True)
        )

    wanted = din99(np.array(shades_of("blue"), np.uint8))
    shares = [
        sum(
            float(share) * max(near(colour, shade) for shade in wanted)
            for share, colour in zip(one.shares, din99(rgb_of(one.codes)), strict=True)
        )
        for one in palettes
    ]
    np.testing.assert_allclose(likeness(values, of_shades(shades_of("blue"))), shares, atol=0.02)
    first = palettes[0]
    whole = [dot(first, one) / (dot(first, first) * dot(one, one)) ** 0.5 for one in palettes]
    np.testing.assert_allclose(likeness(values, of_palette(first)), whole, atol=0.02)
    assert likeness(values, of_palette(first))[0] == pytest.approx(1, abs=0.01)


def test_a_record_whose_colours_are_not_known_has_none() -> None:
    nothing = np.zeros((2, BYTES), np.uint8)
    assert likeness(nothing, of_shades([RED])).tolist() == [0, 0]
    assert likeness(nothing, of_palette(of(drawn(RED, WHITE)))).tolist() == [0, 0]
