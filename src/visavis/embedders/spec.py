"""The contract of model.json: what a model folder says about its model.

A spec is read strictly: an unknown key, a missing key or a value that makes no sense is a
`ModelSpecError` that names the file and the key, so that a typo never becomes a wrong embedding.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from visavis.errors import ModelNotFoundError, ModelSpecError

SPEC_FILE = "model.json"

RESIZES = ("squash", "shortest", "letterbox")
CROPS = ("none", "center")
INTERPOLATIONS = ("nearest", "box", "bilinear", "bicubic", "lanczos")
CHANNELS = ("RGB", "BGR")
LAYOUTS = ("NCHW", "NHWC")
POOLS = ("none", "average", "gem")
TEXT_POOLS = ("none", "first", "average", "last")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LARGEST_SIDE = 4096

Three = tuple[float, float, float]
T = TypeVar("T")


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
class WordsSpec:
    """A text side that is a table of words (see word_table.py): a text is the mean of its words."""

    words: str
    aliases: str | None = None
    """A file of other words for words that the table lacks, besides those that are built in."""


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
            f"{path} cannot be read ({error}); see that it is a text file"
        ) from error
    try:
        shape = json.loads(text)
    except ValueError as error:
        raise ModelSpecError(f"{path} is not valid JSON ({error}); correct it there") from error
    return parse_spec(shape, path)


def parse_spec(shape: object, path: Path) -> ModelSpec:
    """A spec from parsed JSON; `path` is only named in errors (`ModelSpecError`)."""
    top = _Section(shape, path, "")
    spec = ModelSpec(
        name=top.take("name", _name),
        file=top.take("file", _file_name),
        sha256=top.take("sha256", _digest),
        output=top.take("output", _text),
        pool=top.take("pool", _one_of(POOLS)),
        dim=top.take("dim", _count(1, 1_000_000)),
        preprocess=_preprocess(top.section("preprocess")),
        classes=_classes(top.section("classes")) if "classes" in top else None,
        text=_text_side(top.section("text")) if "text" in top else None,
        license=top.take("license", _string, ""),
        origin=top.take("origin", _string, ""),
    )
    top.close()
    return spec


def check_preprocess(spec: PreprocessSpec, path: Path) -> PreprocessSpec:
    """The same spec, if its values make sense; ModelSpecError naming `path` if not."""
    shape = _without_none(asdict(spec))
    return _preprocess(_Section(shape, path, "preprocess"))


def parse_preprocess(shape: object, path: Path) -> PreprocessSpec:
    """Preprocessing from parsed JSON, in which all but `size` has a default.

    `path` is only named in errors (`ModelSpecError`).
    """
    defaults = _without_none(asdict(PreprocessSpec(size=1)))
    del defaults["size"]
    whole = {**defaults, **shape} if isinstance(shape, dict) else shape
    return _preprocess(_Section(whole, path, "preprocess"))


def _preprocess(part: "_Section") -> PreprocessSpec:
    spec = PreprocessSpec(
        size=part.take("size", _count(1, _LARGEST_SIDE)),
        resize=part.take("resize", _one_of(RESIZES)),
        crop=part.take("crop", _one_of(CROPS)),
        interpolation=part.take("interpolation", _one_of(INTERPOLATIONS)),
        channels=part.take("channels", _one_of(CHANNELS)),
        mean=part.take("mean", _three),
        std=part.take("std", _three_not_zero),
        layout=part.take("layout", _one_of(LAYOUTS)),
        resize_to=part.take("resize_to", _count(1, _LARGEST_SIDE), None),
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


def _classes(part: "_Section") -> ClassesSpec:
    spec = ClassesSpec(
        part.take("output", _text),
        part.take("labels", _file_name),
        part.take("weights", _text, None),
    )
    part.close()
    return spec


def _text_side(part: "_Section") -> TextSpec | WordsSpec:
    spec: TextSpec | WordsSpec
    if "words" in part:
        spec = WordsSpec(part.take("words", _file_name), part.take("aliases", _file_name, None))
    else:
        spec = TextSpec(
            file=part.take("file", _file_name),
            tokenizer=part.take("tokenizer", _file_name),
            context=part.take("context", _count(1, 100_000)),
            output=part.take("output", _text),
            prompt=part.take("prompt", _prompt, "{}"),
            pool=part.take("pool", _one_of(TEXT_POOLS), "none"),
            pad=part.take("pad", _count(0, 10_000_000), None),
            lower=part.take("lower", _yes_or_no, False),
        )
    part.close()
    return spec


class _Section:
    """One JSON object on its way into a dataclass: what is taken is ticked off."""

    def __init__(self, shape: object, path: Path, name: str) -> None:
        self.path = path
        self.prefix = f"{name}." if name else ""
        if not isinstance(shape, Mapping):
            raise ModelSpecError(f"{path}: {name or 'the whole file'} must be a JSON object")
        self.shape = shape
        self.left = set(shape)

    def __contains__(self, key: str) -> bool:
        return key in self.shape

    def take(self, key: str, read: Callable[[Any], T], default: Any = ...) -> T:
        """The value of a key, read by `read`, which raises ValueError saying what it must be."""
        self.left.discard(key)
        if key not in self.shape:
            if default is ...:
                self.fail(key, "is missing")
            return default  # type: ignore[no-any-return]
        try:
            return read(self.shape[key])
        except ValueError as error:
            self.fail(key, f"must be {error}, not {json.dumps(self.shape[key])[:80]}")
            raise  # not reached

    def section(self, key: str) -> "_Section":
        return _Section(self.take(key, lambda value: value), self.path, f"{self.prefix}{key}")

    def close(self) -> None:
        for key in sorted(self.left):
            known = ", ".join(sorted(set(self.shape) - self.left))
            raise ModelSpecError(
                f"{self.path}: unknown key {self.prefix}{key!s}; known here are {known}"
            )

    def fail(self, key: str, what: str) -> None:
        raise ModelSpecError(f"{self.path}: {self.prefix}{key} {what}")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text that is not empty")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a name of letters, digits, '.', '_' and '-'")
    return value


def _file_name(value: Any) -> str:
    # Only files of the folder itself: a model.json from elsewhere must not reach other files.
    if not isinstance(value, str) or not value or Path(value).name != value or "\\" in value:
        raise ValueError("the name of a file in the same folder")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-fA-F]{64}", value):
        raise ValueError("64 hexadecimal digits")
    return value.lower()


def _prompt(value: Any) -> str:
    if not isinstance(value, str) or value.count("{}") != 1:
        raise ValueError("a text with one {} in it")
    return value


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _one_of(names: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in names:
            raise ValueError(" or ".join(map(repr, names)))
        return str(value)

    return read


def _count(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


def _three(value: Any) -> Three:
    numbers = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        raise ValueError("three numbers, one for each channel")
    red, green, blue = (float(number) for number in numbers)
    return red, green, blue


def _three_not_zero(value: Any) -> Three:
    if 0.0 in (numbers := _three(value)):
        raise ValueError("three numbers other than 0")
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _without_none(shape: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in shape.items() if value is not None}
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in kept.items()}
