"""A source into shards: what an index would be brought up to date with, as files."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from visavis.embedders.base import Embedder
from visavis.errors import SourceError
from visavis.exchange.layout import Origin
from visavis.exchange.shards.digests import Digests
from visavis.exchange.shards.held import held
from visavis.exchange.shards.place import ShardPlace
from visavis.exchange.shards.shard import (
    ROWS,
    THUMBNAIL_SIDE,
    ShardRow,
    id_digest,
    listed,
    packed,
)
from visavis.flows.shared_files import repeated
from visavis.flows.workers.base import Hire, Job
from visavis.flows.workers.threads import Threads
from visavis.images.decode import MAX_PIXELS
from visavis.sources.base import Noting, Source
from visavis.store.base import ModelFacts
from visavis.types import Entry, Failure, IndexReport

Progress = Callable[[IndexReport], None]
"""Called with the report so far, which counts what is ready, too."""

_LOOK_UP = 512


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """How pictures become rows of shards."""

    thumbnails: bool = False
    """Whether rows have small pictures as well."""
    refresh: bool = False
    """Whether images are read again that shards have as they are."""
    jobs: int = 1
    """Threads that decode and embed."""
    max_pixels: int = MAX_PIXELS
    """Pictures with more pixels (in the header) are refused."""
    hire: Hire = Threads
    """Finds those who read, decode and embed."""


class Wanted:
    """Which images of a source have to be read: those that no shard of a place has as they are.

    `report` counts the others and what could not be listed; it is whole when `entries` has ended.
    Raises IndexIncompatibleError where the place has shards of another model, SourceError where it
    cannot be listed.
    """

    def __init__(
        self,
        source: Source,
        place: ShardPlace,
        model: ModelFacts,
        options: ShardOptions,
    ) -> None:
        self._source = source
        self._refresh = options.refresh
        self._place = place
        origin = Origin(source.kind, source.uri, not source.owns_ids)
        found = held(place, model, origin, thumbnails=options.thumbnails)
        self._held = found.listed
        self.report = IndexReport(failed=found.failed)

    def entries(self) -> Iterator[Entry]:
        """The images, in the order of the source. Raises SourceError as that does.

        So it does where the source names nothing, and shards have something of it.
        """
        met, ids, again, there_still = 0, Digests(), list[str](), 0
        offered = iter(self._source.entries())
        while block := list(islice(offered, _LOOK_UP)):
            met += len(block)
            self.report.failed += [item for item in map(_refused, block) if item is not None]
            entries = [item for item in block if _refused(item) is None and isinstance(item, Entry)]
            twice = ids.add([id_digest(entry.id) for entry in entries])
            there = self._held.have([listed(entry) for entry in entries])
            for entry, repeats, known in zip(entries, twice, there, strict=True):
                if repeats:
                    again.append(entry.id)
                    continue
                if known:
                    there_still += 1
                    self.report.unchanged += not self._refresh
                if self._refresh or not known:
                    yield entry
        if not met and len(self._held) and self._source.prunes:
            raise SourceError(
                f"{self._source.uri}: nothing is there now, and {self._place.uri} has "
                f"{len(self._held)} pictures of it (an unplugged disk?); nothing was written"
            )
        self.report.notes += repeated(self._source.uri, again)
        if isinstance(self._source, Noting):
            self.report.notes += self._source.notes()
        if self._source.prunes:
            self._tell_gone(len(self._held) - there_still)

    def _tell_gone(self, count: int) -> None:
        if count:
            self.report.notes.append(
                f"{self._source.uri}: {count} pictures in {self._place.uri} have changed since, or "
                "are gone; of one that has changed, `visavis load` takes the newest, and what is "
                "gone leaves the index when the source is indexed into it"
            )


def index_to_shards(
    source: Source,
    place: ShardPlace,
    embedder: Embedder,
    options: ShardOptions,
    progress: Progress | None = None,
) -> IndexReport:
    """Write shards of all images of a source that those of a place do not have; see `Wanted`.

    A stop at any moment loses at most the shard in hand. Raises what the source, the model, the
    workers and the place raise; what was written before stays.
    """
    run = _Run(source, place, embedder, options, progress)
    started = time.monotonic()
    try:
        run.all_entries()
    finally:
        run.report.seconds = time.monotonic() - started
    return run.report


class _Run:
    """One run over one source."""

    def __init__(
        self,
        source: Source,
        place: ShardPlace,
        embedder: Embedder,
        options: ShardOptions,
        progress: Progress | None,
    ) -> None:
        self._place = place
        self._progress = progress
        self._origin = Origin(source.kind, source.uri, not source.owns_ids)
        self._model = ModelFacts(embedder.name, embedder.ref, embedder.fingerprint, embedder.dim)
        self._wanted = Wanted(source, place, self._model, options)
        side = THUMBNAIL_SIDE if options.thumbnails else None
        job = Job(source, embedder, options.jobs, options.max_pixels, side)
        self._workers = options.hire(job)
        self._flying: dict[str, int] = {}  # ids on their way, and what was listed
        self._rows: list[ShardRow] = []
        self.report = self._wanted.report

    def all_entries(self) -> None:
        try:
            for entry in self._wanted.entries():
                self._flying[entry.id] = listed(entry)
                self._workers.read(entry, None)
                while self._workers.busy:
                    self._take_read()
            while self._workers.reading:
                self._take_read()
            self._take_made(rest=True)
        finally:  # also on Ctrl-C: what is ready is kept, what is in hand is dropped
            self._workers.close()
            self._write()

    def _take_read(self) -> None:
        for id, loaded in self._workers.loaded():
            if isinstance(loaded, Failure):
                self.report.failed.append(loaded)
                del self._flying[id]
            else:
                self._workers.embed(loaded)
        self._take_made()

    def _take_made(self, *, rest: bool = False) -> None:
        for outcome in self._workers.made(rest=rest):
            numbers = {id: self._flying.pop(id) for id in outcome.ids}
            self._rows += [ShardRow(row, numbers[row.record.id]) for row in outcome.rows]
            self.report.failed += outcome.failed
            self.report.notes += outcome.notes
            if len(self._rows) >= ROWS:
                self._write()
            if self._progress is not None:
                ready = self.report.added + len(self._rows)
                self._progress(replace(self.report, added=ready))

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._place.write(*packed(rows, self._model, self._origin))
            self.report.added += len(rows)


def _refused(item: Entry | Failure) -> Failure | None:
    """Why an item of a listing is not taken; None: it is."""
    if isinstance(item, Failure):
        return item
    if "\0" in item.id:
        return Failure(item.uri, f"its id {item.id!r} holds a NUL character")
    return None
