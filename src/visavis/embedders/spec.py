"""The contract of model.json: what a model folder says about its model.

A spec is read strictly: an unknown key, a missing key or a value that makes no sense is a
`ModelSpecError` that names the file and the key, so that a typo never becomes a wrong embedding.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from visavis.disk import reason
from visavis.embedders import spec_values as values
from visavis.embedders.spec_values import Section, Three
from visavis.errors import ModelNotFoundError, ModelSpecError

SPEC_FILE = "model.json"

RESIZES = ("squash", "shortest", "letterbox")
CROPS = ("none", "center")
INTERPOLATIONS = ("nearest", "box", "bilinear", "bicubic", "lanczos")
CHANNELS = ("RGB", "BGR")
LAYOUTS = ("NCHW", "NHWC")
POOLS = ("none", "average", "gem")
TEXT_POOLS = ("none", "first", "average", "last")

_LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class PreprocessSpec:
    """How a picture becomes the model's input of size × size pixels.

    Pixels are scaled to 0…1, then (x - mean) / std, in the order of `channels`.
    """

    size: int
    resize: str = "squash"
    """squash: both sides to `size`, the shape is not kept. shortest: the shorter side to
    `resize_to`, then a crop. letterbox: the longer side to `size`, the rest the mean colour."""
    crop: str = "none"
    interpolation: str = "bicubic"
    channels: str = "RGB"
    mean: Three = (0.0, 0.0, 0.0)
    std: Three = (1.0, 1.0, 1.0)
    layout: str = "NCHW"
    resize_to: int | None = None
    """With a crop: the side before it (256 for the usual "resize 256, crop 224"); None: `size`."""

    @property
    def side(self) -> int:
        """The shorter side in pixels that the model looks at, before any crop."""
        return self.resize_to or self.size


@dataclass(frozen=True, slots=True)
class ClassesSpec:
    """Class scores that the same graph gives: the tensor, and a file with a label on each line."""

    output: str
    labels: str
    weights: str | None = None
    """The tensor with the weights of the last layer; None: the one before `output` in the graph."""


@dataclass(frozen=True, slots=True)
class TextSpec:
    """A text side that is a network: its graph, its tokenizer, and how a query is worded."""

    file: str
    tokenizer: str
    context: int
    """The most tokens, the marks of beginning and end included."""
    output: str
    prompt: str = "{}"
    pool: str = "none"
    """none: the output is a vector. Of a tensor with one for each token: the first, the average,
    or the last that is no padding (the end of text)."""
    pad: int | None = None
    """The token that fills up to `context`; None: texts are as long as they are."""
    lower: bool = False
    """Whether the network was trained on lower case and its tokenizer does not see to it."""


@dataclass(frozen=True, slots=True)
class SemanticSpec:
    """The last `dim` dimensions of a vector say what a picture shows, those before how it looks."""

    dim: int
    share: float
    """The squared length of these in every picture's vector, whose own length is 1."""


@dataclass(frozen=True, slots=True)
class WordsSpec:
    """A text side that is a table of words (see word_table.py): a text is the mean of its words.

    In a model with a semantic part, the words' vectors are as long as that part.
    """

    words: str
    aliases: str | None = None
    """A file of other words for words that the table lacks, besides those that are built in."""
    colours: str | None = None
    """A table of colour words, whose vectors are as long as what comes before the semantic part."""
    tags: str | None = None
    """The words of the table that may be tags, on lines `name<tab>least cosine`."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What model.json says."""

    name: str
    file: str
    sha256: str
    output: str
    pool: str
    dim: int
    preprocess: PreprocessSpec
    license: str = ""
    origin: str = ""
    classes: ClassesSpec | None = None
    text: TextSpec | WordsSpec | None = None
    semantic: SemanticSpec | None = None

    def to_json(self) -> str:
        """The text of model.json; optional parts that are not there are left out."""
        shape = _without_none(asdict(self))
        for key in ("license", "origin"):  # last, where a reader looks for them
            shape[key] = shape.pop(key)
        return json.dumps(shape, indent=2, ensure_ascii=False) + "\n"


def read_spec(folder: Path) -> ModelSpec:
    """The spec of a model folder.

    Raises:
        ModelNotFoundError: the folder has no model.json.
        ModelSpecError: model.json breaks its contract; the message names the file and the key.
    """
    path = folder / SPEC_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"{folder} is not a model folder: it has no {SPEC_FILE}; "
            "`visavis models add` makes one from an .onnx file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelSpecError(
            f"{path} cannot be read ({reason(error)}); see that it is a text file"
        ) from error
    try:
        shape = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelSpecError(
            f"{path} is not valid JSON ({reason(error)}); correct it there"
        ) from error
    return parse_spec(shape, path)


def parse_spec(shape: object, path: Path) -> ModelSpec:
    """A spec from parsed JSON; `path` is only named in errors (`ModelSpecError`)."""
    top = Section(shape, path, "")
    spec = ModelSpec(
        name=top.take("name", values.name),
        file=top.take("file", values.file_name),
        sha256=top.take("sha256", values.digest),
        output=top.take("output", values.text),
        pool=top.take("pool", values.one_of(POOLS)),
        dim=top.take("dim", values.count(1, 1_000_000)),
        preprocess=_preprocess(top.section("preprocess")),
        classes=_classes(top.section("classes")) if "classes" in top else None,
        text=_text_side(top.section("text")) if "text" in top else None,
        semantic=_semantic(top.section("semantic")) if "semantic" in top else None,
        license=top.take("license", values.string, ""),
        origin=top.take("origin", values.string, ""),
    )
    top.close()
    _check_semantic(spec, top)
    return spec


def check_preprocess(spec: PreprocessSpec, path: Path) -> PreprocessSpec:
    """The same spec, if its values make sense; ModelSpecError naming `path` if not."""
    shape = _without_none(asdict(spec))
    return _preprocess(Section(shape, path, "preprocess"))


def parse_preprocess(shape: object, path: Path) -> PreprocessSpec:
    """Preprocessing from parsed JSON, in which all but `size` has a default.

    `path` is only named in errors (`ModelSpecError`).
    """
    defaults = _without_none(asdict(PreprocessSpec(size=1)))
    del defaults["size"]
    whole = {**defaults, **shape} if isinstance(shape, dict) else shape
    return _preprocess(Section(whole, path, "preprocess"))


def _preprocess(part: Section) -> PreprocessSpec:
    spec = PreprocessSpec(
        size=part.take("size", values.count(1, _LARGEST_SIDE)),
        resize=part.take("resize", values.one_of(RESIZES)),
        crop=part.take("crop", values.one_of(CROPS)),
        interpolation=part.take("interpolation", values.one_of(INTERPOLATIONS)),
        channels=part.take("channels", values.one_of(CHANNELS)),
        mean=part.take("mean", values.three),
        std=part.take("std", values.three_not_zero),
        layout=part.take("layout", values.one_of(LAYOUTS)),
        resize_to=part.take("resize_to", values.count(1, _LARGEST_SIDE), None),
    )
    if spec.resize == "shortest" and spec.crop == "none":
        part.fail("crop", "must be 'center' where resize is 'shortest', or the input is not square")
    if spec.resize_to is not None:
        if spec.crop == "none" or spec.resize == "letterbox":
            part.fail("resize_to", "needs crop 'center' and resize 'shortest' or 'squash'")
        if spec.resize_to < spec.size:
            part.fail("resize_to", f"must not be below size ({spec.size})")
    part.close()
    return spec


def _classes(part: Section) -> ClassesSpec:
    spec = ClassesSpec(
        part.take("output", values.text),
        part.take("labels", values.file_name),
        part.take("weights", values.text, None),
    )
    part.close()
    return spec


def _semantic(part: Section) -> SemanticSpec:
    spec = SemanticSpec(
        part.take("dim", values.count(1, 1_000_000)), part.take("share", values.share)
    )
    part.close()
    return spec


def _check_semantic(spec: ModelSpec, top: Section) -> None:
    """Raise ModelSpecError where the semantic part contradicts what else is said."""
    if spec.semantic is not None:
        if spec.semantic.dim >= spec.dim:
            top.fail("semantic.dim", f"must be below dim ({spec.dim}): it is a part of the vector")
    elif isinstance(spec.text, WordsSpec):
        for key in ("colours", "tags"):
            if getattr(spec.text, key) is not None:
                top.fail(f"text.{key}", "needs semantic, the part of the vector that words act on")


def _text_side(part: Section) -> TextSpec | WordsSpec:
    spec: TextSpec | WordsSpec
    if "words" in part:
        spec = WordsSpec(
            part.take("words", values.file_name),
            part.take("aliases", values.file_name, None),
            part.take("colours", values.file_name, None),
            part.take("tags", values.file_name, None),
        )
    else:
        spec = TextSpec(
            file=part.take("file", values.file_name),
            tokenizer=part.take("tokenizer", values.file_name),
            context=part.take("context", values.count(1, 100_000)),
            output=part.take("output", values.text),
            prompt=part.take("prompt", values.prompt, "{}"),
            pool=part.take("pool", values.one_of(TEXT_POOLS), "none"),
            pad=part.take("pad", values.count(0, 10_000_000), None),
            lower=part.take("lower", values.yes_or_no, False),
        )
    part.close()
    return spec


def _without_none(shape: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in shape.items() if value is not None}
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in kept.items()}
