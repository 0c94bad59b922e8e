"""An index and the model that made its vectors: loaded when it is needed, and never another."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from visavis.embedders.base import Embedder
from visavis.embedders.registry import load_embedder
from visavis.errors import IndexIncompatibleError, ModelNotFoundError
from visavis.store.base import VectorStore
from visavis.store.capabilities import is_local


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

    def _load(self, threads: int | None) -> Embedder:
        facts, place = self._store.model(), self._store.facts.place
        try:
            embedder = load_embedder(facts.ref, threads=threads, device=self._device)
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
