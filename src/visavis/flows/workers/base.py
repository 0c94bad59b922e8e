"""The seam between an indexing run and those who read, decode and embed for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from visavis.embedders.base import Embedder
from visavis.flows.loaded import Loaded
from visavis.types import Entry, Failure, ImageRecord, Vectors

L = TypeVar("L", bound=Loaded)


class Readable(Protocol):
    """What workers need of a source."""

    @property
    def readers(self) -> int:
        """How many `read` calls at once do good."""
        ...

    def read(self, entry: Entry) -> bytes:
        """The bytes of one image; raises ImageError; may be called from many threads."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """What there is to do in a run."""

    source: Readable
    embedder: Embedder
    threads: int
    """How many may decode and embed in this process."""
    max_pixels: int
    """Pictures with more pixels (in the header) are refused."""
    thumbnail: int | None = None
    """Rows have a small picture of so many pixels a side; None: they have none."""


class Row(NamedTuple):
    """A record ready to be written."""

    record: ImageRecord
    vector: Vectors
    signature: bytes | None = None
    """None: it is kept already, as the content is known."""
    thumbnail: bytes | None = None
    """WebP."""


class Outcome(NamedTuple):
    """What came of some entries that were to be embedded."""

    ids: list[str]
    """Of all of them."""
    rows: list[Row]
    failed: list[Failure]
    notes: list[str]
    """On what was taken all the same."""


class Workers(Protocol[L]):
    """Read entries, and embed those that the run then asks for. One thread speaks to them.

    An entry is read first, as its content may be known; then only its record is new.
    """

    def read(self, entry: Entry, sha256: str | None) -> None:
        """Begin to read an entry; `sha256` is that of the content that its record has so far."""
        ...

    @property
    def busy(self) -> bool:
        """Whether as much is under way as does good; `loaded` is to be asked before more is."""
        ...

    @property
    def reading(self) -> bool:
        """Whether an entry that was to be read has not come out of `loaded` yet."""
        ...

    def loaded(self) -> Sequence[tuple[str, L | Failure]]:
        """Entries that were read, by id, each once; waits until there is one."""
        ...

    def embed(self, loaded: L) -> None:
        """Begin to embed what was read."""
        ...

    def made(self, *, rest: bool = False) -> Iterator[Outcome]:
        """What has been embedded, so far as there is much; `rest`: all that is under way."""
        ...

    def close(self) -> None:
        """Let go of what is under way."""
        ...


Hire = Callable[[Job], Workers[Any]]
"""Finds workers for a run; raises what keeps them from coming."""
