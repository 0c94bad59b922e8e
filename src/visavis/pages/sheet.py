"""Contact sheets: queries and what they found, as one picture or one page to look at.

A sheet is rows of a query and its matches, so that one search, a comparison of models and the
rows of an evaluation are all drawn alike, by sheet.html or by `sheet_png`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from visavis.disk import check_place, write_named
from visavis.errors import UsageError
from visavis.pages.cards import Row, Sheet, match_card, summary, term_card, verdict
from visavis.pages.pictures import read_picture, read_term
from visavis.types import ClassTerm, ColourTerm, ImageRecord, SearchResult, Term, TextTerm


def write_sheet(path: Path, sheet: Sheet) -> None:
    """Write the sheet as a picture (.png) or as one self-contained page (.html).

    Raises UsageError for another suffix, a place that cannot be written to, or a picture that
    would be too tall.
    """
    check_sheet_path(path)
    if path.suffix.lower() == ".png":
        from visavis.pages.sheet_png import render_png

        content = render_png(sheet)
    else:
        from visavis.pages.render import render

        kind = "single" if len(sheet.rows) == 1 else "several"
        page = render(
            "sheet.html", title=sheet.title, subtitle=sheet.subtitle, kind=kind, rows=sheet.rows
        )
        content = page.encode("utf-8", "replace")
    write_named(path, "sheet", content)


def check_sheet_path(path: Path) -> None:
    """Raise UsageError when no sheet can be written under that name; before any work is done."""
    if path.suffix.lower() not in (".png", ".html"):
        raise UsageError(f"cannot write a sheet named {path}: the name must end in .png or .html")
    check_place(path, "sheet")


def search_sheet(
    terms: Sequence[Term],
    result: SearchResult,
    get: Callable[[str], ImageRecord],
    titles: Sequence[str] = (),
    *,
    allow_private: bool = False,
) -> Sheet:
    """The sheet of one search, for which pictures are read.

    `get` returns a record by its id; `titles` are the fields that may be one's title.
    """
    query = [term_card(term, read_term(term, get, allow_private=allow_private)) for term in terms]
    read = partial(read_picture, allow_private=allow_private)
    matches = [match_card(match, read(match.record.uri), titles) for match in result.matches]
    row = Row(query, matches, result.reason)
    in_words = all(isinstance(term, TextTerm | ClassTerm) for term in terms)
    in_colour = all(isinstance(term, ColourTerm) for term in terms)
    alone = "In this colour" if in_colour else "Looks like this"
    title = "Found by words" if in_words else alone
    return Sheet(title, [row], " ".join(filter(None, (verdict(terms, result), summary(result)))))
