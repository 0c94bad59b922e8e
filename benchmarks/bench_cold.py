"""Whole processes: help, and a search from nothing, against Python importing what they need."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.galleries import Clusters, Model, fill
from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns, seconds
from benchmarks.models import MOBILENET, NO_MOBILENET
from benchmarks.pictures import photo
from visavis import Embedder, load_embedder
from visavis.embedders.registry import DEFAULT_MODEL

_RECORDS = {"full": 100_000, "small": 100_000, "tiny": 300}
_ROUNDS = {"full": 15, "small": 9, "tiny": 1}
_IMPORTS = "import numpy, onnxruntime, faiss"


def run(size: Size, work: Path) -> Report:
    """Seconds of `visavis --help`, `visavis search ./x.jpg` and `search dog`, over floors'."""
    report = Report("cold", size)
    report.notes.append("whole processes, taking turns; everything was read once before")
    rounds = _ROUNDS[size]
    helped, imported = in_turns(
        rounds, _process(visavis("--help")), _process(_python("import typer, rich"))
    )
    floor = Floor("python -c 'import typer, rich'", _milliseconds(imported))
    report.figures = [Figure("visavis --help", "ms", _milliseconds(helped), floor, Bound(1.3))]
    picture = work / "query.jpg"
    picture.write_bytes(photo(np.random.default_rng(5)))
    report.figures.append(_search(work, picture, "classic", _RECORDS[size], rounds))
    if MOBILENET.is_dir():
        report.figures.append(_search(work, picture, str(MOBILENET), _RECORDS[size], rounds))
    else:
        report.notes.append(f"mobilenet-v2 {NO_MOBILENET}")
    report.figures.append(_words(work, picture, _RECORDS[size], rounds))
    return report


def _words(work: Path, picture: Path, records: int, rounds: int) -> Figure:
    folder = _filled(work, load_embedder(DEFAULT_MODEL), records)
    asked, by_picture = in_turns(
        rounds,
        _process(visavis("search", "dog", "--index", str(folder))),
        _process(visavis("search", str(picture), "--index", str(folder))),
    )
    return Figure(
        f"visavis search dog, {records:,} records, {DEFAULT_MODEL}",
        "ms",
        _milliseconds(asked),
        Floor("visavis search ./x.jpg", _milliseconds(by_picture)),
        Bound(1.15),
    )


def _filled(work: Path, embedder: Embedder, records: int) -> Path:
    folder = work / f"cold-{embedder.name}-{records}.index"
    made_by = Model(embedder.name, embedder.ref, embedder.fingerprint)
    fill(folder, Clusters(records, embedder.dim), made_by)
    return folder


def _search(work: Path, picture: Path, model: str, records: int, rounds: int) -> Figure:
    embedder = load_embedder(model)
    folder = _filled(work, embedder, records)
    network = Path(model) / "model.onnx"
    load = f"; onnxruntime.InferenceSession({str(network)!r})" if network.is_file() else ""
    asked, imported = in_turns(
        rounds,
        _process(visavis("search", str(picture), "--index", str(folder))),
        _process(_python(_IMPORTS + load)),
    )
    what = f"python -c '{_IMPORTS}'" + (", and the model's load" if load else "")
    return Figure(
        f"visavis search ./x.jpg, {records:,} records, {embedder.name} ({embedder.dim} numbers)",
        "ms",
        _milliseconds(asked),
        Floor(what, _milliseconds(imported)),
        Bound(1.45),
    )


def _process(command: Sequence[str]) -> Callable[[], float]:
    # Bytecode is kept between starts, as after an installation.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def once() -> None:
        subprocess.run(command, env=environment, check=True, capture_output=True)

    once()
    return lambda: seconds(once)


def visavis(*arguments: str) -> list[str]:
    """The command line of this installation."""
    script = Path(sys.executable).with_name("visavis")
    start = [str(script)] if script.exists() else [sys.executable, "-m", "visavis"]
    return [*start, *arguments]


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _milliseconds(rounds: Sequence[float]) -> list[float]:
    return [1e3 * took for took in rounds]
