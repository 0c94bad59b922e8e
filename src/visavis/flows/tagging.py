"""Tags: of one picture, and as a field of all records.

Tags come from the index's own model (embedders/tagger.py). Where its vectors are enough, a whole
index is tagged without reading a picture; class scores need the pictures again. A run that was
stopped goes on where it was, and one that has nothing to do changes nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from visavis.embedders.base import Embedder
from visavis.errors import UsageError, VisavisError
from visavis.flows.ahead import ahead
from visavis.flows.looking import look_at
from visavis.flows.query.questions import Question, as_picture
from visavis.flows.relation.shown import term_pixels
from visavis.sources.base import read_anywhere
from visavis.sources.web.fetch import Fetcher
from visavis.store.base import VectorStore
from visavis.store.capabilities import Untagged, has_tags, taggable
from visavis.store.open import Writing
from visavis.types import Failure, ImageTerm, IndexReport, RecordTerm, Tag, Vectors

if TYPE_CHECKING:
    from visavis.embedders.tagger import Tagger

Read = Callable[[str], bytes]
"""The bytes at a record's URI; raises ImageError."""

MOST_TAGS = 100
"""Tags of a record; more would be a list of the vocabulary."""

_BLOCK = 256  # records written together
_Tagged = tuple[list[Untagged], list[str], list[Failure]]


class Tagging:
    """The tags of an index: `index.tagging`. Safe to use from threads.

    ```python
    index.tagging.of("query.jpg", limit=5)  # Tag(name="dog", score=0.61), …
    index.tagging.write(5)  # then search with where="tags=dog"
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
        self._held: dict[tuple[int | None, str], Tagger] = {}

    @property
    def made(self) -> bool:
        """Whether the records have tags that visavis wrote."""
        return has_tags(self._store) and bool(self._store.tagged.state())

    def check(self, vocabulary: Sequence[str] | None = None) -> None:
        """Raise ClassesUnsupportedError when the model can give no tags."""
        self._tagger(1, vocabulary)

    def needs_pictures(self, threads: int | None = None) -> bool:
        """Whether the model has to see a record's picture again to tag it: it gives class scores.

        Otherwise words are read off the vectors. Raises ClassesUnsupportedError when it can give no
        tags.
        """
        return not self._tagger(threads, None).from_vectors

    def of(
        self,
        picture: Question,
        limit: int | None = None,
        *,
        vocabulary: Sequence[str] | None = None,
        allow_private: bool = False,
        threads: int | None = None,
    ) -> tuple[Tag, ...]:
        """The best tags for a picture, a part of one, or a record; best first.

        Args:
            picture: A path, a file's bytes, pixels, an ImageTerm, a RecordTerm or `id:ID`.
            limit: How many at most; None: 3 of a model that chooses which tags are right often
                enough (it may give none), 10 of others.
            vocabulary: Words to choose from; None: as the model has it.
            allow_private: Whether a URL may lie in a private network.
            threads: Cores for the model; None: all of them.

        Raises:
            ClassesUnsupportedError: the model can give no tags.
            ImageError: the picture cannot be used.
            UsageError: it is no picture and no record (RecordNotFoundError).
        """
        terms = as_picture(picture)
        term = terms[0] if len(terms) == 1 else None
        wrong = limit is not None and limit < 1
        if wrong or not isinstance(term, ImageTerm | RecordTerm):
            raise UsageError("tags are for one picture or record, and a limit of 1 or more")
        tagger = self._tagger(threads, vocabulary)
        limit = tagger.usual if limit is None else limit
        if isinstance(term, RecordTerm) and tagger.from_vectors:
            return tuple(tagger.of_vectors(self._store.vector(term.id)[None], limit)[0])
        with self._reading(allow_private, keep=isinstance(term, RecordTerm)) as read:
            if isinstance(term, RecordTerm):
                term = ImageTerm(read(self._store.get(term.id).uri))
            pixels = term_pixels(term, self._embedder(threads).side, read, self._max_pixels)
        return tuple(tagger.of_images([pixels], limit)[0])

    def words(self, vectors: Vectors) -> list[list[str]]:
        """Up to three words for what each of (n, dim) vectors of the index shows.

        None at all where the model tells them from pictures alone, or cannot be had.
        """
        try:
            tagger = self._tagger(None, None)
        except VisavisError:
            return [[] for _ in vectors]
        if not tagger.from_vectors:
            return [[] for _ in vectors]
        found = tagger.of_vectors(vectors, 3)
        return [[tag.name for tag in tags if tag.score >= tagger.least] for tags in found]

    def write(
        self,
        count: int,
        *,
        vocabulary: Sequence[str] | None = None,
        allow_private: bool = False,
        progress: Callable[[IndexReport], None] | None = None,
    ) -> IndexReport:
        """Give every record without tags its best ones, in the field `tags`.

        With another count, model or vocabulary than before, all are made again.

        Args:
            count: How many at most; 0 takes the tags of all records away.
            vocabulary: Words to choose from; None: as the model has it.
            allow_private: Whether URLs in private networks may be fetched.
            progress: Called with the report so far, which counts what is safely on disk.

        Raises:
            UsageError: the count makes no sense, or the records have a field of that name.
            ClassesUnsupportedError: the model can give no tags.
            IndexLockedError: another process is writing.
        """
        if not 0 <= count <= MOST_TAGS:
            raise UsageError(f"give a record 0 to {MOST_TAGS} tags, not {count}")
        if count:
            taggable(self._store)  # before any model is loaded
        started = time.monotonic()
        report = IndexReport()
        with self._writing(), self._reading(allow_private) as read:
            if count:
                self._fill(count, self._tagger(1, vocabulary), read, report, progress)
            elif self.made:
                taggable(self._store).tagged.begin("")
            self._store.settle()
        report.seconds = time.monotonic() - started
        return report

    def _fill(
        self,
        count: int,
        tagger: "Tagger",
        read: Read,
        report: IndexReport,
        progress: Callable[[IndexReport], None] | None,
    ) -> None:
        state = f"{count} {tagger.fingerprint}"
        tagged = taggable(self._store).tagged
        if tagged.state() != state:
            tagged.begin(state)
        failed: list[Failure] = []
        batches = self._known if tagger.from_vectors else self._looked_at
        for records, texts, refused in batches(tagger, count, read):
            tagged.put(records, texts)
            report.tagged += len(records)
            failed += refused
            if progress is not None:
                progress(report)
        if failed:
            report.notes.append(
                f"{len(failed)} pictures could not be read to be tagged, the first: "
                f"{failed[0].uri} ({failed[0].reason})"
            )

    @contextmanager
    def _reading(self, allow_private: bool, *, keep: bool = True) -> Iterator[Read]:
        fetcher = Fetcher(allow_private=allow_private, keep=keep)
        try:
            yield partial(read_anywhere, fetcher=fetcher)
        finally:
            fetcher.close()

    def _tagger(self, threads: int | None, vocabulary: Sequence[str] | None) -> "Tagger":
        """The tagger; the model's own is kept, as a vocabulary takes a while to embed."""
        from visavis.embedders.tagger import make_tagger  # searching starts without

        model = self._embedder(threads)
        if vocabulary is not None:
            return make_tagger(model, vocabulary)
        with self._guard:
            key = threads, model.fingerprint
            if key not in self._held:
                same = {kept: one for kept, one in self._held.items() if kept[1] == key[1]}
                self._held = same | {key: make_tagger(model)}
            return self._held[key]

    def _known(self, tagger: "Tagger", count: int, read: Read) -> Iterator[_Tagged]:
        """Batches whose vectors are enough."""
        for block in taggable(self._store).tagged.missing(_BLOCK):
            found = tagger.of_vectors(np.stack([one.vector for one in block]), count)
            yield block, [_joined(tagger, tags) for tags in found], []

    def _looked_at(self, tagger: "Tagger", count: int, read: Read) -> Iterator[_Tagged]:
        """Batches of pictures."""
        untagged = chain.from_iterable(taggable(self._store).tagged.missing(_BLOCK))
        look = partial(self._look, tagger=tagger, count=count, read=read)
        return ahead(untagged, look, self._jobs, "visavis-tag")

    def _look(self, part: Sequence[Untagged], tagger: "Tagger", count: int, read: Read) -> _Tagged:
        """On a worker thread."""
        looked, failed = look_at(
            part,
            lambda one: read(one.record.uri),
            lambda one: one.record.uri,
            self._embedder(1).side,
            self._max_pixels,
        )
        found = tagger.of_images([one.picture.pixels for one in looked], count) if looked else []
        return [one.item for one in looked], [_joined(tagger, tags) for tags in found], failed


def _joined(tagger: "Tagger", tags: Sequence[Tag]) -> str:
    """Tags as the field holds them; what is improbable is left out."""
    return ", ".join(dict.fromkeys(tag.name for tag in tags if tag.score >= tagger.least))
