"""An index and the model that made its vectors: loaded when it is needed, and never another."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypedDict

import numpy as np

from visavis.embedders.base import Embedder, embed
from visavis.embedders.reduced import ReducedEmbedder, as_kept, check_reduction, fit, forget_others
from visavis.embedders.registry import load_embedder
from visavis.embedders.tolerant import tolerant_rows
from visavis.errors import (
    ImageError,
    IndexIncompatibleError,
    ModelNotFoundError,
    ModelUnknownError,
    StoreUnsupportedError,
    UsageError,
)
from visavis.flows.ahead import ahead
from visavis.flows.workers.base import Hire
from visavis.images.decode import decode
from visavis.processors import cores
from visavis.sources.base import Source
from visavis.store.base import IMPORTED, ModelFacts, VectorStore
from visavis.store.capabilities import is_local, local
from visavis.store.open import Place, is_folder, store_exists
from visavis.types import RGB, Entry, Vectors

_FEWEST, _A_DIMENSION = 512, 3  # pictures that are looked at twice: to reduce, and to be indexed


class IndexOptions(TypedDict, total=False):
    """How an index uses the machine; each may be left out."""

    device: str
    """Where the model runs: cpu (the default), cuda, coreml or openvino."""
    jobs: int | None
    """Threads that decode and embed; None, the default: one per core."""
    max_pixels: int
    """Pictures with more pixels are refused before they are decoded; 100 million if not given."""
    lock_seconds: float
    """How long writing methods wait for another writer; 10 if not given."""
    files: str | os.PathLike[str] | None
    """A folder for uploaded pictures and thumbnails, for this index alone; an index in a folder
    remembers it, and keeps them there itself if none was ever given."""
    workers: Hire
    """Who reads, decodes and embeds when sources are indexed; threads of this process if not
    given."""


class Binding:
    """Holds the model of a store; follows when another process rebuilds the index with another."""

    def __init__(self, store: VectorStore, device: str) -> None:
        self._store = store
        self._device = device
        self._guard = threading.Lock()
        self._embedders: dict[tuple[str, int | None], Embedder] = {}

    def embedder(self, threads: int | None = None) -> Embedder:
        """The model, loaded at the first use.

        Raises ModelError when it is gone, IndexIncompatibleError when it is not the same any more.
        """
        key = (self._store.model().fingerprint, threads)
        with self._guard:
            if key not in self._embedders:
                self._embedders[key] = self._load(threads)
            return self._embedders[key]

    def ready(self) -> Embedder:
        """The model; on the first search the store reads its caches while the model is loaded."""
        store = self._store
        if not is_local(store) or store.ready:
            return self.embedder()
        with ThreadPoolExecutor(1, "visavis-ready") as pool:
            reading = pool.submit(store.get_ready)
            embedder = self.embedder()
            reading.result()
        return embedder

    def take(self, embedder: Embedder) -> None:
        """Use a model that is loaded already; raises IndexIncompatibleError if it is another."""
        embedder = self.kept(embedder)
        if embedder.fingerprint == self._store.model().fingerprint:
            self._embedders[embedder.fingerprint, 1] = embedder
            return
        made_by, place = self._store.model().name, self._store.facts.place
        what = (
            f"{made_by!r}, not {embedder.name!r}"
            if made_by != embedder.name
            else f"another version of {made_by!r}"
        )
        raise IndexIncompatibleError(
            f"{place}: this index was made by {what}; omit --model, or make every vector "
            f"again with: visavis index --rebuild --model {embedder.ref} --index {place}"
        )

    def kept(self, embedder: Embedder) -> Embedder:
        """A model as this index has it: in fewer dimensions, where it was made with these."""
        if not is_local(self._store):
            return embedder
        return as_kept(embedder, self._store.folder, self._store.model().fingerprint)

    def again(self, model: str | os.PathLike[str] | None) -> Embedder:
        """What makes every vector again: another model, or the newest version of this one."""
        ref = model or self._known().ref
        embedder = load_embedder(ref, threads=1, device=self._device)
        if model is None and isinstance(small := self.kept(embedder), ReducedEmbedder):
            small.write(local(self._store, "be rebuilt").folder)  # by its new fingerprint
            return small
        return embedder

    def forget_others(self, embedder: Embedder) -> None:
        """Remove what was kept of the models before this one."""
        if is_local(self._store):
            forget_others(self._store.folder, embedder.fingerprint)

    def _known(self) -> ModelFacts:
        """The facts of the model. Raises ModelUnknownError where visavis does not have it."""
        facts = self._store.model()
        if facts.ref.startswith(IMPORTED):
            raise ModelUnknownError(
                "the vectors of this index were computed elsewhere, and visavis does not have the "
                f"model {facts.name!r} that made them; ask with a record (id:ID), or in Python "
                "with a vector"
            )
        return facts

    def _load(self, threads: int | None) -> Embedder:
        facts, place = self._known(), self._store.facts.place
        try:
            embedder = self.kept(load_embedder(facts.ref, threads=threads, device=self._device))
        except ModelNotFoundError as error:
            raise ModelNotFoundError(
                f"{place}: the model {facts.name!r} that made this index is gone ({facts.ref}); "
                "put it back, or use another with: visavis index --rebuild --model NAME "
                f"--index {place}"
            ) from error
        if embedder.fingerprint != facts.fingerprint:
            raise IndexIncompatibleError(
                f"{place}: the model {facts.name!r} has changed since it made this index; make "
                f"every vector again with: visavis index --rebuild --index {place}"
            )
        return embedder


def reduced(
    base: Embedder, place: Place, sources: Sequence[Source], dim: int, jobs: int | None
) -> ReducedEmbedder:
    """The model in fewer dimensions, chosen by the first pictures of some sources, for a new index.

    Raises UsageError where they are too few, the index is there, or the model cannot be reduced.
    """
    if store_exists(place):
        raise UsageError(f"{place}: the index is there already; --reduce is for a new one")
    if not is_folder(place):
        raise StoreUnsupportedError(
            os.fspath(place), "keep the axes of --reduce; index into a folder, export, and import"
        )
    check_reduction(base, dim)
    named = islice(_named(sources), max(_FEWEST, _A_DIMENSION * dim))
    work = partial(_rows, base=base)
    batches = ahead(named, work, jobs or cores(), "visavis-reduce")
    found = [row for rows in batches for row in rows]
    made = fit(base, np.array(found, np.float32).reshape(len(found), base.dim), dim)
    made.write(Path(place))
    return made


def _named(sources: Sequence[Source]) -> Iterator[tuple[Source, Entry]]:
    for source in sources:
        yield from ((source, one) for one in source.entries() if isinstance(one, Entry))


def _rows(batch: Sequence[tuple[Source, Entry]], base: Embedder) -> list[Vectors]:
    """On a worker thread; what cannot be read is reported when it is indexed."""
    pictures: list[RGB] = []
    for source, entry in batch:
        try:
            pictures.append(decode(source.read(entry), entry.uri, min_side=base.side).pixels)
        except ImageError:
            continue
    return tolerant_rows(partial(embed, base), pictures)[0]
