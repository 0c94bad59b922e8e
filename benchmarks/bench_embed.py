"""A picture through the built-in model on one core, in turns with MobileNetV2."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import Bound, Figure, Floor, Report, Size, cpu_seconds, in_turns
from benchmarks.models import MOBILENET, NO_MOBILENET
from benchmarks.pictures import photo
from visavis import load_embedder
from visavis.images.decode import decode

_PICTURES = {"full": 64, "small": 32, "tiny": 4}
_ROUNDS = {"full": 15, "small": 9, "tiny": 1}


def run(size: Size, work: Path) -> Report:
    """Milliseconds of a core for decoded pictures, one at a time and two, as indexing does."""
    del work
    report = Report("embed", size)
    report.notes.append(
        "1 thread; pictures of 341 × 256 in, vectors out: scaling, network, unit length"
    )
    models = ["visavis-s"] + [str(MOBILENET)] * MOBILENET.is_dir()
    for together in (1, 2):
        parts = [_embedding(model, together, _PICTURES[size]) for model in models]
        ours, *theirs = in_turns(_ROUNDS[size], *parts)
        floor = Floor("mobilenet-v2 (224 pixels)", theirs[0]) if theirs else None
        report.figures.append(
            Figure(
                f"visavis-s, {together} at a time",
                "ms",
                ours,
                floor,
                Bound(1) if floor else Bound(4, of="value"),
            )
        )
    if not MOBILENET.is_dir():
        report.notes.append(f"mobilenet-v2 {NO_MOBILENET}")
    return report


def _embedding(model: str, together: int, count: int) -> Callable[[], float]:
    embedder = load_embedder(model, threads=1)
    random = np.random.default_rng(3)
    drawn = [photo(random) for _ in range(4)]
    pixels = [decode(data, "a picture", min_side=256).pixels for data in drawn]
    batches = [
        [pixels[(start + at) % len(pixels)] for at in range(together)]
        for start in range(0, count, together)
    ]

    def work() -> None:
        for batch in batches:
            embedder.embed_images(batch)

    work()
    return lambda: 1e3 * cpu_seconds(work) / count
