"""Rows of files as records: what each column says of an image, and which rows are none."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from visavis.embedders.base import unit_rows
from visavis.exchange.layout import DIGEST, FACTS, FIELDS, LABELS, Note, as_fields
from visavis.exchange.reading import Rough
from visavis.images.files import path_text
from visavis.sources.base import is_remote
from visavis.sources.catalogue import IMAGE_COLUMNS
from visavis.sources.cells import LARGEST
from visavis.types import Failure, FieldValue, ImageRecord, Vectors

_UNEVEN = 0.01  # lengths further than this from 1 are reported
_ROUNDED = 1e-3  # by which rounding to 16 bits changes a length, at most


class FileRows(NamedTuple):
    """Rows that can be written, and why others cannot."""

    records: list[ImageRecord]
    vectors: Vectors
    beside: Mapping[str, Sequence[bytes | str | None]]
    """What shards have besides, by column."""
    failed: list[Failure]
    uneven: bool
    """Whether the vectors had other lengths than 1."""


def records_of(part: Rough, path: Path | str, note: Note | None, dim: int) -> FileRows:
    """The rows that can be records, with vectors of so many dimensions and unit length."""
    vectors = part.vectors
    if vectors.shape[1:] != (dim,):
        vectors = np.full((len(part.ids), dim), np.nan, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    keep, records = [], []
    failed: list[Failure] = []
    fields_of = part.beside.get(FIELDS) or [None] * len(part.ids)
    for at, given in enumerate(part.ids):
        id, length = _id(given), float(lengths[at])
        if id is None:
            failed.append(Failure(f"{path}, id {given!r}", "it is no id"))
        elif not math.isfinite(length):
            reason = f"its vector holds NaN or infinity, or has not {dim} dimensions"
            failed.append(Failure(id, reason))
        elif length < 1e-12:
            failed.append(Failure(id, "its vector is zero"))
        else:
            keep.append(at)
            values = {name: values[at] for name, values in part.columns.items()}
            record = _record(id, values, vectors[at], path, note)
            fields = _fields(fields_of[at])
            records.append(record if fields is None else replace(record, fields=fields))
    uneven = bool(np.any(np.abs(lengths[keep] - 1) > _UNEVEN)) if keep else False
    kept = {name: [values[at] for at in keep] for name, values in part.beside.items()}
    return FileRows(records, _unit(vectors[keep]), kept, failed, uneven)


def _unit(vectors: Vectors) -> Vectors:
    """Vectors at unit length; those that a store has rounded to 16 bits stay as it has them."""
    with np.errstate(over="ignore"):
        rounded = vectors.astype(np.float16).astype(np.float32)
        lengths = np.linalg.norm(rounded, axis=1)
    as_kept = (rounded == vectors).all(axis=1) & (np.abs(lengths - 1) < _ROUNDED)
    return np.where(as_kept[:, None], vectors, unit_rows(vectors))


def _id(given: Any) -> str | None:
    value = _as_value(given)
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if not text or "\0" in text or not _is_text(text):
        return None
    return text


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _record(
    id: str, given: Mapping[str, Any], vector: Vectors, path: Path | str, note: Note | None
) -> ImageRecord:
    values = {name: kept for name, value in given.items() if (kept := _as_value(value)) is not None}
    facts = {name: values.pop(name) for name in FACTS if _is_fact(name, values.get(name))}
    sha256 = str(facts.get("sha256", ""))
    if note is None:
        fields = values
        uri = str(facts.get("uri") or _uri(values, Path(path)) or id)
    else:
        if note.columns.get(LABELS) is None:
            values.pop(LABELS, None)  # a second name of one of the others
        fields = as_fields(values, note)
        uri = str(facts.get("uri") or id)
    return ImageRecord(
        id,
        uri,
        int(facts.get("size", 0)),
        float(facts.get("modified", 0)),
        sha256 if len(sha256) == DIGEST else _stand_in(id, vector),
        int(facts.get("width", 0)),
        int(facts.get("height", 0)),
        fields,
    )


def _fields(text: bytes | str | None) -> dict[str, FieldValue] | None:
    """Fields that a shard has as they were; None: its columns say what they are."""
    if not isinstance(text, str):
        return None
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        if isinstance(found, dict) and all(map(_is_text, found)):
            return {name: value for name, value in found.items() if _is_value(value)}
    return None


def _is_value(given: Any) -> bool:
    if isinstance(given, str):
        return _is_text(given)
    return isinstance(given, bool | int) or (isinstance(given, float) and math.isfinite(given))


def _is_fact(name: str, value: FieldValue | None) -> bool:
    """Whether a value is what records have under that name, and no field of the same name."""
    if name == "uri":
        return isinstance(value, str)
    if name == "sha256":
        return isinstance(value, str) and set(value) <= set("0123456789abcdef")
    return isinstance(value, int | float) and 0 <= value < 2**63


def _uri(values: Mapping[str, FieldValue], path: Path) -> str | None:
    """Where a row's picture is, if one of the usual columns says so."""
    for name in IMAGE_COLUMNS:
        value = values.get(name)
        if isinstance(value, str):
            return value if is_remote(value) else path_text(str(path.absolute().parent / value))
    return None


def _stand_in(id: str, vector: Vectors) -> str:
    """What tells a record's content from others' where its file was never read: no SHA-256."""
    return hashlib.sha256(id.encode() + vector.tobytes()).hexdigest()[: DIGEST // 2]


def _as_value(given: Any) -> FieldValue | None:
    """A value as a field holds it; None: there is none, or nothing that a field can hold."""
    if isinstance(given, np.generic):
        given = given.item()
    if isinstance(given, bytes):
        given = given.decode(errors="replace")
    match given:
        case str():
            return given if given and _is_text(given) else None
        case bool():
            return given
        case int() if not -LARGEST <= given < LARGEST:
            return str(given)
        case int() | float():
            return given if math.isfinite(given) else None
        case datetime() | date():
            return given.isoformat()
        case list() | tuple():
            return _listed(given)
    return None


def _listed(values: Sequence[Any]) -> str | None:
    """Several words, such as tags, as one text."""
    kept = [_as_value(value) for value in values]
    return ", ".join(str(value) for value in kept if value is not None) or None
