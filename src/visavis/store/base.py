"""The seam between the flows and whatever keeps the vectors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from visavis.types import Fields, Filter, ImageRecord, Kind, Match, Vectors

DEPTH = 100
"""Ranks that may come from the approximate index; deeper pages are answered exactly."""


IMPORTED = "imported:"
"""Begins the ref of a model that visavis cannot run: its vectors were computed elsewhere."""


class KnownRecord(NamedTuple):
    """What a store says of an id it has: enough to see whether the image changed."""

    own: bool
    """Whether the record is of the source that is swept."""
    met: bool
    """Whether this sweep has seen it already, or it was written since the sweep began."""
    size: int
    modified: float
    sha256: bytes
    uri: str | None
    """Where it was read; None when that follows from the source and the id."""
    fields: str | None
    """As `visavis.store.fields.as_text` gives them."""


class StoredVector(NamedTuple):
    """A vector that the store already has for some content."""

    vector: Vectors
    width: int
    height: int
    fields: str | None = None
    """Of a record that shows it, as `visavis.store.fields.as_text` gives them."""


class SourceRun(NamedTuple):
    """The last indexing run over a source."""

    began: float
    """Seconds since the epoch."""
    ended: float | None = None
    """None while it goes on, and for good when it was stopped."""
    skipped: int = 0
    """Images that could not be taken in."""
    refused: str | None = None
    """Why the source was refused as a whole, if it was."""


class SourceRow(NamedTuple):
    """A source that the index knows."""

    number: int
    kind: str
    uri: str
    prefix: str
    """Put before the ids of a further folder, so that two folders' `a.jpg` do not collide."""


class Change(NamedTuple):
    """New facts about a record whose image is the same as before."""

    id: str
    size: int
    modified: float
    uri: str
    fields: Fields


Capability = Literal["aspects", "evidence", "facets", "local", "rebuilding", "tags", "text"]
"""What not every store can do; see `visavis.store.capabilities` and `visavis.store.aspects`."""


class StoreFacts(NamedTuple):
    """What is true of a store as long as it is open."""

    place: str
    """What opens it again: a folder, or the URL of a server."""
    can: frozenset[Capability]


class ModelFacts(NamedTuple):
    """Which model made an index's vectors."""

    name: str
    ref: str
    """What loads it again."""
    fingerprint: str
    dim: int
    """The vectors' dimensions."""


class Rows(NamedTuple):
    """Neighbouring records with their vectors."""

    records: tuple[ImageRecord, ...]
    vectors: Vectors
    """(records, dim), of unit length."""


class Page(NamedTuple):
    """Which part of an answer is wanted."""

    limit: int = 10
    offset: int = 0
    min_score: float | None = None
    """Matches below it are left out."""
    without: str | None = None
    """The id of a record to leave out, and not to count either."""


class Answer(NamedTuple):
    """What a store found: matches best first, and how many records were eligible."""

    matches: tuple[Match, ...]
    total: int


class SourceInfo(NamedTuple):
    """A source, what the index has of it, and how it was when it was last indexed."""

    row: SourceRow
    records: int
    run: SourceRun | None
    """None: it was indexed by a version that did not note this."""

    @property
    def uri(self) -> str:
        """Its path, or its name."""
        return self.row.uri


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """The state of an index, for people and for checks."""

    records: int
    model: str
    model_ref: str
    fingerprint: str
    dim: int
    bytes: int | None
    """On disk, caches included; None where a server keeps it and does not tell."""
    approximate: bool
    """Whether an approximate index is in use for the bulk of the records."""
    pending: int
    """Records newer than the approximate index; they are searched exactly."""
    sources: tuple[SourceInfo, ...] = ()
    fields: Mapping[str, Kind] = field(default_factory=dict)
    """Names of the records' fields, and their kinds: text, number, date or mixed."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of an index's state."""
        return {
            "records": self.records,
            "model": self.model,
            "model_ref": self.model_ref,
            "fingerprint": self.fingerprint,
            "dim": self.dim,
            "bytes": self.bytes,
            "approximate": self.approximate,
            "pending": self.pending,
            "sources": [_shape(source) for source in self.sources],
            "fields": dict(self.fields),
        }


class Gone(NamedTuple):
    """What a sweep has removed."""

    removed: int
    """All of them."""
    moved: int
    """Of these: how many have their content under an id that was written since it began."""
    refused: int = 0
    """How many would have been lost (not moved), had they not been too many: they stay."""


class Sweep(Protocol):
    """A run over one source: what the store has of it, what was met, and what is gone.

    It belongs to one thread, that of the writer.
    """

    def count(self) -> int:
        """How many records the source has."""
        ...

    def known(self, ids: Sequence[str]) -> dict[str, KnownRecord]:
        """What is known of these ids, of whatever source; unknown ones are left out."""
        ...

    def seen(self, ids: Sequence[str]) -> None:
        """Note that the source names these ids still: they are not gone."""
        ...

    def gone(self, spared: Callable[[str, str], bool], most: int | None = None) -> Gone:
        """Remove the source's records that were neither seen nor written since the sweep began.

        `spared` says of an id and a URI that the record stays all the same. Where more than `most`
        would be lost, only those go that have moved: their content has a newer id.
        """
        ...


def _shape(source: SourceInfo) -> dict[str, Any]:
    run = source.run
    return {
        "uri": source.uri,
        "kind": source.row.kind,
        "records": source.records,
        "last_run": None if run is None else run.ended or run.began,
        "skipped": None if run is None else run.skipped,
    }


class VectorStore(Protocol):
    """Keeps records with their vectors and finds the nearest.

    Implementations are safe to use from several threads; of several processes one writes at a time.
    Everything acknowledged (a call that returned) survives the death of the process. What takes
    long looks between its steps whether to go on (see `visavis.store.stopping`).
    """

    @property
    def facts(self) -> StoreFacts:
        """Where it is, and what it can do besides."""
        ...

    def model(self) -> ModelFacts:
        """The model that made the vectors; another process may bring another one."""
        ...

    def source(
        self, kind: str, uri: str, *, apart: bool = False, prefix: str | None = None
    ) -> SourceRow:
        """The source with that URI, registered when it is new.

        Sources whose ids are to be kept `apart` from those of others of this kind get a prefix;
        `prefix` is the one that a source had in another store.
        """
        ...

    def sources(self) -> list[SourceRow]:
        """All sources, in the order in which they came; at once, unlike `info`."""
        ...

    def note_run(self, source: int, run: SourceRun) -> None:
        """Remember how the last run over a source went; nothing else of the index changes."""
        ...

    def move_source(self, source: int, uri: str, below: str = "") -> int:
        """Give a source another URI, and its records the ids that this brings; how many there are.

        `below` is where the source lies below the new URI: it is put before its paths. Where the
        new URI is known, that source takes the records over; what it has itself stays its own.
        """
        ...

    def sweep(self, source: int, below: str = "", among: Sequence[str] | None = None) -> Sweep:
        """The beginning of a run over a source, which is to find what has gone.

        With `below`, it is about the records alone whose ids begin so; with `among`, about those
        that have one of these ids or lie below one, as in a folder. What is gone then has moved
        where any record written after it has its content.
        """
        ...

    def held(self, hashes: Sequence[str]) -> dict[str, StoredVector]:
        """Vectors already computed for content with these SHA-256 digests (hex)."""
        ...

    def upsert(self, source: int, records: Sequence[ImageRecord], vectors: Vectors) -> None:
        """Add or replace records of a source in one transaction; the last of an id counts."""
        ...

    def update(self, changes: Sequence[Change]) -> None:
        """Write facts of records that keep their vectors, in one transaction.

        Ids that are unknown are ignored.
        """
        ...

    def remove(self, ids: Sequence[str]) -> int:
        """Remove records by id; returns how many there were."""
        ...

    def remove_where(self, where: Filter) -> int:
        """Remove every record that passes a filter; returns how many there were."""
        ...

    def forget_source(self, uri: str) -> int:
        """Remove a source and all its records; returns how many there were."""
        ...

    def get(self, id: str) -> ImageRecord:
        """The record. Raises RecordNotFoundError."""
        ...

    def vector(self, id: str) -> Vectors:
        """The record's vector, (dim,). Raises RecordNotFoundError."""
        ...

    def search(self, vectors: Vectors, page: Page, where: Filter | None = None) -> list[Answer]:
        """For each of the unit vectors (n, dim): the records nearest to it, best first, ties by id.

        Raises FilterError for a field that no record has.
        """
        ...

    def records(self, where: Filter | None = None) -> Iterator[ImageRecord]:
        """All records (that pass the filter), in the order they were added."""
        ...

    def rows(self, where: Filter | None = None) -> Iterator[Rows]:
        """All records (that pass the filter) with their vectors, in blocks, as they were added."""
        ...

    def count(self, where: Filter | None = None) -> int:
        """How many records there are, or pass a filter."""
        ...

    def fields(self) -> Mapping[str, Kind]:
        """Names of the fields that some record has had, with their kinds."""
        ...

    def settle(self, thorough: bool = False) -> None:
        """After writing: do what makes the next searches quick, as far as that pays.

        Thorough: check everything, and do it in any case. Raises IndexDamagedError.
        """
        ...

    def info(self) -> StoreInfo:
        """The state of the store."""
        ...

    def close(self) -> None:
        """Release files; the store cannot be used afterwards."""
        ...
