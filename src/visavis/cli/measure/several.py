"""`visavis evaluate` with several models: one table, and which differences mean something."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import combinations
from typing import NamedTuple

from visavis.cli import terminal
from visavis.errors import UsageError
from visavis.evaluation.compare import Difference, compare, together
from visavis.evaluation.report import Report
from visavis.evaluation.several import agreed_tasks
from visavis.evaluation.tasks import Options, Task
from visavis.image_index import ImageIndex
from visavis.types import Failure

Skipped = Callable[[Sequence[Failure]], None]


class _Pair(NamedTuple):
    """Two models on the same questions."""

    model: str
    against: str
    differences: list[Difference]


def refuse_single_options(**given: str | None) -> None:
    """Raise UsageError for an option that is about one model."""
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"--{option} is for one --model; --json has the reports of all")


def evaluate_models(
    models: Sequence[str],
    opened: Callable[[str, Skipped], AbstractContextManager[ImageIndex]],
    task: Callable[[ImageIndex, Options], Task],
    options: Options,
    measured: Callable[[ImageIndex, Task], Report],
    *,
    json_output: bool,
) -> None:
    """Measure all models on the same pictures, and print them side by side.

    A picture that a model cannot take is left out for all. `opened` gives the index of a model and
    tells which pictures it skipped; `task` and `measured` are as for one model.
    """
    with ExitStack() as stack:
        skipped: list[Sequence[Failure]] = []
        indexes = [stack.enter_context(opened(model, skipped.append)) for model in models]
        _tell_skipped(models, skipped)
        tasks = agreed_tasks(indexes, task, options)
        for note in [] if json_output else dict.fromkeys(n for t in tasks for n in t.notes):
            terminal.tell(f"note: {note}")
        reports = [measured(*pair) for pair in zip(indexes, tasks, strict=True)]
    _show(models, reports, json_output=json_output)


def _tell_skipped(models: Sequence[str], skipped: Sequence[Sequence[Failure]]) -> None:
    """One line for each picture that not all models could take; it is left out for all."""
    reasons: dict[str, dict[str, str]] = {}
    for model, failures in zip(models, skipped, strict=True):
        for failure in failures:
            reasons.setdefault(failure.uri, {})[model] = failure.reason
    for uri, by_model in reasons.items():
        model, reason = next(iter(by_model.items()))
        line = f"skipped {uri}: {reason}"
        if len(by_model) < len(models):
            line = f"left out for all models: {uri}: {reason} ({model})"
        terminal.tell(line)


def _show(models: Sequence[str], reports: Sequence[Report], *, json_output: bool) -> None:
    from visavis.pages.report import drawn

    names = _names(models, reports)
    numbers = [*combinations(range(len(names)), 2)]
    every = together([compare(reports[b], reports[a], names[a]) for a, b in numbers])
    pairs = [
        _Pair(names[later], names[first], differences)
        for (first, later), differences in zip(numbers, every, strict=True)
    ]
    if json_output:
        terminal.echo_json(_shape(names, reports, pairs))
    elif sys.stdout.isatty():
        _print_table(names, reports)
        for pair in pairs:
            for line in _sentences(pair):
                terminal.echo(line)
        terminal.echo(drawn(reports[0]))
        terminal.echo(_how_clear(sum(len(pair.differences) for pair in pairs)))
    else:
        terminal.tell(drawn(reports[0]))
        _print_lines(names, reports, pairs)


def _names(models: Sequence[str], reports: Sequence[Report]) -> list[str]:
    """What each model is called; as it was given where two have the same name."""
    called = [str(report["model"]["name"]) for report in reports]
    return called if len(set(called)) == len(called) else list(models)


def _shape(names: Sequence[str], reports: Sequence[Report], pairs: Sequence[_Pair]) -> Report:
    return {
        "models": list(names),
        "reports": list(reports),
        "comparisons": [
            {
                "model": pair.model,
                "against": pair.against,
                "differences": {d.measure: d.to_dict() for d in pair.differences},
            }
            for pair in pairs
        ],
    }


def _print_lines(names: Sequence[str], reports: Sequence[Report], pairs: Sequence[_Pair]) -> None:
    """Plain text with tabs, for programs."""
    for measure in reports[0]["metrics"]:
        for name, report in zip(names, reports, strict=True):
            low, high = report["intervals"][measure]
            value = report["metrics"][measure]
            terminal.row(measure, name, f"{value:.6f}", f"{low:.6f}", f"{high:.6f}")
    for pair in pairs:
        for d in pair.differences:
            terminal.echo(
                f"{d.measure} difference\t{pair.model} - {pair.against}\t{d.difference:.6f}\t"
                f"{d.low:.6f}\t{d.high:.6f}\t{d.verdict}"
            )


def _print_table(names: Sequence[str], reports: Sequence[Report]) -> None:
    from visavis.pages.report import described, shown

    rows = []
    for measure in reports[0]["metrics"]:
        row = [shown(measure)]
        for report in reports:
            low, high = report["intervals"][measure]
            row.append(f"{report['metrics'][measure]:.3f}  {low:.3f}…{high:.3f}")
        rows.append(row)
    if all("picture_ms" in report["latency"] for report in reports):
        took = [f"{report['latency']['picture_ms']:.1f} ms" for report in reports]
        rows.append(["from a picture file", *took])
    columns = [{}, *({"header": name, "justify": "right"} for name in names)]
    terminal.table(columns, rows, above=described(reports[0]))


def _how_clear(count: int) -> str:
    looked = "1 difference was" if count == 1 else f"{count} differences were"
    return (
        f"{looked} looked at: one in twenty such tables at most calls anything "
        "better or worse by chance (Holm's correction); each interval is by itself"
    )


def _sentences(pair: _Pair) -> Iterator[str]:
    """Which differences are more than chance, and which may be none."""
    from visavis.pages.report import shown

    for verdict in ("better", "worse"):
        found = [d for d in pair.differences if d.verdict == verdict]
        if found:
            measures = ", ".join(
                f"{shown(d.measure)} {d.difference:+.3f} ({d.low:+.3f} … {d.high:+.3f})"
                for d in found
            )
            yield f"{pair.model} is {verdict} than {pair.against}: {measures}"
    unclear = [shown(d.measure) for d in pair.differences if d.verdict == "no clear difference"]
    if unclear:
        yield f"no clear difference of {pair.model} to {pair.against}: {', '.join(unclear)}"
