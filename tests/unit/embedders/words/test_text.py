"""Text sides that are networks, against the tokenizers library and plain arithmetic."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from two_sided import (
    END,
    SIGLIP_CONTEXT,
    START,
    clip_tokenizer,
    clip_vocabulary,
    merged,
    siglip_tokenizer,
    token_meanings,
    write_clip,
    write_siglip,
)

from visavis.embedders.adding.add import add_folder
from visavis.embedders.base import TextEmbedder, unit_rows
from visavis.embedders.registry import load_embedder
from visavis.embedders.spec import TextSpec
from visavis.embedders.words.text import TextNetwork, pooled_tokens
from visavis.errors import ExtraMissingError, ModelError, ModelSpecError
from visavis.types import Vectors

TEXTS = ["red", "Dark BLUE", "a photo of  green", "this is a picture of white, dark red", "zebra!"]


def folder_of(added: object) -> Path:
    folder = getattr(added, "folder", None)
    assert isinstance(folder, Path)
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return folder_of(add_folder(write_clip(tmp_path / "clip")))


@pytest.fixture
def siglip(tmp_path: Path) -> Path:
    return folder_of(add_folder(write_siglip(tmp_path / "siglip")))


def side(folder: Path, **changes: Any) -> TextNetwork:
    spec = json.loads((folder / "model.json").read_text())["text"]
    return TextNetwork(folder, replace(TextSpec(**spec), **changes), 3, 1, "cpu")


def plain_clip_ids(text: str, context: int) -> list[int]:
    """CLIP's tokens as its own simple tokenizer makes them: lower case, words, byte pairs."""
    vocabulary, merges = clip_vocabulary()
    ids = []
    for word in "".join(c if c.isalpha() else f" {c} " for c in text.lower()).split():
        parts = merged([*word[:-1], f"{word[-1]}</w>"], merges)
        ids += [vocabulary.get(part, vocabulary[END]) for part in parts]
    return [vocabulary[START], *ids[: context - 2], vocabulary[END]]


def summed(ids: list[int], meanings: NDArray[np.float32]) -> Vectors:
    return np.asarray(unit_rows(meanings[ids].sum(axis=0, keepdims=True))[0])


@pytest.mark.parametrize("context", [77, 6])
def test_a_clip_reads_what_its_own_tokenizer_makes_of_a_text(clip: Path, context: int) -> None:
    meanings = token_meanings(clip_vocabulary()[0])
    wanted = [summed(plain_clip_ids(text, context), meanings) for text in TEXTS]
    found = side(clip, context=context).embed(TEXTS)
    np.testing.assert_allclose(found, np.stack(wanted), atol=1e-5)


def test_the_plain_tokens_are_those_of_the_reference_library() -> None:
    reference = clip_tokenizer()
    reference.enable_truncation(9)
    for text in TEXTS:
        assert plain_clip_ids(text, 9) == reference.encode(text).ids


def test_a_siglip_is_read_at_the_last_of_its_padded_lower_case_tokens(siglip: Path) -> None:
    reference = siglip_tokenizer()
    reference.enable_truncation(SIGLIP_CONTEXT)
    meanings = token_meanings(reference.get_vocab())
    wanted = []
    for text in TEXTS:
        ids = reference.encode(text.lower()).ids
        assert len(ids) == SIGLIP_CONTEXT
        wanted.append(summed(ids, meanings))
    np.testing.assert_allclose(side(siglip).embed(TEXTS), np.stack(wanted), atol=1e-5)
    unpadded = side(siglip, pad=None).embed(TEXTS)
    cased = side(siglip, lower=False).embed(TEXTS)
    assert not np.allclose(unpadded, np.stack(wanted), atol=1e-3)
    assert not np.allclose(cased[1], wanted[1], atol=1e-3)


def test_a_batch_equals_its_parts(clip: Path, siglip: Path) -> None:
    texts = TEXTS * 9
    for one in (side(clip), side(siglip)):
        alone = np.concatenate([one.embed([text]) for text in texts])
        np.testing.assert_allclose(one.embed(texts), alone, atol=1e-6)
    assert side(clip).embed([]).shape == (0, 3)


def test_the_prompt_is_put_around_a_text(clip: Path) -> None:
    prompted = side(clip, prompt="a photo of {}").embed(["red"])
    np.testing.assert_allclose(prompted, side(clip).embed(["a photo of red"]), atol=1e-6)


def test_a_text_that_is_too_long_is_cut_and_that_is_told(clip: Path) -> None:
    long = "a photo of " * 40
    assert side(clip).notes("a photo of red") == ()
    assert side(clip).notes(long) == ("the text is longer than the 77 tokens that the model reads",)
    assert np.isfinite(side(clip).embed([long])).all()


@pytest.mark.parametrize("pool", ["first", "average", "last"])
def test_a_vector_for_each_token_is_pooled_without_the_padding(pool: str) -> None:
    values = np.random.default_rng(2).normal(size=(2, 4, 3)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])
    by_hand = {
        "first": [values[0, 0], values[1, 0]],
        "average": [values[0, :3].mean(axis=0), values[1, :2].mean(axis=0)],
        "last": [values[0, 2], values[1, 1]],
    }
    found = pooled_tokens(values, mask, pool)
    assert found is not None
    np.testing.assert_allclose(found, by_hand[pool], rtol=1e-5)
    assert pooled_tokens(values[:, 0], mask, pool) is None
    assert pooled_tokens(values, mask, "none") is None


def test_a_tensor_of_tokens_is_read_at_the_end_of_the_text(clip: Path) -> None:
    read = side(clip, output="last_hidden_state", pool="last").embed(TEXTS)
    np.testing.assert_allclose(read, side(clip).embed(TEXTS), atol=1e-5)


def changed(folder: Path, change: Callable[[onnx.ModelProto], None]) -> TextNetwork:
    model = onnx.load(folder / "text.onnx")
    change(model)
    onnx.save(model, folder / "text.onnx")
    return side(folder)


def test_masks_and_positions_are_given_to_networks_that_want_them(clip: Path) -> None:
    def wanting(model: onnx.ModelProto) -> None:
        for name in ("attention_mask", "position_ids", "token_type_ids"):
            model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.INT64, None))
        nodes = [
            helper.make_node("Mul", ["attention_mask", "position_ids"], ["steps"]),
            helper.make_node("Add", ["steps", "token_type_ids"], ["counted"]),
            helper.make_node("Cast", ["counted"], ["numbers"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["numbers", "one"], ["total"], keepdims=1),
            helper.make_node("Add", ["text_embeds", "total"], ["moved"]),
        ]
        model.graph.node.extend(nodes)
        model.graph.output[0].name = "moved"

    before = side(clip).embed(["a red"])  # four tokens: 0 + 1 + 2 + 3
    found = changed(clip, wanting)
    spec = replace(found._spec, output="moved")
    moved = TextNetwork(clip, spec, 3, 1, "cpu").embed(["a red"])
    meanings = token_meanings(clip_vocabulary()[0])
    raw = meanings[plain_clip_ids("a red", 77)].sum(axis=0)
    np.testing.assert_allclose(before[0], unit_rows(raw[None])[0], atol=1e-5)
    np.testing.assert_allclose(moved[0], unit_rows(raw[None] + 6)[0], atol=1e-5)


def test_a_fixed_number_of_texts_and_another_name_of_the_tokens_are_met(clip: Path) -> None:
    wanted = side(clip).embed(TEXTS)

    def fixed(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
        model.graph.input[0].name = "tokens"
        for node in model.graph.node:
            for place, name in enumerate(node.input):
                if name == "input_ids":
                    node.input[place] = "tokens"

    np.testing.assert_allclose(changed(clip, fixed).embed(TEXTS), wanted, atol=1e-6)


def test_a_network_that_wants_something_else_is_refused(clip: Path) -> None:
    def with_pixels(model: onnx.ModelProto) -> None:
        shape = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, None)
        model.graph.input.append(shape)

    with pytest.raises(ModelSpecError, match="takes pixel_values, which no tokenizer makes"):
        changed(clip, with_pixels).embed(["red"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"output": "nothing"}, "has no output 'nothing'"),
        ({"output": "last_hidden_state"}, "pool 'none' does not make vectors of 3"),
        ({"pool": "last"}, "pool 'last' does not make vectors of 3"),
        ({"tokenizer": "gone.json"}, r"gone\.json: the tokenizer cannot be read"),
        ({"tokenizer": "model.json"}, r"model\.json: the tokenizer cannot be read"),
        ({"file": "gone.onnx"}, r"gone\.onnx"),
    ],
)
def test_what_does_not_fit_is_one_sentence(clip: Path, changes: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        side(clip, **changes).embed(["red"])
    assert "\n" not in str(caught.value)


def test_without_the_extra_one_sentence_says_what_to_install(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    model = load_embedder(clip)
    assert isinstance(model, TextEmbedder)
    with pytest.raises(ExtraMissingError, match=r"pip install 'visavis\[hub\]'"):
        model.embed_texts(["red"])
    picture = np.full((20, 20, 3), (250, 0, 0), np.uint8)
    assert model.embed_images([picture])[0].argmax() == 0
