"""Why a record is called what it is: one picture against one record."""

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from visavis.image_index import ImageIndex
from visavis.server.api.bodies import read_explain
from visavis.server.api.rendering import answer
from visavis.server.api.schemas import TermIn
from visavis.server.api.searching import fetch_all, query_term, reading_for, seen
from visavis.server.pool import Job
from visavis.server.refusals import InvalidError
from visavis.server.state import state_of


async def explain(request: Request) -> Response:
    """What a record is to a picture, how far form and colour agree, and where it lies."""
    state = state_of(request)
    asked, files = await read_explain(request)
    term = asked.term or (TermIn(upload=0) if len(files) == 1 else None)
    if term is None:
        raise InvalidError("give one picture: term, or one file as the part image")
    if not (term.is_picture or term.id is not None) or term.weight <= 0:
        raise InvalidError("only a picture or a record can be explained")
    fetched = await fetch_all(request, [] if term.url is None else [term.url])

    def work(index: ImageIndex, job: Job) -> dict[str, Any]:
        terms = seen(index, [query_term(term, files, fetched)], state, job)
        model = partial(index.embedder, state.cores_for_one())
        with reading_for(state):
            return index.explain(terms, asked.id, embedder=model).to_dict()

    return answer(await state.with_pictures(request, work))
