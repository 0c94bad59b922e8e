"""The words of the built-in model: which there are, where they stand, how much each says."""

import json
from pathlib import Path

import numpy as np
import pytest
from recipes.visavis_s.colours import THINGS, colour_words, wordless
from recipes.visavis_s.semantic import Semantic
from recipes.visavis_s.words import (
    WordRows,
    british_words,
    class_places,
    names_of,
    rows,
    save,
    weights,
    whole_words,
    word_list,
)
from tests.unit.recipes.conftest import read_bags

from visavis.embedders.base import unit_rows
from visavis.embedders.words.table import WordTable

VOCABULARY = ["the", "man", "dog", "photo", "red", "armor", "sky", "tabby"]
MINILM = Path(__file__).parents[4] / "shared" / "weights" / "minilm-l6-v2"


@pytest.fixture
def made(small: Semantic) -> WordRows:
    return rows(read_bags, small, small.classes.mean(axis=0), VOCABULARY, {"red"})


def row(words: WordRows, word: str) -> np.ndarray:
    found: np.ndarray = words.rows[words.words.index(word)]
    return found


def test_whole_words_come_in_the_vocabularys_order(tmp_path: Path) -> None:
    vocabulary = {"[PAD]": 0, "dog": 3, "the": 1, "##ing": 2, "é": 4, "a": 5, "u2": 6, "sofa": 7}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"vocab": vocabulary}}), encoding="utf-8")
    assert whole_words(path) == ["the", "dog", "sofa"]


def test_function_words_and_colours_have_no_row(small: Semantic) -> None:
    listed = word_list(VOCABULARY, small, ["red"])
    assert listed[:5] == ["man", "dog", "armor", "sky", "tabby"]  # nor has "photo"
    assert {"selfie", "barbecue"} & set(listed)  # ours
    assert "animal" in listed
    assert len(listed) == len(set(listed))


def test_a_words_direction_is_its_place(made: WordRows, small: Semantic) -> None:
    place = small.placed(read_bags(["a photo of a sky"]))[0]
    assert np.allclose(unit_rows(row(made, "sky")[None])[0], place, atol=1e-5)


def test_a_british_word_has_the_american_ones_row(made: WordRows) -> None:
    assert np.array_equal(row(made, "armour"), row(made, "armor"))


def test_a_class_name_of_several_words_stands_where_its_pictures_do(
    made: WordRows, small: Semantic
) -> None:
    places = unit_rows(small.classes - small.classes.mean(axis=0))
    assert np.allclose(row(made, "golden_retriever"), places[1], atol=1e-5)
    assert np.allclose(row(made, "sport_car"), row(made, "sports_car"))


def test_a_class_name_of_one_word_stands_half_way_to_its_pictures(
    made: WordRows, small: Semantic
) -> None:
    pictures = unit_rows(small.classes - small.classes.mean(axis=0))[2]
    word = small.placed(read_bags(["a photo of a tabby"]))[0]
    found = unit_rows(row(made, "tabby")[None])[0]
    assert found @ pictures == pytest.approx(found @ word, abs=1e-5)
    assert found @ word > pictures @ word


def test_a_common_word_that_is_a_classs_second_name_stays_what_it_is(small: Semantic) -> None:
    mean = small.classes.mean(axis=0)
    assert "goldie" in class_places(small, mean, frozenset())
    assert "goldie" not in class_places(small, mean, frozenset({"goldie"}))
    assert "tabby" in class_places(small, mean, frozenset({"tabby"}))


def test_names_are_joined_as_the_table_has_its_phrases() -> None:
    assert names_of("tench, Tinca tinca") == ["tench", "tinca_tinca"]
    assert names_of("jack-o'-lantern") == ["jack-o'-lantern"]


def test_rare_words_and_words_for_what_can_be_seen_say_more(small: Semantic) -> None:
    vocabulary = [f"word{number}" for number in range(5_000)]
    sentences = np.tile(small.seen[:1], (2, 1))
    common, rare = weights([vocabulary[0], vocabulary[-1]], vocabulary, sentences, small.seen)
    assert rare > 0.9 > 0.1 > common
    blind = -small.seen.mean(axis=0, keepdims=True)
    assert weights([vocabulary[-1]], vocabulary, unit_rows(blind), small.seen)[0] < rare


def test_a_table_on_disk_keeps_words_and_lengths(made: WordRows, tmp_path: Path) -> None:
    save(tmp_path / "words.bin", made)
    table = WordTable(tmp_path / "words.bin")
    assert tuple(table.words()) == made.words
    assert np.allclose(
        table.rows(slice(0, len(table))), made.rows, atol=np.abs(made.rows).max() / 120
    )


def test_british_words_are_known_by_one_american_word_each() -> None:
    pairs = british_words()
    assert len(pairs) >= 100
    assert len(dict(pairs)) == len(pairs)
    assert not {british for british, _ in pairs} & {american for _, american in pairs}


def test_colours_that_are_things_keep_their_row() -> None:
    assert set(colour_words()) - wordless() == THINGS == {"orange"}


@pytest.mark.shared
@pytest.mark.skipif(not MINILM.is_dir(), reason="needs ../shared")
def test_the_whole_table_is_at_most_two_megabytes(small: Semantic, tmp_path: Path) -> None:
    listed = word_list(whole_words(MINILM / "tokenizer.json"), small, wordless())
    assert {american for _, american in british_words()} <= set(listed)
    every = [*dict.fromkeys([*listed, *(british for british, _ in british_words())])]
    names = Path(__file__).parents[3] / "src/visavis/embedders/builtin/visavis-s/labels.txt"
    labels = names.read_text(encoding="utf-8").splitlines()
    every += [name for label in labels for name in names_of(label)]
    every = [*dict.fromkeys(every)]
    save(tmp_path / "words.bin", WordRows(tuple(every), np.ones((len(every), 64), np.float32)))
    assert len(every) > 20_000
    assert (tmp_path / "words.bin").stat().st_size <= 2_000_000
