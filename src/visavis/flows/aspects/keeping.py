"""Aspects of an index's records: begun, made for the records that lack them, and dropped.

Values are made after a run has written its records, from the pictures read once more: what fails or
is stopped there loses nothing of the run, and the next one goes on with it.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

from visavis.embedders.base import Embedder
from visavis.embedders.tolerant import tolerant_rows
from visavis.errors import UsageError
from visavis.flows.ahead import ahead
from visavis.flows.aspects.base import MAKERS, Aspect
from visavis.flows.looking import DecodedItem, look_at
from visavis.sources.base import read_anywhere
from visavis.sources.web.fetch import Fetcher
from visavis.store.aspects import WithAspects, has_aspects, with_aspects
from visavis.store.base import VectorStore
from visavis.store.open import Writing
from visavis.types import Failure, ImageRecord, IndexReport

Progress = Callable[[str, int], None]
"""Called after every commit with an aspect's name and how many records have been given it."""

_SHOWN = 3  # pictures that a note names
_BLOCK = 64  # records written together
_CHANGED = "it has changed since it was indexed"


class _Made(NamedTuple):
    """A batch of values."""

    values: dict[str, bytes]
    """By record id."""
    failed: list[Failure]


class Aspects:
    """What an index keeps beside its vectors: `index.aspects`. Safe to use from threads.

    ```python
    index.aspects.keep("parts")  # reads the pictures once; from then on, adding keeps it up
    index.aspects.kept  # ("parts",)
    ```
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Callable[[int | None], Embedder],
        writing: Writing,
        jobs: int,
        max_pixels: int,
    ) -> None:
        """Made by ImageIndex; `embedder` takes the threads that one call may use."""
        self._store = store
        self._embedder = embedder
        self._writing = writing
        self._jobs = jobs
        self._max_pixels = max_pixels
        self._guard = threading.Lock()
        self._makers: dict[tuple[str, str, int | None], Aspect] = {}
        self._unread: set[tuple[str, str]] = set()
        """Aspects and contents of pictures that could not be read: asked for once, until `keep`."""

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the aspects that the index keeps, as far as this version knows them."""
        if not has_aspects(self._store):
            return ()
        return tuple(name for name in self._store.aspects.kept() if name in MAKERS)

    def maker(self, name: str, threads: int | None = None) -> Aspect:
        """What makes an aspect with the index's model; one for all that ask.

        Raises UsageError for a name that there is not.
        """
        if name not in MAKERS:
            raise UsageError(f"there is no aspect {name!r}; there are {', '.join(MAKERS)}")
        model = self._embedder(threads)
        key = name, model.fingerprint, threads
        with self._guard:
            if key not in self._makers:
                self._makers[key] = MAKERS[name](model)
            return self._makers[key]

    def is_current(self, name: str) -> bool:
        """Whether the index keeps an aspect, and what made it is what would make it now."""
        facts = self._store.aspects.kept().get(name) if has_aspects(self._store) else None
        return facts is not None and facts.made_by == self.maker(name).made_by

    def begin(self, *names: str) -> None:
        """Keep aspects from now on; `fill` makes them for the records that are there.

        Raises StoreUnsupportedError for a store that cannot, UsageError for an unknown name.
        """
        for name in names:
            aspect = self.maker(name, 1)
            store = with_aspects(self._store, f"keep the {name} of pictures")
            with self._writing():
                store.aspects.begin(name, aspect.size, aspect.made_by)

    def drop(self, *names: str) -> None:
        """Keep aspects no longer; what is there of them is removed."""
        for name in names:
            store = with_aspects(self._store, f"keep the {name} of pictures")
            with self._writing():
                store.aspects.drop(name)

    def keep(
        self, *names: str, allow_private: bool = False, progress: Progress | None = None
    ) -> IndexReport:
        """Keep aspects from now on, and make them for all records that lack them.

        Raises as `begin`; a picture that cannot be read is named in a note.
        """
        self.begin(*names)
        self._unread.clear()
        return self.fill(allow_private, progress)

    def fill(self, allow_private: bool = False, progress: Progress | None = None) -> IndexReport:
        """Make what records lack of the aspects that the index keeps; nothing where none lacks."""
        started, report = time.monotonic(), IndexReport()
        store = self._store
        if self.kept and has_aspects(store):
            with self._writing():
                for name in self.kept:
                    self._fill_one(store, name, allow_private, report, progress)
        report.seconds = time.monotonic() - started
        return report

    def _fill_one(
        self,
        store: WithAspects,
        name: str,
        allow_private: bool,
        report: IndexReport,
        progress: Progress | None,
    ) -> None:
        aspect = self.maker(name, 1)
        store.aspects.begin(name, aspect.size, aspect.made_by)  # another model may have come
        failed: list[Failure] = []
        done = 0
        fetcher = Fetcher(allow_private=allow_private)
        try:
            read = partial(read_anywhere, fetcher=fetcher)
            for made in self._batches(store, name, aspect, read):
                store.aspects.put(name, made.values)
                failed += made.failed
                done += len(made.values)
                if progress is not None and made.values:
                    progress(name, done)
        finally:
            fetcher.close()
        if failed:
            many = "a picture has" if len(failed) == 1 else f"{len(failed):,} pictures have"
            report.notes.append(
                f"{many} no {name}, as reading again failed: "
                + "; ".join(f"{one.uri} ({one.reason})" for one in failed[:_SHOWN])
                + "; …" * (len(failed) > _SHOWN)
            )

    def _batches(
        self, store: WithAspects, name: str, aspect: Aspect, read: Callable[[str], bytes]
    ) -> Iterator[_Made]:
        """Values known by content first, then those made of pictures; each block is one commit."""
        for block in store.aspects.lacking(name, _BLOCK):
            hashes = [record.sha256 for record in block]
            known = store.aspects.held(name, hashes)
            values = {one.id: known[one.sha256] for one in block if one.sha256 in known}
            new = [
                record
                for record in block
                if record.id not in values and (name, record.sha256) not in self._unread
            ]
            work = partial(self._make, aspect=aspect, read=read)
            batches = list(ahead(new, work, self._jobs, f"visavis-{name}"))
            for batch in batches:
                values |= batch.values
            self._unread |= {(name, record.sha256) for record in new if record.id not in values}
            yield _Made(values, list(chain.from_iterable(batch.failed for batch in batches)))

    def _make(
        self, batch: Sequence[ImageRecord], aspect: Aspect, read: Callable[[str], bytes]
    ) -> _Made:
        """On a worker thread."""
        looked, failed = look_at(
            batch, lambda one: read(one.uri), lambda one: one.uri, aspect.side, self._max_pixels
        )
        same = [one for one in looked if _is_as_indexed(one)]
        failed += [Failure(one.item.uri, _CHANGED) for one in looked if not _is_as_indexed(one)]
        rows, refused = tolerant_rows(aspect.of, [one.picture.pixels for one in same])
        failed += [Failure(same[at].item.uri, reason) for at, reason in refused.items()]
        taken = [one.item.id for at, one in enumerate(same) if at not in refused]
        values = {id: row.tobytes() for id, row in zip(taken, rows, strict=True)}
        return _Made(values, failed)


def _is_as_indexed(one: DecodedItem[ImageRecord]) -> bool:
    return hashlib.sha256(one.data).hexdigest() == one.item.sha256
