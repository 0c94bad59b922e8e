import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from visavis.embedders.spec import (
    ModelSpec,
    PreprocessSpec,
    SemanticSpec,
    TextSpec,
    WordsSpec,
    parse_spec,
    read_spec,
)
from visavis.errors import ModelNotFoundError, ModelSpecError

SHAPE: dict[str, Any] = {
    "name": "mobilenet-v2",
    "file": "model.onnx",
    "sha256": "ab" * 32,
    "output": "features",
    "pool": "none",
    "dim": 1280,
    "preprocess": {
        "size": 224,
        "resize": "squash",
        "crop": "none",
        "interpolation": "bicubic",
        "channels": "RGB",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "layout": "NCHW",
    },
    "classes": {"output": "output", "labels": "labels.txt"},
    "text": {
        "file": "text.onnx",
        "tokenizer": "tokenizer.json",
        "context": 77,
        "output": "text_embeds",
        "prompt": "a photo of {}",
    },
    "license": "Apache-2.0",
    "origin": "somewhere",
}
PATH = Path("folder/model.json")


def changed(key: str, value: Any) -> dict[str, Any]:
    """SHAPE with one key, perhaps "section.key", set; `...` removes it."""
    shape: dict[str, Any] = json.loads(json.dumps(SHAPE))
    *sections, last = key.split(".")
    part = shape
    for section in sections:
        part = part[section]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return shape


def test_a_complete_spec_is_read() -> None:
    spec = parse_spec(SHAPE, PATH)
    assert spec.preprocess == PreprocessSpec(
        224, "squash", "none", "bicubic", "RGB", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "NCHW"
    )
    assert spec.text == TextSpec("text.onnx", "tokenizer.json", 77, "text_embeds", "a photo of {}")
    assert (spec.dim, spec.classes and spec.classes.labels) == (1280, "labels.txt")


def test_what_is_written_can_be_read_again() -> None:
    for shape in (SHAPE, changed("text", ...), changed("classes", ...)):
        spec = parse_spec(shape, PATH)
        assert parse_spec(json.loads(spec.to_json()), PATH) == spec


def test_classes_text_license_and_origin_may_be_left_out() -> None:
    for key in ("classes", "text", "license", "origin", "text.prompt"):
        assert isinstance(parse_spec(changed(key, ...), PATH), ModelSpec)


@pytest.mark.parametrize(
    "key", ["name", "sha256", "dim", "preprocess", "preprocess.std", "classes.labels", "text.file"]
)
def test_a_missing_key_is_named_with_its_file(key: str) -> None:
    with pytest.raises(ModelSpecError, match=rf"^folder/model\.json: {key} is missing"):
        parse_spec(changed(key, ...), PATH)


@pytest.mark.parametrize("key", ["sise", "preprocess.antialias", "classes.top", "text.language"])
def test_an_unknown_key_is_named_with_its_file(key: str) -> None:
    with pytest.raises(ModelSpecError, match=rf"^folder/model\.json: unknown key {key}; known"):
        parse_spec(changed(key, 1), PATH)


@pytest.mark.parametrize(
    ("key", "value", "must_be"),
    [
        ("name", "../up", "a name of letters"),
        ("name", 5, "a name of letters"),
        ("file", "../model.onnx", "a file in the same folder"),
        ("file", "/etc/passwd", "a file in the same folder"),
        ("file", "", "a file in the same folder"),
        ("sha256", "abc", "64 hexadecimal digits"),
        ("output", "", "a text that is not empty"),
        ("pool", "max", "'none' or 'average' or 'gem'"),
        ("dim", 0, "a whole number"),
        ("dim", True, "a whole number"),
        ("dim", 12.5, "a whole number"),
        ("preprocess", [], "a JSON object"),
        ("preprocess.size", "224", "a whole number"),
        ("preprocess.resize", "stretch", "'squash' or"),
        ("preprocess.channels", "rgb", "'RGB' or 'BGR'"),
        ("preprocess.mean", [0.5], "three numbers"),
        ("preprocess.mean", [0.5, 0.5, None], "three numbers"),
        ("preprocess.mean", [0.5, 0.5, float("nan")], "three numbers"),
        ("preprocess.std", [0.5, 0, 0.5], "other than 0"),
        ("text.prompt", "a photo", "one {} in it"),
        ("license", 3, "a text"),
    ],
)
def test_a_bad_value_is_named_with_what_it_must_be(key: str, value: Any, must_be: str) -> None:
    with pytest.raises(ModelSpecError, match=rf"^folder/model\.json: {key} must be") as caught:
        parse_spec(changed(key, value), PATH)
    assert must_be in str(caught.value)


def test_a_shorter_side_without_a_crop_is_refused_because_it_is_not_square() -> None:
    with pytest.raises(ModelSpecError, match=r"preprocess\.crop must be 'center'"):
        parse_spec(changed("preprocess.resize", "shortest"), PATH)


def test_a_size_before_the_crop_needs_a_crop_and_must_not_be_smaller() -> None:
    with pytest.raises(ModelSpecError, match=r"preprocess\.resize_to needs crop"):
        parse_spec(changed("preprocess.resize_to", 256), PATH)
    shape = changed("preprocess.crop", "center")
    shape["preprocess"]["resize_to"] = 200
    with pytest.raises(ModelSpecError, match=r"resize_to must not be below size \(224\)"):
        parse_spec(shape, PATH)


def test_a_model_looks_at_the_side_before_the_crop() -> None:
    spec = PreprocessSpec(224, "shortest", "center")
    assert spec.side == 224
    assert replace(spec, resize_to=256).side == 256


def test_a_semantic_part_is_read_and_written_with_its_tables() -> None:
    shape = changed("semantic", {"dim": 64, "share": 0.1})
    assert parse_spec(shape, PATH).semantic == SemanticSpec(64, 0.1)
    shape["text"] = {"words": "words.bin", "colours": "colours.bin", "tags": "tags.tsv"}
    spec = parse_spec(shape, PATH)
    assert spec.text == WordsSpec("words.bin", None, "colours.bin", "tags.tsv")
    assert parse_spec(json.loads(spec.to_json()), PATH) == spec
    del shape["text"]
    assert parse_spec(shape, PATH).text is None


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("semantic", {"dim": 1280, "share": 0.1}, "semantic.dim must be below dim (1280)"),
        ("semantic", {"dim": 0, "share": 0.1}, "semantic.dim must be a whole number"),
        ("semantic", {"dim": 64, "share": 0}, "semantic.share must be a number between 0 and 1"),
        ("semantic", {"dim": 64, "share": 1.0}, "semantic.share must be a number between 0 and 1"),
        ("semantic", {"dim": 64, "share": "10%"}, "semantic.share must be a number"),
        ("semantic", {"dim": 64}, "semantic.share is missing"),
        ("semantic", {"dim": 64, "share": 0.1, "at": 256}, "unknown key semantic.at"),
        ("text", {"words": "w.bin", "colours": "c.bin"}, "text.colours needs semantic"),
        ("text", {"words": "w.bin", "tags": "t.tsv"}, "text.tags needs semantic"),
    ],
)
def test_a_semantic_part_that_makes_no_sense_is_named(key: str, value: Any, told: str) -> None:
    with pytest.raises(ModelSpecError, match=rf"^folder/model\.json: {re.escape(told)}"):
        parse_spec(changed(key, value), PATH)


def test_a_folder_without_model_json_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="`visavis models add`"):
        read_spec(tmp_path)


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"[]"])
def test_a_model_json_that_is_none_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "model.json").write_bytes(text)
    with pytest.raises(ModelSpecError, match=r"model\.json"):
        read_spec(tmp_path)


def test_a_real_folder_is_read(tiny_model: Callable[..., Path]) -> None:
    assert read_spec(tiny_model()).dim == 8
