"""When a question goes beyond whole pictures: because it was asked to, or has found nothing."""

import time
from dataclasses import replace

from visavis.flows.anywhere.answer import Anywhere, anywhere, parts_note, wider
from visavis.flows.query.ranking import Judging, rank
from visavis.flows.query.vector import QueryVector
from visavis.flows.relation.judge import is_copy
from visavis.flows.relation.shown import Fetch, record_pixels, term_pixels
from visavis.sources.web.fetch import is_url
from visavis.types import RGB, ImageTerm, Query, RecordTerm, SearchResult

_LARGER = 2  # times the model's side: windows of the picture are looked at, too
_CHOSEN = "nothing is like the whole picture; parts of pictures were looked for"


def first_asked(query: Query) -> Query:
    """What whole pictures are asked."""
    return wider(query) if query.anywhere else query


def looked_for_anywhere(
    result: SearchResult, asked: QueryVector, query: Query, judging: Judging, fetch: Fetch
) -> SearchResult:
    """The answer of whole pictures, or that of parts: where these are asked for, or find more."""
    looking = Anywhere(
        judging.store,
        judging.embedder,
        lambda record: record_pixels(record, _side(judging), judging.max_pixels),
    )
    by_itself = not query.anywhere
    if asked.shown is None or (by_itself and not _wants(result, query, looking)):
        return result
    picture = _picture(asked, query, judging, fetch)
    if picture is None:
        return result
    began = time.perf_counter()
    # Whatever page is wanted: all pages are cut from one answer.
    upright = replace(judging, turning=False)
    by_whole = rank(asked, wider(query), upright, began).result if by_itself else result
    found = anywhere(by_whole, query, picture, asked.vector, looking)
    took = result.took_ms + (time.perf_counter() - began) * 1000
    if not by_itself:
        return replace(found, took_ms=took, notes=found.notes + parts_note(looking))
    if not any(is_copy(match) for match in found.matches):
        return replace(result, took_ms=took)
    return replace(found, took_ms=took, notes=(*found.notes, _CHOSEN))


def _wants(result: SearchResult, query: Query, looking: Anywhere) -> bool:
    """Whether parts are asked without being told to; not for a record, whose files are read then.

    A question that names a record decodes nothing unless it is told to look anywhere.
    """
    if not isinstance(query.terms[0], ImageTerm):
        return False
    plain = not (query.group_by or query.unique or query.count) and query.limit > 0
    return result.verdict == "none" and plain and looking.keeps_parts()


def _picture(asked: QueryVector, query: Query, judging: Judging, fetch: Fetch) -> RGB | None:
    """The picture that is asked with, large enough for its windows to be looked at."""
    [term] = query.terms
    if isinstance(term, RecordTerm):
        return record_pixels(judging.store.get(term.id), _side(judging), judging.max_pixels)
    assert asked.shown is not None  # narrows the type: the caller asks with a picture
    if isinstance(term, ImageTerm) and isinstance(term.image, str) and is_url(term.image):
        return asked.shown.pixels()  # as it was fetched
    if isinstance(term, ImageTerm):
        return term_pixels(term, _side(judging), fetch, judging.max_pixels)
    return asked.shown.pixels()


def _side(judging: Judging) -> int | None:
    side = judging.embedder().side
    return None if side is None else _LARGER * side
