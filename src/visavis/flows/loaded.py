"""An entry of a source whose bytes were read, on its way to a record."""

from io import BytesIO
from typing import NamedTuple

from visavis.images.decode import read_about
from visavis.store.fields import described
from visavis.types import Entry, Fields, ImageRecord


class LoadedImage(NamedTuple):
    """An entry whose bytes were read."""

    entry: Entry
    data: bytes
    sha256: str


def facts_of(entry: Entry, data: bytes) -> tuple[int, float]:
    """Size and time of an entry, the size counted where the source did not know."""
    return (len(data) if entry.size < 0 else entry.size), entry.modified


def about(loaded: LoadedImage) -> Fields:
    """What the picture says of itself."""
    return read_about(BytesIO(loaded.data))


def record_of(loaded: LoadedImage, width: int, height: int) -> ImageRecord:
    """The record of an entry whose upright picture has that size."""
    entry = loaded.entry
    size, modified = facts_of(entry, loaded.data)
    fields = described(entry.fields, about(loaded))
    return ImageRecord(entry.id, entry.uri, size, modified, loaded.sha256, width, height, fields)
