"""Tags of a picture or record, and the classes that a search can be steered toward."""

import time
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from visavis.errors import ImageError
from visavis.flows.query.answer import with_one_model
from visavis.image_index import ImageIndex
from visavis.server.api.bodies import read_tag
from visavis.server.api.pictures import gone, with_picture
from visavis.server.api.rendering import answer
from visavis.server.api.schemas import ClassesParams, TagIn
from visavis.server.api.searching import one_picture, seen
from visavis.server.pool import Job
from visavis.server.refusals import InvalidError, NotReadyError, told_reason
from visavis.server.state import State, state_of
from visavis.store.base import ModelFacts
from visavis.types import ImageRecord, ImageTerm, RecordTerm


async def tag_picture(request: Request) -> Response:
    """Words for what a picture, a part of one, or a record shows; best first."""
    state = state_of(request)
    asked, files = await read_tag(request)
    data = await one_picture(request, asked, files)
    if data is not None:

        def work(index: ImageIndex, job: Job) -> dict[str, Any]:
            state.abilities.of(index).check_tags()
            [term] = seen(index, [ImageTerm(data, asked.box)], state, job)
            assert isinstance(term, ImageTerm)  # as it was before
            return _tagged(index, term, asked, state)

        return answer(await state.with_pictures(request, work))
    if asked.box is not None:
        raise InvalidError("a box needs a picture to be a part of")
    return answer(await _of_record(request, asked.id or "", asked, state))


async def _of_record(request: Request, id: str, asked: TagIn, state: State) -> dict[str, Any]:
    """Read off the vector where that is enough, and off the record's picture where it is not."""

    def look_up(index: ImageIndex) -> dict[str, Any] | ImageRecord:
        state.abilities.of(index).check_tags()
        record = index.get(id)
        if index.tagging.needs_pictures(state.cores_for_one()):
            return record
        return _tagged(index, RecordTerm(id), asked, state)

    shape = await state.with_index(request, look_up)
    if not isinstance(shape, ImageRecord):
        return shape
    return await with_picture(
        request,
        shape,
        lambda index, record, data, job: _seen(index, record, data, asked, state, job),
        paid=True,
    )


def _seen(
    index: ImageIndex, record: ImageRecord, data: bytes, asked: TagIn, state: State, job: Job
) -> dict[str, Any]:
    try:
        with state.decoding.room(data, job):
            return _tagged(index, ImageTerm(data), asked, state)
    except ImageError as error:
        raise gone(record, told_reason(error)) from error


def _tagged(
    index: ImageIndex, term: ImageTerm | RecordTerm, asked: TagIn, state: State
) -> dict[str, Any]:
    def attempt(made_by: ModelFacts) -> dict[str, Any]:
        started = time.perf_counter()
        state.abilities.of(index).check_tags()
        if isinstance(term, RecordTerm) and index.tagging.needs_pictures(state.cores_for_one()):
            raise NotReadyError("the index has just got another model; try again")
        tags = index.tagging.of(term, asked.limit, threads=state.cores_for_one())
        took = time.perf_counter() - started
        state.metrics.stage("embed", took)
        return {
            "tags": [tag.to_dict() for tag in tags],
            "model": made_by.name,
            "took_ms": round(took * 1000, 3),
        }

    return with_one_model(index.store, attempt)


async def list_classes(request: Request, asked: Annotated[ClassesParams, Query()]) -> Response:
    """The names of classes that a search can be steered toward; none where it cannot."""
    state = state_of(request)

    def work(index: ImageIndex) -> dict[str, Any]:
        known = state.abilities.of(index)
        names = known.names_like(asked.like) if known.class_search else []
        return {
            "classes": names[asked.offset : asked.offset + asked.limit],
            "total": len(names),
        }

    return answer(await state.with_index(request, work))
