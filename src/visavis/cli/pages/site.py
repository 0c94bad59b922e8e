"""`visavis site`: a collection as a static site."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.pages.site.options import Built

SKIPPED = 4  # exit code with --strict
_SHOWN = 10  # failures


def site(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Folder to write, a new one or an older site; with --single an HTML file.",
            show_default=False,
        ),
    ],
    index: options.Index = None,
    neighbours: Annotated[
        int,
        typer.Option("--neighbours", metavar="N", help="Similar pictures that each one leads to."),
    ] = 12,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Only records that match the filter; may be repeated."),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help='What stands at the top. [default: "Pictures"]', show_default=False
        ),
    ] = None,
    caption: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="The field under each picture. [default: the one that is a title, else ids]",
            show_default=False,
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="The field to browse by. [default: category, class, label, kind or type]",
            show_default=False,
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="A further field to show and to filter by; may be repeated. Others are not "
            "in the site.",
        ),
    ] = None,
    side: Annotated[
        int, typer.Option("--side", metavar="PIXELS", help="Of the pictures: 160, 320 or 640.")
    ] = 320,
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="Answer pictures and words of the visitor's own, in the browser; nothing is "
            "uploaded. For indexes of the built-in model.",
        ),
    ] = False,
    single: Annotated[
        bool,
        typer.Option(
            "--single",
            help="Write one HTML file that holds all of it and works when it is opened.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a site that visavis made there.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 4 if pictures were left out.")
    ] = False,
    json_output: options.Json = False,
) -> int:
    """Write a static site: pictures, and what is similar to each.

    It needs no server: open index.html, or put the folder on any web space. Of the records it has
    captions and the fields that you name; never where a photo was taken, and no EXIF. The folder is
    written completely or not at all.
    """
    from visavis.cli.progress.pictures import PictureProgress
    from visavis.pages.site.building import build_site

    given = {
        "where": where or None,
        "title": title,
        "caption": caption,
        "category": category,
        "fields": field or None,
        "neighbours": neighbours,
        "side": side,
        "search": search,
        "single": single,
        "force": force,
    }
    wanted: Any = {name: value for name, value in given.items() if value is not None}
    settings = options.settings(index)
    with options.open_index(settings) as target, PictureProgress() as bar:
        made = build_site(
            target,
            out,
            jobs=settings.jobs or None,
            max_pixels=settings.max_pixels,
            progress=bar.update,
            **wanted,
        )
    _show(made, json_output)
    return SKIPPED if strict and made.failed else 0


def _show(made: "Built", json_output: bool) -> None:
    if json_output:
        terminal.echo_json(made.to_dict())
        return
    for failure in made.failed[:_SHOWN]:
        terminal.tell(f"left out: {failure.uri}: {failure.reason}")
    if len(made.failed) > _SHOWN:
        terminal.tell(f"left out: {len(made.failed) - _SHOWN:,} more")
    for note in made.notes:
        terminal.tell(f"note: {note}")
    pictures = "1 picture" if made.pictures == 1 else f"{made.pictures:,} pictures"
    terminal.echo(f"{pictures} in {made.path}, {made.bytes / 1e6:,.1f} MB")
