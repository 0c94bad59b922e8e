"""The report of an evaluation: one JSON document of what was measured, on what, with what."""

import json
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from visavis import __version__
from visavis.disk import reason, write_named
from visavis.errors import UsageError
from visavis.evaluation.measures import Figures, curves, measure
from visavis.evaluation.runs import Run, measure_latency, run_all
from visavis.evaluation.tasks import Task, sources
from visavis.image_index import ImageIndex
from visavis.processors import cores

Report = dict[str, Any]
"""The JSON shape; see docs/how-to/evaluate.md.

`metrics` (name → figure), `intervals` (name → [low, high]), `drawn` (what they speak of; see
`units`), `by_class`, `model`, `data`, `protocol`, `latency`, `curves`, `notes`, `visavis`,
`machine`, `time`, `seconds`, and `per_query`: the values of every query, which make two reports
comparable.
"""

DEFAULT_KS = (1, 5, 10)


def evaluate(
    index: ImageIndex,
    task: Task,
    ks: Sequence[int] = DEFAULT_KS,
    asked: Callable[[int], None] | None = None,
) -> tuple[Report, Run]:
    """Ask every question of a task and report; the run holds the single answers, to be shown.

    `asked` is called now and then with how many questions are answered.
    """
    started = time.perf_counter()
    run = run_all(task.gallery, task.questions, task.vectors, asked)
    figures = measure(task, run, ks)
    latency = measure_latency(index, task.gallery, task.protocol.get("seed", 0))
    info, units = index.info(), task.units
    report: Report = {
        "metrics": {name: round(value, 6) for name, value in figures.means.items()},
        "intervals": {
            name: [round(low, 6), round(high, 6)] for name, (low, high) in figures.intervals.items()
        },
        "drawn": {"unit": units.unit, "groups": units.groups},
        "by_class": _rounded(figures.by_class),
        "model": {"name": info.model, "fingerprint": info.fingerprint, "dim": info.dim},
        "data": {
            "source": sources(index),
            "hash": task.hash,
            "records": len(task.gallery),
            "queries": len(task.questions),
        },
        "protocol": task.protocol,
        "latency": latency,
        "curves": curves(run),
        "notes": list(task.notes),
        "visavis": __version__,
        "machine": machine(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - started, 3),
        "per_query": _per_query(task, run, figures),
    }
    return report, run


def machine() -> dict[str, Any]:
    """What kind of machine this is; nothing that names it."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": cores(),
        "python": platform.python_version(),
    }


def summary(report: Report) -> Report:
    """The report without what only comparisons need."""
    return {key: value for key, value in report.items() if key != "per_query"}


def write_report(path: Path, report: Report) -> None:
    """Write the whole report as JSON. Raises UsageError when the place cannot be written to."""
    text = json.dumps(report, ensure_ascii=False) + "\n"
    write_named(path, "report", text.encode())


def read_report(path: Path) -> Report:
    """A report that was written before. Raises UsageError when the file is none.

    What comparisons use is checked; `per_query` may be missing (`summary`).
    """
    try:
        shape = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no text, no JSON
        raise UsageError(f"{path}: the report cannot be read ({reason(error)})") from error
    wrong = _misshapen(shape)
    if wrong:
        raise UsageError(
            f"{path}: it is no report of visavis evaluate ({wrong}); write one with --out"
        )
    found: Report = shape
    return found


def _misshapen(shape: Any) -> str:
    """What keeps JSON from being a report; nothing when it is one."""
    if not isinstance(shape, dict):
        return "it is no object"
    for part in ("metrics", "data", "protocol", "model"):
        if not isinstance(shape.get(part), dict):
            return f"{part} is no object"
    if not isinstance(shape["model"].get("name"), str):
        return "the model has no name"
    return _misshapen_queries(shape["per_query"]) if "per_query" in shape else ""


def _misshapen_queries(shape: Any) -> str:
    if not isinstance(shape, dict) or not isinstance(shape.get("values"), dict):
        return "per_query has no values"
    ids = shape.get("ids")
    if not isinstance(ids, list):
        return "per_query has no ids"
    for name, values in shape["values"].items():
        if not isinstance(values, list) or not all(map(_is_number, values)):
            return f"the values of {name} are no list of numbers"
        if len(values) != len(ids):
            return f"{len(values):,} values of {name} for {len(ids):,} queries"
    return ""


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9  # no NaN, no infinity


def _rounded(classes: dict[str, dict[str, float | int]]) -> dict[str, dict[str, float | int]]:
    return {
        name: {key: round(value, 6) for key, value in figures.items()}
        for name, figures in classes.items()
    }


def _per_query(task: Task, run: Run, figures: Figures) -> dict[str, Any]:
    asked = [answer.question.sought > 0 for answer in run.answers]
    shape: dict[str, Any] = {
        "ids": [q.id for q, counted in zip(task.questions, asked, strict=True) if counted],
        "values": {
            name: [round(value, 5) for value in column.tolist()]
            for name, column in figures.values.items()
        },
    }
    groups = task.units.numbers
    if groups is not None:
        shape["groups"] = [g for g, counted in zip(groups, asked, strict=True) if counted]
    return shape
