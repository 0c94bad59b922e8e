"""Concepts: listed, shown, marked, forgotten; changing them needs a key with the scope write."""

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from visavis.errors import ConceptNotFoundError, RecordNotFoundError, UsageError
from visavis.flows.concepts.marks import ConceptSummary, Mark
from visavis.image_index import ImageIndex
from visavis.server.api.bodies import JSON, media_type, parsed, refuse_parameters
from visavis.server.api.rendering import answer, record_id, record_shape
from visavis.server.api.schemas import NoParams
from visavis.server.concepts.shapes import ConceptParams, MarksIn
from visavis.server.refusals import InvalidError, MediaTypeError
from visavis.server.state import State, state_of


async def list_concepts(request: Request, _: Annotated[NoParams, Query()]) -> Response:
    """The names of all concepts, and how many marks each has."""

    def work(index: ImageIndex) -> dict[str, Any]:
        return {"concepts": [_summary(one) for one in index.concepts]}

    return answer(await state_of(request).with_index(request, work))


async def show_concept(
    request: Request, name: str, asked: Annotated[ConceptParams, Query()]
) -> Response:
    """A concept with its marks, the latest first, and from which score on a record is such."""
    state = state_of(request)
    wanted = _name(request)

    def work(index: ImageIndex) -> dict[str, Any]:
        concept = index.concept(wanted)
        marks = concept.marks()[::-1][asked.offset : asked.offset + asked.limit]
        similar_from, trouble = None, None
        try:
            similar_from = concept.lesson().similar_from
        except UsageError as error:
            trouble = str(error)
        return {
            **_summary(concept.summary()),
            "similar_from": similar_from,
            "trouble": trouble,
            "marks": [_mark_shape(mark, index, state) for mark in marks],
        }

    return answer(await state.with_index(request, work))


async def mark_records(request: Request, name: str) -> Response:
    """Say of records that they are such, or that they are not; the first mark makes a concept."""
    state = state_of(request)
    wanted = _name(request)
    asked = await _read(request)
    if not asked.yes and not asked.no:
        raise InvalidError("say which records to mark: give ids as yes, as no, or both")

    def work(index: ImageIndex) -> dict[str, Any]:
        marked = index.concept(wanted).mark_all((asked.yes, True), (asked.no, False))
        more = {"added": marked.added, "turned": list(marked.turned)}
        return _summary(marked.summary) | more

    return answer(await state.with_writing(work))


async def unmark_record(
    request: Request, name: str, id: str, _: Annotated[NoParams, Query()]
) -> Response:
    """Take the mark of a record back, be the record there or not."""
    wanted, marked = _name(request), record_id(request)

    def work(index: ImageIndex) -> dict[str, Any]:
        return _summary(index.concept(wanted).unmark(marked))

    return answer(await state_of(request).with_writing(work))


async def forget_concept(request: Request, name: str, _: Annotated[NoParams, Query()]) -> Response:
    """Forget a concept with all its marks."""
    wanted = _name(request)

    def work(index: ImageIndex) -> dict[str, Any]:
        with index.writing():  # what is counted stays true until the end
            concept = index.concept(wanted)
            summary = concept.summary()
            concept.remove()
        return {"removed": summary.yes + summary.no}

    return answer(await state_of(request).with_writing(work))


async def _read(request: Request) -> MarksIn:
    refuse_parameters(request)
    kind = media_type(request)
    if kind != JSON:
        raise MediaTypeError(f"send {JSON}, not {kind or 'a body without a type'}")
    return parsed(MarksIn, await request.body())


def _name(request: Request) -> str:
    """The name in the path, which comes percent-encoded (see edge/outer.py)."""
    segment: str = request.path_params["name"]
    name = unquote_to_bytes(segment).decode("utf-8", "replace")
    if "\ufffd" in name:  # bytes that are no text
        raise ConceptNotFoundError(name)
    return name


def _summary(one: ConceptSummary) -> dict[str, Any]:
    return {"name": one.name, "yes": one.yes, "no": one.no}


def _mark_shape(mark: Mark, index: ImageIndex, state: State) -> dict[str, Any]:
    shape = {"id": mark.id, "good": mark.good, "here": False, "thumbnail": None}
    with suppress(RecordNotFoundError):
        record = record_shape(index.get(mark.id), state.options, ())
        shape |= {"here": True, "thumbnail": record["thumbnail"]}
    return shape
