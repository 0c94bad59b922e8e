"""What is printed while places are watched: a line for each batch."""

import sys
import time
from typing import TYPE_CHECKING, Any

from visavis.cli import terminal

if TYPE_CHECKING:
    from visavis.types import IndexReport

_SHOWN = 5  # failures and notes of a batch


def details(report: "IndexReport") -> list[str]:
    """The first of its failures and notes, in sentences."""
    lines = [f"skipped {failure.uri}: {failure.reason}" for failure in report.failed]
    lines += [f"note: {note}" for note in report.notes]
    more = len(lines) - _SHOWN
    return lines[:_SHOWN] + ([f"… and {more} more"] if more > 0 else [])


def show(report: "IndexReport", *, json_output: bool) -> None:
    """Print a batch at once, also into a pipe."""
    now = time.time()
    if json_output:
        shape: dict[str, Any] = {"at": round(now, 3)} | report.to_dict()
        terminal.echo_json(shape)
    else:
        for line in details(report):
            terminal.tell(line)
        terminal.echo(f"{time.strftime('%H:%M:%S', time.localtime(now))}  {report.in_words()}")
    sys.stdout.flush()
