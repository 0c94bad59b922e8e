"""`visavis duplicates`: copies within an index."""

import csv
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.flows.duplicates.found import DuplicateReport
    from visavis.flows.duplicates.moving import Moved
    from visavis.flows.duplicates.plan import Plan
    from visavis.image_index import ImageIndex

SKIPPED = 4  # exit code of --apply and --undo

_COLUMNS = ("group", "relation", "id", "path", "width", "height", "size", "modified", "sha256")


def duplicates(
    index: options.Index = None,
    relation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How alike: exact, near_duplicate or variant. [default: near_duplicate]",
            show_default=False,
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD|folder", help="Only copies that share this field's value, or folder."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Only among records that match the filter."),
    ] = None,
    pixels_only: Annotated[
        bool,
        typer.Option(
            "--pixels-only",
            help="Read no file: copies that were cropped, framed or written on are not found.",
        ),
    ] = False,
    sheet: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a contact sheet: out.png or out.html."),
    ] = None,
    json_output: options.Json = False,
    csv_output: Annotated[
        bool, typer.Option("--csv", help="Print CSV, one line per record.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Which copy to keep: largest, best-quality, oldest, newest or path:GLOB; the "
            "first rule that decides counts. May be repeated.",
        ),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write what --keep makes of the groups; moves nothing."),
    ] = None,
    apply: Annotated[
        str | None,
        typer.Option(metavar="PLAN", help="Move the files that a plan sets aside."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where --apply moves them. [default: a hidden folder beside the index]",
            show_default=False,
        ),
    ] = None,
    undo: Annotated[
        str | None,
        typer.Option(metavar="PLAN", help="Put back the files that a plan has set aside."),
    ] = None,
    decide: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            metavar="A B VERDICT",
            help="Keep what two images (ids or paths) are: better (the first), same, alternate, "
            "not-related, or undecided.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Find the copies in an index, and set them aside.

    Groups are of images that were compared and found to be the same; nothing is moved before a
    plan says so, and a plan can be undone. With --apply and --undo, 4 says that files were skipped.
    """
    asked = {"--apply": apply, "--undo": undo, "--decide": decide}
    scanning = {
        "--relation": relation,
        "--within": within,
        "--where": where,
        "--pixels-only": pixels_only,
        "--sheet": sheet,
        "--csv": csv_output,
        "--keep": keep,
        "--plan": plan,
    }
    _refuse_idle_options(asked, scanning, json_output, to)
    with options.open_index(options.settings(index)) as target:
        if decide is not None:
            target.duplicates.decide(*decide)
            terminal.tell(f"kept: {decide[0]} and {decide[1]}: {decide[2]}")
            return 0
        if apply is not None:
            return _show_moved(target.duplicates.apply(apply, to), json_output, apply)
        if undo is not None:
            return _show_moved(target.duplicates.undo(undo), json_output, "")
        _check_places(sheet, plan, keep)
        report = _find(target, relation, within, where, pixels_only)
        made = None if keep is None else target.duplicates.plan(report, keep)
        _show(report, made, json_output, csv_output)
        _tell_unmet(report, keep)
        if sheet is not None:
            _write_sheet(Path(sheet), report)
        if made is not None and plan is not None:
            _write_plan(made, plan)
    return 0


def _refuse_idle_options(
    asked: dict[str, Any], scanning: dict[str, Any], json_output: bool, to: str | None
) -> None:
    """An option that would do nothing is a mistake in the command."""
    from visavis.errors import UsageError

    chosen = options.at_most_one({name: value is not None for name, value in asked.items()})
    given = [name for name, value in scanning.items() if value]
    if chosen and given:
        raise UsageError(f"{given[0]} is for finding duplicates, and {chosen[0]} looks for none")
    if chosen == ["--decide"] and json_output:
        raise UsageError("--decide prints nothing that --json could change")
    if to is not None and chosen != ["--apply"]:
        raise UsageError("--to says where --apply moves files; there is no --apply")
    options.at_most_one({"--json": json_output, "--csv": scanning["--csv"]})
    if scanning["--plan"] and not scanning["--keep"]:
        raise UsageError("a plan needs a rule: say which copy to keep, with --keep")


def _check_places(sheet: str | None, plan: str | None, keep: list[str] | None) -> None:
    """Raise UsageError before any work is done."""
    from visavis.flows.duplicates.plan import Plan
    from visavis.flows.duplicates.rules import as_rules
    from visavis.pages.sheet import check_sheet_path

    if keep is not None:
        as_rules(keep)
    if plan is not None:
        Plan.check_place(plan)
    if sheet is not None:
        check_sheet_path(Path(sheet))


def _find(
    target: "ImageIndex",
    relation: str | None,
    within: str | None,
    where: list[str] | None,
    pixels_only: bool,
) -> "DuplicateReport":
    from visavis.flows.query.terms import as_relation

    with _progress() as progress:
        return target.duplicates.find(
            "near_duplicate" if relation is None else as_relation(relation),
            where=where,
            within=within,
            read_files=not pixels_only,
            progress=progress,
        )


def _progress() -> Any:
    """A line on terminals that says how far the scan is; nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext(lambda stage, done, total: None)
    from contextlib import contextmanager

    @contextmanager
    def shown() -> Any:
        from rich.console import Console

        with Console(stderr=True).status("looking …") as status:

            def progress(stage: str, done: int, total: int) -> None:
                status.update(f"{stage} {done:,} of {total:,}")

            yield progress

    return shown()


def _show(
    report: "DuplicateReport", plan: "Plan | None", json_output: bool, csv_output: bool
) -> None:
    planned = {} if plan is None else {(file.group, file.id): file for file in plan.files}
    if json_output:
        shape = report.to_dict()
        if plan is not None:
            for number, group in enumerate(shape["groups"], 1):
                for record in group["records"]:
                    file = planned.get((number, record["id"]))
                    if file is not None:
                        record |= {"action": file.action, "reason": file.reason}
        terminal.echo_json(shape)
    elif csv_output:
        _print_csv(report, planned)
    else:
        _print_groups(report, planned)
    for note in report.notes:
        terminal.tell(f"note: {note}")
    if not json_output:
        terminal.tell(_summary(report, plan))


def _summary(report: "DuplicateReport", plan: "Plan | None") -> str:
    records = sum(len(group.records) for group in report.groups)
    text = (
        f"{_counted(len(report.groups), 'group')} with {records:,} of "
        f"{_counted(report.scanned, 'record')}, "
        f"in {report.seconds:.1f} s"
    )
    if plan is None:
        return text
    return (
        f"{text}; {plan.settled:,} of them settled, {_counted(plan.count('move'), 'file')} with "
        f"{plan.freed / 1e6:,.1f} MB may go"
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _print_csv(report: "DuplicateReport", planned: dict[tuple[int, str], Any]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow([*_COLUMNS, *(("action", "reason") if planned else ())])
    for number, group in enumerate(report.groups, 1):
        for record in group.records:
            cells: list[object] = [number, group.relation, record.id, record.uri]
            cells += [record.width, record.height, record.size, record.modified, record.sha256]
            file = planned.get((number, record.id))
            if planned:
                cells += ["", ""] if file is None else [file.action, file.reason]
            writer.writerow(cells)


def _print_groups(report: "DuplicateReport", planned: dict[tuple[int, str], Any]) -> None:
    rows = []
    for number, group in enumerate(report.groups, 1):
        for record in group.records:
            file = planned.get((number, record.id))
            action = [] if file is None else [f"{file.action}: {file.reason}"]
            size = [f"{record.width}x{record.height}", str(record.size)]
            place = [record.id] if sys.stdout.isatty() else [record.id, record.uri]
            rows.append([str(number), group.relation, *place, *size, *action])
    if not rows:
        return
    if not sys.stdout.isatty():
        for row in rows:
            terminal.row(*row)
        return
    columns: list[dict[str, Any]] = [
        {"header": "group", "justify": "right"},
        {"header": "relation"},
        {"header": "id", "overflow": "fold"},
        {"header": "pixels", "justify": "right", "no_wrap": True},
        {"header": "bytes", "justify": "right", "no_wrap": True},
        *([{"header": "action", "overflow": "fold"}] if planned else []),
    ]
    width = len(columns)
    terminal.table(columns, [[*row, *[""] * (width - len(row))] for row in rows])


def _write_sheet(path: Path, report: "DuplicateReport") -> None:
    from visavis.pages.duplicates import duplicates_sheet
    from visavis.pages.sheet import write_sheet

    write_sheet(path, duplicates_sheet(report))
    terminal.tell(f"wrote {path}")


def _tell_unmet(report: "DuplicateReport", keep: list[str] | None) -> None:
    from visavis.flows.duplicates.rules import unmet

    for glob in unmet(keep, (group.records for group in report.groups)) if keep else ():
        own = "; give each rule its own --keep" if "," in glob else ""
        terminal.tell(f"note: none of the copies lies at {glob!r}, so path: decided nothing{own}")


def _write_plan(plan: "Plan", path: str) -> None:
    plan.write(path)
    does = f"carry it out with: visavis duplicates --apply {path}"
    terminal.tell(f"wrote {path}; {does if plan.count('move') else 'it moves no file'}")


def _show_moved(moved: "Moved", json_output: bool, undo: str) -> int:
    for path, reason in moved.skipped:
        terminal.tell(f"skipped {path}: {reason}")
    if json_output:
        skipped = [{"path": path, "reason": reason} for path, reason in moved.skipped]
        terminal.echo_json(
            {
                "folder": moved.folder,
                "moved": moved.done,
                "bytes": moved.bytes,
                "skipped": skipped,
            }
        )
    elif undo:
        files = _counted(moved.done, "file")
        terminal.echo(f"moved {files} ({moved.bytes / 1e6:,.1f} MB) to {moved.folder}")
        terminal.tell(f"to put them back: visavis duplicates --undo {undo}")
    else:
        them = "it" if moved.done == 1 else "them"
        terminal.echo(f"put {_counted(moved.done, 'file')} back; index again to search {them}")
    return SKIPPED if moved.skipped else 0
