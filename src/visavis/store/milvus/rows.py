"""Records as rows of a collection, and back."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from visavis.errors import UsageError
from visavis.store.base import StoredVector
from visavis.store.fields import as_kept, as_text
from visavis.store.milvus.client import Row
from visavis.store.milvus.layout import Layout
from visavis.types import Fields, ImageRecord, Vectors

HELD = ("sha256", "vector", "width", "height", "fields")
RECORD = ("id", "uri", "size", "modified", "sha256", "width", "height", "fields")
"""The columns of a record."""

WHOLE = (*RECORD, "vector")
"""And its vector."""

_BOOLEANS = "\x01booleans"  # which fields are true or false: they are kept as 1 and 0, to compare
_NAMELESS = "\x01"  # Milvus takes no empty key
_LARGEST_FIELDS = 65_536  # bytes


def row_of(record: ImageRecord, vector: Vectors, source: int, layout: Layout) -> Row:
    """A record and its unit vector (dim,) as a row. Raises UsageError for what Milvus refuses."""
    fields = _kept(record.fields)
    if len(json.dumps(fields, ensure_ascii=False).encode(errors="replace")) > _LARGEST_FIELDS:
        raise UsageError(
            f"{record.id}: its fields take more than {_LARGEST_FIELDS:,} bytes, the most that "
            "Milvus keeps; leave long columns out of the catalogue"
        )
    return {
        "id": record.id,
        "vector": vector,
        "sha256": record.sha256,
        "source": source,
        "uri": record.uri,
        "width": float(record.width),
        "height": float(record.height),
        "size": float(record.size),
        "modified": float(record.modified),
        "fields": fields,
        **_declared(fields, layout),
    }


def record_of(row: Row) -> ImageRecord:
    """The record that a row was made of."""
    return ImageRecord(
        row["id"],
        row["uri"],
        int(row["size"]),
        row["modified"],
        row["sha256"],
        int(row["width"]),
        int(row["height"]),
        fields_of(row["fields"]),
    )


def held_of(row: Row) -> StoredVector:
    """What a row with HELD keeps of its content."""
    vector, fields = vectors_of([row])[0], as_text(fields_of(row["fields"]))
    return StoredVector(vector, int(row["width"]), int(row["height"]), fields)


def fields_of(kept: dict[str, Any] | None) -> dict[str, Any]:
    """The fields that a row keeps, as the record has them."""
    fields = dict(kept or {})
    if _BOOLEANS not in fields and _NAMELESS not in fields:
        return fields
    booleans = set(fields.pop(_BOOLEANS, ()))
    return {
        ("" if name == _NAMELESS else name): bool(value) if name in booleans else value
        for name, value in fields.items()
    }


def key_of(field: str) -> str:
    """Under which key a field is kept."""
    return field or _NAMELESS


def vectors_of(found: Sequence[Row]) -> Vectors:
    """The rows' vectors, (rows, dim)."""
    return np.array([row["vector"] for row in found], np.float32)


def unit_vectors(vectors: Vectors) -> Vectors:
    """Vectors as every store gives them back: rounded to 16 bits, of unit length."""
    rounded = vectors.astype(np.float16).astype(np.float32)
    return np.asarray(rounded / np.linalg.norm(rounded, axis=1, keepdims=True), np.float32)


def _kept(fields: Fields) -> dict[str, Any]:
    named: dict[str, Any] = {key_of(name): value for name, value in as_kept(fields).items()}
    booleans = [name for name, value in named.items() if isinstance(value, bool)]
    if booleans:
        named = {n: int(v) if isinstance(v, bool) else v for n, v in named.items()}
        named[_BOOLEANS] = booleans
    return named


def _declared(kept: dict[str, Any], layout: Layout) -> Row:
    """The columns of declared fields; a value of another kind is found in the others alone."""
    columns: Row = {}
    for name, kind in layout.declared.items():
        value = kept.get(key_of(name))
        there = value is not None and isinstance(value, str) == (kind == "text")
        given = value if there else ("" if kind == "text" else 0)
        columns[layout.column(name)] = given if isinstance(given, str) else float(given or 0)
        columns[layout.presence(name)] = there
    return columns
