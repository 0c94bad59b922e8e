"""Preprocessing and text sides as others write them down.

What cannot be said in a PreprocessSpec is an error, never a guess: a wrong crop or a wrong mean
gives embeddings that look fine and find badly.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visavis.disk import reason
from visavis.embedders.spec import PreprocessSpec, check_preprocess
from visavis.embedders.spec_values import Three
from visavis.errors import ModelSpecError

# Pillow's numbers, which the hub's files use
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}
_SQUASHING = ("ViT", "Siglip", "Beit", "Deit")
"""Processors that take one number as "both sides"; for the others it is the shorter side."""
_CLIP_CONTEXT, _SIGLIP_CONTEXT = 77, 64
"""Tokens, for a config.json that leaves out what is the default."""
_SMALL_CONVNEXT = 384
"""ConvNextImageProcessor crops below this size and squashes from it on."""


def read_preprocess(path: Path) -> PreprocessSpec:
    """The spec in a preprocessor_config.json (transformers) or a preprocess.json (timms).

    Raises:
        ModelSpecError: it cannot be read, or asks for something that visavis does not do.
    """
    shape = _json(path)
    try:
        spec = from_stages(shape) if "stages" in shape else from_processor(shape)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelSpecError(
            f"{path}: {reason}; write a model.json by hand, or give the preprocessing yourself"
        ) from error
    return check_preprocess(spec, path)


@dataclass(frozen=True, slots=True)
class TextFacts:
    """How a text side wants its tokens; see TextSpec."""

    context: int
    pad: int | None = None
    lower: bool = False


def read_text_facts(tokenizer: Path, length: int | None = None) -> TextFacts:
    """What a tokenizer.json and the config.json beside it say of the text side.

    `length` is the number of tokens that the graph fixes, if it does. SigLIP and SigLIP 2 are told
    by their config: they read lower case, and always all their tokens, padding included.

    Raises:
        ModelSpecError: one of the files cannot be read.
    """
    shape = _json(tokenizer)
    config_path = tokenizer.with_name("config.json")
    config = _json(config_path) if config_path.is_file() else {}
    inner = config.get("text_config")
    text = inner if isinstance(inner, Mapping) else {}
    siglip = str(config.get("model_type") or text.get("model_type") or "").startswith("siglip")
    default = _SIGLIP_CONTEXT if siglip else _CLIP_CONTEXT
    padding = shape.get("padding")
    padding = padding if isinstance(padding, Mapping) else {}
    strategy = padding.get("strategy")
    fixed = strategy.get("Fixed") if isinstance(strategy, Mapping) else None
    try:
        context = int(length or fixed or text.get("max_position_embeddings") or default)
        pad = int(padding.get("pad_id", _pad_token(shape)))
    except (TypeError, ValueError) as error:
        raise ModelSpecError(f"{tokenizer}: its padding cannot be read ({error})") from error
    return TextFacts(context, pad if length or fixed or siglip else None, siglip)


def _pad_token(tokenizer: Mapping[str, Any]) -> int:
    """The token that fills up; 0, as open_clip has it, where none is called so."""
    added = tokenizer.get("added_tokens")
    for token in added if isinstance(added, list) else ():
        if isinstance(token, Mapping) and token.get("content") in ("<pad>", "[PAD]"):
            return int(token.get("id", 0))
    return 0


def _json(path: Path) -> Mapping[str, Any]:
    try:
        shape = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelSpecError(f"{path} cannot be read ({reason(error)})") from error
    if not isinstance(shape, Mapping):
        raise ModelSpecError(f"{path} must be a JSON object")
    return shape


def from_processor(config: Mapping[str, Any]) -> PreprocessSpec:
    """From a transformers image processor's settings; KeyError or ValueError where it cannot."""
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    spec = _geometry(config, kind)
    mean, std = _normalisation(config)
    return replace(
        spec,
        interpolation=_RESAMPLE[int(config.get("resample", 2))],
        channels="BGR" if config.get("do_flip_channel_order") else "RGB",
        mean=mean,
        std=std,
    )


def from_stages(shape: Mapping[str, Any]) -> PreprocessSpec:
    """From the list of torchvision steps that deepghs/timms stores; errors as `from_processor`."""
    steps = {str(step["type"]): step for step in shape["stages"]}
    if extra := set(steps) - {"resize", "center_crop", "maybe_to_tensor", "to_tensor", "normalize"}:
        raise ValueError(f"the step {sorted(extra)[0]!r} is not known")
    resize = steps["resize"]
    if resize.get("max_size") is not None:
        raise ValueError("a resize with max_size is not known")
    squash = isinstance(resize["size"], list) and len(resize["size"]) == 2
    side = _square(resize["size"])
    crop = "center_crop" in steps
    size = _square(steps["center_crop"]["size"]) if crop else side
    return PreprocessSpec(
        size=size,
        resize="squash" if squash else "shortest",
        crop="center" if crop else "none",
        interpolation=str(resize.get("interpolation", "bilinear")),
        mean=_three(steps["normalize"]["mean"]),
        std=_three(steps["normalize"]["std"]),
        resize_to=side if side != size else None,
    )


def _geometry(config: Mapping[str, Any], kind: str) -> PreprocessSpec:
    if not config.get("do_resize", True):
        raise ValueError("do_resize is false, but a model takes pictures of one size")
    size = config["size"]
    crop = bool(config.get("do_center_crop", "crop_size" in config))
    if isinstance(size, Mapping) and "shortest_edge" not in size:
        side, resize = _square([size["height"], size["width"]]), "squash"
    else:
        side = int(size["shortest_edge"]) if isinstance(size, Mapping) else _square(size)
        resize = "squash" if not isinstance(size, Mapping) and kind.startswith(_SQUASHING) else ""
    if "crop_pct" in config or kind.startswith("ConvNext"):
        return _convnext(side, float(config.get("crop_pct") or 224 / 256))
    if not crop:
        if not resize:
            raise ValueError("the shorter side is resized and nothing is cropped: not square")
        return PreprocessSpec(side, resize)
    cut = config.get("crop_size", side)
    cropped = _square([cut["height"], cut["width"]] if isinstance(cut, Mapping) else cut)
    return PreprocessSpec(
        cropped, resize or "shortest", "center", resize_to=side if side != cropped else None
    )


def _convnext(side: int, crop_pct: float) -> PreprocessSpec:
    if side >= _SMALL_CONVNEXT:
        return PreprocessSpec(side, "squash")
    before = int(side / crop_pct)
    return PreprocessSpec(side, "shortest", "center", resize_to=before if before != side else None)


def _normalisation(config: Mapping[str, Any]) -> tuple[Three, Three]:
    """Mean and deviation for pixels of 0…1, whatever scale the processor uses."""
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if config.get("do_normalize", True):
        mean, std = _three(config["image_mean"]), _three(config["image_std"])
    rescale = float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1
    scale = 255 * rescale
    if abs(scale - 1) < 1e-6:
        return mean, std
    return _three([value / scale for value in mean]), _three([value / scale for value in std])


def _square(size: Any) -> int:
    sides = size if isinstance(size, list) else [size]
    if len(set(sides)) != 1:
        raise ValueError(f"the size {size} is not square")
    return int(sides[0])


def _three(values: Any) -> Three:
    numbers = [float(value) for value in values]
    if len(numbers) != 3:
        raise ValueError("mean and std must have three numbers")
    return numbers[0], numbers[1], numbers[2]
