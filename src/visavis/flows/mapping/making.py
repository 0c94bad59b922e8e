"""The map of an index: made, brought up to date, and kept with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.errors import RecordNotFoundError, StoreError, UsageError
from visavis.flows.mapping.arranging import NEIGHBOURS, arrange, place_others
from visavis.flows.mapping.copies import Groups, known_copies
from visavis.flows.mapping.kept import KeptMap, keep_map, keys_of, read_map
from visavis.flows.mapping.layout import Positions, Step
from visavis.flows.mapping.neighbours import nearest
from visavis.flows.mapping.regions import Region, Words, find_regions
from visavis.store.base import VectorStore
from visavis.store.open import Writing
from visavis.types import ImageRecord, Vectors

MOST_PLACED = 1 / 3
"""Of the images of a map; with more that came since it was laid out it is laid out again."""


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How a map is made."""

    seed: int = 0
    """Of what is left to chance: the same index and seed give the same map."""
    again: bool = False
    """Whether it is laid out anew although one is kept that would do."""
    words: Words | None = None
    """Names regions where no field does."""
    step: Step = lambda done, total: None
    keep: bool = True
    """Whether it is kept with the index."""
    hidden: frozenset[str] = frozenset()
    """Fields that name no region."""


@dataclass(frozen=True)
class CollectionMap:
    """Where the images of an index lie, so that those alike are near one another."""

    records: tuple[ImageRecord, ...]
    positions: Positions
    """(n, 2) each 0…1: from the left, and from the top."""
    neighbours: NDArray[np.int32]
    """(n, k) rows of the nearest others by the model, best first; k is 10 or less."""
    cosines: NDArray[np.float32]
    """(n, k) of each with its image."""
    regions: tuple[Region, ...]
    """Where images lie close together: the few large regions first, then the small ones."""
    copies: Groups
    """Rows of images that show the same, as far as that is known without reading files."""
    laid_out: int
    """How many were there when the whole map was laid out; the others were placed since."""
    seed: int
    fresh: bool
    """Whether it was laid out just now."""
    notes: tuple[str, ...] = ()
    """What could not be done, such as keeping it with the index."""
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each id."""
        return {record.id: row for row, record in enumerate(self.records)}

    def position(self, id: str) -> tuple[float, float]:
        """Where a record lies. Raises RecordNotFoundError."""
        if id not in self.rows:
            raise RecordNotFoundError(id)
        x, y = self.positions[self.rows[id]]
        return float(x), float(y)

    def __len__(self) -> int:
        return len(self.records)


class _Read(NamedTuple):
    """What the index holds."""

    records: tuple[ImageRecord, ...]
    vectors: Vectors
    fingerprint: str

    @property
    def known_as(self) -> list[tuple[str, str]]:
        """What tells images apart from one map to the next: id and content."""
        ids = [record.id for record in self.records]
        return list(zip(ids, keys_of([record.sha256 for record in self.records]), strict=True))


def make_map(store: VectorStore, writing: Writing, options: MapOptions) -> CollectionMap:
    """The map of all records, kept with the index.

    Where one is kept, the records that came since are put among their neighbours; it is laid out
    again when they are more than a third, or the model is another.

    Raises UsageError when there are no records, StoreError when the index is written meanwhile.
    """
    read = _read(store)
    if not read.records:
        raise UsageError(f"{store.facts.place}: the index is empty; there is nothing to map")
    kept = read_map(store)
    before = _before(read, kept)
    new = int(np.isnan(before[:, 0]).sum())
    fits = kept is not None and kept.fingerprint == read.fingerprint and kept.seed == options.seed
    fresh = options.again or not fits or new > MOST_PLACED * len(before)
    if fresh:
        laid_out = len(before)
        turned_as = before if fits else None
        positions, neighbours, cosines = arrange(
            read.vectors, options.seed, turned_as, options.step
        )
    else:
        assert kept is not None  # else it is fresh
        laid_out, positions = min(kept.laid_out, len(before)), before
        place_others(read.vectors, positions, options.seed)
        neighbours, cosines = (
            (kept.neighbours, kept.cosines)
            if _unchanged(read, kept)
            else nearest(read.vectors, NEIGHBOURS)
        )
    made = _kept(read, options.seed, laid_out, positions, neighbours, cosines)
    changed = fresh or kept is None or not _unchanged(read, kept)
    notes = _keep(store, writing, made) if changed and options.keep else ()
    return _whole(store, read, made, fresh, notes, options)


def _read(store: VectorStore) -> _Read:
    model = store.model()
    blocks = list(store.rows())
    vectors = [block.vectors for block in blocks]
    if store.model() != model or any(block.shape[1] != model.dim for block in vectors):
        raise StoreError("the index was given another model while it was read; make the map again")
    records = tuple(record for block in blocks for record in block.records)
    return _Read(
        records, np.concatenate([np.empty((0, model.dim), np.float32), *vectors]), model.fingerprint
    )


def _before(read: _Read, kept: KeptMap | None) -> Positions:
    """Where the records lay, (n, 2); NaN for those that are new, or of another content."""
    positions = np.full((len(read.records), 2), np.nan, np.float32)
    if kept is not None and kept.fingerprint == read.fingerprint:
        rows = {key: row for row, key in enumerate(zip(kept.ids, kept.contents, strict=True))}
        for row, key in enumerate(read.known_as):
            if key in rows:
                positions[row] = kept.positions[rows[key]]
    return positions


def _unchanged(read: _Read, kept: KeptMap) -> bool:
    return read.known_as == list(zip(kept.ids, kept.contents, strict=True))


def _kept(
    read: _Read,
    seed: int,
    laid_out: int,
    positions: Positions,
    neighbours: NDArray[np.int32],
    cosines: NDArray[np.float32],
) -> KeptMap:
    ids = tuple(record.id for record in read.records)
    contents = keys_of([record.sha256 for record in read.records])
    parts = ids, contents, positions, neighbours, cosines.astype(np.float16).astype(np.float32)
    return KeptMap(read.fingerprint, seed, laid_out, *parts)


def _keep(store: VectorStore, writing: Writing, made: KeptMap) -> tuple[str, ...]:
    """Keep it, unless the index has another model by now; what is noted where it cannot be."""
    try:
        with writing():
            if store.model().fingerprint == made.fingerprint and not keep_map(store, made):
                return ("this kind of index keeps no map; it is made anew each time",)
    except StoreError as error:
        return (f"the map could not be kept, and is made again the next time: {error}",)
    return ()


def _whole(
    store: VectorStore,
    read: _Read,
    made: KeptMap,
    fresh: bool,
    notes: Sequence[str],
    options: MapOptions,
) -> CollectionMap:
    fields = [
        {name: value for name, value in record.fields.items() if name not in options.hidden}
        for record in read.records
    ]
    return CollectionMap(
        read.records,
        made.positions,
        made.neighbours,
        made.cosines,
        find_regions(made.positions, fields, read.vectors, options.words),
        known_copies(
            store, [record.sha256 for record in read.records], made.neighbours, made.cosines
        ),
        made.laid_out,
        made.seed,
        fresh,
        tuple(notes),
        read.vectors,
    )
