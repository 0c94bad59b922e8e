"""Folders with a text side: which kind they are, when they are opened, and words for pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from two_sided import write_clip

from visavis.embedders.adding.add import add_folder
from visavis.embedders.base import TextEmbedder, text_notes, unit_rows
from visavis.embedders.registry import load_embedder, model_info, reading_models
from visavis.embedders.spec import WordsSpec, parse_spec
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.embedders.words.table import TableWriter
from visavis.errors import ModelError, ModelSpecError, UnknownWordError, WordVectorsError

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "purple": (1, 0, 1)}


@pytest.fixture
def coloured(tmp_path: Path) -> Path:
    """A folder whose pictures are their mean colour, and whose words are colours."""
    folder = tmp_path / "coloured"
    made = add_folder(write_clip(tmp_path / "clip"), name="base").folder
    assert made is not None
    folder.mkdir()
    shape: dict[str, Any] = json.loads((made / "model.json").read_text())
    shape |= {"name": "coloured", "text": {"words": "words.bin"}}
    (folder / "model.json").write_text(json.dumps(shape))
    (folder / "model.onnx").write_bytes((made / "model.onnx").read_bytes())
    with TableWriter(folder / "words.bin", 3, kind="float16") as writer:
        writer.add(list(COLOURS), np.array(list(COLOURS.values()), np.float32))
        writer.finish()
    return folder


def picture(*colour: int) -> Any:
    return np.full((20, 20, 3), colour, np.uint8)


def test_a_folder_without_a_text_side_reads_no_words(tiny_model: Any) -> None:
    model = load_embedder(tiny_model())
    assert not isinstance(model, TextEmbedder)
    assert text_notes(model, "red") == ()


def test_words_of_a_table_and_pictures_are_in_one_space(coloured: Path) -> None:
    model = load_embedder(coloured)
    assert isinstance(model, TextEmbedder)
    texts = model.embed_texts(["red", "a green and blue thing", "purple"])
    np.testing.assert_allclose(texts[0], [1, 0, 0], atol=1e-3)
    np.testing.assert_allclose(texts[1], unit_rows(np.array([[0, 1, 1]]))[0], atol=1e-3)
    seen = model.embed_images([picture(255, 130, 130), picture(255, 130, 255)])
    assert (seen @ texts.T).argmax(axis=1).tolist() == [0, 2]
    with pytest.raises(UnknownWordError):
        model.embed_texts(["xyzzy"])
    assert text_notes(model, "red xyzzy") == ("unknown and ignored: 'xyzzy'",)


def test_a_table_needs_no_tokenizers(coloured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    model = load_embedder(coloured)
    assert isinstance(model, TextEmbedder)
    assert model.embed_texts(["blue"])[0].argmax() == 2


def test_aliases_of_the_folder_are_understood(coloured: Path) -> None:
    (coloured / "aliases.txt").write_text("crimson = red\n")
    shape = json.loads((coloured / "model.json").read_text())
    shape["text"]["aliases"] = "aliases.txt"
    (coloured / "model.json").write_text(json.dumps(shape))
    model = load_embedder(coloured)
    assert isinstance(model, TextEmbedder)
    assert model.embed_texts(["crimson"])[0].argmax() == 0


def test_a_table_of_another_width_is_refused(coloured: Path) -> None:
    with TableWriter(coloured / "words.bin", 5) as writer:
        writer.add(["red"], np.ones((1, 5), np.float32))
        writer.finish()
    model = load_embedder(coloured)
    assert isinstance(model, TextEmbedder)
    with pytest.raises(ModelSpecError, match=r"dim is 3, but the vectors in words\.bin have 5"):
        model.embed_texts(["red"])


def test_a_table_that_is_gone_is_an_error_of_the_words_alone(coloured: Path) -> None:
    (coloured / "words.bin").unlink()
    model = load_embedder(coloured)
    assert isinstance(model, TextEmbedder)
    assert model.embed_images([picture(200, 0, 0)]).shape == (1, 3)
    with pytest.raises(WordVectorsError, match=r"words\.bin"):
        model.embed_texts(["red"])
    with pytest.raises(ModelError, match=r"words\.bin is not there, but model\.json names it"):
        add_folder(coloured)


def test_a_search_by_words_opens_no_network_for_pictures(coloured: Path) -> None:
    before = load_embedder(coloured).fingerprint
    other = b"not a network"
    (coloured / "model.onnx").write_bytes(other)
    import hashlib

    shape = json.loads((coloured / "model.json").read_text())
    shape["sha256"] = hashlib.sha256(other).hexdigest()
    (coloured / "model.json").write_text(json.dumps(shape))
    model = load_embedder(coloured)
    assert isinstance(model, TwoSidedEmbedder)
    assert model.fingerprint != before
    assert model.embed_texts(["red"]).shape == (1, 3)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        model.embed_images([picture(0, 0, 0)])


def test_the_text_side_does_not_change_the_fingerprint(coloured: Path) -> None:
    shape = json.loads((coloured / "model.json").read_text())
    with_text = load_embedder(coloured).fingerprint
    del shape["text"]
    (coloured / "model.json").write_text(json.dumps(shape))
    assert load_embedder(coloured).fingerprint == with_text


def test_models_that_read_words_are_known_by_name(coloured: Path) -> None:
    assert reading_models() == ("visavis-s", "base")
    add_folder(coloured)
    assert reading_models() == ("visavis-s", "base", "coloured")
    assert model_info("coloured").text
    assert not model_info("classic").text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"words": "../words.bin"}, "text.words must be the name of a file"),
        ({"words": "words.bin", "prompt": "{}"}, "unknown key text.prompt"),
        ({"words": "words.bin", "aliases": 3}, "text.aliases must be"),
    ],
)
def test_a_wrong_text_side_is_named(coloured: Path, text: Any, said: str) -> None:
    shape = json.loads((coloured / "model.json").read_text()) | {"text": text}
    with pytest.raises(ModelSpecError, match=said):
        parse_spec(shape, coloured / "model.json")


def test_a_table_of_words_survives_reading_and_writing_the_spec(coloured: Path) -> None:
    path = coloured / "model.json"
    spec = parse_spec(json.loads(path.read_text()), path)
    assert spec.text == WordsSpec("words.bin")
    assert parse_spec(json.loads(spec.to_json()), path) == spec
