"""`visavis search`: what looks like this?"""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from visavis.image_index import ImageIndex
    from visavis.types import Box, By, ImageRecord, Match, SearchResult, Term

NOTHING_FOUND = 1  # exit code with --exit-code
_PREVIEW_HEIGHT = 160  # pixels


def search(
    terms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TERM...",
            help="./photo.jpg · https://… · id:ID · concept:NAME · colour:NAME · words, or "
            "text:WORDS · - (a picture from standard input); joined by + and - with weights: "
            "./a.jpg + 0.5:red - ./b.jpg",
            show_default=False,
        ),
    ] = None,
    index: options.Index = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="More of a class that the model knows, such as 'Siamese cat' or, with a weight, "
            "'0.5:Siamese cat'; several add up.",
        ),
    ] = None,
    not_classes: Annotated[
        list[str] | None,
        typer.Option("--not-class", metavar="NAME", help="Less of a class; several add up."),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, metavar="N", help="Maximum number of results.")
    ] = 10,
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="Number of results to skip.")] = 0,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPR",
            help="category=shoes · brand=a,b · price<50 · title~lamp; several must all hold.",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="FIELD",
            help="Order the results by a field, after a minus the largest first. "
            "[default: by likeness]",
            show_default=False,
        ),
    ] = "",
    relation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Leave out results less closely related than this: exact, near_duplicate, variant "
            "or similar.",
        ),
    ] = None,
    min_score: Annotated[
        str | None,
        typer.Option(
            metavar="S|auto",
            help="Leave out results below this score; auto: those that are not even similar.",
        ),
    ] = None,
    false_match: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of queries with no true match that may still get a similar result. "
            "[default: 0.01]",
            show_default=False,
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Show the best result alone of all that have the same value in a field, such as "
            "product.",
        ),
    ] = None,
    unique: Annotated[
        bool, typer.Option("--unique", help="Show copies of a picture as one result.")
    ] = False,
    anywhere: Annotated[
        bool,
        typer.Option(
            "--anywhere",
            help="Find the picture in parts of others, and others in parts of it, and say where; "
            "crops need an index made with --parts.",
        ),
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="text|looks|both",
            help="What answers words: the records' own text (fields, file and folder names, tags), "
            "the model, or both. [default: both]",
            show_default=False,
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            metavar="X0,Y0,X1,Y1",
            help="Search by a part of the first picture: left, top, right, bottom, each 0…1.",
        ),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a contact sheet: out.png or out.html."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", "-p", help="Show the pictures in the terminal.")
    ] = False,
    files: options.Files = False,
    print0: options.Print0 = False,
    json_output: options.Json = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object per result.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with code 1 if nothing was found.")
    ] = False,
    device: options.Device = None,
    max_megapixels: options.MaxMegapixels = None,
    allow_private: options.AllowPrivate = False,
) -> int:
    """Find pictures that look like the query.

    A term is a picture, a URL, a record of the index, or words; several are a weighted mix.
    Words are looked for in the records' own text, and in the pictures where the model reads words.
    --class needs a model with a classifier.
    """
    from pathlib import Path

    from visavis.cli.listing.command import print_paths
    from visavis.cli.listing.order import ordered
    from visavis.filters import parse_all
    from visavis.flows.query.terms import as_relation
    from visavis.types import FALSE_MATCH, Query

    _refuse_idle_options(
        {"--json": json_output, "--jsonl": jsonl, "--files": files, "--print0": print0}, preview
    )
    if sheet is not None:
        from visavis.pages.sheet import check_sheet_path

        check_sheet_path(Path(sheet))
    given = options.settings(index, device, max_megapixels=max_megapixels)
    parsed = _asked(terms or [], box, classes or [], not_classes or [])
    query = Query(
        parsed,
        parse_all(where or []),
        top,
        offset,
        _least_score(min_score),
        _by(by, parsed),
        relation=None if relation is None else as_relation(relation),
        false_match=FALSE_MATCH if false_match is None else false_match,
        group_by=group_by,
        unique=unique,
        anywhere=anywhere,
    )
    with options.open_index(given) as target:
        result = target.search(query, allow_private=allow_private)
        result = ordered(result, sort, target.store.fields()) if sort else result
        if json_output:
            terminal.echo_json(result.to_dict())
        elif jsonl:
            for match in result.matches:
                terminal.echo_json(match.to_dict())
        elif files or print0:
            uris = [match.record.uri for match in result.matches]
            print_paths(uris, b"\0" if print0 else b"\n")
        else:
            _print_table(result, preview)
        if (jsonl or files or print0) and not result.matches and result.reason is not None:
            terminal.tell(result.reason)
        for note in result.notes:
            terminal.tell(f"note: {note}")
        if sheet is not None:
            _write_sheet(Path(sheet), target, parsed, result, allow_private)
        if target.repairing:
            terminal.tell("the search cache was lost or damaged; making it again …")
    return NOTHING_FOUND if exit_code and not result.matches else 0


def _asked(
    terms: list[str], box: str | None, classes: list[str], not_classes: list[str]
) -> "tuple[Term, ...]":
    """The terms of the query, classes among them."""
    from visavis.errors import UsageError
    from visavis.flows.query.terms import parse_class, parse_terms

    named = [parse_class(name) for name in classes]
    named += [parse_class(name, -1) for name in not_classes]
    if terms:
        part = None if box is None else _box(box)
        return (*parse_terms(terms, part, terminal.standard_input), *named)
    if box is not None:
        raise UsageError("--box is a part of a picture; name the picture too")
    if not named:
        raise UsageError(
            "nothing to search for: give a picture, id:ID, words or --class NAME "
            "(see visavis search --help)"
        )
    return tuple(named)


def _least_score(text: str | None) -> "float | Literal['auto'] | None":
    from visavis.errors import UsageError

    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--min-score is a number or auto, not {text!r}") from None


def _by(given: str | None, terms: "tuple[Term, ...]") -> "By":
    """What answers the words; said of a question without any, it is a mistake."""
    from visavis.errors import UsageError
    from visavis.types import TextTerm

    kinds: dict[str, By] = {"text": "text", "looks": "looks", "both": "both"}
    if given is None:
        return "both"
    if given not in kinds:
        raise UsageError(f"--by is {', '.join(kinds)}, not {given!r}")
    if not all(isinstance(term, TextTerm) for term in terms):
        raise UsageError("--by says what answers words; give words alone, or leave it out")
    return kinds[given]


def _refuse_idle_options(formats: dict[str, bool], preview: bool) -> None:
    """An option that would do nothing is a mistake in the command."""
    from visavis.errors import UsageError

    chosen = options.at_most_one(formats)
    if preview and chosen:
        raise UsageError(f"--preview shows pictures to people, {chosen[0]} is for programs")


def _box(text: str) -> "Box":
    from visavis.errors import UsageError

    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--box wants four numbers, left,top,right,bottom, not {text!r}; try 0,0,0.5,0.5"
        ) from None
    return left, top, right, bottom


def _print_table(result: "SearchResult", preview: bool) -> None:
    if result.reason is not None:
        terminal.tell(result.reason)
    if not result.matches:
        return
    show = _previewer() if preview else None
    if not sys.stdout.isatty():
        for match in result.matches:
            more = [_found_by(match), match.more, match.lies]
            while more and not more[-1]:
                more.pop()
            terminal.row(f"{match.score:.6f}", match.record.id, match.record.uri, *more)
    elif show is None:
        _print_rich(result)
    else:
        for match in result.matches:
            found = f"{match.score:.3f}  {match.record.id}  {_fields(match)}"
            terminal.echo(terminal.one_line(found))
            show(match.record)


def _print_rich(result: "SearchResult") -> None:
    columns: list[dict[str, Any]] = [
        {"header": "score", "justify": "right", "no_wrap": True},
        {"header": "id", "overflow": "fold"},
    ]
    rows = [[f"{match.score:.3f}", match.record.id] for match in result.matches]
    optional: dict[str, list[str]] = {
        "found by": [", ".join(match.why) for match in result.matches],
        "relation": [match.relation or "" for match in result.matches],
        "more": [match.more for match in result.matches],
        "where": [match.lies for match in result.matches],
        "fields": [_fields(match) for match in result.matches],
    }
    for header, cells in optional.items():
        if any(cells):
            style = "dim" if header == "fields" else None
            columns.append({"header": header, "overflow": "fold", "style": style})
            rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    terminal.table(
        columns,
        rows,
        below=f"{len(result.matches)} of {result.total_searched} records · {result.model} · "
        f"{result.took_ms:.0f} ms",
    )


def _found_by(match: "Match") -> str:
    """Where the words stand, or what it is to the picture."""
    return ", ".join(match.why) or match.relation or ""


def _fields(match: "Match") -> str:
    return " · ".join(f"{name} {value}" for name, value in match.record.fields.items())


def _previewer() -> "Callable[[ImageRecord], None] | None":
    from visavis.pages.pictures import read_picture
    from visavis.pages.preview import detect, encode

    protocol = detect(os.environ) if sys.stdout.isatty() else None
    if protocol is None:
        terminal.tell("no preview: this terminal is not known to show pictures")
        return None

    def show(record: "ImageRecord") -> None:
        pixels = read_picture(record.uri)
        typer.echo("(no picture)" if pixels is None else encode(pixels, protocol, _PREVIEW_HEIGHT))

    return show


def _write_sheet(
    path: "Path",
    index: "ImageIndex",
    terms: "tuple[Term, ...]",
    result: "SearchResult",
    allow_private: bool,
) -> None:
    from visavis.pages.sheet import search_sheet, write_sheet
    from visavis.store.text.titles import titles_in

    titles = titles_in(index.store)
    write_sheet(path, search_sheet(terms, result, index.get, titles, allow_private=allow_private))
    terminal.tell(f"wrote {path}")
