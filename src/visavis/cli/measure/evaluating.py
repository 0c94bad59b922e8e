"""`visavis evaluate`: how well does an index find?"""

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from visavis.evaluation.report import Report
    from visavis.evaluation.runs import Run
    from visavis.evaluation.tasks import Options, Task
    from visavis.image_index import ImageIndex
    from visavis.pages.report import Comparison, Rows
    from visavis.types import Failure

_CLASSES = 8  # lines of the table by class; --json has all
_KEPT = {"no_wrap": True}
_COLUMNS = (_KEPT, _KEPT | {"justify": "right"}, _KEPT, {"style": "dim"})


def evaluate(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A folder or catalogue to index temporarily, with --model. "
            "[default: the index of --index]",
            show_default=False,
        ),
    ] = None,
    index: options.Index = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="MODEL", help="Model to measure, with SOURCE; several are compared."
        ),
    ] = None,
    image_column: Annotated[
        str | None,
        typer.Option(
            "--image-column",
            metavar="COLUMN",
            help="The column with paths or URLs in SOURCE and --queries; one of them may "
            "have a usual name instead, such as path.",
        ),
    ] = None,
    same: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="Pictures that share its value are right answers to each other."
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="File with the right answers to every query: .json, or a table."
        ),
    ] = None,
    copies: Annotated[
        bool, typer.Option("--copies", help="Trace edited copies to their originals.")
    ] = False,
    queries: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="Query pictures: a catalogue or folder, or a filter such as kind=natural. "
            "[default: every picture that is searched]",
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPR", help="Search only records that match the filter, as in visavis search."
        ),
    ] = None,
    originals: Annotated[
        int | None,
        typer.Option(min=2, help="Number of pictures to edit, with --copies. [default: 300]"),
    ] = None,
    edit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Kind of edit to make, with --copies. [default: all]"),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Ask at most N queries. [default: all]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed for the sample or the copies.")] = 0,
    ks: Annotated[
        str,
        typer.Option(
            "-k",
            metavar="K,K,…",
            help="Cut-offs for recall; the largest is also used for precision.",
        ),
    ] = "1,5,10",
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report as JSON, for --against.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Compare with an earlier report on the same queries."),
    ] = None,
    report: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report as an HTML page: out.html.")
    ] = None,
    json_output: options.Json = False,
    device: options.Device = None,
) -> None:
    """Measure search quality.

    Ground truth comes from a shared field (--same), a file (--truth), or edited copies of your
    images (--copies).

    Each figure comes with its 95 % interval. Two reports of the same questions are compared query
    by query with --against, and so are several models on the same SOURCE.
    """
    from visavis.cli.measure.temporary import tell_skipped
    from visavis.evaluation.copies import chosen_edits
    from visavis.evaluation.report import read_report, write_report
    from visavis.evaluation.tasks import Options

    _check_protocol(same, truth, copies, originals, edit, sample)
    _check_places(out, report)
    column, asked_column = options.image_columns(source, image_column, queries)
    other = None if against is None else read_report(Path(against))
    depths = _depths(ks)
    models = model or []
    only = models[0] if models else None
    given = options.settings(index, device, model=only)
    chosen = Options(
        where=tuple(where or ()),
        queries=queries,
        sample=sample,
        seed=seed,
        device=given.device,
        image_column=asked_column,
        edits=chosen_edits(edit or ()),
    )
    if len(models) > 1:
        from visavis.cli.measure.several import evaluate_models, refuse_single_options

        refuse_single_options(out=out, against=against, report=report)
        evaluate_models(
            models,
            lambda name, skipped: _opened(source, column, index, name, given.device, skipped),
            partial(_task, same, truth, originals),
            chosen,
            lambda target, task: _measured(target, task, depths)[0],
            json_output=json_output,
        )
        return
    with _opened(source, column, index, only, given.device, tell_skipped) as target:
        task = _task(same, truth, originals, target, chosen)
        found, run = _measured(target, task, depths)
        if out is not None:  # before a comparison can be refused
            write_report(Path(out), found)
        comparison = None if other is None else _compared(found, other, str(against))
        if report is not None:
            from visavis.pages.report_rows import picture_rows

            _write_page(Path(report), found, comparison, picture_rows(task, run))
    for path in (out, report):
        if path is not None:
            terminal.tell(f"wrote {path}")
    if json_output:
        terminal.echo_json(_with_differences(found, comparison))
    else:
        _print(found, comparison)


def _check_protocol(
    same: str | None,
    truth: str | None,
    copies: bool,
    originals: int | None,
    edit: list[str] | None,
    sample: int | None,
) -> None:
    from visavis.errors import UsageError

    if (same is not None) + (truth is not None) + copies != 1:
        raise UsageError(
            "say what a right answer is with one of --same FIELD, --truth FILE and --copies"
        )
    if originals is not None and not copies:
        raise UsageError("--originals is for --copies; use --sample to ask fewer queries")
    if edit and not copies:
        raise UsageError("--edit is for --copies; without it no picture is edited")
    if sample is not None and copies:
        raise UsageError("--sample has no effect with --copies; use --originals")


def _check_places(out: str | None, report: str | None) -> None:
    """Raise UsageError for a place that cannot be written to, before any work is done."""
    from visavis.disk import check_place
    from visavis.pages.report import check_page_path

    if out is not None:
        check_place(Path(out), "report")
    if report is not None:
        check_page_path(Path(report))


def _depths(text: str) -> tuple[int, ...]:
    from visavis.errors import UsageError

    try:
        depths = sorted({int(part) for part in text.split(",")})
    except ValueError:
        depths = [0]
    if depths[0] < 1:
        raise UsageError(f"-k wants whole numbers from 1 joined by commas, not {text!r}")
    return tuple(depths)


def _opened(
    source: str | None,
    image_column: str | None,
    index: str | None,
    model: str | None,
    device: str,
    skipped: "Callable[[Sequence[Failure]], None]",
) -> "AbstractContextManager[ImageIndex]":
    """The index that is asked, or one made of a source, in a folder that is gone afterwards.

    `skipped` is called with the pictures of a source could not be used.
    """
    from visavis.cli.measure.temporary import temporary_index
    from visavis.errors import UsageError

    given = options.settings(index, device, model=model)
    if source is None:
        if model is not None:
            raise UsageError("--model goes with a SOURCE to index; an index has its own model")
        return options.open_index(given)
    if index is not None:
        raise UsageError("give a SOURCE or an --index, not both")
    return temporary_index(source, given.model or None, given, image_column, skipped)


def _task(
    same: str | None,
    truth: str | None,
    originals: int | None,
    index: "ImageIndex",
    chosen: "Options",
) -> "Task":
    from visavis.cli.progress.indexing import IndexProgress
    from visavis.evaluation.copies import ORIGINALS
    from visavis.evaluation.tasks import copies_task, same_task, truth_task

    copies = same is None and truth is None
    embeds = copies or (chosen.queries is not None and Path(chosen.queries).exists())
    with IndexProgress([], []) if embeds else nullcontext() as progress:
        update = None if progress is None else progress.update
        if same is not None:
            return same_task(index, same, chosen, update)
        if truth is not None:
            return truth_task(index, Path(truth), chosen, update)
        return copies_task(index, originals or ORIGINALS, chosen, update)


def _measured(index: "ImageIndex", task: "Task", depths: "Sequence[int]") -> "tuple[Report, Run]":
    from visavis.cli.progress.evaluating import AskingProgress
    from visavis.evaluation.report import evaluate as measure

    with AskingProgress(task) as progress:
        return measure(index, task, depths, progress.update)


def _compared(found: "Report", other: "Report", name: str) -> "Comparison":
    from visavis.evaluation.compare import compare
    from visavis.pages.report import Comparison

    return Comparison(f"{other['model']['name']} ({Path(name).name})", compare(found, other, name))


def _with_differences(found: "Report", comparison: "Comparison | None") -> "Report":
    if comparison is None:
        return found
    differences = {d.measure: d.to_dict() for d in comparison.differences}
    return found | {"against": {"report": comparison.other, "differences": differences}}


def _write_page(path: Path, found: "Report", comparison: "Comparison | None", rows: "Rows") -> None:
    from visavis.disk import write_named
    from visavis.pages.report import render_page

    write_named(path, "report", render_page(found, rows, comparison).encode("utf-8", "replace"))


def _print(found: "Report", comparison: "Comparison | None") -> None:
    """The table of figures; plain text with tabs when it is read by a program."""
    from visavis.pages.report import described, drawn, explained, shown

    for note in found["notes"]:
        terminal.tell(f"note: {note}")
    if not sys.stdout.isatty():
        terminal.tell(drawn(found))
        for name, value in found["metrics"].items():
            low, high = found["intervals"][name]
            terminal.row(name, f"{value:.6f}", f"{low:.6f}", f"{high:.6f}")
        for difference in comparison.differences if comparison else ():
            terminal.echo(
                f"{difference.measure} difference\t{difference.difference:.6f}\t"
                f"{difference.low:.6f}\t{difference.high:.6f}\t{difference.verdict}"
            )
        return
    rows = [
        (shown(name), f"{value:.3f}", _range(found["intervals"][name]), explained(name))
        for name, value in found["metrics"].items()
    ]
    terminal.table(_COLUMNS, rows, above=f"{found['model']['name']}: {described(found)}")
    terminal.echo(drawn(found))
    _print_classes(found)
    if comparison is not None:
        differences = [
            (shown(d.measure), f"{d.difference:+.3f}", _range((d.low, d.high)), d.verdict)
            for d in comparison.differences
        ]
        terminal.table(_COLUMNS, differences, above=f"against {comparison.other}")
    took = found["latency"]
    picture = f", {took['picture_ms']:.1f} ms from a picture" if "picture_ms" in took else ""
    terminal.echo(f"a search takes {took['search_ms']:.2f} ms{picture}")


def _print_classes(found: "Report") -> None:
    classes = found["by_class"]
    if not classes:
        return
    copies = found["protocol"]["kind"] == "copies"
    measure, what = ("recall@1", "edit") if copies else ("map", "class")
    most = len(classes) if copies else _CLASSES
    ordered = sorted(classes, key=lambda name: (classes[name][measure], name))
    rows = [
        (name, f"{classes[name][measure]:.3f}", f"{classes[name]['queries']} queries", "")
        for name in ordered[:most]
    ]
    lowest = "" if len(ordered) <= most else f", the lowest {most} of {len(ordered)}"
    terminal.table(_COLUMNS, rows, above=f"{measure} by {what}{lowest}")


def _range(interval: "tuple[float, float] | list[float]") -> str:
    return f"{interval[0]:.3f} … {interval[1]:.3f}"
