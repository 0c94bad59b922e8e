"""What a picture seems to be about: boxes to search with."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from visavis.errors import ImageError
from visavis.image_index import ImageIndex
from visavis.server.api.bodies import read_subjects
from visavis.server.api.pictures import gone, with_picture
from visavis.server.api.rendering import answer
from visavis.server.api.searching import one_picture, with_pixels
from visavis.server.pool import Job
from visavis.server.refusals import told_reason
from visavis.server.state import State, state_of
from visavis.types import ImageRecord, ImageTerm

_THREADS = 1  # of the model: an offer beside the answer takes no core from the next question


async def propose(request: Request) -> Response:
    """Up to three boxes around what a picture or a record shows, most first; there may be none."""
    state = state_of(request)
    asked, files = await read_subjects(request)
    data = await one_picture(request, asked, files)
    if data is None:
        return answer(await _of_record(request, asked.id or "", state))

    def work(index: ImageIndex, job: Job) -> dict[str, Any]:
        if not state.abilities.of(index).subjects:
            return _shape()
        [term] = with_pixels([ImageTerm(data)], index.subjects.side(_THREADS), state, job)
        assert isinstance(term, ImageTerm)  # as it was before
        return _proposed(index, term, state)

    return answer(await state.with_pictures(request, work))


async def _of_record(request: Request, id: str, state: State) -> dict[str, Any]:
    def look_up(index: ImageIndex) -> ImageRecord | None:
        record = index.get(id)
        return record if state.abilities.of(index).subjects else None

    record = await state.with_index(request, look_up)
    if record is None:
        return _shape()

    def work(index: ImageIndex, record: ImageRecord, data: bytes, job: Job) -> dict[str, Any]:
        try:
            with state.decoding.room(data, job):
                return _proposed(index, ImageTerm(data), state)
        except ImageError as error:
            raise gone(record, told_reason(error)) from error

    return await with_picture(request, record, work, paid=True)


def _proposed(index: ImageIndex, term: ImageTerm, state: State) -> dict[str, Any]:
    started = time.perf_counter()
    found = index.subjects.of(term, threads=_THREADS)
    took = time.perf_counter() - started
    state.metrics.stage("embed", took)
    return _shape([one.to_dict() for one in found], took)


def _shape(found: list[dict[str, Any]] | None = None, took: float = 0.0) -> dict[str, Any]:
    return {"subjects": found or [], "took_ms": round(took * 1000, 3)}
