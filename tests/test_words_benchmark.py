"""What benchmarks/words_builtin.py asks, and what it takes for right."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.words_builtin import (
    Asked,
    by_caption,
    by_colour,
    by_name,
    by_two_words,
    colour_queries,
    indexed,
    words_of,
)
from PIL import Image
from semantic import THINGS, write_semantic

FASHION = Path(__file__).parents[1].parent / "shared" / "data" / "fashion" / "labels.csv"


def write_set(folder: Path, rows: list[dict[str, str]]) -> Path:
    """A catalogue of pictures of one colour each, with other fields."""
    folder.mkdir()
    for number, row in enumerate(rows):
        row["path"] = f"{row.pop('of')}-{number}.png"
        colour = THINGS[row["path"].split("-")[0]]
        Image.new("RGB", (20, 20), colour).save(folder / row["path"])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", *(key for key in rows[0] if key != "path")])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """A tomato, a frog and a cat; the cat's captions call it otherwise, and one says nothing."""
    captions = {
        "tomato": ["a tomato", "the tomato there", "food"],
        "frog": ["a frog", "one frog", "bullfrog"],
        "cat": ["a cat", "a tomato", "xyzzy qwerty"],
    }
    rows = [
        {"of": thing, "label": thing, "captions_json": json.dumps(said)}
        for thing, said in captions.items()
    ]
    folder = write_set(tmp_path / "things", rows)
    made = indexed(folder, str(write_semantic(tmp_path / "model")), tmp_path / "work")
    yield made
    made.index.close()


def test_a_text_finds_the_pictures_of_what_it_names(asked: Asked) -> None:
    assert asked.found("frog", 1) == [1]
    assert sorted(asked.found("tomato", 3)) == [0, 1, 2]
    assert asked.found("xyzzy qwerty", 3) == []


def test_the_index_holds_no_name_that_says_what_a_picture_shows(asked: Asked) -> None:
    for record in asked.index:
        assert not any(thing in record.uri.rpartition("/")[2] for thing in THINGS)
        assert not any(thing in str(record.fields.values()) for thing in THINGS)


def test_captions_of_a_picture_are_one_group(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.words_builtin.FIRST", 1)
    found = by_caption(asked)
    assert found.groups == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert found.values == [1, 1, 1, 1, 1, 1, 1, 0, 0]


def test_a_class_is_asked_by_its_name(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.words_builtin.FIRST", 1)
    assert by_name(asked)["name: precision@1"].values == [1, 1, 1]
    assert by_name(asked)["name: r_precision"].values == [1, 1, 1]


def test_colour_and_noun_are_asked_together_where_enough_pictures_have_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"of": "tomato", "label": "Foods", "baseColour": "Maroon"} for _ in range(5)]
    rows += [{"of": "frog", "label": "Animals", "baseColour": "Green"} for _ in range(4)]
    folder = write_set(tmp_path / "shop", rows)
    monkeypatch.setattr("benchmarks.words_builtin.NOUNS", {"food": "Foods", "animal": "Animals"})
    made = indexed(folder, str(write_semantic(tmp_path / "model")), tmp_path / "work")
    ((colour, noun, right),) = colour_queries(made.rows)  # of the green animals there are but four
    assert (colour, noun, int(right.sum())) == ("red", "food", 5)
    assert by_colour(made).values == [1.0]
    made.index.close()


def test_two_words_are_right_where_the_captions_name_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["a frog with a cat", "cats, frogs", "a cat on a tomato"]
    rows = [
        {"of": thing, "captions_json": json.dumps([caption])}
        for thing, caption in zip(("frog", "cat", "tomato"), said, strict=True)
    ]
    folder = write_set(tmp_path / "flickr", rows)
    made = indexed(folder, str(write_semantic(tmp_path / "model")), tmp_path / "work")
    known = {"frog": frozenset({"frog", "frogs"}), "cat": frozenset({"cat", "cats"})}
    monkeypatch.setattr("benchmarks.words_builtin.SAID", known)
    monkeypatch.setattr("benchmarks.words_builtin.TWO_WORDS", (("flickr", "frog", "cat"),))
    assert by_two_words({"flickr": made}).values == [1.0]
    made.rows[0]["captions_json"], made.rows[2]["captions_json"] = '["a frog"]', '["frog, cat"]'
    assert by_two_words({"flickr": made}).values == [0.5]  # of the cat and the tomato, the cat
    made.index.close()


def test_words_of_captions_are_told_apart_by_what_is_no_letter() -> None:
    assert words_of('["Dog-days, 2 dogs!", "A Bike."]') == {"dog", "days", "dogs", "a", "bike"}


@pytest.mark.shared
@pytest.mark.skipif(not FASHION.is_file(), reason="needs ../shared")
def test_fashion_has_the_61_questions_of_colour_and_noun() -> None:
    with FASHION.open(newline="", encoding="utf-8") as file:
        queries = colour_queries(list(csv.DictReader(file)))
    assert len(queries) == 61
    assert all(np.count_nonzero(right) >= 5 for _, _, right in queries)
    assert ("red", "shoes") in [(colour, noun) for colour, noun, _ in queries]
