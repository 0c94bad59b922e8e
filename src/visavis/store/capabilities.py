"""What some stores can do besides, each asked for before it is used.

```python
if is_local(store):
    store.repair()
facets = faceted(store).browse.facets()  # StoreUnsupportedError where there are none
```
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from visavis.errors import StoreUnsupportedError
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.text.own import Words
from visavis.types import FieldValue, Filter, ImageRecord, Match, Vectors

LOOKS = "looks"
"""What a match by words says where the model's view of its image brought it."""


# -- facets: looking over an index without a query -------------------------------------------------


Period = Literal["year", "month", "day"]
"""What dates are counted by."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One field of the records, for choosing filters."""

    name: str
    type: str
    """text, number, date, mixed or list."""
    count: int = 0
    """Records that have it."""
    distinct: int = 0
    """Different values; of lists, different items."""
    values: tuple[tuple[FieldValue, int], ...] | None = None
    """The commonest values with their counts; None when nearly all differ.

    Of lists their items: a record counts for each of its own.
    """
    min: float | None = None
    max: float | None = None
    """The least and the greatest number; None when there are no numbers."""
    by: Period | None = None
    """Of dates that differ: the values are the latest years, months or days, such as "2019-06"."""


class Browsing(Protocol):
    """Pages, random picks, fields and their values, and counts. Safe to use from threads."""

    def generation(self) -> int:
        """A number that grows with every change of the records."""
        ...

    def page(
        self, limit: int, offset: int = 0, where: Filter | None = None, sort: str = ""
    ) -> tuple[list[ImageRecord], int]:
        """Some records in the order they were added, and how many there are in all.

        `sort` is a field to order them by instead, after a minus the largest first; "nearby" under
        a filter of that name: by distance.
        """
        ...

    def sample(self, limit: int, seed: int, where: Filter | None = None) -> list[ImageRecord]:
        """Records picked by chance; the same seed picks the same ones."""
        ...

    def facets(self, where: Filter | None = None) -> tuple[Facet, ...]:
        """The records' fields in the catalogue's order.

        Under a filter, each field counts the records that pass the conditions on the others.
        """
        ...

    def values(self, name: str, limit: int) -> list[tuple[FieldValue, int]]:
        """The commonest values of a field with their counts."""
        ...

    def counts(
        self, name: str, values: Sequence[FieldValue], where: Filter | None = None
    ) -> Mapping[FieldValue, int]:
        """How many records (that pass the filter) have each of some values of a field."""
        ...

    def reaching(self, vector: Vectors, min_score: float, where: Filter | None = None) -> int:
        """How many records have at least a score against a unit vector; exact."""
        ...


class Faceted(VectorStore, Protocol):
    """A store that can count what it has."""

    @property
    def browse(self) -> Browsing:
        """What can be asked without a query."""
        ...


def faceted(store: VectorStore) -> Faceted:
    """The store, if it can count what it has. Raises StoreUnsupportedError."""
    if has_facets(store):
        return store
    raise StoreUnsupportedError(store.facts.place, "list or count what it holds")


def has_facets(store: VectorStore) -> TypeGuard[Faceted]:
    """Whether the store can count what it has."""
    return "facets" in store.facts.can


# -- text: searching by words of the records' own text ---------------------------------------------


class TextAnswer(NamedTuple):
    """What was found by words."""

    matches: tuple[Match, ...]
    total: int
    """Records that pass the filter."""
    found: bool
    """Whether the text of some record has words of the question."""
    whole: bool
    """Whether these have all the words."""


Again = Callable[[NDArray[np.int64], NDArray[np.floating]], NDArray[np.floating]]
"""What to order records by, from their numbers (see `aspects`) and scores by looks: (n,) each."""


class TextSearching(Protocol):
    """Finds records by their own text. Safe to use from threads."""

    def prepare(self) -> bool:
        """Whether text can be searched now."""
        ...

    def search(
        self,
        words: Words,
        limit: int,
        offset: int = 0,
        where: Filter | None = None,
        min_score: float | None = None,
    ) -> TextAnswer:
        """Records whose text has the words; the score is the share of the words that it has."""
        ...

    def count(
        self, words: Words, where: Filter | None = None, min_score: float | None = None
    ) -> int:
        """How many records all the pages of `search` have."""
        ...

    def fused(
        self,
        words: Words,
        vector: Vectors,
        limit: int,
        offset: int = 0,
        where: Filter | None = None,
        min_score: float | None = None,
        again: Again | None = None,
    ) -> TextAnswer:
        """Records by text and by looks; the score is that of looks, and every record has one.

        `again` puts the first by looks in another order.
        """
        ...


class WithText(VectorStore, Protocol):
    """A store that searches the records' own text."""

    @property
    def texts(self) -> TextSearching:
        """The search."""
        ...


def has_text(store: VectorStore) -> TypeGuard[WithText]:
    """Whether the store searches the records' own text."""
    return "text" in store.facts.can


# -- tags: a field that visavis writes -------------------------------------------------------------


class Untagged(NamedTuple):
    """A record without tags, and its vector."""

    number: int
    """The store's own name for it."""
    record: ImageRecord
    vector: Vectors


class TagWriting(Protocol):
    """Reads and writes the tags of an index."""

    def state(self) -> str:
        """How the tags of this index were made; nothing: it has none."""
        ...

    def begin(self, state: str) -> None:
        """Take all tags away and remember how the next ones are made; nothing: there are none.

        Raises UsageError when the records have a field of that name from their catalogue.
        """
        ...

    def missing(self, block: int) -> Iterator[list[Untagged]]:
        """The records without tags, some at a time; no view is held while the caller works."""
        ...

    def put(self, untagged: Sequence[Untagged], tags: Sequence[str]) -> None:
        """Write the tags of some records, in one transaction."""
        ...


class WithTags(VectorStore, Protocol):
    """A store that keeps tags apart from the fields that sources name."""

    @property
    def tagged(self) -> TagWriting:
        """The tags."""
        ...


def has_tags(store: VectorStore) -> TypeGuard[WithTags]:
    """Whether visavis can write tags to the store's records."""
    return "tags" in store.facts.can


def taggable(store: VectorStore) -> WithTags:
    """The store, if visavis can write tags to its records. Raises StoreUnsupportedError."""
    if has_tags(store):
        return store
    raise StoreUnsupportedError(store.facts.place, "keep tags")


# -- evidence: what is known of images besides their vectors --------------------------------------


class EvidenceKeeping(Protocol):
    """Signatures by content (see `visavis.matching.signature`), and notes that flows make."""

    def signatures(self, hashes: Sequence[str]) -> dict[str, bytes]:
        """The signatures of content with these SHA-256 digests (hex), where there are any."""
        ...

    def keep(self, signatures: Mapping[str, bytes]) -> None:
        """Keep signatures of content, in one transaction; what is known stays."""
        ...

    def noted(self, name: str) -> bytes | None:
        """What was noted under a name."""
        ...

    def note(self, name: str, value: bytes) -> None:
        """Note something under a name, in place of what was there."""
        ...

    def note_all(self, notes: Mapping[str, bytes]) -> None:
        """Note several things by their names, all or none where the store has transactions."""
        ...


class WithEvidence(VectorStore, Protocol):
    """A store that keeps evidence beside the vectors."""

    @property
    def evidence(self) -> EvidenceKeeping:
        """The evidence."""
        ...


def has_evidence(store: VectorStore) -> TypeGuard[WithEvidence]:
    """Whether the store keeps evidence beside the vectors."""
    return "evidence" in store.facts.can


# -- rebuilding: vectors of another model, without a moment of neither -----------------------------


class Rebuilding(Protocol):
    """Vectors of another model, gathered beside the old ones until all are there.

    What a run that was stopped has left is used again by the next one for the same model.
    """

    def count(self) -> int:
        """How many vectors are there."""
        ...

    def missing(self) -> Iterator[tuple[int, ImageRecord]]:
        """The records that have no vector here yet, with the store's own names for them."""
        ...

    def put(self, numbers: Sequence[int], vectors: Vectors, hashes: Sequence[str]) -> None:
        """Keep vectors, and the SHA-256 of what they show, in one transaction."""
        ...

    def swap(self) -> str:
        """Let them take the place of the old ones, all at once; records without one leave.

        Returns what to know of the old ones, or nothing where they are gone.
        """
        ...


class Rebuildable(VectorStore, Protocol):
    """A store whose vectors can be made again by another model while it is served."""

    def rebuild(self, model: ModelFacts) -> AbstractContextManager[Rebuilding]:
        """Begin to give every record a vector of another model, or go on with it."""
        ...


def rebuildable(store: VectorStore) -> Rebuildable:
    """The store, if its vectors can be made again. Raises StoreUnsupportedError."""
    if _can_be_rebuilt(store):
        return store
    raise StoreUnsupportedError(store.facts.place, "be rebuilt with another model")


def _can_be_rebuilt(store: VectorStore) -> TypeGuard[Rebuildable]:
    return "rebuilding" in store.facts.can


# -- local: a folder with caches, written by one process at a time ---------------------------------


class Local(VectorStore, Protocol):
    """A store in a folder of this machine, with caches beside the truth."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the caches were read, so that a search starts at once."""
        ...

    def get_ready(self) -> None:
        """Read the caches now rather than with the first search."""
        ...

    def wants_caches(self) -> bool:
        """Whether the caches that the index should have are missing or damaged."""
        ...

    def repair(self) -> None:
        """Make lost caches again, unless another process is writing just now."""
        ...

    def check(self) -> None:
        """Check the whole file. Raises IndexDamagedError."""
        ...

    def check_place(self) -> None:
        """Raise IndexMissingError where the folder is gone, or holds another index by now."""
        ...


def is_local(store: VectorStore) -> TypeGuard[Local]:
    """Whether the store lies in a folder of this machine."""
    return "local" in store.facts.can


def local(store: VectorStore, to: str) -> Local:
    """The store, if it lies in a folder of this machine. Raises StoreUnsupportedError.

    `to` says what that is needed for: "be named as a folder".
    """
    if is_local(store):
        return store
    raise StoreUnsupportedError(store.facts.place, to)
