"""An entry of a source whose bytes were read, on its way to a record."""

from io import BytesIO
from typing import NamedTuple, Protocol

from visavis.images.decode import read_about
from visavis.store.fields import described
from visavis.types import Entry, Fields, ImageRecord


class Loaded(Protocol):
    """An entry whose bytes were read, here or elsewhere."""

    @property
    def entry(self) -> Entry:
        """What was read."""
        ...

    @property
    def sha256(self) -> str:
        """Of the bytes, as hex."""
        ...

    @property
    def length(self) -> int:
        """How many bytes there were."""
        ...

    def about(self) -> Fields:
        """What the picture says of itself."""
        ...


class LoadedImage(NamedTuple):
    """An entry whose bytes are at hand; a `Loaded`."""

    entry: Entry
    data: bytes
    sha256: str

    @property
    def length(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def about(self) -> Fields:
        """What the picture says of itself, read off its header."""
        return read_about(BytesIO(self.data))


def facts_of(loaded: Loaded) -> tuple[int, float]:
    """Size and time of an entry, the size counted where the source did not know."""
    entry = loaded.entry
    return (loaded.length if entry.size < 0 else entry.size), entry.modified


def record_of(loaded: Loaded, width: int, height: int) -> ImageRecord:
    """The record of an entry whose upright picture has that size."""
    entry = loaded.entry
    size, modified = facts_of(loaded)
    fields = described(entry.fields, loaded.about())
    return ImageRecord(entry.id, entry.uri, size, modified, loaded.sha256, width, height, fields)
