"""Records to SQL rows and back."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import IndexDamagedError
from visavis.types import FieldValue, ImageRecord, Kind, Vectors

RECORD_COLUMNS = (
    "r.id, r.uri, r.size, r.modified, r.sha256, r.width, r.height, r.fields, s.uri, s.prefix"
)
"""What `record` reads, from `records r JOIN sources s ON s.number = r.source`."""

SOURCE = -2
"""Where among them the source's URI is."""

_JSON = json.JSONDecoder()

_ENDLESS = 2.0**16  # more than any half


def record(row: Sequence[Any]) -> ImageRecord:
    """The record that a row of RECORD_COLUMNS describes."""
    id, uri, size, modified, sha256, width, height, fields, folder, prefix = row
    if uri is None:
        uri = f"{folder}/{id.removeprefix(prefix)}"
    # By place: names would take a quarter longer.
    return ImageRecord(id, uri, size, modified, sha256.hex(), width, height, fields_of(fields))


def fields_of(text: str | None) -> dict[str, FieldValue]:
    """A record's fields, as the column of that name has them."""
    found: dict[str, FieldValue] = _JSON.raw_decode(text)[0] if text else {}
    return found


def stored_uri(uri: str, id: str, folder: str, prefix: str) -> str | None:
    """The URI as a row keeps it: nothing when it follows from the folder and the id."""
    return None if uri == f"{folder}/{id.removeprefix(prefix)}" else uri


def kinds(connection: sqlite3.Connection) -> dict[str, Kind]:
    """The names of the fields that some record has had, with their kinds."""
    return dict(connection.execute("SELECT name, type FROM fields"))


def damaged_vectors() -> IndexDamagedError:
    """The error for a database whose vectors are not as they were written."""
    return IndexDamagedError(
        "the index is damaged: some of its vectors are no vectors any more; restore it from a "
        "backup, or make every vector again with: visavis index --rebuild"
    )


def blob(vector: Vectors) -> bytes:
    """A vector as the database keeps it: float16."""
    return vector.astype(np.float16).tobytes()


def widened(halves: NDArray[np.float16]) -> Vectors:
    """Halves as floats, in a fifth of the time of `astype`: by their bits.

    The exponent of a float has the same place above its fraction and another bias, so that a
    product puts it right. What is infinite or no number comes out as _ENDLESS and more.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(~0x70001FFF)  # of the sign's copies, the first alone
    floats = bits.view(np.float32)
    floats *= np.float32(2.0**112)
    return floats


def vectors(rows: Sequence[Sequence[Any]], dim: int) -> tuple[NDArray[np.int64], Vectors]:
    """Rows of (number, blob) as numbers and unit vectors (float16 had changed their length).

    The blobs say how long the vectors are: another process may have changed the model. `dim` is
    for no rows at all. Raises IndexDamagedError for blobs that no vector leaves behind.
    """
    if not rows:
        return np.empty(0, np.int64), np.empty((0, dim), np.float32)
    numbers, blobs, *_ = zip(*rows, strict=True)
    if len(set(map(len, blobs))) > 1 or len(blobs[0]) % 2:
        raise damaged_vectors()
    whole = widened(np.frombuffer(b"".join(blobs), np.float16).reshape(len(rows), -1))
    squares = np.einsum("ij,ij->i", whole, whole)
    if squares.max() >= _ENDLESS**2:
        raise damaged_vectors()
    whole /= np.maximum(np.sqrt(squares), 1e-12)[:, None]
    return np.array(numbers, np.int64), whole
