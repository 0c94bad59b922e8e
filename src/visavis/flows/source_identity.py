"""Which source of the index a run is about: known, part of a known one, moved, or new.

A source is known by its path, as long as that is all there is. Where it is not: a folder (or a
prefix of a bucket) inside a known one is a part of that one; a folder around known ones takes them
in; and what has the records of a source whose own place is gone is that source, at another mount
point or under another name.
"""

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from visavis.buckets.address import is_object
from visavis.images.files import local_path
from visavis.sources.base import Source
from visavis.sources.folder import FolderSource
from visavis.sources.objects.source import BucketSource
from visavis.sources.part import FolderPart
from visavis.store.base import SourceRow, Sweep, VectorStore
from visavis.types import Entry

_LOOKED_AT = 500  # images that decide whether a source has moved


class Place(NamedTuple):
    """Where the records of a run belong."""

    source: Source
    """What is walked: with ids as the index's source has them."""
    row: SourceRow
    below: str
    """The run is about records whose ids begin so; empty: about all of the source."""
    notes: list[str]

    def sweep(self, store: VectorStore) -> Sweep:
        """The beginning of a run over the records that it is about."""
        if not isinstance(self.source, FolderPart):
            return store.sweep(self.row.number, self.below)
        among = [self.row.prefix + name for name in self.source.names]
        return store.sweep(self.row.number, among=among)

    def count(self, store: VectorStore) -> int:
        """How many records the source has of which some may leave."""
        if not self.source.prunes:
            return 0
        return store.sweep(self.row.number, self.below).count()


def place(source: Source, store: VectorStore) -> Place:
    """Find the source in the index, or register it. Raises SourceError as its `entries` does."""
    known = [row for row in store.sources() if row.kind == source.kind]
    uris = {row.uri for row in known}
    notes: list[str] = []
    if isinstance(source, FolderSource | BucketSource) and source.uri not in uris:
        around = [row for row in known if _is_below(source.uri, row.uri)]
        if around:
            whole = max(around, key=lambda row: len(row.uri))
            below = _below(source.uri, whole.uri)
            return Place(source.within(whole.uri), whole, f"{whole.prefix}{below}/", notes)
    if isinstance(source, FolderSource) and source.uri not in uris:
        twin = next((row for row in known if _is_same(source.uri, row.uri)), None)
        if twin is not None:  # mounted twice, or spelled otherwise
            return Place(source.at(twin.uri), twin, "", notes)
    if source.prunes and source.uri not in uris:
        gone = {row: store.sweep(row.number).count() for row in known if is_gone(row)}
        moved = _moved(source, gone, store)
        if moved is not None:
            store.move_source(moved.number, source.uri)
            notes.append(
                f"{moved.uri} is gone and {source.uri} has its pictures: its {gone[moved]} "
                "records are now found there"
            )
        notes += [
            f"{row.uri} is not there now; the index keeps its {count} records (to drop them: "
            f"visavis remove --source {row.uri})"
            for row, count in gone.items()
            if count and row != moved
        ]
    if not source.owns_ids:
        for row in known:
            if _is_below(row.uri, source.uri):
                below = _below(row.uri, source.uri)
                count = store.move_source(row.number, source.uri, below)
                notes.append(
                    f"{row.uri} is a part of {source.uri}: its {count} records belong to that "
                    f"now, with {below}/ in their ids"
                )
    row = store.source(source.kind, source.uri, apart=not source.owns_ids)
    return Place(source, row, "", notes)


def is_gone(row: SourceRow) -> bool:
    """Whether nothing is any more where a source was; of what has no place, nothing is gone."""
    path = local_path(row.uri)
    if not path.is_absolute():
        return False
    try:
        if not path.is_dir():
            return not path.exists()
        with os.scandir(path) as listing:  # not all of it: it may be long
            return next(listing, None) is None
    except OSError:  # it is there, and may not be looked into
        return False


def _is_same(uri: str, other: str) -> bool:
    try:
        return local_path(uri).samefile(local_path(other))
    except OSError:
        return False


def _is_below(uri: str, other: str) -> bool:
    if is_object(other):
        return uri.startswith(f"{other}/")
    return uri != other and Path(other) in Path(uri).parents


def _below(uri: str, other: str) -> str:
    """What leads from a source to one inside it."""
    return uri.removeprefix(f"{other}/") if is_object(other) else os.path.relpath(uri, other)


def _moved(source: Source, gone: Mapping[SourceRow, int], store: VectorStore) -> SourceRow | None:
    """The source that is gone of which this one has at least half of what can be compared."""
    if not any(gone.values()):
        return None
    entries = [e for e in islice(source.entries(), _LOOKED_AT) if isinstance(e, Entry)]
    best, most = None, 0
    for row, count in gone.items():
        prefix = "" if source.owns_ids else row.prefix
        known = store.sweep(row.number).known([prefix + entry.id for entry in entries])
        sizes = {id: record.size for id, record in known.items() if record.own}
        same = sum(
            prefix + e.id in sizes and (source.owns_ids or e.size == sizes[prefix + e.id])
            for e in entries
        )
        if same > most and 2 * same >= min(len(entries), count):
            best, most = row, same
    return best
