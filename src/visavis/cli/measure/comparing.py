"""`visavis compare`: what several models find for the same queries, side by side."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.settings import Settings
    from visavis.sources.base import Source
    from visavis.types import SearchResult, Term


class _Answer(NamedTuple):
    """What one model found for one query."""

    query: str
    terms: "tuple[Term, ...]"
    model: str
    result: "SearchResult"


def compare(
    queries: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY...",
            help="Pictures, or records of the gallery as id:ID.",
            show_default=False,
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Name or folder; give two or more."),
    ] = None,
    index: options.Index = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Search this folder or catalogue. [default: the records of --index]",
            show_default=False,
        ),
    ] = None,
    image_column: options.ImageColumn = None,
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, metavar="N", help="Number of results per model.")
    ] = 8,
    sheet: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a contact sheet: out.html or out.png."),
    ] = None,
    device: options.Device = None,
    json_output: options.Json = False,
) -> None:
    """Compare what several models find for the same queries.

    The pictures are indexed by each model in a place that is gone afterwards; an index that one of
    the models made is used as it is. The query's own picture, which every model finds, is left out,
    and so is what not all models could take.
    """
    from visavis.errors import UsageError
    from visavis.evaluation.several import unshared
    from visavis.pages.sheet import check_sheet_path

    if len(model or []) < 2:
        raise UsageError("name two models or more to compare: --model A --model B")
    if source is not None and index is not None:
        raise UsageError("give a --source or an --index, not both")
    options.check_image_column(source, image_column)
    if sheet is not None:
        check_sheet_path(Path(sheet))
    given = options.settings(index, device)
    asked = [(query, _terms(query)) for query in queries]
    with ExitStack() as opened:
        places = [_indexed(name, source, image_column, given, opened) for name in model or []]
        names = _names(model or [], places)
        gone = unshared(places)
        if gone:
            many = "1 picture is" if len(gone) == 1 else f"{len(gone):,} pictures are"
            terminal.tell(f"note: {many} left out for all models, as not all could take it")
        answers = [
            _Answer(query, terms, name, _others(place, terms, top, gone))
            for query, terms in asked
            for name, place in zip(names, places, strict=True)
        ]
        if sheet is not None:
            _write(Path(sheet), answers, places[0])
    if json_output:
        terminal.echo_json(
            [{"query": a.query, "model": a.model} | a.result.to_dict() for a in answers]
        )
    else:
        _print(answers)


def _terms(query: str) -> "tuple[Term, ...]":
    """The terms of a query. Raises UsageError for what only one of the indexes can know."""
    from visavis.errors import UsageError
    from visavis.flows.query.terms import parse_terms
    from visavis.types import ConceptTerm

    terms = parse_terms([query], None, terminal.standard_input)
    if any(isinstance(term, ConceptTerm) for term in terms):
        raise UsageError(
            f"{query}: a concept is known to one index alone; compare models with pictures, "
            "records (id:ID), colours or words"
        )
    return terms


def _others(
    index: "ImageIndex", terms: "tuple[Term, ...]", top: int, gone: frozenset[str]
) -> "SearchResult":
    """What is found beside the query's own picture, under whatever names it is there.

    Records with the ids `gone` are passed over, as another index has them not.
    """
    from dataclasses import replace

    from visavis.types import Query, RecordTerm

    own = next((term.id for term in terms if isinstance(term, RecordTerm)), None)
    limit = top
    while True:
        asked = Query(terms, limit=limit, by="looks", without=own if len(terms) == 1 else None)
        found = index.search(asked)
        shared = [match for match in found.matches if match.record.id not in gone]
        others = [match for match in shared if match.relation != "exact"]
        if len(others) >= top or len(found.matches) < limit:
            alone = "nothing is there but the picture itself" if shared else found.reason
            reason = found.reason if others else alone
            here = sum(id in index for id in gone)
            searched = found.total_searched - here
            return replace(
                found, matches=tuple(others[:top]), reason=reason, total_searched=searched
            )
        limit += max(limit, 10)


def _indexed(
    model: str,
    source: str | None,
    image_column: str | None,
    given: "Settings",
    opened: ExitStack,
) -> "ImageIndex":
    """The pictures as a model sees them."""
    from visavis.cli.measure.temporary import temporary_index
    from visavis.embedders.registry import load_embedder
    from visavis.sources.records import RecordsSource

    taken: str | Source
    if source is None:
        target = opened.enter_context(options.open_index(given))
        if load_embedder(model, device=given.device).fingerprint == target.info().fingerprint:
            return target
        taken = RecordsSource(target)
    else:
        taken = source
    return opened.enter_context(temporary_index(taken, model, given, image_column))


def _names(models: Sequence[str], places: "Sequence[ImageIndex]") -> list[str]:
    """What each model is called; as it was given where two have the same name."""
    called = [place.info().model for place in places]
    return called if len(set(called)) == len(called) else list(models)


def _print(answers: Sequence[_Answer]) -> None:
    for answer in answers:
        if answer.result.reason is not None:
            terminal.tell(f"{answer.query}, {answer.model}: {answer.result.reason}")
        if sys.stdout.isatty():
            terminal.echo(f"\n{answer.query} · {answer.model}")
        for rank, match in enumerate(answer.result.matches, 1):
            if sys.stdout.isatty():
                named = terminal.one_line(match.record.id)
                terminal.echo(f"  {rank:2}  {match.score:.3f}  {named}")
            else:
                score = f"{match.score:.6f}"
                terminal.row(answer.query, answer.model, rank, score, match.record.id)


def _write(path: Path, answers: Sequence[_Answer], index: "ImageIndex") -> None:
    """A row for each query and model, one below the other, so that ranks are in columns."""
    from dataclasses import replace

    from visavis.pages.cards import Sheet
    from visavis.pages.sheet import search_sheet, write_sheet
    from visavis.store.text.titles import titles_in

    rows, titles = [], titles_in(index.store)
    for answer in answers:
        drawn = search_sheet(answer.terms, answer.result, index.get, titles).rows[0]
        rows.append(replace(drawn, heading=answer.model))
    models = list(dict.fromkeys(answer.model for answer in answers))
    searched = answers[0].result.total_searched
    write_sheet(
        path, Sheet("Models compared", rows, f"{searched:,} searched · {' · '.join(models)}")
    )
    terminal.tell(f"wrote {path}")
