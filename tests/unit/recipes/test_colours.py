"""Colour words: directions that come from colours laid over pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recipes.visavis_s.colours import (
    ALIASES,
    ColourDirections,
    basic,
    chosen,
    directions,
    laid_over,
    save,
    tinted,
)
from recipes.visavis_s.pictures import Row
from recipes.visavis_s.semantic import Matrix

from visavis.drawn.gallery import write_gallery
from visavis.embedders.base import unit_rows
from visavis.embedders.words.table import WordTable
from visavis.matching.colour.names import SHADES


def mean_colours(pictures: Sequence[Image.Image]) -> Matrix:
    """A model that sees the mean colour, of unit length, and nothing else."""
    means = [np.asarray(one.convert("RGB"), np.float32).mean(axis=(0, 1)) for one in pictures]
    return unit_rows(np.array(means, np.float32) - 100)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Image.Image]:
    folder = write_gallery(tmp_path_factory.mktemp("drawn"), count=8).parent
    return [Image.open(path).convert("RGB") for path in sorted(folder.rglob("*.jpg"))[:8]]


@pytest.fixture(scope="module")
def found(pictures: list[Image.Image]) -> ColourDirections:
    assert pictures
    return directions(mean_colours(list(laid_over(pictures))))


def test_a_word_finds_the_picture_of_its_colour(found: ColourDirections) -> None:
    plain = mean_colours([Image.new("RGB", (8, 8), shades[0]) for shades in SHADES.values()])
    names = list(SHADES)
    for word in ("red", "green", "blue"):
        scores = plain @ found.directions[names.index(word)]
        assert names[int(scores.argmax())] == word


def test_other_words_for_a_colour_have_its_direction(found: ColourDirections) -> None:
    rows = dict(zip(found.words, found.directions, strict=True))
    assert found.words == (*SHADES, *ALIASES)
    assert all(np.array_equal(rows[other], rows[word]) for other, word in ALIASES.items())
    assert np.allclose(np.linalg.norm(found.directions, axis=1), 1, atol=1e-5)


def test_the_same_pictures_give_the_same_directions(
    pictures: list[Image.Image], found: ColourDirections
) -> None:
    again = directions(mean_colours(list(laid_over(pictures))))
    assert np.array_equal(again.directions, found.directions)


@pytest.mark.parametrize(
    ("name", "colour"),
    [("Navy Blue", "blue"), ("Off White", "white"), ("Maroon", "red"), ("Multi", None), ("", None)],
)
def test_a_catalogues_colour_is_one_of_the_eleven_or_none(name: str, colour: str | None) -> None:
    assert basic(name) == colour


def test_light_and_shade_stay_where_a_colour_is_laid_over() -> None:
    ramp = Image.linear_gradient("L").convert("RGB").resize((224, 224))
    red = np.asarray(tinted(ramp, (200, 0, 0), 1), np.int64)
    coloured = red[:, :, 0] > red[:, :, 1] + 20
    assert 0.1 < coloured.mean() < 0.7
    column = red[:, 112, 0][coloured[:, 112]]
    assert (np.diff(column) >= 0).all()  # as the ramp below it
    assert np.array_equal(red[~coloured], np.asarray(ramp)[~coloured]) or coloured.any()


def test_no_picture_that_is_held_out_is_laid_over() -> None:
    rows = [Row(Path(str(n)), f"train-mix/{n}", {"source": "pacs"}) for n in range(300)]
    fashion = [Row(Path(str(n)), f"fashion/{n}", {}) for n in range(300)]
    drawn = chosen([*rows, *fashion])
    assert len({row.name for row in drawn}) == 100
    assert not any(row.held_out for row in drawn)
    assert {"source"} == set().union(*(row.fields for row in drawn))
    assert drawn == chosen([*rows, *fashion])


def test_colours_on_disk_are_looked_up_by_word(found: ColourDirections, tmp_path: Path) -> None:
    save(tmp_path / "colours.bin", found)
    table = WordTable(tmp_path / "colours.bin")
    number = table.find("navy")
    assert number is not None
    blue = found.directions[list(SHADES).index("blue")]
    assert np.allclose(table.vectors([number])[0], blue, atol=2e-3)
