"""`visavis concept`: what an index has learned from marks, and the marks."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal
from visavis.cli.concepts.tagging import NONE_YET, notes

if TYPE_CHECKING:
    from visavis.flows.concepts.marks import ConceptSummary, Mark

_SHOWN = 5  # ids whose mark was turned round

app = typer.Typer(help="Teach an index what you mean.", rich_markup_mode=None)


def _plain(name: str) -> str:
    """A name as it was given; `concept:` in front, as in questions, is taken away."""
    return name.removeprefix("concept:")


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The name of the concept.", show_default=False, callback=_plain
    ),
]
Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...",
        help="Ids of records; - reads them from standard input, one per line.",
        show_default=False,
    ),
]


@app.callback()
def _group() -> None:
    """Teach an index what you mean: marks of yes and no make a concept, which can be searched."""


@app.command("list")
def list_(index: options.Index = None, json_output: options.Json = False) -> None:
    """List the concepts of an index."""
    with options.open_index(options.settings(index)) as target:
        found = list(target.concepts)
    if json_output:
        shapes = [{"name": one.name, "yes": one.yes, "no": one.no} for one in found]
        terminal.echo_json({"concepts": shapes})
        return
    if not found:
        terminal.tell(NONE_YET)
    for one in found:
        terminal.row(one.name, f"{one.yes} yes", f"{one.no} no")


@app.command()
def mark(
    name: Name,
    ids: Ids,
    no: Annotated[bool, typer.Option("--no", help="They are not such.")] = False,
    index: options.Index = None,
) -> None:
    """Say of records that they are such, or with --no that they are not.

    The concept is made with its first mark. Of what was marked before, the new mark counts.
    """
    with options.open_index(options.settings(index)) as target:
        marked = target.concept(name).mark(_ids(ids), good=not no)
    _tell_turned(marked.turned)
    terminal.echo(f"{_counts(marked.summary)} ({marked.added} new)")


@app.command()
def unmark(name: Name, ids: Ids, index: options.Index = None) -> None:
    """Take marks back."""
    with options.open_index(options.settings(index)) as target:
        left = target.concept(name).unmark(_ids(ids))
    terminal.echo(_counts(left))


@app.command()
def show(name: Name, index: options.Index = None, json_output: options.Json = False) -> None:
    """Show a concept's marks, and from which score on a record is such."""
    from visavis.errors import UsageError
    from visavis.flows.concepts.lessons import TOO_FEW

    with options.open_index(options.settings(index)) as target:
        concept = target.concept(name)
        marks, summary = concept.marks(), concept.summary()
        try:
            lesson = concept.lesson()
            similar_from, trouble = lesson.similar_from, ""
        except UsageError as error:
            similar_from, trouble = None, str(error)
        here = [one.id in target for one in marks]
    if json_output:
        terminal.echo_json(
            {
                "name": summary.name,
                "yes": summary.yes,
                "no": summary.no,
                "similar_from": similar_from,
                "marks": [_shape(one, there) for one, there in zip(marks, here, strict=True)],
            }
        )
        return
    for one, there in zip(marks, here, strict=True):
        terminal.row("yes" if one.good else "no", one.id, *([] if there else ["not here now"]))
    from_on = TOO_FEW if similar_from is None else f"such from a score of {similar_from:.3f} on"
    terminal.tell(trouble or f"{_counts(summary)}; {from_on}")


@app.command()
def tag(index: options.Index = None) -> None:
    """Write to every record which concepts it is, for --where concepts=NAME.

    They are written to the field concepts; run it again after marking or indexing. What is marked
    is as marked, whatever its score.
    """
    with options.open_index(options.settings(index)) as target:
        changed = target.concepts.write()
        for note in notes(target):
            terminal.tell(f"note: {note}")
    terminal.echo(f"{changed} records changed")


@app.command()
def remove(name: Name, index: options.Index = None) -> None:
    """Forget a concept with all its marks."""
    with options.open_index(options.settings(index)) as target:
        concept = target.concept(name)
        summary = concept.summary()
        concept.remove()
        written = concept.is_written()
    terminal.echo(f"removed {_counts(summary)}")
    if written:
        terminal.tell("note: records keep the name until the next: visavis concept tag")


def _shape(one: "Mark", there: bool) -> dict[str, object]:
    return {"id": one.id, "good": one.good, "here": there}


def _counts(summary: "ConceptSummary") -> str:
    return f"{summary.name}: {summary.yes} yes, {summary.no} no"


def _tell_turned(ids: tuple[str, ...]) -> None:
    if ids:
        more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        terminal.tell(
            f"note: the last mark counts; {', '.join(ids[:_SHOWN])}{more} had the opposite before"
        )


def _ids(given: list[str]) -> list[str]:
    """Ids as they were given; `id:` in front is taken away."""
    from visavis.sources.paths import piped_names

    found: list[str] = []
    for one in given:
        if one == "-":
            lines = (line.strip("\r\n") for line in piped_names(sys.stdin))
            found += [line for line in lines if line.strip()]
        else:
            found.append(one)
    return [one.removeprefix("id:") for one in found]
