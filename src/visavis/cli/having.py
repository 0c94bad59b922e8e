"""`visavis have`: whether pictures are in an index, whole or in part."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from visavis.flows.relation.explaining import Explanation
    from visavis.types import ImageTerm, SearchResult

NOT_THERE = 1  # exit code, also where only a part is: scripts delete what is there
_COPIES = 5  # that are looked through for one that shows all of a picture
_NEARLY_ALL = 0.8  # of a picture; of what shows less, it is said


def have(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Pictures: paths or URLs.", show_default=False),
    ],
    index: options.Index = None,
    json_output: options.Json = False,
    device: options.Device = None,
    max_megapixels: options.MaxMegapixels = None,
    allow_private: options.AllowPrivate = False,
) -> int:
    """Check whether pictures are already in an index.

    Prints what each is a copy of. Exits with 0 when all are there (the same, or the same edited),
    with 1 when one is not, or only in part, as where the index has a crop (a note says which), and
    with 2 when one cannot be read.
    """
    from visavis.errors import ImageError
    from visavis.types import Query

    shapes: list[dict[str, Any]] = []
    failed = False
    with options.open_index(
        options.settings(index, device, max_megapixels=max_megapixels)
    ) as target:
        for file in files:
            try:
                term = _term(file, allow_private)
                query = Query((term,), limit=_COPIES, relation="near_duplicate")
                shapes.append(_had(file, target.answer(query), partial(target.explain, term)))
            except ImageError as error:
                failed = True
                shapes.append({"file": file, "found": False, "error": error.reason})
                terminal.tell(f"error: {file}: {error.reason}")
                continue
            if not json_output:
                _print_had(shapes[-1])
    if json_output:
        terminal.echo_json(shapes)
    if failed:
        return 2
    return 0 if all(shape.get("shown", 0.0) >= _NEARLY_ALL for shape in shapes) else NOT_THERE


def _term(file: str, allow_private: bool) -> "ImageTerm":
    """The picture to ask with, once for all that is asked: a URL is fetched one time."""
    from visavis.sources.base import at_url, is_remote
    from visavis.sources.paths import local_name
    from visavis.types import ImageTerm

    if file == "-":
        return ImageTerm(terminal.standard_input())
    return ImageTerm(
        at_url(file, allow_private=allow_private) if is_remote(file) else local_name(file)
    )


def _had(
    file: str, result: "SearchResult", explain: "Callable[[str], Explanation]"
) -> dict[str, Any]:
    """What there is of a picture: of its copies, the first that shows (nearly) all of it."""
    if not result.matches:
        return {"file": file, "found": False}
    shown = 0.0
    for match in result.matches:
        part = 1.0 if match.relation == "exact" else explain(match.record.id).shown or 1.0
        if part > shown:
            shown, best = part, match
        if shown >= _NEARLY_ALL:
            break
    facts = {"relation": best.relation, "id": best.record.id, "uri": best.record.uri}
    return {"file": file, "found": True, **facts, "shown": round(shown, 2)}


def _print_had(shape: dict[str, Any]) -> None:
    if shape["found"]:
        terminal.row(shape["file"], shape["relation"], shape["uri"])
        if shape["shown"] < _NEARLY_ALL:
            terminal.tell(
                f"note: {shape['file']} shows more than {shape['id']}, which is "
                f"{shape['shown']:.0%} of it: keep it, unless the rest is a frame"
            )
    else:
        terminal.row(shape["file"], "none", "")
