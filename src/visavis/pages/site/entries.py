"""The pictures of a site: in which order, by which key, under which caption, and what is near."""

import hashlib
import re
from base64 import b32encode
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.errors import UsageError
from visavis.filters import Where, as_filter
from visavis.image_index import ImageIndex
from visavis.images.metadata import METADATA
from visavis.store.text.titles import title_fields
from visavis.types import ImageRecord, Vectors

MOST = 100_000
"""Pictures of a site: beyond that the nearest of each take an hour, and browsers too long."""

KEY = 10
"""Letters of a key: 50 bits, so that of 100,000 pictures hardly ever two have the same."""

_SAMPLED = 200
_PRIVATE = frozenset((*METADATA, "folder"))  # no captions, unless somebody asks for them
_LONGEST = 200  # letters of a caption
_BLOCK = 1 << 24  # scores at a time: 64 MB
_IN_FOLDER = re.compile(r".*[/\\]([^/\\]+)", re.DOTALL)
_ENDING = re.compile(r"(?<=.)\.\w{2,5}$")


class Entry(NamedTuple):
    """One picture."""

    key: str
    """Names its file, and is what links hold: the same in every build, and not the id."""
    record: ImageRecord


class Near(NamedTuple):
    """The nearest of each picture, best first."""

    numbers: NDArray[np.int64]
    """(n, neighbours)"""
    scores: NDArray[np.float32]
    """(n, neighbours), -1…1"""


def key_of(id: str) -> str:
    """A record's key: letters and digits that no file system takes for others.

    >>> key_of("photos/a.jpg")
    'ldknrxwboh'
    """
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
    return b32encode(digest)[:KEY].decode().lower()


def entries(index: ImageIndex, where: Where) -> tuple[list[Entry], Vectors]:
    """The records (that pass a filter) and their vectors (n, dim), by their keys.

    That order is random, the same each time, and stays when records come and go.
    Raises UsageError where there are none, or too many.
    """
    count = index.store.count(as_filter(where))
    if not count:
        reason = "no record passes the filter" if where else "the index is empty"
        raise UsageError(f"{reason}; there is nothing to make a site of")
    if count > MOST:
        raise UsageError(
            f"{count:,} pictures are more than a static site can have ({MOST:,}); choose some with "
            "--where, or serve them all with: visavis serve"
        )
    found: dict[str, Entry] = {}
    rows: dict[str, Vectors] = {}
    for record, vector in index.rows(where):
        entry = Entry(key_of(record.id), record)
        if entry.key in found:
            continue  # two ids of one key: as likely as a lottery win
        found[entry.key], rows[entry.key] = entry, vector
    order = sorted(found)
    return [found[key] for key in order], np.array([rows[key] for key in order], np.float32)


def captions(chosen: Sequence[Entry], field: str | None) -> list[str]:
    """What stands under each picture: its title, or else its id without folders and ending."""
    sample = (entry.record.fields for entry in islice(chosen, _SAMPLED))
    shown = [{name: fields[name] for name in fields if name not in _PRIVATE} for fields in sample]
    names = (field,) if field else title_fields(shown)
    return [_caption(entry.record, names) for entry in chosen]


def _caption(record: ImageRecord, names: Sequence[str]) -> str:
    title = next((str(value) for name in names if (value := record.fields.get(name))), "")
    text = title or _ENDING.sub("", _IN_FOLDER.sub(r"\1", record.id))
    return " ".join(text.split())[:_LONGEST]


def nearest(vectors: Vectors, count: int) -> Near:
    """The `count` nearest others of each of (n, dim) unit vectors; exact, equal scores in order."""
    total = len(vectors)
    count = max(0, min(count, total - 1))
    numbers = np.empty((total, count), np.int64)
    scores = np.empty((total, count), np.float32)
    step = max(1, _BLOCK // max(1, total))
    for start in range(0, total, step):
        block = vectors[start : start + step] @ vectors.T
        for at, row in enumerate(block):
            row[start + at] = -np.inf
            numbers[start + at] = _best(row, count)
            scores[start + at] = row[numbers[start + at]]
    return Near(numbers, scores)


def _best(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    if not count:
        return np.empty(0, np.int64)
    floor = np.partition(scores, len(scores) - count)[len(scores) - count]
    reaching = np.flatnonzero(scores >= floor)
    return reaching[np.argsort(-scores[reaching], kind="stable")][:count]
