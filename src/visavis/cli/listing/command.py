"""`visavis list`: the records of an index, without a question."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.store.base import VectorStore
    from visavis.types import Filter, ImageRecord

_SHOWN = 10


def list_(
    index: options.Index = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPR",
            help="taken>=2019-06 · camera~eos · nearby=48.86,2.29,1km; several must all hold.",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="FIELD",
            help="Order by a field, after a minus the largest first; nearby: by distance, under a "
            "filter of that name. [default: as they were added]",
            show_default=False,
        ),
    ] = "",
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            "-k",
            min=1,
            metavar="N",
            help=f"Maximum number of records. [default: {_SHOWN}]",
        ),
    ] = None,
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="Number of records to skip.")] = 0,
    files: options.Files = False,
    print0: options.Print0 = False,
    json_output: options.Json = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object per record.")
    ] = False,
) -> None:
    """List records, by filters and in an order."""
    from visavis.filters import as_filter
    from visavis.store.capabilities import faceted

    options.at_most_one(
        {"--json": json_output, "--jsonl": jsonl, "--files": files, "--print0": print0}
    )
    with options.open_index(options.settings(index)) as target:
        browse = faceted(target.store).browse
        passing = as_filter(where or [])
        records, total = browse.page(top or _SHOWN, offset, passing, sort)
        if not records:
            terminal.tell(_nothing(target.store, passing, total, offset))
        elif top is None and offset + len(records) < total and not sys.stdout.isatty():
            terminal.tell(f"note: {len(records)} of {total:,} records; -k N lists more")
    if json_output:
        terminal.echo_json({"images": [one.to_dict() for one in records], "total": total})
    elif jsonl:
        for record in records:
            terminal.echo_json(record.to_dict())
    elif files or print0:
        print_paths([record.uri for record in records], b"\0" if print0 else b"\n")
    else:
        _print_table(records, total)


def _nothing(store: "VectorStore", where: "Filter | None", total: int, offset: int) -> str:
    """Why no record is listed."""
    from visavis.filters import described
    from visavis.flows.query.hints import hint

    if total:
        return f"no more records at offset {offset}: there are {total}"
    if where is None:
        return "the index is empty"
    return f"no record passes the filter {described(where)}{hint(where, store)}"


def print_paths(uris: list[str], end: bytes) -> None:
    """Print paths as programs want them, and URLs; on a terminal as people do."""
    from visavis.images.files import local_path
    from visavis.sources.base import is_remote

    for uri in uris:
        if sys.stdout.isatty():
            terminal.echo(terminal.one_line(uri))
            continue
        raw = uri.encode() if is_remote(uri) else os.fsencode(local_path(uri))
        sys.stdout.buffer.write(raw + end)
    sys.stdout.buffer.flush()


def _print_table(records: "list[ImageRecord]", total: int) -> None:
    if not sys.stdout.isatty():
        for record in records:
            terminal.row(record.id, record.uri)
        return
    shown = [" · ".join(f"{name} {value}" for name, value in r.fields.items()) for r in records]
    terminal.table(
        [{"header": "id", "overflow": "fold"}, {"header": "fields", "overflow": "fold"}],
        [[record.id, text] for record, text in zip(records, shown, strict=True)],
        below=f"{len(records)} of {total} records",
    )
