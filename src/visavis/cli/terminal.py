"""What people and terminals are shown: names from files and the web never command the terminal."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BREAK = re.compile("[\\t\\n]")
_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def printable(text: str) -> str:
    """The text with control characters as escapes, but for tabs and line breaks.

    Of Unicode's, those that turn the direction of writing and so show another name than there is.

    >>> printable("red\\x1b[31m.jpg")
    'red\\\\x1b[31m.jpg'
    """
    return _CONTROL.sub(_escaped, text)


def one_line(text: str) -> str:
    """The same, tabs and line breaks too: a part of a line stays a part of it."""
    return _BREAK.sub(_escaped, printable(text))


def echo(text: str = "") -> None:
    """Print text that may hold names of files, values of fields and the like."""
    typer.echo(printable(text))


def row(*cells: object) -> None:
    """Print cells as one line with tabs between them."""
    typer.echo("\t".join(one_line(str(cell)) for cell in cells))


def table(
    columns: Sequence[Mapping[str, Any]],
    rows: Iterable[Sequence[str]],
    *,
    above: str = "",
    below: str = "",
) -> None:
    """A table for people, with a title above it and a remark below.

    A column is what rich's `add_column` takes; where none has a header, no line is left for them.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headed = any(column.get("header") for column in columns)
    made = Table(box=box.SIMPLE_HEAD if headed else box.SIMPLE, show_header=headed)
    for column in columns:
        made.add_column(**{**column, "header": Text(one_line(column.get("header", "")))})
    for cells in rows:
        made.add_row(*(Text(one_line(cell)) for cell in cells))
    console = Console(highlight=False)
    if above:
        console.print(Text(one_line(above), style="bold"))
    console.print(made)
    if below:
        console.print(Text(one_line(below), style="dim"))


def tell(sentence: str) -> None:
    """A sentence for people, on standard error; it is one line whatever names are in it.

    Passwords in URLs are left out: what is said there ends in logs.
    """
    typer.echo(_PASSWORD.sub(r"\1***", one_line(sentence)), err=True)


def echo_json(shape: Any) -> None:
    """Print JSON that is sound whatever the encoding of the output."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    text = json.dumps(shape, ensure_ascii=not utf8)
    typer.echo(_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def standard_input() -> bytes:
    """A picture that is piped in. Raises UsageError when nothing is."""
    from visavis.errors import UsageError
    from visavis.images.files import MAX_FILE_BYTES

    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- is the picture from standard input; pipe one in: … search - < a.jpg")
    data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    if not data:
        raise UsageError("- reads a picture from standard input, and nothing came; pipe one in")
    if len(data) > MAX_FILE_BYTES:
        raise UsageError("standard input holds more than 1 GiB; no picture needs that")
    return data


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if char < "\u0100" else f"\\u{ord(char):04x}")
