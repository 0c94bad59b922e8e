"""Searching: a body to a query, a query to an answer."""

import base64
import binascii
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Annotated, Any

from fastapi import Query as QueryParams
from starlette.requests import Request
from starlette.responses import Response

from visavis.embedders.base import Embedder
from visavis.errors import UsageError
from visavis.filters import parse_all
from visavis.flows.by_words import Looks, asks_text
from visavis.flows.by_words import answer as words_answer
from visavis.flows.by_words import count as count_by_text
from visavis.flows.search import Asked, query_vector, rank, term_notes
from visavis.image_index import ImageIndex
from visavis.server.api.bodies import read_search
from visavis.server.api.rendering import answer, record_id, search_shape
from visavis.server.api.schemas import SimilarParams, TermIn
from visavis.server.edge.admission import too_large
from visavis.server.refusals import ForbiddenError, InvalidError
from visavis.server.state import State, state_of
from visavis.types import (
    ClassTerm,
    Filter,
    ImageTerm,
    Query,
    RecordTerm,
    Term,
    TextTerm,
)

_TRIES = 4  # an index may get another model between the embedding of a query and its search


async def search(request: Request) -> Response:
    """The records most like a query of pictures, records and words."""
    state = state_of(request)
    with state.admission.entered(request):
        asked, files = await read_search(request)
        where = parse_all(asked.where)
        named = asked.terms or [TermIn(upload=n) for n in range(len(files))]
        if not named:
            raise InvalidError("nothing to search for: give terms, or a file as the part image")
        fetched = await fetch_all(state, [term.url for term in named if term.url is not None])

        def work(index: ImageIndex) -> dict[str, Any]:
            terms = tuple(_term(term, files, fetched) for term in named)
            query = Query(terms, where, asked.limit, asked.offset, asked.min_score, asked.by)
            return _answered(index, query, state, asked.count)

        return answer(await state.with_index(work))


async def similar_images(
    request: Request, id: str, asked: Annotated[SimilarParams, QueryParams()]
) -> Response:
    """The records most like a record, itself left out."""
    state = state_of(request)
    wanted = record_id(request)
    where = parse_all(asked.where)

    def work(index: ImageIndex) -> dict[str, Any]:
        query = Query((RecordTerm(wanted),), where, asked.limit, asked.offset, asked.min_score)
        return _answered(index, query, state, asked.count, without=wanted)

    return answer(await state.with_index(work))


def _answered(
    index: ImageIndex, query: Query, state: State, count: bool, without: str | None = None
) -> dict[str, Any]:
    def attempt() -> dict[str, Any]:
        started = time.perf_counter()
        embedder = cache(partial(_embedder, index, query.terms, state))
        seen: list[Asked] = []  # by looks, if it comes to that

        def looks() -> Looks:
            began = time.perf_counter()
            asked = query_vector(
                query.terms, index.store, embedder, _no_fetch, state.options.max_pixels
            )
            notes = term_notes(query.terms, embedder)
            state.metrics.stage("embed", time.perf_counter() - began)
            seen.append(asked)
            return Looks(asked, notes)

        if asks_text(query):
            searched = time.perf_counter()
            result = words_answer(query, index.store, looks, started)
        else:
            asked, notes = looks()
            searched = time.perf_counter()
            result = rank(asked, query, index.store, started, without, notes)
        matching = _matching(index, query, seen, without) if count else None
        state.metrics.stage("search", time.perf_counter() - searched)
        return search_shape(result, state.options.root_path, matching)

    shape = with_one_model(index, attempt)
    if index.store.wants_caches():
        index.repair()
    return shape


def _matching(index: ImageIndex, query: Query, seen: Sequence[Asked], without: str | None) -> int:
    """How many records reach the least score; where looks have no answer, those with the words."""
    if not seen:
        return count_by_text(query, index.store)
    [asked] = seen
    floor = -1.0 if query.min_score is None else asked.floor(query.min_score)
    matching = index.store.browse.reaching(asked.vector, floor, query.where)
    return matching - int(without is not None and _counted(index, without, query.where, floor))


def _counted(index: ImageIndex, id: str, where: Filter | None, floor: float) -> bool:
    """Whether a record was counted among those that look like itself."""
    passes = where is None or index.store.browse.passes(id, where)
    return passes and floor <= 1.0


def with_one_model(index: ImageIndex, attempt: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What an attempt gives that one model answered from beginning to end."""
    for _ in range(_TRIES - 1):
        before = index.store.fingerprint()
        try:
            shape = attempt()
        except Exception:
            if index.store.fingerprint() == before:
                raise
            continue  # vectors of two models were compared: of another length, as a rule
        if index.store.fingerprint() == before:
            return shape
    return attempt()


def _embedder(index: ImageIndex, terms: Sequence[Term], state: State) -> Embedder:
    if any(isinstance(term, TextTerm) for term in terms):
        state.abilities.of(index).check_text()
    if any(isinstance(term, ClassTerm) for term in terms):
        state.abilities.of(index).check_classes()
    return index.embedder(state.cores_for_one())


def _no_fetch(address: str) -> bytes:
    raise UsageError(f"{address}: addresses are fetched before a query is answered")


def _term(term: TermIn, files: Sequence[bytes], fetched: dict[str, bytes]) -> Term:
    if term.id is not None:
        return RecordTerm(term.id, term.weight)
    if term.text is not None:
        return TextTerm(term.text, term.weight)
    if term.class_ is not None:
        return ClassTerm(term.class_, term.weight)
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
    """The bytes of a picture in JSON. Raises InvalidError."""
    if text.startswith("data:"):  # as a page's FileReader gives it
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(f"image is not base64 ({error})") from error


async def fetch_all(state: State, urls: Sequence[str]) -> dict[str, bytes]:
    """The pictures at the addresses that a request names.

    Raises ForbiddenError where that is not allowed, FetchError, and BodyTooLargeError.
    """
    if urls and not state.options.allow_urls:
        raise ForbiddenError("this server fetches no addresses; send the picture itself")
    end = time.monotonic() + state.options.work_seconds
    found: dict[str, bytes] = {}
    for url in dict.fromkeys(urls):
        left = max(0.1, end - time.monotonic())
        found[url] = await state.fetches.run(partial(state.fetcher.fetch, url, left))
        if sum(map(len, found.values())) > state.options.max_upload_bytes:
            raise too_large(state.options.max_upload_bytes)  # as if they had been sent
    return found
