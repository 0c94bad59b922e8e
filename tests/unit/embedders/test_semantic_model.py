"""Model folders with a semantic part: classes, tags, checks, and what is wrong with a folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from semantic import SHARE, THINGS, meaning, plain, write_semantic, write_table

from visavis.embedders.adding.add import add_folder
from visavis.embedders.adding.checking import check_model
from visavis.embedders.base import Embedder, TextEmbedder, classes_of
from visavis.embedders.blocks import reach
from visavis.embedders.classes.semantic import SemanticClasses
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.combined import Part, combined
from visavis.embedders.registry import load_embedder, reading_models
from visavis.embedders.tagger import make_tagger
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.errors import (
    ClassesUnsupportedError,
    ModelError,
    ModelSpecError,
    UnknownWordError,
    WordVectorsError,
)

RED, GREEN, BLACK = plain(250, 10, 10), plain(10, 250, 10), plain(5, 5, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_semantic(tmp_path / "small")


@pytest.fixture
def model(folder: Path) -> Embedder:
    return load_embedder(folder)


def changed(folder: Path, **keys: Any) -> Embedder:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))
    return load_embedder(folder)


def test_such_a_folder_passes_its_check_and_can_be_added(folder: Path) -> None:
    assert check_model(folder).text_ms is not None
    add_folder(folder)
    assert "small" in reading_models()
    assert make_tagger(load_embedder("small")).of_images([GREEN], 3)[0][0].name == "animal"


def test_a_share_that_the_vectors_do_not_have_is_found_by_the_check(folder: Path) -> None:
    changed(folder, semantic={"dim": 5, "share": 0.3})
    with pytest.raises(
        ModelSpecError, match=r"semantic\.share is 0\.3, but .* 5 dimensions is 0\.100"
    ):
        check_model(folder)


@pytest.mark.parametrize("name", ["colours.bin", "tags.tsv", "words.bin"])
def test_a_file_that_is_not_there_is_found_by_the_check(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name} is not there, but model\.json names it"):
        check_model(folder)


def test_tables_of_another_width_are_refused(folder: Path) -> None:
    write_table(folder / "colours.bin", {"red": (1.0, 0.0)}, "float16")
    model = load_embedder(folder)
    assert isinstance(model, TextEmbedder)
    with pytest.raises(ModelSpecError, match=r"dim without semantic\.dim is 3, but .*colours\.bin"):
        model.embed_texts(["red"])
    other = changed(folder, semantic={"dim": 4, "share": SHARE})
    assert isinstance(other, TextEmbedder)
    with pytest.raises(ModelSpecError, match=r"semantic\.dim is 4, but .*words\.bin have 5"):
        other.embed_texts(["cat"])


# -- classes ---------------------------------------------------------------------------------------


def test_a_class_lies_where_its_name_does_in_the_table(model: Embedder) -> None:
    rows = classes_of(model).directions(["black cat", "Love Apple", "tomato, love apple"])
    expected = np.array([[0, 0, 0, *meaning(4)], *[[0, 0, 0, *meaning(0)]] * 2])
    np.testing.assert_allclose(rows, expected, atol=0.02)
    seen = model.embed_images([RED, GREEN, BLACK])
    scores = seen @ rows.T / reach(model, rows[0])
    assert scores.argmax(axis=0).tolist() == [2, 0, 0]
    assert scores.max() == pytest.approx(1, abs=0.01)


def test_a_word_that_is_broader_than_any_class_is_taken_for_one_and_told(model: Embedder) -> None:
    side = classes_of(model)
    assert isinstance(side, SemanticClasses)
    [row] = side.directions(["Animal"])
    np.testing.assert_allclose(row, [0, 0, 0, *meaning(1, 2, 3, 4)], atol=0.02)
    assert "no class is called 'Animal'" in side.notes("Animal")[0]
    assert side.notes("black cat") == ()
    for silent in ("still", "anymal"):
        with pytest.raises(UnknownWordError, match="the model knows no class"):
            side.directions([silent])


def test_a_class_that_is_none_or_has_no_row_is_one_sentence(folder: Path) -> None:
    (folder / "labels.txt").write_text("tomato\nfrog\nwhale\ngoose\nlynx, catamount\n")
    side = classes_of(load_embedder(folder))
    with pytest.raises(UnknownWordError, match="the model knows no class 'tomat'"):
        side.directions(["tomat"])
    with pytest.raises(ClassesUnsupportedError, match="has no row for the class 'lynx, catamount'"):
        side.directions(["lynx"])


def test_classes_of_a_mix_score_as_those_of_its_part(model: Embedder) -> None:
    mix = combined([Part(model, 0.6), Part(ClassicEmbedder(), 0.4)])
    [row] = classes_of(mix).directions(["bullfrog"])
    scores = mix.embed_images([RED, GREEN]) @ row / reach(mix, row)
    assert scores[1] == pytest.approx(1, abs=0.01)


# -- tags ------------------------------------------------------------------------------------------


def test_tags_reach_a_cosine_of_their_own_and_are_none_where_none_does(tmp_path: Path) -> None:
    tags = ["animal\t.2", "black cat\t0.9", "frog\t.999", "food\t1"]
    model = load_embedder(write_semantic(tmp_path / "small", tags=tags))
    tagger = make_tagger(model)
    assert tagger.from_vectors
    assert tagger.usual == 3
    pictures = [BLACK, RED, GREEN, plain(140, 140, 140)]
    by_picture = tagger.of_images(pictures, 3)
    names = [[tag.name for tag in tags] for tags in by_picture]
    assert names[0] == ["black cat", "animal"]
    assert names[1] == []
    assert names[2][-1] == "animal"
    vectors = model.embed_images(pictures)
    assert tagger.of_vectors(vectors.astype(np.float16).astype(np.float32), 3)[0][0].score == (
        pytest.approx(by_picture[0][0].score, abs=1e-3)
    )
    assert by_picture[0][1].score == pytest.approx(
        float(meaning(4) @ meaning(1, 2, 3, 4)), abs=0.02
    )
    assert len(tagger.of_images(pictures, 1)[0]) == 1


def test_tags_of_a_mix_are_those_of_its_part(model: Embedder) -> None:
    mix = combined([Part(ClassicEmbedder(), 0.4), Part(model, 0.6)])
    [alone], [found] = (
        make_tagger(model).of_images([BLACK], 3),
        make_tagger(mix).of_images([BLACK], 3),
    )
    assert [tag.name for tag in found] == [tag.name for tag in alone] == ["black cat", "animal"]
    assert make_tagger(mix).usual == 3


def test_without_a_file_of_tags_the_nearest_words_are_tags(tmp_path: Path) -> None:
    model = load_embedder(write_semantic(tmp_path / "small", tags=None))
    [found] = make_tagger(model).of_images([RED], 4)
    assert {tag.name for tag in found} == {"tomato", "love apple", "food", "fruit"}


def test_a_list_of_words_is_scored_as_searches_by_them_are(model: Embedder) -> None:
    tagger = make_tagger(model, ["cat", "red", "tomato"])
    [found] = tagger.of_images([RED], 3)
    assert {tag.name: tag.score for tag in found}["tomato"] == pytest.approx(1, abs=0.01)


def test_the_fingerprint_of_tags_follows_words_and_cuts(tmp_path: Path) -> None:
    prints = {
        make_tagger(load_embedder(write_semantic(tmp_path / "small", tags=tags))).fingerprint
        for tags in (["animal\t.5"], ["animal\t.6"], ["cat\t.5"], ["animal\t.5"])
    }
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("unicorn\t.5", "line 2: 'unicorn' is no word of words.bin"),
        ("still\t.5", "line 2: 'still' is no word of words.bin"),
        ("cat", "line 2: write name, a tab and a cosine; not 'cat'"),
        ("cat\tmuch", "line 2: write name, a tab and a cosine"),
        ("cat\t5", "line 2: write name, a tab and a cosine"),
        ("cat\tnan", "line 2: write name, a tab and a cosine"),
    ],
)
def test_a_file_of_tags_that_makes_no_sense_is_named_with_its_line(
    tmp_path: Path, line: str, told: str
) -> None:
    model = load_embedder(write_semantic(tmp_path / "small", tags=["animal\t.5", line]))
    with pytest.raises(WordVectorsError) as caught:
        make_tagger(model)
    assert "tags.tsv, " + told in str(caught.value)
    (tmp_path / "small" / "tags.tsv").write_text("")
    with pytest.raises(WordVectorsError, match="names no tags"):
        make_tagger(model)


def test_pictures_show_what_their_colour_stands_for(model: Embedder) -> None:
    assert isinstance(model, TwoSidedEmbedder)
    seen = model.embed_images([plain(*colour) for colour in THINGS.values()])
    texts = model.embed_texts(list(THINGS))
    assert (seen @ texts.T).argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
