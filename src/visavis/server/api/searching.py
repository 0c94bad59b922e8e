"""Searching: a body to a query, a query to an answer."""

import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, TypedDict

from fastapi import Query as QueryParams
from starlette.requests import Request
from starlette.responses import Response

from visavis.embedders.base import Embedder
from visavis.flows.concepts.marks import as_name
from visavis.flows.relation.reading import reading_at_most
from visavis.image_index import ImageIndex
from visavis.images.metadata import GPS
from visavis.matching.colour.names import said, shades_of
from visavis.server.api.bodies import read_parameters, read_search
from visavis.server.api.rendering import (
    answer,
    check_shown,
    record_id,
    search_shape,
    visible,
)
from visavis.server.api.schemas import PictureIn, SearchIn, SimilarParams, TermIn
from visavis.server.edge.admission import too_large
from visavis.server.edge.guard import client_of
from visavis.server.pool import Job
from visavis.server.refusals import ForbiddenError, InvalidError
from visavis.server.state import State, state_of
from visavis.types import (
    By,
    ClassTerm,
    ColourTerm,
    ConceptTerm,
    ImageTerm,
    Query,
    RecordTerm,
    Relation,
    Term,
    TextTerm,
)

_FOR_URLS = str.maketrans("-_", "+/")  # the alphabet of base64 that may stand in URLs
_PICTURES = ImageTerm | RecordTerm | ConceptTerm

READ_FOR_ANYONE = 16_000_000
"""Pixels of records' files that a question of anyone reads at most to compare wholes, and as many
to compare parts: each about .4 s of a core."""

DEEPEST = 20_000
"""Matches before a page that anyone may ask for: each is scored exactly to find what comes next."""


class _Wanted(TypedDict):
    """What answers have to be to the picture, and to one another."""

    relation: Relation | None
    false_match: float
    group_by: str | None
    unique: bool


async def search(request: Request) -> Response:
    """The records most like a query of pictures, records and words."""
    state = state_of(request)
    asked, files = await read_search(request)
    _check_depth(asked, state)
    where = visible(asked.where, state.options)
    by = _by(asked, state)
    named = asked.terms or [TermIn(upload=n) for n in range(len(files))]
    if not named:
        raise InvalidError("nothing to search for: give terms, or a file as the part image")
    fetched = await fetch_all(request, [term.url for term in named if term.url is not None])
    page = asked.limit, asked.offset, asked.min_score
    wanted = _wanted(asked, state)

    def rank(index: ImageIndex, terms: Sequence[Term]) -> dict[str, Any]:
        query = Query(
            tuple(terms), where, *page, by, count=asked.count, anywhere=asked.anywhere, **wanted
        )
        return _answered(index, query, state)

    def look(index: ImageIndex, job: Job) -> dict[str, Any]:
        terms = [query_term(term, files, fetched) for term in named]
        return rank(index, seen(index, terms, state, job))

    # Looked for anywhere, a record's file is read as well, and those that may hold it.
    if asked.anywhere or any(term.is_picture for term in named):
        return answer(await state.with_pictures(request, look))
    plain = [query_term(term, files, fetched) for term in named]
    return answer(await state.with_index(request, lambda index: rank(index, plain)))


def _wanted(asked: SearchIn | SimilarParams, state: State) -> _Wanted:
    """Raises FilterError for a hidden field."""
    check_shown(asked.group_by, state.options)
    return _Wanted(
        relation=asked.relation,
        false_match=asked.false_match,
        group_by=asked.group_by,
        unique=asked.unique,
    )


def _check_depth(asked: SearchIn | SimilarParams, state: State) -> None:
    """Raises InvalidError for a page that it takes too much to rank for anyone."""
    if state.options.public and asked.offset > DEEPEST:
        raise InvalidError(
            f"offset is {DEEPEST:,} at most on this server, as anyone may ask it; narrow the "
            "question with where"
        )


def _by(asked: SearchIn, state: State) -> By:
    """What answers words. Raises ForbiddenError where their text may not."""
    if not state.options.hidden - GPS:  # of which no record has words
        return asked.by
    if asked.by == "text":
        raise ForbiddenError("this server hides fields of the records and does not search them")
    return "looks"  # which of a record's words are those of hidden fields is not kept apart


def seen(index: ImageIndex, terms: Sequence[Term], state: State, job: Job) -> list[Term]:
    """Terms whose pictures are pixels now, as large as the model wants them; see `with_pixels`."""
    return with_pixels(terms, index.embedder(state.cores_for_one()).side, state, job)


def with_pixels(terms: Sequence[Term], side: int | None, state: State, job: Job) -> list[Term]:
    """Terms whose pictures are pixels now. Raises ImageError, and what the job raises."""
    pictures = [shown for term in terms if (shown := _picture(term)) is not None]
    began = time.perf_counter()
    decoded = iter(state.decoding.query(pictures, side, job))
    state.metrics.stage("decode", time.perf_counter() - began)
    return [_decoded(term, decoded) for term in terms]


def _picture(term: Term) -> ImageTerm | None:
    """What of a term has to be decoded."""
    shown = term.colour if isinstance(term, ColourTerm) else term
    return shown if isinstance(shown, ImageTerm) else None


def _decoded(term: Term, decoded: Iterator[ImageTerm]) -> Term:
    if _picture(term) is None:
        return term
    return replace(term, colour=next(decoded)) if isinstance(term, ColourTerm) else next(decoded)


async def similar_images(
    request: Request, id: str, asked: Annotated[SimilarParams, QueryParams()]
) -> Response:
    """The records most like a record, itself left out."""
    return await _similar(request, asked)


async def similar_at_once(request: Request) -> Response:
    """The same, called without FastAPI."""
    return await _similar(request, await read_parameters(request, SimilarParams))


async def _similar(request: Request, asked: SimilarParams) -> Response:
    state = state_of(request)
    _check_depth(asked, state)
    wanted = record_id(request)
    where = visible(asked.where, state.options)

    def work(index: ImageIndex) -> dict[str, Any]:
        page = asked.limit, asked.offset, asked.min_score
        conditions = _wanted(asked, state)
        query = Query(
            (RecordTerm(wanted),), where, *page, without=wanted, count=asked.count, **conditions
        )
        return _answered(index, query, state)

    return answer(await state.with_index(request, work))


def _answered(index: ImageIndex, query: Query, state: State) -> dict[str, Any]:
    with reading_for(state):
        result = index.answer(
            query,
            embedder=partial(_embedder, index, query.terms, state),
            observe=state.metrics.stage,
        )
    return search_shape(result, state.options, state.titles.of(index))


def reading_for(state: State) -> AbstractContextManager[None]:
    """Let questions read as much of the records' files as they may here."""
    return reading_at_most(READ_FOR_ANYONE if state.options.public else None)


def _embedder(index: ImageIndex, terms: Sequence[Term], state: State) -> Embedder:
    if any(isinstance(term, TextTerm) for term in _but_colours(terms)):
        state.abilities.of(index).check_text()
    if any(isinstance(term, ClassTerm) for term in terms):
        state.abilities.of(index).check_classes()
    return index.embedder(state.cores_for_one())


def _but_colours(terms: Sequence[Term]) -> Sequence[Term]:
    """The terms without texts that are colours beside a picture, which need no words."""
    if not any(isinstance(term, _PICTURES) and term.weight > 0 for term in terms):
        return terms
    return [term for term in terms if not (isinstance(term, TextTerm) and said(term.text))]


def query_term(term: TermIn, files: Sequence[bytes], fetched: dict[str, bytes]) -> Term:
    """A term as the library takes it. Raises InvalidError, UsageError for what is no colour."""
    if term.colour is not None:
        shades_of(term.colour)
        return ColourTerm(term.colour, term.weight)
    found = _looked_at(term, files, fetched)
    if term.aspect == "colour" and isinstance(found, ImageTerm | RecordTerm):
        return ColourTerm(replace(found, weight=1.0), term.weight)
    return found


def _looked_at(term: TermIn, files: Sequence[bytes], fetched: dict[str, bytes]) -> Term:
    if term.id is not None:
        return RecordTerm(term.id, term.weight)
    if term.text is not None:
        return TextTerm(term.text, term.weight)
    if term.class_ is not None:
        return ClassTerm(term.class_, term.weight)
    if term.concept is not None:
        return ConceptTerm(as_name(term.concept), term.weight)
    if term.url is not None:
        return ImageTerm(fetched[term.url], term.box, term.weight)
    if term.upload is not None:
        if term.upload >= len(files):
            raise InvalidError(
                f"upload {term.upload}: the request has {len(files)} parts named image"
            )
        return ImageTerm(files[term.upload], term.box, term.weight)
    return ImageTerm(from_base64(term.image or ""), term.box, term.weight)


def from_base64(text: str) -> bytes:
    """The bytes of a picture in JSON, in either alphabet, in lines or not. Raises InvalidError."""
    if text.startswith("data:"):  # as a page's FileReader gives it
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()).translate(_FOR_URLS), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(f"image is not base64 ({error})") from error


async def one_picture(request: Request, asked: PictureIn, files: Sequence[bytes]) -> bytes | None:
    """The picture that a body has or names; None: it names a record.

    Raises InvalidError unless there is exactly one, and what `fetch_all` raises.
    """
    given = sum(value is not None for value in (asked.image, asked.url, asked.id)) + len(files)
    if given != 1:
        raise InvalidError(f"give exactly one of image, url, id and a file, not {given}")
    if files:
        return files[0]
    if asked.url is not None:
        return (await fetch_all(request, [asked.url]))[asked.url]
    return None if asked.image is None else from_base64(asked.image)


async def fetch_all(request: Request, urls: Sequence[str]) -> dict[str, bytes]:
    """The pictures at the URLs that a request names.

    Raises ForbiddenError where that is not allowed, FetchError, BodyTooLargeError, and
    TooManyRequestsError where the client waits for too many already.
    """
    state = state_of(request)
    if urls and not state.options.allow_urls:
        raise ForbiddenError("this server fetches no URLs; send the picture itself")
    end = time.monotonic() + state.options.work_seconds
    found: dict[str, bytes] = {}
    for url in dict.fromkeys(urls):
        left = max(0.1, end - time.monotonic())
        with state.fetch_shares.one(client_of(request.scope)):
            found[url] = await state.fetches.run(partial(state.fetcher.fetch, url, left))
        if sum(map(len, found.values())) > state.options.max_upload_bytes:
            raise too_large(state.options.max_upload_bytes)  # as if they had been sent
    return found
