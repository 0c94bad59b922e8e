"""What an index holds, to walk over and to take away."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from visavis.errors import RecordNotFoundError
from visavis.filters import Where, as_filter
from visavis.store.base import StoreInfo, VectorStore
from visavis.store.capabilities import faceted
from visavis.types import Filter, ImageRecord, Vectors

if TYPE_CHECKING:
    from visavis.exchange.exporting import Exported, ExportOptions
    from visavis.flows.concepts.teaching import Concept, Concepts
    from visavis.flows.mapping.layout import Step
    from visavis.flows.mapping.making import CollectionMap
    from visavis.flows.tagging import Tagging
    from visavis.store.open import Writing

_PAGE = 1000  # records that are read at once, in an order


class Contents:
    """The records and vectors of a store; what they are written with is imported when needed."""

    _store: VectorStore
    concepts: "Concepts"
    tagging: "Tagging"
    writing: "Writing"

    def get(self, id: str) -> ImageRecord:
        """The record with an id. Raises RecordNotFoundError."""
        return self._store.get(id)

    def __iter__(self) -> Iterator[ImageRecord]:
        return self.records()

    def __len__(self) -> int:
        return self._store.count()

    def __contains__(self, id: object) -> bool:
        with contextlib.suppress(RecordNotFoundError):
            return isinstance(id, str) and bool(self._store.get(id))
        return False

    def info(self) -> StoreInfo:
        """How many records, by which model, from where, how large."""
        return self._store.info()

    def records(self, where: Where = None, *, sort: str = "") -> Iterator[ImageRecord]:
        """All records (that pass a filter), in the order they were added.

        `sort` is a field to order them by instead, after a minus the largest first; those without
        it come last. Under a filter `nearby=LATITUDE,LONGITUDE,DISTANCE` it may be `nearby`.
        """
        if not sort:
            return self._store.records(as_filter(where))
        return self._sorted(as_filter(where), sort)

    def _sorted(self, where: Filter | None, sort: str) -> Iterator[ImageRecord]:
        browse, offset = faceted(self._store).browse, 0
        while page := browse.page(_PAGE, offset, where, sort)[0]:
            yield from page
            offset += _PAGE

    def rows(self, where: Where = None) -> Iterator[tuple[ImageRecord, Vectors]]:
        """All records (that pass a filter) with their unit vectors (dim,), lazily."""
        for block in self._store.rows(as_filter(where)):
            yield from zip(block.records, block.vectors, strict=True)

    def vectors(self, where: Where = None) -> Vectors:
        """The unit vectors of all records (that pass a filter): (n, dim), in `records`' order."""
        blocks = [block.vectors for block in self._store.rows(as_filter(where))]
        return np.concatenate([np.empty((0, self._store.model().dim), np.float32), *blocks])

    def concept(self, name: str) -> "Concept":
        """A concept by its name, to mark records and to ask what it has learned from that.

        It is there from its first mark on. Raises UsageError for an odd name.
        """
        return self.concepts.named(name)

    def map(
        self, *, again: bool = False, seed: int = 0, progress: "Step | None" = None
    ) -> "CollectionMap":
        """Where all images lie on a map on which those alike are near one another.

        It is kept with the index, and brought up to date when that has grown: new images are put
        among their neighbours, and the map is laid out again when they are more than a third.

        Args:
            again: Lay it out anew in any case.
            seed: Of what is left to chance; another one gives another map.
            progress: Called with the passes of the layout that are done, and of how many.

        Raises:
            UsageError: the index is empty.
            StoreError: the index was given another model meanwhile.
        """
        from visavis.flows.mapping.making import MapOptions, make_map

        step = progress or (lambda done, total: None)
        options = MapOptions(seed, again, self.tagging.words, step)
        return make_map(self._store, self.writing, options)

    def to_arrow(self, where: Where = None, *, vectors: bool = True) -> Any:
        """All records (that pass a filter) as a `pyarrow.Table`; needs the extra `parquet`."""
        from visavis.exchange.arrow import table

        return table(self._store, as_filter(where), vectors=vectors)

    def export(
        self, path: str | os.PathLike[str], **options: Unpack["ExportOptions"]
    ) -> "Exported":
        """Write records and vectors to a .h5, .parquet, .npz, .csv or .faiss file.

        The file is whole or not there. `import_vectors` is the way back.

        Args:
            path: The file; its suffix says the format.
            options: See ExportOptions.

        Raises:
            UsageError: the file is there already, or cannot be written; there are no records.
            ExtraMissingError: the format needs an optional part.
        """
        from visavis.exchange.exporting import export

        return export(self._store, Path(path), **options)
