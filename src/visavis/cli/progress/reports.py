"""What a run did to an index, when it is done."""

from typing import TYPE_CHECKING

from visavis.cli import terminal
from visavis.cli.progress.failures import by_reason

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.types import IndexReport

_SHOWN = 20  # lines of failures and notes on a screen; --json has them all


def show(report: "IndexReport", index: "ImageIndex", json_output: bool) -> None:
    """Report what a run did to an index."""
    tell(report, json_output, summary(index))


def summary(index: "ImageIndex") -> str:
    """What an index holds, in a line."""
    info = index.info()
    what = "record" if info.records == 1 else "records"
    return f"{info.records} {what} in {index.store.facts.place}, model {info.model}"


def tell(report: "IndexReport", json_output: bool, last: str) -> None:
    """Report what a run did; for people, what there is now in the last line."""
    if json_output:
        terminal.echo_json(report.to_dict())
        return
    lines = [f"skipped {failure.uri}: {failure.reason}" for failure in report.failed]
    if len(lines) > _SHOWN:
        lines = by_reason(report.failed)
    lines += [f"note: {note}" for note in report.notes]
    for line in lines[:_SHOWN]:
        terminal.tell(line)
    if len(lines) > _SHOWN:
        terminal.tell(f"… and {len(lines) - _SHOWN} more; --json lists them all")
    counts = [
        f"{getattr(report, name)} {name}" for name in ("added", "unchanged", "moved", "removed")
    ]
    counts += [f"{report.tagged} tagged"] if report.tagged else []
    rate = report.added / report.seconds if report.seconds > 0 else 0.0
    pace = f" ({rate:.0f} images a second)" if report.added and rate >= 1 else ""
    terminal.echo(
        f"{', '.join(counts)}, {len(report.failed)} skipped in {report.seconds:.1f} s{pace}"
    )
    terminal.echo(last)
