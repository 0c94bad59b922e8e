"""A source into shards: what an index would be brought up to date with, as files."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice

from visavis.embedders.base import Embedder
from visavis.errors import SourceError
from visavis.exchange.shards.digests import Digests
from visavis.exchange.shards.held import held
from visavis.exchange.shards.making import ROWS, ShardOptions, made, origin_of, write
from visavis.exchange.shards.place import ShardPlace
from visavis.exchange.shards.shard import ShardRow, id_digest, listed
from visavis.flows.shared_files import repeated
from visavis.sources.base import Noting, Source
from visavis.store.base import ModelFacts
from visavis.types import Entry, Failure, IndexReport

Progress = Callable[[IndexReport], None]
"""Called with the report so far, which counts what is ready, too."""

_LOOK_UP = 512


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
        *,
        thumbnails: bool = False,
        refresh: bool = False,
    ) -> None:
        self._source = source
        self._refresh = refresh
        self._place = place
        found = held(place, model, origin_of(source), thumbnails=thumbnails)
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
    *,
    refresh: bool = False,
) -> IndexReport:
    """Write shards of all images of a source that those of a place do not have; see `Wanted`.

    A stop at any moment loses at most the shard in hand. Raises what the source, the model and the
    place raise; what was written before stays.
    """
    started = time.monotonic()
    facts = ModelFacts(embedder.name, embedder.ref, embedder.fingerprint, embedder.dim)
    wanted = Wanted(source, place, facts, thumbnails=options.thumbnails, refresh=refresh)
    origin, report, waiting = origin_of(source), wanted.report, list[ShardRow]()
    options = replace(options, readers=source.readers)
    try:
        with closing(made(wanted.entries(), source.read, embedder, options)) as parts:
            for part in parts:
                waiting += part.rows
                report.failed += part.failed
                report.notes += part.notes
                if len(waiting) >= ROWS:
                    write(waiting, embedder, origin, place)
                    report.added += len(waiting)
                    waiting = []
                if progress is not None:
                    progress(replace(report, added=report.added + len(waiting)))
    finally:  # also on Ctrl-C: what is ready is kept
        write(waiting, embedder, origin, place)
        report.added += len(waiting)
        report.seconds = time.monotonic() - started
    return report


def _refused(item: Entry | Failure) -> Failure | None:
    """Why an item of a listing is not taken; None: it is."""
    if isinstance(item, Failure):
        return item
    if "\0" in item.id:
        return Failure(item.uri, f"its id {item.id!r} holds a NUL character")
    return None
