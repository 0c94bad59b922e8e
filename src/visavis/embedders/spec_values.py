"""JSON objects taken apart key by key, and what the values of a model.json may be.

What reads a value raises ValueError saying what it must be.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from visavis.errors import ModelSpecError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Three = tuple[float, float, float]
T = TypeVar("T")


class Section:
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

    def section(self, key: str) -> "Section":
        """The object that is the value of a key."""
        return Section(self.take(key, lambda value: value), self.path, f"{self.prefix}{key}")

    def close(self) -> None:
        """Raise ModelSpecError for a key that nobody took."""
        for key in sorted(self.left):
            known = ", ".join(sorted(set(self.shape) - self.left))
            raise ModelSpecError(
                f"{self.path}: unknown key {self.prefix}{key!s}; known here are {known}"
            )

    def fail(self, key: str, what: str) -> None:
        """Raise ModelSpecError naming the file and the key."""
        raise ModelSpecError(f"{self.path}: {self.prefix}{key} {what}")


def string(value: Any) -> str:
    """A text, which may be empty."""
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str) or not value:
        raise ValueError("a text that is not empty")
    return value


def name(value: Any) -> str:
    """A model's name."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a name of letters, digits, '.', '_' and '-'")
    return value


def file_name(value: Any) -> str:
    """A file of the model's own folder."""
    # Only files of the folder itself: a model.json from elsewhere must not reach other files.
    if not isinstance(value, str) or not value or Path(value).name != value or "\\" in value:
        raise ValueError("the name of a file in the same folder")
    return value


def digest(value: Any) -> str:
    """A SHA-256, in lower case."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-fA-F]{64}", value):
        raise ValueError("64 hexadecimal digits")
    return value.lower()


def prompt(value: Any) -> str:
    """A text with a place for another."""
    if not isinstance(value, str) or value.count("{}") != 1:
        raise ValueError("a text with one {} in it")
    return value


def yes_or_no(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def one_of(names: tuple[str, ...]) -> Callable[[Any], str]:
    """Reads one of some names."""

    def read(value: Any) -> str:
        if value not in names:
            raise ValueError(" or ".join(map(repr, names)))
        return str(value)

    return read


def count(least: int, most: int) -> Callable[[Any], int]:
    """Reads a whole number within bounds."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


def share(value: Any) -> float:
    """A part of a whole, neither nothing nor all of it."""
    if not _is_number(value) or not 0 < value < 1:
        raise ValueError("a number between 0 and 1")
    return float(value)


def three(value: Any) -> Three:
    """A number for each channel."""
    numbers = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        raise ValueError("three numbers, one for each channel")
    red, green, blue = (float(number) for number in numbers)
    return red, green, blue


def three_not_zero(value: Any) -> Three:
    """A number other than 0 for each channel."""
    if 0.0 in (numbers := three(value)):
        raise ValueError("three numbers other than 0")
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
