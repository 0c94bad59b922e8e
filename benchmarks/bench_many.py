"""Many queries at once, against the same one after the other in the same run."""

import time
from pathlib import Path

from benchmarks.galleries import GENERATOR, Clusters, GalleryIndex, Model, fill
from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Vectors

_DIM = 448  # as the built-in model gives
_RECORDS = {"full": 200_000, "small": 200_000, "tiny": 2_000}
_QUERIES = {"full": 2_000, "small": 2_000, "tiny": 50}
_ALONE = 4  # of so many queries one is also asked alone: enough for its pace
_ROUNDS = {"full": 7, "small": 5, "tiny": 2}
_BOUND = Bound(4.0, at_least=True)


def run(size: Size, work: Path) -> Report:
    """Queries a second of `ImageIndex.search_many`, and of `search` in a loop."""
    report = Report("many", size, notes=[GENERATOR, "fresh vectors; ten full records each"])
    count = _RECORDS[size]
    clusters, folder = Clusters(count, _DIM), work / f"many-{count}.index"
    fill(folder, clusters, Model.chosen())
    fresh = clusters.fresh(_QUERIES[size])
    with GalleryIndex(SqliteStore(folder)) as index:
        index.search_many(list(fresh[:10]))
        many, alone = in_turns(
            _ROUNDS[size],
            lambda: _together(index, fresh),
            lambda: _one_by_one(index, fresh[::_ALONE]),
        )
    floor = Floor("the same by search(), one after the other", alone)
    name = f"search_many {count:,} × {_DIM}, {len(fresh):,} queries"
    report.figures.append(
        Figure(name, "queries/s", many, floor, _BOUND if size != "tiny" else None)
    )
    return report


def _together(index: GalleryIndex, vectors: Vectors) -> float:
    started = time.perf_counter()
    index.search_many(list(vectors))
    return len(vectors) / (time.perf_counter() - started)


def _one_by_one(index: GalleryIndex, vectors: Vectors) -> float:
    started = time.perf_counter()
    for vector in vectors:
        index.search(vector)
    return len(vectors) / (time.perf_counter() - started)
