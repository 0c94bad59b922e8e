"""Images in, rows out: the indexing flow.

    source ── unchanged by size and time? ── seen
       └── read (threads) ── content known? ── keep its vector ──┐
                    └── decode, embed (threads, in batches) ─────┴── one transaction a batch

The main thread alone talks to the store; `workers` read, decode and embed. A stop at any moment
loses at most what is between two commits.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from visavis.embedders.base import Embedder
from visavis.errors import SourceError
from visavis.flows.concepts.tagging import concepts_written
from visavis.flows.loaded import Loaded, facts_of, record_of
from visavis.flows.pruning import drop_moved, prune, shown_to_be_there
from visavis.flows.shared_files import Twins, repeated
from visavis.flows.source_identity import place
from visavis.flows.workers.base import Hire, Job, Outcome, Row
from visavis.flows.workers.threads import Threads
from visavis.images.decode import MAX_PIXELS
from visavis.sources.base import Noting, Source
from visavis.sources.part import FolderPart
from visavis.store.base import Change, KnownRecord, SourceRun, StoredVector, VectorStore
from visavis.store.capabilities import has_evidence
from visavis.store.fields import as_text, described, kept, of_content
from visavis.types import Entry, Failure, Fields, IndexReport

Progress = Callable[[IndexReport], None]
"""Called after every commit with the report so far; what it counts is safely on disk."""

_LOOK_UP = 512  # entries compared with the store at once
_COMMIT_ROWS = 256
_COMMIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How an indexing run uses the machine."""

    jobs: int
    """Threads that decode and embed."""
    max_pixels: int = MAX_PIXELS
    """Pictures with more pixels (in the header) are refused."""
    keep_tags: bool = False
    """Whether records have tags that visavis made: no source names them, and they are kept."""
    remove_many: bool = False
    """Whether more than a tenth of a source's records may leave at once."""
    refresh: bool = False
    """Whether what seems unchanged is read again as well."""
    hire: Hire = Threads
    """Who reads, decodes and embeds."""


@dataclass(slots=True)
class _Pending:
    """What the next commit will hold."""

    rows: list[Row] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """Of the rows and changes; no longer in flight once they are written."""
    failed: list[Failure] = field(default_factory=list)
    unchanged: int = 0


def ingest(
    source: Source,
    store: VectorStore,
    embedder: Embedder,
    options: IngestOptions,
    progress: Progress | None = None,
) -> IndexReport:
    """Bring the store up to date with a source; the caller holds the write lock.

    Raises SourceError when a source that had records now names nothing at all, and whatever the
    model or the store raise; what was committed before stays. One bad image is a line in the
    report.
    """
    run = _Run(source, store, embedder, options, progress)
    started, noted = time.monotonic(), SourceRun(time.time())
    if source.prunes:  # else it is one request of many, or a list
        store.note_run(run.row.number, noted)
    try:
        run.all_entries()
    except SourceError as error:
        store.note_run(run.row.number, noted._replace(ended=time.time(), refused=str(error)))
        raise
    finally:
        run.report.seconds = time.monotonic() - started
    noted = noted._replace(ended=time.time(), skipped=len(run.report.failed))
    store.note_run(run.row.number, noted)
    return run.report


class _Run:
    """One run over one source."""

    def __init__(
        self,
        source: Source,
        store: VectorStore,
        embedder: Embedder,
        options: IngestOptions,
        progress: Progress | None,
    ) -> None:
        placed = place(source, store)
        self._source, self.row = placed.source, placed.row
        self._store = store
        self._options = options
        self._ours = {"tags": options.keep_tags, "concepts": concepts_written(store)}
        self._progress = progress
        self._sweep = placed.sweep(store)
        self._had = placed.count(store)
        self._reused = 0  # images whose content the index had
        self._twins = Twins(store, self.row)
        job = Job(placed.source, embedder, options.jobs, options.max_pixels)
        self._workers = options.hire(job)
        self._flying: dict[str, KnownRecord | None] = {}  # ids on their way, and what the store has
        self._pending = _Pending()
        self._committed = time.monotonic()
        self._met = 0
        self._offered = 0
        self._repeated: list[str] = []
        self.report = IndexReport(notes=placed.notes)

    def all_entries(self) -> None:
        try:
            for entry in self._changed_entries():
                self._workers.read(entry, self._content(entry.id))
                while self._workers.busy:
                    self._take_reads()
            self._drain()
        finally:
            # Also on Ctrl-C and on errors: what is ready is kept, what is in hand is dropped.
            self._workers.close()
            self._commit()
        self.report.notes += repeated(self._source.uri, self._repeated)
        if isinstance(self._source, Noting):
            self.report.notes += self._source.notes()
        if not self._offered and not isinstance(self._source, FolderPart):
            where = self._source.uri if self._source.prunes else "what was given"
            self.report.notes.append(f"{where}: there is no picture in it")
        if self._source.prunes:
            counts, many = (self._had, self._met), self._options.remove_many
            prune(self._sweep, self._source, *counts, self.report, remove_many=many)
        elif self._reused and not self._source.has_fields:
            drop_moved(self._sweep, self.report)

    def _drain(self) -> None:
        """Wait for all that is on its way; the next commit holds it."""
        while self._workers.reading:
            self._take_reads()
        for outcome in self._workers.made(rest=True):
            self._take(outcome)

    # -- comparing -------------------------------------------------------------------------------

    def _changed_entries(self) -> Iterator[Entry]:
        """The entries that have to be read, in the order of the source."""
        offered = iter(self._source.entries())
        while block := list(islice(offered, _LOOK_UP)):
            self._offered += len(block)
            self._met += shown_to_be_there(self._source, block)
            sound = [_sound(item) for item in block]
            entries = [self._named(entry) for entry in sound if isinstance(entry, Entry)]
            self._pending.failed += [item for item in sound if isinstance(item, Failure)]
            known = self._sweep.known([entry.id for entry in entries])
            entries, others = self._twins.of(entries, known)
            if doubled := self._twins.doubled():
                self._store.remove(doubled)
            known |= others
            met: set[str] = set()
            for entry in entries:
                before = known.get(entry.id)
                in_hand = entry.id in met or entry.id in self._flying
                if in_hand or (before is not None and before.own and before.met):
                    self._repeated.append(entry.id)
                    continue
                met.add(entry.id)
                if before is not None:
                    if self._anothers(entry, before):
                        continue
                    self._tell_collision(entry, before)
                    if self._same(entry, before):
                        continue
                    self._sweep.seen([entry.id])
                self._flying[entry.id] = before
                yield entry
            self._commit_when_due()

    def _named(self, entry: Entry) -> Entry:
        prefix = self.row.prefix
        return entry._replace(id=prefix + entry.id) if prefix else entry

    def _same(self, entry: Entry, before: KnownRecord) -> bool:
        """Whether the entry is the record that the store has; new facts about it are noted."""
        if (
            self._options.refresh
            or not before.own
            or entry.size not in (before.size, -1)
            or entry.modified not in (before.modified, 0.0)
            or before.uri not in (None, entry.uri)
        ):
            return False
        self._sweep.seen([entry.id])
        self._pending.unchanged += 1
        fields = self._kept(entry, before) if self._source.has_fields else None
        if fields is not None and as_text(fields) != before.fields:
            self._pending.changes.append(
                Change(entry.id, before.size, before.modified, entry.uri, fields)
            )
        return True

    def _kept(self, entry: Entry, before: KnownRecord) -> Fields:
        """The entry's fields, and what else is known of its unchanged picture."""
        more = kept(before.fields, **self._ours)
        return {**entry.fields, **more, **entry.fields}

    def _anothers(self, entry: Entry, before: KnownRecord) -> bool:
        """Whether a file's id is another source's: its picture is refused, and nobody's is lost.

        Catalogues and lists name their ids themselves, and take over what they name.
        """
        if self._source.owns_ids or before.own:
            return False
        self._pending.failed.append(
            Failure(
                entry.uri,
                f"its id {entry.id!r} belongs to a picture of another source; give this folder an "
                "index of its own, or take that source out with visavis remove --source",
            )
        )
        return True

    def _tell_collision(self, entry: Entry, before: KnownRecord) -> None:
        if not before.own:
            self.report.notes.append(
                f"{entry.id}: the id was another source's; it is now this one's"
            )

    # -- reading, decoding, embedding --------------------------------------------------------------

    def _content(self, id: str) -> str | None:
        """The SHA-256 of what an entry's own record shows, where nothing but that matters."""
        before = self._flying[id]
        if before is None or not before.own or self._options.refresh:
            return None
        return before.sha256.hex()

    def _take_reads(self) -> None:
        """Go on with what was read: its content may be known."""
        results = self._workers.loaded()
        hashes = [loaded.sha256 for _, loaded in results if not isinstance(loaded, Failure)]
        held = self._store.held(hashes)
        for id, loaded in results:
            if isinstance(loaded, Failure):
                self._pending.failed.append(loaded)
                del self._flying[id]
            elif self._already_embedded(loaded, held):
                self._pending.ids.append(id)
            else:
                self._workers.embed(loaded)
        for outcome in self._workers.made():
            self._take(outcome)
        self._commit_when_due()

    def _already_embedded(self, loaded: Loaded, held: Mapping[str, StoredVector]) -> bool:
        """Whether the store has a vector for this content; then the record is ready."""
        if self._options.refresh and self._lacks_signature(loaded):
            return False
        entry = loaded.entry
        before = self._flying[entry.id]
        same = before is not None and before.sha256 == bytes.fromhex(loaded.sha256)
        if before is not None and before.own and same:
            self._pending.unchanged += 1  # touched, not changed
            size, modified = facts_of(loaded)
            fields = described(self._kept(entry, before), loaded.about())
            self._pending.changes.append(Change(entry.id, size, modified, entry.uri, fields))
            return True
        vector = held.get(loaded.sha256)
        if vector is None:
            return False
        self._reused += 1
        record = record_of(loaded, vector.width, vector.height)
        if known := of_content(vector.fields, **self._ours):
            record = replace(record, fields=described({**known, **record.fields}, {}))
        self._pending.rows.append(Row(record, vector.vector))
        return True

    def _lacks_signature(self, loaded: Loaded) -> bool:
        """Whether the content was indexed by a version that kept no signatures."""
        store = self._store
        return has_evidence(store) and not store.evidence.signatures([loaded.sha256])

    def _take(self, outcome: Outcome) -> None:
        self._pending.ids += outcome.ids
        self._pending.rows += outcome.rows
        self._pending.failed += outcome.failed
        self.report.notes += outcome.notes

    # -- writing -----------------------------------------------------------------------------------

    def _commit_when_due(self) -> None:
        waiting = len(self._pending.rows) + len(self._pending.changes)
        late = time.monotonic() - self._committed > _COMMIT_SECONDS
        if waiting >= _COMMIT_ROWS or (late and self._in_pending()):
            self._commit()

    def _in_pending(self) -> int:
        pending = self._pending
        return len(pending.rows) + len(pending.changes) + len(pending.failed) + pending.unchanged

    def _write(self, rows: Sequence[Row]) -> None:
        if has_evidence(self._store):  # first: no record is ever without it
            signed = {row.record.sha256: row.signature for row in rows if row.signature}
            self._store.evidence.keep(signed)
        homes = [self._twins.home(row.record.id, self.row.number) for row in rows]
        for number in dict.fromkeys(homes):
            own = [row for row, home in zip(rows, homes, strict=True) if home == number]
            records = [row.record for row in own]
            self._store.upsert(number, records, np.stack([row.vector for row in own]))
        left = self._twins.left(row.record.id for row in rows)
        moved = self._store.remove(left) if left else 0
        self.report.moved += moved
        self.report.added -= moved

    def _commit(self) -> None:
        pending, self._pending = self._pending, _Pending()
        if pending.rows:
            self._write(pending.rows)
        if pending.changes:
            self._store.update(pending.changes)
        for id in pending.ids:
            del self._flying[id]
        self.report.added += len(pending.rows)
        self.report.unchanged += pending.unchanged
        self.report.failed += pending.failed
        self._committed = time.monotonic()
        if self._progress is not None:
            self._progress(self.report)


def _sound(item: Entry | Failure) -> Entry | Failure:
    """The same, unless its id is one that the database cannot look up."""
    if isinstance(item, Entry) and "\0" in item.id:
        return Failure(item.uri, f"its id {item.id!r} holds a NUL character")
    return item
