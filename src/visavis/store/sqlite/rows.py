"""Records to SQL rows and back."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import IndexDamagedError
from visavis.types import ImageRecord, Vectors

RECORD_COLUMNS = (
    "r.id, r.uri, r.size, r.modified, r.sha256, r.width, r.height, r.fields, s.uri, s.prefix"
)
"""What `record` reads, from `records r JOIN sources s ON s.number = r.source`."""

SOURCE = -2
"""Where among them the source's address is."""


def record(row: Sequence[Any]) -> ImageRecord:
    """The record that a row of RECORD_COLUMNS describes."""
    id, uri, size, modified, sha256, width, height, fields, folder, prefix = row
    return ImageRecord(
        id=id,
        uri=uri if uri is not None else f"{folder}/{id.removeprefix(prefix)}",
        size=size,
        modified=modified,
        sha256=sha256.hex(),
        width=width,
        height=height,
        fields=json.loads(fields) if fields else {},
    )


def stored_uri(uri: str, id: str, folder: str, prefix: str) -> str | None:
    """The address as a row keeps it: nothing when it follows from the folder and the id."""
    return None if uri == f"{folder}/{id.removeprefix(prefix)}" else uri


def damaged_vectors() -> IndexDamagedError:
    """The error for a database whose vectors are not as they were written."""
    return IndexDamagedError(
        "the index is damaged: some of its vectors are no vectors any more; restore it from a "
        "backup, or make every vector again with: visavis index --rebuild"
    )


def blob(vector: Vectors) -> bytes:
    """A vector as the database keeps it: float16."""
    return vector.astype(np.float16).tobytes()


def vectors(rows: Sequence[Sequence[Any]], dim: int) -> tuple[NDArray[np.int64], Vectors]:
    """Rows of (number, blob) as numbers and unit vectors (float16 had changed their length).

    The blobs say how long the vectors are: another process may have changed the model. `dim` is
    for no rows at all. Raises IndexDamagedError for blobs that no vector leaves behind.
    """
    numbers = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    if not rows:
        return numbers, np.empty((0, dim), np.float32)
    length = len(rows[0][1])
    if length % 2 or any(len(row[1]) != length for row in rows):
        raise damaged_vectors()
    halves = np.frombuffer(b"".join(row[1] for row in rows), np.float16)
    whole = halves.reshape(len(rows), -1).astype(np.float32)
    if not np.isfinite(whole).all():
        raise damaged_vectors()
    whole /= np.maximum(np.sqrt(np.einsum("ij,ij->i", whole, whole)), 1e-12)[:, None]
    return numbers, whole
