"""The map of a collection: seconds to lay it out, and how much of the neighbourhoods it keeps."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.galleries import GENERATOR, Clusters
from benchmarks.measure import Bound, Figure, Report, Size
from visavis.flows.mapping.arranging import Arranged, arrange, place_others
from visavis.types import Vectors

_DIM = 448  # as the built-in model gives
_COUNT = {"full": 10_000, "small": 10_000, "tiny": 300}
_ROUNDS = {"full": 3, "small": 1, "tiny": 1}
_NEW = 0.1  # of the images, placed on the map of the others
_SECONDS, _KEPT = Bound(60.0, of="value"), Bound(0.2, of="value", at_least=True)


def run(size: Size, work: Path) -> Report:
    """Clusters of vectors, laid out; and a tenth of them placed on the map of the others."""
    report = Report(
        "map", size, notes=[GENERATOR, "clusters have no structure of their own inside"]
    )
    count = _COUNT[size]
    vectors = Clusters(count, _DIM).fresh(count)
    seconds, kept, placed = [], [], []
    for seed in range(_ROUNDS[size]):
        started = time.perf_counter()
        made = arrange(vectors, seed)
        seconds.append(time.perf_counter() - started)
        kept.append(_kept(made, np.arange(count)))
        placed.append(_of_placed(vectors, made, seed))
    bounds = (_SECONDS, _KEPT, _KEPT) if size != "tiny" else (None, None, None)
    ten = "of ten true neighbours among the ten nearest on the map"
    report.figures += [
        Figure(f"map of {count:,} × {_DIM}", "s", seconds, bound=bounds[0]),
        Figure(f"{ten}", "share", kept, bound=bounds[1]),
        Figure(f"{ten}, of images placed later", "share", placed, bound=bounds[2]),
    ]
    return report


def _of_placed(vectors: Vectors, made: Arranged, seed: int) -> float:
    """What a tenth keeps that is placed on a map of all without it."""
    new = np.random.default_rng(seed).random(len(vectors)) < _NEW
    positions = np.full_like(made.positions, np.nan)
    positions[~new] = arrange(vectors[~new], seed).positions
    place_others(vectors, positions, seed)
    return _kept(made._replace(positions=positions), np.flatnonzero(new))


def _kept(made: Arranged, rows: NDArray[np.int64]) -> float:
    """The share of neighbours that are neighbours on the map as well."""
    import faiss

    places = np.ascontiguousarray(made.positions, np.float32)
    index = faiss.IndexFlatL2(2)
    index.add(places)
    _, near = index.search(places[rows], made.neighbours.shape[1] + 1)
    pairs = zip(rows, near, strict=True)
    same = [np.intersect1d(one[one != row], made.neighbours[row]).size for row, one in pairs]
    return float(np.mean(same) / made.neighbours.shape[1])
