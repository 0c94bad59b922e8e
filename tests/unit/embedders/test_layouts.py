"""Settings as they are published, of pictures and of texts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visavis.embedders.layouts import (
    TextFacts,
    from_processor,
    from_stages,
    read_preprocess,
    read_text_facts,
)
from visavis.embedders.spec import PreprocessSpec
from visavis.errors import ModelSpecError

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
BASE: dict[str, Any] = {
    "do_resize": True,
    "do_normalize": True,
    "image_mean": MEAN,
    "image_std": STD,
    "resample": 3,
}
M, S = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            {
                "do_center_crop": True,
                "crop_size": {"height": 224, "width": 224},
                "size": {"shortest_edge": 224},
                "image_processor_type": "CLIPImageProcessor",
            },
            PreprocessSpec(224, "shortest", "center", mean=M, std=S),
            id="clip",
        ),
        pytest.param(
            {"do_center_crop": True, "crop_size": 224, "size": 224},
            PreprocessSpec(224, "shortest", "center", mean=M, std=S),
            id="clip, as it was written at first",
        ),
        pytest.param(
            {
                "do_center_crop": True,
                "crop_size": {"height": 224, "width": 224},
                "size": {"shortest_edge": 256},
                "image_processor_type": "BitImageProcessor",
            },
            PreprocessSpec(224, "shortest", "center", mean=M, std=S, resize_to=256),
            id="dino",
        ),
        pytest.param(
            {
                "size": {"height": 224, "width": 224},
                "resample": 2,
                "image_processor_type": "SiglipImageProcessor",
            },
            PreprocessSpec(224, "squash", interpolation="bilinear", mean=M, std=S),
            id="siglip",
        ),
        pytest.param(
            {"size": 224, "feature_extractor_type": "ViTFeatureExtractor"},
            PreprocessSpec(224, "squash", mean=M, std=S),
            id="vit, as it was written at first",
        ),
        pytest.param(
            {
                "size": {"shortest_edge": 224},
                "crop_pct": 0.875,
                "feature_extractor_type": "ConvNextFeatureExtractor",
            },
            PreprocessSpec(224, "shortest", "center", mean=M, std=S, resize_to=256),
            id="convnext and resnet",
        ),
        pytest.param(
            {
                "size": {"shortest_edge": 384},
                "crop_pct": 0.875,
                "image_processor_type": "ConvNextImageProcessor",
            },
            PreprocessSpec(384, "squash", mean=M, std=S),
            id="large convnext",
        ),
        pytest.param(
            {
                "do_normalize": False,
                "do_center_crop": True,
                "crop_size": {"height": 256, "width": 256},
                "size": {"shortest_edge": 256},
                "do_flip_channel_order": True,
            },
            PreprocessSpec(256, "shortest", "center", channels="BGR"),
            id="without normalisation, blue first",
        ),
    ],
)
def test_a_transformers_processor_is_read(config: dict[str, Any], expected: PreprocessSpec) -> None:
    assert from_processor(BASE | config) == expected


@pytest.mark.parametrize("scale", [{"do_rescale": False}, {"rescale_factor": 1 / 127.5}])
def test_another_scale_of_pixels_gives_the_same_numbers(scale: dict[str, Any]) -> None:
    spec = from_processor(BASE | scale | {"size": {"height": 32, "width": 32}})
    factor = scale.get("rescale_factor", 1.0)
    pixel = 200.0
    theirs = (pixel * factor - np.array(MEAN)) / np.array(STD)
    ours = (pixel / 255 - np.array(spec.mean)) / np.array(spec.std)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


NORMALIZE = {"type": "normalize", "mean": MEAN, "std": STD}


def test_the_steps_of_timms_are_read() -> None:
    resize = {"type": "resize", "size": 404, "max_size": None, "interpolation": "bicubic"}
    crop = {"type": "center_crop", "size": [384, 384]}
    tensor = {"type": "maybe_to_tensor"}
    assert from_stages({"stages": [resize, crop, tensor, NORMALIZE]}) == PreprocessSpec(
        384, "shortest", "center", mean=M, std=S, resize_to=404
    )
    squash = resize | {"size": [384, 384]}
    assert from_stages({"stages": [squash, tensor, NORMALIZE]}) == PreprocessSpec(
        384, "squash", mean=M, std=S
    )


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"size": {"height": 224, "width": 160}} | BASE, "not square"),
        ({"size": {"shortest_edge": 224}} | BASE, "not square"),
        ({"size": 224, "do_resize": False} | {}, "do_resize is false"),
        ({"size": {"height": 8, "width": 8}}, "'image_mean' is missing"),
        ({"size": {"longest_edge": 8}} | BASE, "'height' is missing"),
        (BASE, "'size' is missing"),
        ({"stages": [{"type": "rotate"}]}, "the step 'rotate' is not known"),
        ({"stages": [NORMALIZE]}, "'resize' is missing"),
        ([], "must be a JSON object"),
    ],
)
def test_what_cannot_be_done_faithfully_is_an_error_and_never_a_guess(
    tmp_path: Path, shape: Any, reason: str
) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(shape))
    with pytest.raises(ModelSpecError, match=r"preprocessor_config\.json") as caught:
        read_preprocess(path)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("tokenizer", "config", "length", "facts"),
    [
        ({}, None, None, TextFacts(77)),
        ({}, {"text_config": {"max_position_embeddings": 32}}, None, TextFacts(32)),
        ({}, {"model_type": "clip"}, 77, TextFacts(77, pad=0)),
        (
            {"added_tokens": [{"id": 5, "content": "<pad>"}]},
            {"model_type": "siglip"},
            None,
            TextFacts(64, pad=5, lower=True),
        ),
        (
            {"padding": {"strategy": {"Fixed": 64}, "pad_id": 0}},
            {"model_type": "siglip2", "text_config": {"max_position_embeddings": 99}},
            None,
            TextFacts(64, pad=0, lower=True),
        ),
        ({"padding": {"strategy": "BatchLongest", "pad_id": 3}}, None, None, TextFacts(77)),
        ({"padding": {"strategy": "BatchLongest", "pad_id": 3}}, None, 40, TextFacts(40, pad=3)),
        ({"padding": None}, {"text_config": None}, None, TextFacts(77)),
    ],
)
def test_length_padding_and_case_of_a_text_side_are_read_off_its_files(
    tmp_path: Path,
    tokenizer: dict[str, object],
    config: dict[str, object] | None,
    length: int | None,
    facts: TextFacts,
) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_text_facts(tmp_path / "tokenizer.json", length) == facts


@pytest.mark.parametrize("text", ["", "[]", '{"padding": {"pad_id": "x"}}'])
def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(ModelSpecError, match=r"tokenizer\.json"):
        read_text_facts(tmp_path / "tokenizer.json")
