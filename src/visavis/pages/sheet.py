"""Contact sheets: queries and what they found, as one picture or one page to look at.

A sheet is rows of a query and its matches, so that one search, a comparison of models and an
evaluation report are all drawn by the same two renderers (`sheet_png`, `sheet_html`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from visavis.errors import UsageError
from visavis.pages.cards import Row, Sheet, match_card, term_card
from visavis.types import RGB, ClassTerm, ImageRecord, SearchResult, Term, TextTerm

SUFFIXES = (".png", ".html")


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
        from visavis.pages.sheet_html import render_html

        content = render_html(sheet).encode("utf-8", "replace")
    try:
        path.write_bytes(content)
    except OSError as error:
        reason = error.strerror or "it failed"
        raise UsageError(f"cannot write the sheet {path}: {reason}; name another file") from error


def check_sheet_path(path: Path) -> None:
    """Raise UsageError when no sheet can be written under that name; before any work is done."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"cannot write a sheet named {path}: the name must end in .png or .html")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"cannot write the sheet {path}: there is no folder {path.parent}")


def search_sheet(
    terms: Sequence[Term],
    pictures: Sequence[RGB | None],
    result: SearchResult,
    read: Callable[[ImageRecord], RGB | None],
) -> Sheet:
    """The sheet of one search.

    `pictures` are the terms' own, None for words; `read` returns a match's picture, None when the
    original is gone or cannot be read.
    """
    query = [term_card(term, pixels) for term, pixels in zip(terms, pictures, strict=True)]
    matches = [match_card(match, read(match.record)) for match in result.matches]
    row = Row(query, matches, result.reason)
    subtitle = f"{result.total_searched:,} searched · {result.model} · {result.took_ms:.1f} ms"
    in_words = all(isinstance(term, TextTerm | ClassTerm) for term in terms)
    return Sheet("Found by words" if in_words else "Looks like this", [row], subtitle)
