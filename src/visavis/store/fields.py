"""Records' fields as stores keep and compare them."""

import json
import math
from collections.abc import Iterable, Mapping

from visavis.filters import CONCEPTS, TAGS, normal
from visavis.images.metadata import METADATA
from visavis.types import Fields, FieldValue

_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def as_text(fields: Fields) -> str | None:
    """Fields as JSON in their order, None for none; the same fields give the same text.

    Texts are in the form in which filters compare them. Numbers that are not finite are left out:
    JSON has none, and SQLite would refuse to look into any record's fields.
    """
    return text_of(as_kept(fields))


def text_of(kept: Mapping[str, FieldValue]) -> str | None:
    """What `as_text` gives of fields that a store has given back."""
    return _written(kept) if kept else None


def as_kept(fields: Fields) -> dict[str, FieldValue]:
    """Fields as a store gives them back."""
    return {
        normal(name): normal(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if not _endless(value)
    }


def _endless(value: FieldValue) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def described(fields: Fields, about: Fields) -> dict[str, FieldValue]:
    """Fields with what a picture says of itself; what a source says counts before it, tags last."""
    named = {name: value for name, value in fields.items() if name != TAGS}
    added = {name: value for name, value in about.items() if name not in fields}
    return named | added | ({TAGS: fields[TAGS]} if TAGS in fields else {})


def kept(fields: str | None, *, tags: bool, concepts: bool = False) -> dict[str, FieldValue]:
    """What sources do not say, among fields that `as_text` wrote: of pictures, and what is ours."""
    return _named(fields, (*METADATA, *_ours(tags=tags, concepts=concepts)))


def of_content(fields: str | None, *, tags: bool, concepts: bool) -> dict[str, FieldValue]:
    """What we ourselves have written about a picture, which holds for all records that show it."""
    return _named(fields, _ours(tags=tags, concepts=concepts))


def _ours(*, tags: bool, concepts: bool) -> list[str]:
    return [TAGS] * tags + [CONCEPTS] * concepts


def _named(fields: str | None, names: Iterable[str]) -> dict[str, FieldValue]:
    found = json.loads(fields) if fields else {}
    return {name: found[name] for name in names if name in found}
