"""Aspects: what some stores keep of a record beside its vector, a fixed number of bytes each.

An aspect is one more view of all images, such as the codes of their parts. Its values are kept
apart from the vectors, so that whole pictures are searched as ever; they leave with their record,
and are read through as one array.

```python
aspects = with_aspects(store, "keep parts of pictures").aspects
aspects.begin("parts", 448, made_by=f"1 {embedder.fingerprint}")
for records in aspects.lacking("parts"):
    aspects.put("parts", {record.id: bytes_of(record) for record in records})
numbers, values = aspects.rows("parts")  # (n,) and (n, 448)
```
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from visavis.errors import StoreUnsupportedError
from visavis.store.base import VectorStore
from visavis.types import Filter, ImageRecord, Vectors

Numbers = NDArray[np.int64]
"""A store's own names for records."""


class AspectFacts(NamedTuple):
    """What is true of all values of an aspect."""

    size: int
    """Bytes of a value."""
    made_by: str
    """What made the values: a version of the method, and the model's fingerprint if it saw them.
    What something else makes cannot be compared with them."""


class AspectRows(NamedTuple):
    """The records that have an aspect, with their values."""

    numbers: Numbers
    """(n,), sorted."""
    values: NDArray[np.uint8]
    """(n, size). Not to be written to."""


class AspectKeeping(Protocol):
    """Keeps aspects by name. Reading is safe from threads; writing needs the index's lock."""

    def kept(self) -> Mapping[str, AspectFacts]:
        """The aspects that this index has, by name; a look at memory as a rule."""
        ...

    def begin(self, name: str, size: int, made_by: str) -> None:
        """Keep an aspect from now on; values that something else has made are dropped.

        A name is of small letters.
        """
        ...

    def drop(self, name: str) -> None:
        """Keep an aspect no longer; its values go."""
        ...

    def put(self, name: str, values: Mapping[str, bytes]) -> None:
        """Keep values by record id, in one transaction; ids that no record has are passed over.

        A value belongs to the image: a record that is written again has none until one is put.
        Raises ValueError for one of another size, KeyError for an aspect that is not kept.
        """
        ...

    def held(self, name: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Values of records whose content has these SHA-256 digests (hex), where there are any."""
        ...

    def lacking(self, name: str, block: int = 256) -> Iterator[list[ImageRecord]]:
        """The records without a value, some at a time; no view is held while the caller works.

        Each is met once, also where no value is put for it.
        """
        ...

    def values(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The values of some records, by id; those without one are left out."""
        ...

    def rows(self, name: str, where: Filter | None = None) -> AspectRows:
        """All values (of records that pass the filter), read once and kept in memory since.

        Nothing for an aspect that is not kept. Raises FilterError for a field that no record has.
        """
        ...

    def numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """The numbers of some records, by id; ids that no record has are left out."""
        ...

    def vectors(self, numbers: Numbers) -> tuple[Numbers, Vectors]:
        """The vectors of some records, (n, dim), in no order; those that are gone are left out."""
        ...

    def records(self, numbers: Numbers) -> dict[int, ImageRecord]:
        """Some records by number; those that are gone are left out."""
        ...


class WithAspects(VectorStore, Protocol):
    """A store that keeps aspects of records beside their vectors."""

    @property
    def aspects(self) -> AspectKeeping:
        """The aspects."""
        ...


def has_aspects(store: VectorStore) -> TypeGuard[WithAspects]:
    """Whether the store keeps aspects of records."""
    return "aspects" in store.facts.can


def with_aspects(store: VectorStore, to: str) -> WithAspects:
    """The store, if it keeps aspects of records. Raises StoreUnsupportedError.

    `to` says what that is needed for: "keep the parts of pictures".
    """
    if has_aspects(store):
        return store
    raise StoreUnsupportedError(store.facts.place, to)
