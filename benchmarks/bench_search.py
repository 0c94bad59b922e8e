"""Searching in the library, against bare FAISS over the same vectors, and its recall."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.galleries import (
    DIM,
    GENERATOR,
    SHELVES,
    Clusters,
    GalleryIndex,
    Model,
    as_stored,
    fill,
    nearest,
    pixels,
    record_id,
)
from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns
from visavis.store.nearest.codes import dots
from visavis.store.sqlite.store import SqliteStore
from visavis.types import RecordTerm, SearchResult, Vectors

_TOP = 10
_CANDIDATES = 128  # as many as the engine takes from its approximate index
_GALLERIES: dict[str, dict[int, tuple[Bound, Bound]]] = {  # records: by vector, by others
    "full": {
        200_000: (Bound(2.5), Bound(1.0, of="value")),
        1_000_000: (Bound(1.6), Bound(2.0, of="value")),
    },
    "small": {200_000: (Bound(2.5), Bound(1.0, of="value"))},
    "tiny": {2_000: (Bound(2.5), Bound(1.0, of="value"))},
}
_QUERIES = {"full": 200, "small": 200, "tiny": 20}
_ROUNDS = {"full": 9, "small": 7, "tiny": 2}
_RECALL = Bound(0.95, of="value", at_least=True)
_FILTERED = Bound(2.0, of="value")


def run(size: Size, work: Path) -> Report:
    """Median milliseconds of `ImageIndex.search`, plain and filtered, and recall@10.

    By a vector a search is the index alone. By a picture or a record it is also told what each of
    the first 32 is to it: their records and signatures are read as well.
    """
    report = Report("search", size, notes=[GENERATOR])
    report.notes.append(
        "fresh vectors: the index alone; fresh pictures: their vectors are handed over by an "
        "embedder double, no file is there to be compared by local features, and they are similar "
        "to nothing, so that they are asked in all turns; stored: id:ID of a record; filter: by "
        "vector, keeps 1 % of the records; "
        f"every answer has {_TOP} full records; "
        "recall is against brute force over the same vectors rounded to float16, as they are kept"
    )
    for count, bounds in _GALLERIES[size].items():
        folder = work / f"gallery-{count}.index"
        fill(folder, Clusters(count), Model.chosen())
        with GalleryIndex(SqliteStore(folder)) as index:
            gallery = _Gallery.of(index, count, _QUERIES[size])
            report.figures += gallery.unfiltered(_ROUNDS[size], *bounds)
            report.figures += gallery.filtered(_ROUNDS[size])
            report.notes.append(gallery.bare.what)
    return report


@dataclass(frozen=True, slots=True)
class _Gallery:
    """An open index with questions and their true answers."""

    index: GalleryIndex
    clusters: Clusters
    everything: Vectors
    fresh: Vectors
    stored: Sequence[int]
    bare: "_Bare"

    @classmethod
    def of(cls, index: GalleryIndex, count: int, queries: int) -> "_Gallery":
        clusters = Clusters(count)
        everything = np.concatenate([as_stored(block) for block in clusters.vectors()])
        random = np.random.default_rng(3)
        stored = random.choice(count, queries, replace=False).tolist()
        bare = _Bare.of(index.path, everything)
        return cls(index, clusters, everything, clusters.fresh(queries), stored, bare)

    def unfiltered(self, rounds: int, alone: Bound, bound: Bound) -> list[Figure]:
        pictures = [pixels(vector) for vector in self.fresh]
        terms = [RecordTerm(record_id(number)) for number in self.stored]
        one = [vector.copy() for vector in self.fresh]
        same = [self.everything[number].copy() for number in self.stored]
        vectors, fresh, bare_fresh, stored, bare_stored = in_turns(
            rounds,
            lambda: _median_ms(self.index.search, one),
            lambda: _median_ms(self.index.search, pictures),
            lambda: _median_ms(self.bare.search, one),
            lambda: _median_ms(self.index.search, terms),
            lambda: _median_ms(self.bare.search, same),
        )
        floor = "bare FAISS of the same type, 128 candidates, exact scores in memory"
        name = f"search {self.clusters.count:,} × {DIM}"
        queries = np.concatenate([self.fresh, self.everything[self.stored]])
        truth = nearest(queries, self.everything, _TOP)
        found = [self.index.search(picture) for picture in pictures]
        found += [self.index.search(term) for term in terms]
        return [
            Figure(f"{name}, fresh vectors", "ms", vectors, Floor(floor, bare_fresh), alone),
            Figure(f"{name}, fresh pictures", "ms", fresh, Floor(floor, bare_fresh), bound),
            Figure(f"{name}, stored records", "ms", stored, Floor(floor, bare_stored), bound),
            Figure(f"{name}, recall@{_TOP}", "share", [_recall(found, truth)], bound=_RECALL),
            Figure(
                f"bare FAISS on the same, recall@{_TOP}",
                "share",
                [_bare_recall([self.bare.search(query) for query in queries], truth)],
            ),
        ]

    def filtered(self, rounds: int) -> list[Figure]:
        """Every filter twice: never seen before (or forgotten since), and again."""
        shelves = range(SHELVES)[: len(self.fresh)]
        asked = [(self.fresh[shelf], shelf) for shelf in shelves]

        def both() -> tuple[float, float]:
            new: list[float] = []
            again: list[float] = []
            for vector, shelf in asked:
                for times in (new, again):
                    started = time.perf_counter()
                    self.index.search(vector, where=f"shelf={shelf}")
                    times.append(time.perf_counter() - started)
            return 1e3 * statistics.median(new), 1e3 * statistics.median(again)

        kept = [np.arange(shelf, self.clusters.count, SHELVES) for shelf in shelves]
        parts = [self.everything[numbers] for numbers in kept[:20]]
        pairs, scans = [], []
        for _ in range(rounds):
            pairs.append(both())
            scans.append(_median_ms(lambda at: dots(parts[at], self.fresh[at]), range(len(parts))))
        truth = [
            numbers[nearest(self.fresh[shelf][None], self.everything[numbers], _TOP)[0]]
            for shelf, numbers in zip(shelves, kept, strict=True)
        ]
        found = [self.index.search(vector, where=f"shelf={shelf}") for vector, shelf in asked]
        floor = Floor("numpy's scores of the kept vectors, in memory, one thread", scans)
        name = f"search {self.clusters.count:,} × {DIM}, filter keeps 1 %"
        return [
            Figure(f"{name}, new", "ms", [pair[0] for pair in pairs], floor, _FILTERED),
            Figure(f"{name}, repeated", "ms", [pair[1] for pair in pairs], floor, _FILTERED),
            Figure(
                f"{name}, recall@{_TOP}",
                "share",
                [_recall(found, np.array(truth))],
                bound=Bound(1.0, of="value", at_least=True),
            ),
        ]


@dataclass(frozen=True, slots=True)
class _Bare:
    """FAISS alone: the engine's own index file, or a flat index where it has none."""

    what: str
    index: Any
    parameters: Any
    vectors: Vectors

    @classmethod
    def of(cls, folder: Path, vectors: Vectors) -> "_Bare":
        import faiss

        faiss.omp_set_num_threads(1)
        file = next(folder.glob("cache/*/ann.faiss"), None)
        if file is None:
            index = faiss.IndexFlatIP(vectors.shape[1])
            index.add(vectors)
            return cls("bare FAISS: IndexFlatIP, one thread", index, None, vectors)
        probes = json.loads(file.with_name("ann.json").read_text())["probes"]
        what = f"bare FAISS over {len(vectors):,}: IVF-PQ fast-scan, nprobe {probes}, one thread"
        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = probes
        return cls(what, faiss.read_index(str(file)), parameters, vectors)

    def search(self, vector: Vectors) -> NDArray[np.int64]:
        """Positions of the ten nearest, scored exactly."""
        if self.parameters is None:
            found: NDArray[np.int64] = self.index.search(vector[None], _TOP)[1][0]
            return found
        _, found = self.index.search(vector[None], _CANDIDATES, params=self.parameters)
        candidates = found[0][found[0] >= 0] - 1  # the engine counts records from 1
        order = np.argsort(-(self.vectors[candidates] @ vector))
        return np.asarray(candidates[order[:_TOP]])


def _median_ms(ask: Callable[[Any], object], questions: Sequence[Any]) -> float:
    took = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        took.append(time.perf_counter() - started)
    return 1e3 * statistics.median(took)


def _recall(found: Sequence[SearchResult], truth: NDArray[np.int64]) -> float:
    wanted = [{record_id(int(number)) for number in row} for row in truth]
    got = [{match.record.id for match in result.matches[:_TOP]} for result in found]
    return _share([len(a & b) for a, b in zip(wanted, got, strict=True)], truth)


def _bare_recall(found: Sequence[NDArray[np.int64]], truth: NDArray[np.int64]) -> float:
    return _share([len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)], truth)


def _share(hits: Sequence[int], truth: NDArray[np.int64]) -> float:
    return sum(hits) / truth.size
