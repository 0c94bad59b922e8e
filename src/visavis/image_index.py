"""The façade that users hold: one store, bound to the model that made its vectors."""

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, Unpack

from visavis.embedders.base import Embedder
from visavis.embedders.registry import DEFAULT_MODEL, load_embedder
from visavis.errors import IndexIncompatibleError, IndexMissingError, UsageError
from visavis.exchange.contents import Contents
from visavis.filters import Where, as_filter
from visavis.flows import reindex as flows
from visavis.flows.aspects.colours import keep_colours
from visavis.flows.aspects.keeping import Aspects
from visavis.flows.binding import Binding, IndexOptions, reduced
from visavis.flows.concepts.teaching import Concepts
from visavis.flows.ingest import IngestOptions, Progress
from visavis.flows.ingest_all import ingest_all
from visavis.flows.metadata import describe
from visavis.flows.query.answer import (
    Loads,
    Means,
    Observe,
    SearchOptions,
    answer,
    answer_many,
    as_queries,
    explain,
    unobserved,
)
from visavis.flows.query.questions import Question
from visavis.flows.relation.cuts import Cuts, settle
from visavis.flows.relation.explaining import Explanation
from visavis.flows.removing import remove, sweep
from visavis.flows.shelving import Shelving
from visavis.flows.subjects import Subjects
from visavis.flows.tagging import Tagging
from visavis.flows.workers.threads import Threads
from visavis.images.decode import MAX_PIXELS
from visavis.processors import cores
from visavis.sources.base import Location, Source, SourceOptions, as_source, at_url, read_anywhere
from visavis.sources.shelf import Shelf
from visavis.sources.web.fetch import Fetcher
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.capabilities import local
from visavis.store.open import create_store, open_store, writing_to
from visavis.store.repairing import CacheRepair
from visavis.types import IndexReport, Query, RecordTerm, SearchResult, merged, only_known

if TYPE_CHECKING:
    from visavis.flows.duplicates.finding import Duplicates


class ImageIndex(Contents):
    """An index of images, searched by picture, record or words. Safe to use from threads.

    ```python
    with ImageIndex.create("photos.index") as index:
        report = index.add("photos")
        for match in index.search("query.jpg", where="folder=2024", limit=5).matches:
            ...
    ```

    Any process may read while one writes; writing methods wait `lock_seconds` for another writer
    and then raise IndexLockedError. `with index.writing():` holds the lock over several of them.
    `index.tagging` finds words for pictures, and writes them to records (see `Tagging`);
    `index.duplicates` finds copies among the records (see `Duplicates`); `index.aspects` keeps
    more of them than vectors (see `Aspects`); `index.concept(name)` learns from marks what you mean
    (see `Concept`); `index.subjects` proposes parts of a picture to search with (see `Subjects`).
    All methods raise subclasses of VisavisError and nothing else on purpose; none prints.
    """

    def __init__(self, store: VectorStore, **options: Unpack[IndexOptions]) -> None:
        """Use `open` or `create`; this is for stores that were made otherwise."""
        only_known(options, IndexOptions)
        self._store = store
        self._device = options.get("device", "cpu")
        self._jobs = options.get("jobs") or cores()
        if self._jobs < 1:
            raise UsageError(f"jobs must be 1 or more, not {self._jobs}")
        self._max_pixels = options.get("max_pixels", MAX_PIXELS)
        self._hire = options.get("workers", Threads)
        self.writing = writing_to(store, options.get("lock_seconds", 10.0))
        self._model = Binding(store, self._device)
        self._cuts = Cuts(store)
        means = (store, self._model.embedder, self.writing, self._jobs, self._max_pixels)
        self.tagging = Tagging(*means)
        self.aspects = Aspects(*means)
        self.subjects = Subjects(store, self.aspects, self._max_pixels)
        self._shelving = Shelving(store, options.get("files"))
        self.concepts = Concepts(store, self.writing)
        self._caches = CacheRepair(store)

    @classmethod
    def open(cls, path: str | os.PathLike[str], **options: Unpack[IndexOptions]) -> Self:
        """Open the index in a folder.

        Args:
            path: The folder of the index.
            options: See IndexOptions.

        Raises:
            IndexMissingError: there is none.
            IndexDamagedError: its database is not sound.
            IndexIncompatibleError: a newer visavis made it.
        """
        return cls(open_store(path), **options)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        model: str | os.PathLike[str] | None = None,
        *,
        reduce: int | None = None,
        sources: Sequence[Source] = (),
        **options: Unpack[IndexOptions],
    ) -> Self:
        """Open the index in a folder, or make an empty one for a model.

        Args:
            path: The folder of the index; made if need be.
            model: A name, a model folder, or several joined by `+`; None: what the index was made
                with, and the built-in default for a new one.
            reduce: Of a new index: keep so many dimensions, chosen by the first of `sources`.
            options: See IndexOptions.

        Raises:
            IndexIncompatibleError: the index is there and another model made it.
            ModelError: the model cannot be found or used.
            UsageError: `reduce` makes no sense.
        """
        if model is None and reduce is None:
            with contextlib.suppress(IndexMissingError):  # none, or one whose making was killed
                return cls.open(path, **options)
        device, wait = options.get("device", "cpu"), options.get("lock_seconds", 10.0)
        embedder = load_embedder(model or DEFAULT_MODEL, threads=1, device=device)
        if reduce is not None:
            embedder = reduced(embedder, path, sources, reduce, options.get("jobs"))
        made_by = ModelFacts(embedder.name, embedder.ref, embedder.fingerprint, embedder.dim)
        create_store(path, made_by, wait)
        index = cls.open(path, **options)
        try:
            index._model.take(embedder)
        except IndexIncompatibleError:
            index.close()
            raise
        return index

    @property
    def path(self) -> Path:
        """The folder of the index."""
        return local(self._store, "be named as a folder").folder

    @property
    def shelf(self) -> Shelf:
        """Where uploaded pictures and thumbnails lie. Raises StoreError, StoreUnsupportedError."""
        return self._shelving.needed()

    @cached_property
    def duplicates(self) -> "Duplicates":
        """Finds copies among the records."""
        from visavis.flows.duplicates.finding import Duplicates  # searching starts without

        found = self._shelving.found
        return Duplicates(self._store, self.writing, found, self._jobs, self._max_pixels)

    @property
    def store(self) -> VectorStore:
        """What keeps the records and vectors, for front ends that need more than this class."""
        return self._store

    def embedder(self, threads: int | None = None) -> Embedder:
        """The model that made the vectors, loaded at the first use.

        Raises ModelError when it is gone, IndexIncompatibleError when it is not the same any more.
        """
        return self._model.embedder(threads)

    def add(
        self,
        *locations: Location,
        progress: Progress | None = None,
        remove_many: bool = False,
        **source_options: Unpack[SourceOptions],
    ) -> IndexReport:
        """Bring the index up to date with folders, catalogues and lists of pictures.

        Unchanged files are not read again, moved ones keep their vectors, and records that a folder
        or catalogue no longer names are removed.

        Args:
            locations: Folders, catalogues, pictures, URLs, lists of these two, or sources.
            progress: Called after every commit with the report so far.
            remove_many: Whether more than a tenth of a source's records may leave at once.
            source_options: See SourceOptions.

        Raises:
            SourceError: a location is missing, empty all of a sudden, or not understood; the
                others have been indexed. LargeRemovalError: more than a tenth would have left.
            IndexLockedError: another process is writing.
        """
        again = source_options.get("refresh", False)
        tags = self.tagging.made
        options = IngestOptions(self._jobs, self._max_pixels, tags, remove_many, again, self._hire)
        with self.writing():
            embedder = self.embedder(threads=1)  # only now can no other process change the model
            sources = (as_source(location, **source_options) for location in locations)
            report, refused = ingest_all(sources, self._store, embedder, options, progress)
            report = merged([report, self.aspects.fill(source_options.get("allow_private", False))])
            settle(self._store)
        if refused is not None:
            raise refused
        return report

    def remove(
        self,
        *ids: str,
        where: Where = None,
        source: str | None = None,
        missing_ok: bool = False,
    ) -> int:
        """Remove records by id, by a filter, or all of a source; returns how many there were.

        Args:
            ids: Of single records.
            where: A filter; all that pass it.
            source: What was indexed, as `info().sources` names it, or a path to it.
            missing_ok: Whether ids that no record has are ignored.

        Raises:
            RecordNotFoundError: no record has one of the ids; then nothing is removed.
            UsageError: nothing says which, or two of the three do; the index has no such source.
        """
        shelf = self._shelving.found()
        with self.writing():
            removed = remove(
                self._store, shelf, ids, as_filter(where), source, missing_ok=missing_ok
            )
            settle(self._store)
        return removed

    def rebuild(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        allow_private: bool = False,
        progress: Progress | None = None,
    ) -> IndexReport:
        """Make every vector again, with another model or the newest version of the same.

        The index answers with the old one until all are there; a run that was stopped goes on.
        Raises SourceError, and changes nothing, when more than a tenth of the pictures is gone.
        """
        embedder = self._model.again(model)
        options = IngestOptions(self._jobs, self._max_pixels)
        with self.writing(), contextlib.closing(Fetcher(allow_private=allow_private)) as fetcher:
            read = partial(read_anywhere, fetcher=fetcher)
            report = flows.reindex(self._store, embedder, read, options, progress)
            report = merged([report, self.aspects.fill(allow_private)])
            settle(self._store)
            self._model.forget_others(embedder)
        return report

    def describe(self, progress: Progress | None = None) -> IndexReport:
        """Read when, where and with what all pictures were taken, off their headers alone.

        Indexing does this by itself; this is for records that an older version made.
        """
        with self.writing():
            report = describe(self._store, self._jobs, progress)
            settle(self._store)
        return report

    def compact(self) -> None:
        """Check the whole file, make the caches again, and give free space back to the disk.

        Uploaded pictures and thumbnails that no record names are deleted.
        Raises IndexDamagedError when the check fails.
        """
        with self.writing():
            keep_colours(self._store)
            self._store.settle(thorough=True)
            if (shelf := self._shelving.found()) is not None:
                sweep(self._store, shelf)

    def answer(
        self,
        query: Query,
        *,
        allow_private: bool = False,
        embedder: Callable[[], Embedder] | None = None,
        observe: Observe = unobserved,
    ) -> SearchResult:
        """The answer to a query: what `search`, `similar`, the command line and the server call.

        Args:
            query: All that is asked.
            allow_private: Whether a term's URL may lie in a private network.
            embedder: Gives the model, where it is not to use all cores; None: as `embedder()`.
            observe: Called with "embed" and "search" and the seconds that each took.

        Raises:
            UsageError: the question makes no sense (FilterError, RecordNotFoundError).
            ImageError: a picture cannot be used.
            TextUnsupportedError: words by looks, and the model only sees (ClassesUnsupportedError).
        """
        means = self._means(embedder or self._model.ready, allow_private, observe)
        result = answer(query, self._store, means)
        self._caches.begin_if_wanted()
        return result

    def _means(
        self, embedder: Callable[[], Embedder], allow_private: bool, observe: Observe = unobserved
    ) -> Means:
        fetch = partial(at_url, allow_private=allow_private)
        return Means(embedder, fetch, self._max_pixels, self._cuts, observe, self.concepts.lessons)

    def search(
        self,
        query: Query | Question,
        *,
        where: Where = None,
        allow_private: bool = False,
        **options: Unpack[SearchOptions],
    ) -> SearchResult:
        """The images most like the query, best first, equal scores by id.

        Args:
            query: A picture (path, bytes of a file, pixels (height, width, 3) uint8, or Pillow's),
                text as on the command line (`./a.jpg`, `https://…`, `id:ID`, words), a term,
                several terms, or a whole Query, which then says everything itself.
            where: Filter: `"category=shoes"`, or several expressions that all have to hold.
            allow_private: Whether a query's URL may lie in a private network.
            options: See SearchOptions. Beside a Query, these and `where` are a UsageError.

        Raises what `answer` raises.
        """
        [asked] = as_queries([query], where, options)
        return self.answer(asked, allow_private=allow_private)

    def search_many(
        self,
        queries: Iterable[Query | Question],
        *,
        where: Where = None,
        allow_private: bool = False,
        **options: Unpack[SearchOptions],
    ) -> list[SearchResult]:
        """The answers to many queries, in their order: searched for together, on several threads.

        Arguments as for `search`; an error of one query is raised. `took_ms` is a query's share.
        """
        asked = as_queries(queries, where, options)
        # One thread for each model: the queries are what runs side by side.
        means = self._means(partial(self.embedder, 1), allow_private)
        found = answer_many(asked, self._store, means, self._jobs)
        self._caches.begin_if_wanted()
        return found

    def repair(self) -> None:
        """Begin to make lost or damaged caches again, beside the searches that go on without them.

        Searching does this by itself; `close` waits for the end of it.
        """
        self._caches.begin()

    @property
    def repairing(self) -> bool:
        """Whether the caches are being made again just now."""
        return self._caches.running

    def similar(
        self, id: str, *, where: Where = None, **options: Unpack[SearchOptions]
    ) -> SearchResult:
        """The images most like a record, itself left out; options as for `search`."""
        return self.answer(Query((RecordTerm(id),), as_filter(where), without=id, **options))

    def explain(
        self, question: Question, id: str, *, allow_private: bool = False, embedder: Loads = None
    ) -> Explanation:
        """What a record is to one picture or record, and why. Options and errors as of `answer`."""
        means = self._means(embedder or self._model.ready, allow_private)
        return explain(question, id, self._store, means)

    def close(self) -> None:
        """Close the index; it cannot be used afterwards."""
        self._caches.wait()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
