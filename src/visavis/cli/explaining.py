"""`visavis explain`: why is a record called what it is?"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.flows.relation.explaining import Explanation


def explain(
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="./photo.jpg · https://… · id:ID · - (a picture from standard input)",
            show_default=False,
        ),
    ],
    id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The record that it is compared with.", show_default=False
        ),
    ],
    index: options.Index = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write a page with the two pictures laid over one another: out.html.",
        ),
    ] = None,
    json_output: options.Json = False,
    device: options.Device = None,
    max_megapixels: options.MaxMegapixels = None,
    allow_private: options.AllowPrivate = False,
) -> int:
    """Say what a record is to a picture, and why.

    How far form and colour agree, how many points of both agree on one place (with the extra dups),
    and which part of the record the picture covers: left, top, right, bottom, each 0…1.
    """
    from pathlib import Path

    from visavis.flows.query.terms import parse_picture

    if sheet is not None:
        from visavis.pages.overlay import check_overlay_path

        check_overlay_path(Path(sheet))
    given = options.settings(index, device, max_megapixels=max_megapixels)
    asked = parse_picture(query, terminal.standard_input)
    with options.open_index(given) as target:
        found = target.explain(asked, id.removeprefix("id:"), allow_private=allow_private)
        if json_output:
            terminal.echo_json(found.to_dict())
        else:
            _print(found)
        if sheet is not None:
            from visavis.pages.overlay import write_overlay
            from visavis.pages.pictures import read_picture, read_term

            record = found.record
            pictures = (
                read_term(asked, target.get, allow_private=allow_private),
                read_picture(record.uri, allow_private=allow_private),
            )
            write_overlay(Path(sheet), found, *pictures)
            terminal.tell(f"wrote {sheet}")
    return 0


def _print(found: "Explanation") -> None:
    if not sys.stdout.isatty():
        for name, value in found.to_dict().items():
            if name not in ("id", "corners", "took_ms") and value is not None:
                text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
                terminal.row(name, text)
        return
    verified = "" if found.verified else " (not verified)"
    for name, text in [("relation", f"{found.relation}{verified}"), *found.facts]:
        terminal.echo(f"{name:10}{text}")
