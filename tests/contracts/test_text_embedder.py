"""What every embedder that reads words promises, run over every kind of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from semantic import write_semantic
from shop_classifier import write_shop_classifier
from two_sided import write_clip, write_siglip
from word_files import shop_vectors, write_text

from visavis.embedders.adding.add import add_folder
from visavis.embedders.adding.conse import make_conse
from visavis.embedders.base import TextEmbedder, text_notes
from visavis.embedders.registry import load_embedder
from visavis.types import RGB

TEXTS = {  # of each kind: texts that it can tell apart, and what it has to say about an odd one
    "clip": (["red", "green", "a photo of blue"], "red " * 100),
    "siglip": (["red", "green", "a photo of blue"], "red " * 100),
    "words": (["mug", "lamp", "the book on the chair"], "mug xyzzy"),
    "semantic": (["cat", "tomato", "a photo of a red frog"], "cat xyzzy"),
    "combined": (["red", "green", "a photo of blue"], "red " * 100),
}


@pytest.fixture(params=TEXTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def embedder(kind: str, gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("VISAVIS_MODELS", str(tmp_path / "models"))
    if kind == "words":
        folder = write_shop_classifier(tmp_path / "kinds", gallery.parent)
        words = write_text(tmp_path / "vectors.txt", shop_vectors())
        return load_embedder(make_conse(str(folder), words, tmp_path / "by-words").folder)
    if kind == "semantic":
        return load_embedder(write_semantic(tmp_path / "small"))
    write = write_siglip if kind == "siglip" else write_clip
    add_folder(write(tmp_path / "base"))
    return load_embedder("0.6:base+0.4:classic" if kind == "combined" else "base")


@pytest.fixture
def model(embedder: object) -> TextEmbedder:
    assert isinstance(embedder, TextEmbedder)
    return embedder


def test_each_text_gets_a_unit_vector_of_the_width_of_pictures(
    model: TextEmbedder, kind: str
) -> None:
    rows = model.embed_texts(TEXTS[kind][0])
    assert rows.shape == (3, model.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_texts_get_no_vectors(model: TextEmbedder) -> None:
    rows = model.embed_texts([])
    assert rows.shape == (0, model.dim)
    assert rows.dtype == np.float32


def test_a_batch_equals_its_parts_in_order(model: TextEmbedder, kind: str) -> None:
    texts = TEXTS[kind][0]
    alone = np.vstack([model.embed_texts([text]) for text in texts])
    np.testing.assert_allclose(model.embed_texts(texts), alone, atol=1e-5)
    np.testing.assert_allclose(model.embed_texts(texts[::-1])[::-1], alone, atol=1e-5)


def test_different_texts_get_different_vectors(model: TextEmbedder, kind: str) -> None:
    rows = model.embed_texts(TEXTS[kind][0])
    assert ((rows @ rows.T).argmax(axis=1) == np.arange(3)).all()
    assert (rows @ rows.T)[np.triu_indices(3, 1)].max() < 0.99


def test_several_threads_get_what_one_gets(model: TextEmbedder, kind: str) -> None:
    texts = TEXTS[kind][0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.embed_texts, [texts] * 12))
    for rows in found:
        np.testing.assert_array_equal(rows, found[0])


def test_what_is_passed_over_is_told_and_nothing_else(model: TextEmbedder, kind: str) -> None:
    usual, odd = TEXTS[kind]
    assert text_notes(model, usual[0]) == ()
    assert len(text_notes(model, odd)) == 1
    assert np.isfinite(model.embed_texts([odd])).all()


def test_words_and_pictures_can_be_compared(model: TextEmbedder) -> None:
    picture: RGB = np.full((40, 40, 3), (200, 30, 30), np.uint8)
    assert model.embed_images([picture]).shape[1] == model.dim
