"""`visavis map`: the whole collection on one page, those alike near one another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli import options, terminal
from visavis.errors import UsageError
from visavis.processors import cores

if TYPE_CHECKING:
    from visavis.flows.mapping.making import CollectionMap
    from visavis.pages.collection_map import WrittenMap


def map_(
    index: options.Index = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Page to write (.html): one file that opens without a server.",
            show_default=False,
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Of the page. [default: the name of the index]", show_default=False
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Lay the map out anew although it is kept.")
    ] = False,
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", help="Of what is left to chance.", min=0)
    ] = 0,
    hide: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="Leave a field out of the page; may be repeated."),
    ] = None,
    show_gps: Annotated[
        bool, typer.Option("--show-gps", help="Say on the page where photos were taken.")
    ] = False,
    allow_private: options.AllowPrivate = False,
    force: options.Force = False,
    json_output: options.Json = False,
) -> None:
    """Draw a map of an index, on which pictures that are alike are near one another.

    The map is kept with the index, where the page of `visavis serve` and Parquet exports find it,
    and is brought up to date by the next call. Without --out nothing else is written.
    """
    from visavis.cli.progress.laying import LayoutProgress
    from visavis.images.metadata import GPS
    from visavis.pages.collection_map import check_map_path, write_map

    given = options.settings(index)
    if out is None and (title is not None or hide or show_gps or force or allow_private):
        raise UsageError("--title, --hide, --show-gps, --force and --allow-private need --out")
    if out is not None:
        check_map_path(out, force=force)
    with options.open_index(given) as target, LayoutProgress() as bar:
        options.check_fields("--hide", {*(hide or ())} - GPS, target.store.fields())
        made = target.map(again=again, seed=seed, progress=bar.update)
    written = None
    if out is not None:
        name = title or f"Map of {Path(given.index).resolve().stem}"
        jobs = given.jobs or cores()
        hidden = {*(hide or ()), *(() if show_gps else GPS)}
        written = write_map(out, made, name, jobs, hidden=hidden, allow_private=allow_private)
    if json_output:
        terminal.echo_json(_shape(made, written))
        return
    for note in made.notes:
        terminal.tell(f"note: {note}")
    terminal.echo(_told(made))
    if written is not None:
        _tell_of(written)


def _told(made: "CollectionMap") -> str:
    if made.fresh:
        how = "laid out"
    elif made.laid_out < len(made):
        how = f"{len(made) - made.laid_out:,} of them placed since it was laid out"
    else:
        how = "as it was kept"
    names = dict.fromkeys(one.name for one in made.regions if one.name and not one.fine)
    regions = f"\nregions: {terminal.one_line(', '.join(names))}" if names else ""
    return f"a map of {len(made):,} picture{'' if len(made) == 1 else 's'}, {how}{regions}"


def _tell_of(written: "WrittenMap") -> None:
    if written.missing:
        terminal.tell(
            f"note: {written.missing:,} of {written.pictures:,} pictures could not be read; "
            "the map shows them in plain grey"
        )
    size = f"{written.bytes / 1e6:,.1f} MB, pictures of {written.side} pixels"
    terminal.echo(f"{written.path}: {size}")


def _shape(made: "CollectionMap", written: "WrittenMap | None") -> dict[str, Any]:
    shape: dict[str, Any] = {
        "records": len(made),
        "laid_out": made.laid_out,
        "fresh": made.fresh,
        "regions": [
            {"name": one.name, "field": one.field, "records": len(one.rows)}
            for one in made.regions
            if not one.fine
        ],
        "copies": len(made.copies),
        "notes": list(made.notes),
    }
    if written is not None:
        shape |= {"path": str(written.path), "bytes": written.bytes, "missing": written.missing}
    return shape
