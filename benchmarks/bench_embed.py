"""A picture through the built-in model on one core, in turns with MobileNetV2."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Bound, Figure, Floor, Report, Size, cpu_seconds, in_turns
from benchmarks.models import MOBILENET, NO_MOBILENET
from visavis.embedders.registry import model_info
from visavis.embedders.runtime.engine import engine
from visavis.embedders.spec import read_spec

_PICTURES = {"full": 64, "small": 32, "tiny": 8}
_ROUNDS = {"full": 15, "small": 9, "tiny": 1}


def run(size: Size, work: Path) -> Report:
    """Milliseconds of a core for a picture, alone and in batches of eight."""
    del work
    report = Report("embed", size)
    report.notes.append("ONNX Runtime alone, 1 thread, all outputs; pictures are ready")
    ours = model_info("visavis-s").folder
    assert ours is not None
    folders = [ours] + [MOBILENET] * MOBILENET.is_dir()
    for together, what in ((1, "alone"), (8, "in batches of eight")):
        parts = [_network(folder, together, _PICTURES[size]) for folder in folders]
        mine, *theirs = in_turns(_ROUNDS[size], *parts)
        floor = Floor("mobilenet-v2, 224 pixels", theirs[0]) if theirs else None
        bound = Bound(0.75) if theirs else None
        report.figures.append(Figure(f"visavis-s, {what}", "ms", mine, floor, bound))
    report.notes.append(f"8-bit dot products: {_dot_products()}")
    if not MOBILENET.is_dir():
        report.notes.append(f"mobilenet-v2 {NO_MOBILENET}")
    return report


def _dot_products() -> str:
    """Whether the processor says that it has them: they halve the time of integers."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    return "yes" if "vnni" in flags or "asimddp" in flags else "no"


def _network(folder: Path, together: int, count: int) -> Callable[[], float]:
    ort = engine()

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session: Any = ort.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    side = read_spec(folder).preprocess.size
    drawn = np.random.default_rng(3).normal(size=(together, 3, side, side)).astype(np.float32)

    def work() -> None:
        for _ in range(0, count, together):
            session.run(None, {session.get_inputs()[0].name: drawn})

    work()
    return lambda: 1e3 * cpu_seconds(work) / count
