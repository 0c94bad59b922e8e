"""What the shards of a place have: whose they are, and which images of a source are in them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from visavis.errors import IndexIncompatibleError, ObjectStorageError, SourceError
from visavis.exchange.arrow import pyarrow
from visavis.exchange.layout import (
    ID,
    LISTED,
    NOTE,
    THUMBNAIL,
    VECTOR,
    Note,
    Origin,
    read_note,
)
from visavis.exchange.reading import sound
from visavis.exchange.shards.digests import Digests, Numbers
from visavis.exchange.shards.place import ShardPlace
from visavis.exchange.shards.shard import id_digest
from visavis.store.base import ModelFacts
from visavis.types import Failure


class Glance(NamedTuple):
    """What a shard says of itself, before its rows are read."""

    name: str
    note: Note
    rows: int
    columns: frozenset[str]


class Held(NamedTuple):
    """What shards have of one source."""

    listed: Digests
    failed: list[Failure]
    """Shards that cannot be read."""


def glance(place: ShardPlace, name: str) -> Glance:
    """Read the end of a shard alone. Raises SourceError for what is none."""
    path, parquet = place.at(name), pyarrow(".parquet")
    with sound(path, "Parquet"), place.open(name) as opened, parquet.ParquetFile(opened) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        note = read_note((schema.metadata or {}).get(NOTE.encode()))
        vector = schema.field(VECTOR).type if VECTOR in schema.names else None
    if note is None:
        raise SourceError(
            f"{path}: it is no file of visavis; take in vectors of other tools with: visavis import"
        )
    if vector is None or ID not in schema.names:
        raise SourceError(f"{path}: it has no {'ids' if vector else 'vectors'}; make it again")
    if getattr(vector, "list_size", None) != note.model.dim:
        raise SourceError(
            f"{path}: its vectors are no lists of {note.model.dim} numbers, which it says they "
            "are; make it again"
        )
    return Glance(name, note, rows, frozenset(schema.names))


def first_model(place: ShardPlace) -> str | None:
    """What loads the model of the first shard that can be read; None where there is none.

    Raises ObjectStorageError.
    """
    for name in place.names():
        try:
            return glance(place, name).note.model.ref
        except ObjectStorageError:
            raise
        except SourceError:
            continue
    return None


def held(place: ShardPlace, model: ModelFacts, origin: Origin, *, thumbnails: bool) -> Held:
    """Which images of a source the shards of a place have (with thumbnails, where asked).

    Of rows with one id the newest counts, as when they are loaded: an image that has changed and
    changed back is not there as it is. Raises IndexIncompatibleError where some have vectors of
    another model, ObjectStorageError where they cannot be looked at now.
    """
    failed: list[Failure] = []
    met, parts = Digests(), list[Numbers]()
    for found in sorted(_of(place, model, origin, failed), key=lambda one: -one.note.made):
        try:
            ids, numbers = _listed(place, found.name)
        except ObjectStorageError:
            raise
        except SourceError as error:
            failed.append(_unreadable(error))
            continue
        newest = ~np.array(met.add(ids), bool)
        if not thumbnails or THUMBNAIL in found.columns:
            parts.append(numbers[newest])
    return Held(Digests(np.concatenate(parts) if parts else ()), failed)


def _of(
    place: ShardPlace, model: ModelFacts, origin: Origin, failed: list[Failure]
) -> Iterator[Glance]:
    """The shards of a source; those that cannot be read are added to `failed`."""
    for name in place.names():
        try:
            found = glance(place, name)
        except ObjectStorageError:  # it says nothing of the shard
            raise
        except SourceError as error:
            failed.append(_unreadable(error))
            continue
        check_model(place, found, model)
        if found.note.origin == origin and LISTED in found.columns:
            yield found


def check_model(place: ShardPlace, found: Glance, model: ModelFacts) -> None:
    """Raise IndexIncompatibleError where the vectors of a shard are not a model's."""
    by = found.note.model
    if by.fingerprint == model.fingerprint and by.dim == model.dim:
        return
    what = repr(model.name) if by.name != model.name else f"another version of {by.name!r}"
    raise IndexIncompatibleError(
        f"{place.at(found.name)}: {by.name!r} made the vectors of this shard, not {what}; give "
        "shards of another model a folder of their own"
    )


def _listed(place: ShardPlace, name: str) -> tuple[list[int], Numbers]:
    """Digests of the ids of a shard, and what was listed of each, (rows,)."""
    with sound(place.at(name), "Parquet"), place.open(name) as opened:
        table = pyarrow(".parquet").read_table(opened, columns=[ID, LISTED])
        ids = [id_digest(id) for id in table[ID].to_pylist()]
        return ids, table[LISTED].to_numpy().astype(np.uint64)


def _unreadable(error: SourceError) -> Failure:
    path, _, reason = str(error).partition(": ")
    return Failure(path, f"{reason}; delete it, what it had is made again")
