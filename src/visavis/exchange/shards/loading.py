"""Shards and exports in Parquet into an index: resumed after a stop, twice the same as once.

The newest shards come first, and of rows with one id the first counts: so a picture that has
changed between two runs comes in as it is now, in whatever order its shards are named. What a run
over the source itself has brought since a shard was made stays.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from visavis.buckets.address import is_object
from visavis.errors import IndexIncompatibleError, SourceError, VisavisError
from visavis.exchange import arrow
from visavis.exchange.layout import ID, SIGNATURE, THUMBNAIL, VECTOR, Origin
from visavis.exchange.reading import Names, sound
from visavis.exchange.records import FileRows, records_of
from visavis.exchange.shards.held import Glance, glance
from visavis.exchange.shards.place import ShardPlace, named
from visavis.exchange.shards.shard import THUMBNAIL_SIDE
from visavis.exchange.taking import Taking, check_model
from visavis.flows.relation.cuts import settle
from visavis.flows.shelving import Shelving
from visavis.images.files import path_text
from visavis.store.base import IMPORTED, ModelFacts, VectorStore
from visavis.store.open import Place, create_store, open_store, store_exists, writing_to
from visavis.types import ImageRecord, IndexReport

LoadProgress = Callable[[IndexReport, int], None]
"""Called with the report so far, all of it kept, and how many rows there are in all."""

_SHOWN = 10  # shards that a sentence names
_LARGEST = 1_000_000  # bytes of a thumbnail


class _Found(NamedTuple):
    """A shard that was looked at."""

    place: ShardPlace
    glance: Glance

    @property
    def path(self) -> str:
        return self.place.at(self.glance.name)


@dataclass(slots=True)
class Loaded:
    """What came of loading shards."""

    report: IndexReport = field(default_factory=IndexReport)
    refused: list[VisavisError] = field(default_factory=list)
    """A sentence for each shard that was not taken, or not as a whole."""

    def error(self) -> VisavisError | None:
        """One error for all that were refused; None where none was."""
        if not self.refused:
            return None
        reasons = [str(error) for error in self.refused[:_SHOWN]]
        more = len(self.refused) - len(reasons)
        reasons += [f"and {more:,} more"] if more else []
        kinds = Counter(type(error) for error in self.refused)
        return kinds.most_common(1)[0][0]("; ".join(reasons))


def load_shards(
    locations: Sequence[str | Path],
    index: Place,
    *,
    lock_seconds: float = 10.0,
    progress: LoadProgress | None = None,
) -> Loaded:
    """Take shards into an index, which is made if need be.

    A shard that cannot be read, or is of another model, is refused, and the others come in.

    Args:
        locations: Parquet files that visavis has written, and folders of them, s3:// as well.
        index: The folder of the index, or its URL.
        lock_seconds: How long to wait for another writer.
        progress: See LoadProgress.

    Raises:
        SourceError: there is nothing that could be taken in; then no index is made.
        IndexIncompatibleError: the index is new, and the shards are of several models.
    """
    started, loaded = time.monotonic(), Loaded()
    found = sorted(_looked_at(locations, loaded), key=lambda one: -one.glance.note.made)
    if not found:
        raise loaded.error() or SourceError("no shards were named")
    create_store(index, _model(found, index), lock_seconds)
    store = open_store(index)
    try:
        with writing_to(store, lock_seconds)():
            _Loading(store, loaded, sum(one.glance.rows for one in found), progress).take(found)
            settle(store)
    finally:
        store.close()
    loaded.report.seconds = time.monotonic() - started
    return loaded


def _looked_at(locations: Iterable[str | Path], loaded: Loaded) -> Iterable[_Found]:
    met: set[str] = set()
    for location in locations:
        try:
            place, names = named(location)
        except SourceError as error:
            loaded.refused.append(error)
            continue
        for name in names:
            path = place.at(name)
            if (one := path if is_object(path) else os.path.realpath(path)) in met:
                continue
            met.add(one)
            try:
                yield _Found(place, glance(place, name))
            except SourceError as error:
                loaded.refused.append(error)


def _model(found: Sequence[_Found], index: Place) -> ModelFacts:
    """The model of a new index; of one that is there, nobody asks."""
    models = {one.glance.note.model.fingerprint: one for one in reversed(found)}
    if len(models) > 1 and not store_exists(index):
        named = [f"{one.path} by {one.glance.note.model.name!r}" for one in models.values()]
        raise IndexIncompatibleError(
            f"the shards are of several models ({', '.join(named[:_SHOWN])}); load those of one"
        )
    return found[0].glance.note.model


class _Loading:
    """Takes shards into a store; the caller holds its lock."""

    def __init__(
        self, store: VectorStore, loaded: Loaded, total: int, progress: LoadProgress | None
    ) -> None:
        self._store = store
        self._loaded = loaded
        self._total = total
        self._progress = progress
        self._takings: dict[Origin, Taking] = {}
        runs = ((source.row.number, source.run) for source in store.info().sources)
        self._read = {
            number: run.began
            for number, run in runs
            if run is not None and run.ended is not None and run.refused is None
        }  # when a source was last read into the index itself
        self._shelf = Shelving(store, None).found()
        self._without_shelf = 0

    def take(self, found: Iterable[_Found]) -> None:
        for one in found:
            try:
                self._take(one)
            except (SourceError, IndexIncompatibleError) as error:
                self._loaded.refused.append(error)
        report = self._loaded.report
        again = sum(taking.taken.again for taking in self._takings.values())
        if again:
            report.notes.append(f"ids that came again: {again}; of each the newest row counts")
        stayed = sum(taking.taken.stayed for taking in self._takings.values())
        if stayed:
            report.notes.append(
                f"{stayed} records are otherwise in shards that are older than the last run over "
                "their source, and stayed as they are; visavis index brings them up to date"
            )
        if self._without_shelf:
            report.notes.append(
                f"{self._without_shelf} thumbnails were left out, as this index has no folder"
            )

    def _take(self, one: _Found) -> None:
        note, path = one.glance.note, one.path
        check_model(self._store, note.model, path, "load them into")
        if not one.glance.rows:
            self._loaded.report.notes.append(f"{path}: it has no rows")
        taking = self._taking(note.origin or _itself(path))
        since = self._read.get(taking.row.number, 0.0)
        older = note.origin is not None and note.made < since
        before = replace(taking.taken)
        try:
            with sound(path, "Parquet"), one.place.open(one.glance.name) as opened:
                for part in arrow.reading(path, Names(ID, VECTOR), opened).parts():
                    rows = records_of(part, path, note, note.model.dim)
                    self._loaded.report.failed += rows.failed
                    self._put(rows, taking, older)
        except SourceError as error:
            count = taking.taken.added + taking.taken.unchanged - before.added - before.unchanged
            raise SourceError(f"{error}; {count} records before it were taken in") from error

    def _taking(self, origin: Origin) -> Taking:
        if origin not in self._takings:
            row = self._store.source(origin.kind, origin.uri, apart=origin.apart)
            self._takings[origin] = Taking(self._store, row, first=True, sure=True)
        return self._takings[origin]

    def _put(self, rows: FileRows, taking: Taking, older: bool) -> None:
        records = rows.records
        prefix = taking.row.prefix
        if prefix:
            records = [replace(record, id=prefix + record.id) for record in records]
        hashes = [record.sha256 for record in records]
        signed = _by_content(hashes, rows.beside.get(SIGNATURE, ()))
        written = taking.take(records, rows.vectors, signed, older=older)
        self._keep_thumbnails(written, _by_content(hashes, rows.beside.get(THUMBNAIL, ())))
        self._tell()

    def _keep_thumbnails(self, written: Sequence[ImageRecord], small: dict[str, bytes]) -> None:
        for digest in {record.sha256 for record in written} & small.keys():
            if self._shelf is None:
                self._without_shelf += 1
            elif len(small[digest]) <= _LARGEST and small[digest][8:12] == b"WEBP":
                self._shelf.thumbnails.keep(digest, THUMBNAIL_SIDE, small[digest])

    def _tell(self) -> None:
        report, all_taken = self._loaded.report, [one.taken for one in self._takings.values()]
        report.added = sum(taken.added for taken in all_taken)
        report.unchanged = sum(taken.unchanged for taken in all_taken)
        for taken in all_taken:
            report.failed += taken.failed
            taken.failed = []
        if self._progress is not None:
            self._progress(report, self._total)


def _by_content(hashes: Sequence[str], values: Sequence[object]) -> dict[str, bytes]:
    """What shards have besides, by SHA-256; what is of no sound kind is left out."""
    pairs = zip(hashes, values, strict=True) if values else ()
    return {digest: value for digest, value in pairs if isinstance(value, bytes)}


def _itself(path: str) -> Origin:
    """An export has records of any sources: to an index, it is one itself."""
    if not is_object(path):
        path = path_text(str(Path(path).absolute()))
    return Origin("import", f"{IMPORTED}{path}", False)
