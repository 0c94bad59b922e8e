"""How a model with a semantic part reads texts, by hand-made sums of its words' rows."""

import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from semantic import COLOURS, SHARE, meaning, words, write_semantic, write_table

from visavis.embedders.base import unit_rows
from visavis.embedders.registry import load_embedder
from visavis.embedders.spec import SemanticSpec
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.embedders.words.aliases import parse_aliases
from visavis.embedders.words.semantic import GOOD_FROM, SemanticWords
from visavis.embedders.words.table import WordTable
from visavis.errors import UnknownWordError
from visavis.types import Vectors


@pytest.fixture
def reader(tmp_path: Path) -> SemanticWords:
    write_table(tmp_path / "words.bin", words(), "int8")
    write_table(tmp_path / "colours.bin", COLOURS, "float16")
    aliases = parse_aliases(["gray, silver = grey", "moggy = cat", "fruitbat = xyzzy"], "lines")
    tables = [WordTable(tmp_path / name) for name in ("words.bin", "colours.bin")]
    return SemanticWords(tables[0], SemanticSpec(5, SHARE), 3, tables[1], aliases)


def summed(*names: str) -> Vectors:
    """[0 ; s]: what a text of these words is."""
    total = np.sum([words()[name] for name in names], axis=0)
    return np.concatenate([np.zeros(3, np.float32), unit_rows(total[None])[0]])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tomato", ["tomato"]),
        ("a Tomato on the bowl", ["tomato", "bowl"]),
        ("photos of frogs", ["frog"]),
        ("nice cat", ["nice", "cat"]),
        ("still cat", ["cat"]),
        ("snow goose", ["snow_goose"]),
        ("two_fruits, snow-goose", ["fruit", "snow_goose"]),
        ("a blue whale and a cat", ["blue_whale", "cat"]),
        ("walked", ["walk"]),
        ("dancing", ["dance"]),
        ("stopped stopping", ["stop", "stop"]),
        ("moggies", ["cat"]),
        ("catwalk", ["cat", "walk"]),
        ("fruitbowls", ["fruit", "bowl"]),
        ("caf\u00e9 cat", ["cat"]),
        ("tomato tomato cat", ["tomato", "tomato", "cat"]),
    ],
)
def test_a_text_is_the_sum_of_its_words_rows(
    reader: SemanticWords, text: str, meant: list[str]
) -> None:
    np.testing.assert_allclose(reader.embed([text])[0], summed(*meant), atol=0.02)


def test_colours_act_on_the_visual_part_as_much_as_words_on_the_semantic_one(
    reader: SemanticWords,
) -> None:
    red = unit_rows(np.array([COLOURS["red"]]))[0]
    weight = 1.5 * (SHARE / (1 - SHARE)) ** 0.5
    expected = unit_rows(np.concatenate([weight * red, meaning(4)])[None])[0]
    np.testing.assert_allclose(reader.embed(["a red cat"])[0], expected, atol=0.02)
    both = unit_rows(np.add(COLOURS["red"], COLOURS["blue"])[None])[0]
    np.testing.assert_allclose(reader.embed(["red blue"])[0], [*both, 0, 0, 0, 0, 0], atol=0.02)


def test_a_colour_alone_works_and_by_its_other_names(reader: SemanticWords) -> None:
    grey = unit_rows(np.array([COLOURS["grey"]]))[0]
    for text in ("grey", "Gray", "SILVER!"):
        np.testing.assert_allclose(reader.embed([text])[0], [*grey, 0, 0, 0, 0, 0], atol=1e-3)
        assert reader.notes(text) == ()


def test_without_a_table_of_colours_they_are_words_as_others(tmp_path: Path) -> None:
    rows = {**words(), "red": meaning(0)}
    write_table(tmp_path / "words.bin", rows, "int8")
    reader = SemanticWords(WordTable(tmp_path / "words.bin"), SemanticSpec(5, SHARE), 3)
    np.testing.assert_allclose(reader.embed(["red"])[0], summed("tomato"), atol=0.02)


def test_unknown_words_are_named_with_near_spellings_and_the_others_answer(
    reader: SemanticWords,
) -> None:
    np.testing.assert_allclose(reader.embed(["tmoato cat"])[0], summed("cat"), atol=0.02)
    [note] = reader.notes("tmoato cat")
    assert note == ("unknown and ignored: 'tmoato'; near 'tmoato' in spelling: 'tomato'")


def test_a_word_that_was_cut_in_two_is_told(reader: SemanticWords) -> None:
    assert reader.notes("catwalk") == ("'catwalk' was read as 'cat' and 'walk'",)
    assert reader.notes("cat walks") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("xyzzy", "the word 'xyzzy' is not known to the model; use others"),
        ("tmoato", "the word 'tmoato' is not known to the model; near 'tmoato' in spelling: 'tom"),
        ("grene", "near 'grene' in spelling: 'green'"),
        ("plugh xyzzy", "none of the words of 'plugh xyzzy' is known to the model"),
        ("the of on", "'the of on' names nothing that a picture shows; name a thing or a colour"),
        ("a picture of", "names nothing that a picture shows"),
        ("still", "'still' names nothing that a picture shows"),
        ("?!", "'?!' names nothing that a picture shows"),
        ("\u72d7", "the word '\u72d7' is not known to the model; use others"),
        ("\u0441\u043e\u0431\u0430\u043a\u0430 \u0438 \u043a\u043e\u0442", "none of the words of"),
        ("\U0001f436", "the word '\U0001f436' is not known to the model"),
    ],
)
def test_a_text_of_which_nothing_is_known_is_one_sentence(
    reader: SemanticWords, text: str, told: str
) -> None:
    with pytest.raises(UnknownWordError) as caught:
        reader.embed([text])
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("letters", ["a", "cat", "cat ", "\u72d7 ", "qz xj ", "\U0001f436"])
def test_ten_thousand_characters_get_an_answer_or_a_sentence_at_once(
    reader: SemanticWords, letters: str
) -> None:
    text = (letters * 10_000)[:10_000]
    started = time.perf_counter()
    with suppress(UnknownWordError):
        assert np.linalg.norm(reader.embed([text])[0]) == pytest.approx(1, abs=1e-5)
    assert all(len(note) < 3000 for note in reader.notes(text))
    assert time.perf_counter() - started < 2


def test_a_text_is_read_as_far_as_a_hundred_words(reader: SemanticWords) -> None:
    text = "tomato " * 100 + "cat " * 100
    np.testing.assert_allclose(reader.embed([text])[0], summed("tomato"), atol=0.02)
    assert reader.notes(text) == ("only the first 100 words were read",)


def test_the_score_of_good_answers_is_known_for_words_and_not_for_colours(
    reader: SemanticWords,
) -> None:
    assert reader.good_from("a cat") == GOOD_FROM
    assert reader.good_from("a red cat") is None


def test_words_that_mean_nearly_the_same_are_found(reader: SemanticWords) -> None:
    found = reader.similar([("cat", 1.0)], 3)
    assert [tag.name for tag in found[:2]] == ["black cat", "kitten"]
    assert found[0].score == pytest.approx(1, abs=0.01)
    assert "still" not in {tag.name for tag in reader.similar([("cat", 1.0)], 50)}
    with pytest.raises(UnknownWordError, match="'red' is a colour"):
        reader.similar([("red", 1.0)], 3)


def test_a_folder_reads_words_without_opening_its_network(tmp_path: Path) -> None:
    folder = write_semantic(tmp_path / "small")
    model = load_embedder(folder)
    assert isinstance(model, TwoSidedEmbedder)
    (folder / "model.onnx").unlink()
    np.testing.assert_allclose(model.embed_texts(["cats"])[0], summed("cat"), atol=0.02)
    assert model.text_notes("cat xyzzy") == ("unknown and ignored: 'xyzzy'",)
