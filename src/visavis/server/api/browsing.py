"""Looking over the index: pages, random picks, single records, fields, and the server's state."""

import secrets
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from visavis import __version__
from visavis.errors import ModelUnknownError, VisavisError
from visavis.filters import TAGS, items_of
from visavis.flows.aspects.colours import colours_kept
from visavis.image_index import ImageIndex
from visavis.server.api.rendering import (
    answer,
    check_shown,
    record_id,
    record_shape,
    visible,
)
from visavis.server.api.schemas import NoParams, PageParams, RandomParams, WhereParams
from visavis.server.state import state_of
from visavis.store.aspects import has_aspects
from visavis.store.capabilities import Facet, faceted


async def list_images(request: Request, asked: Annotated[PageParams, Query()]) -> Response:
    """Page through the records, in the order they were added."""
    state = state_of(request)
    options = state.options
    where = visible(asked.where, options)
    check_shown(asked.sort.removeprefix("-"), options)

    def work(index: ImageIndex) -> dict[str, Any]:
        page = asked.limit, asked.offset, where, asked.sort
        records, total = faceted(index.store).browse.page(*page)
        titles = state.titles.of(index)
        return {
            "images": [record_shape(record, options, titles) for record in records],
            "total": total,
        }

    return answer(await state.with_index(request, work))


async def random_images(request: Request, asked: Annotated[RandomParams, Query()]) -> Response:
    """Records picked by chance, to begin with."""
    state = state_of(request)
    where = visible(asked.where, state.options)
    seed = secrets.randbits(62) if asked.seed is None else asked.seed
    options = state.options

    def work(index: ImageIndex) -> dict[str, Any]:
        browse, titles = faceted(index.store).browse, state.titles.of(index)
        records = browse.sample(asked.limit, seed, where)
        shapes = [record_shape(record, options, titles) for record in records]
        return {"images": shapes, "total": index.store.count(where)}

    return answer(await state.with_index(request, work))


async def get_image(request: Request, id: str, _: Annotated[NoParams, Query()]) -> Response:
    """One record."""
    state = state_of(request)
    wanted = record_id(request)

    def work(index: ImageIndex) -> dict[str, Any]:
        record = index.get(wanted)
        shape = record_shape(record, state.options, state.titles.of(index))
        shows_tags = index.tagging.made and TAGS not in state.options.hidden
        found = record.fields.get(TAGS) if shows_tags else None
        return shape if found is None else shape | {"tags": items_of(TAGS, found) or ()}

    return answer(await state.with_index(request, work))


async def list_fields(request: Request, asked: Annotated[WhereParams, Query()]) -> Response:
    """The records' fields with their values and ranges, to choose filters from.

    Under filters, each field counts the records that pass those on the other fields.
    """
    state = state_of(request)
    where = visible(asked.where, state.options)
    facets = await state.with_index(
        request, lambda index: faceted(index.store).browse.facets(where)
    )
    shown = [facet for facet in facets if facet.name not in state.options.hidden]
    return answer({"fields": [_facet_shape(facet) for facet in shown]})


def _facet_shape(facet: Facet) -> dict[str, Any]:
    shape = asdict(facet)
    if facet.values is not None:
        shape["values"] = [{"value": value, "count": count} for value, count in facet.values]
    return {name: value for name, value in shape.items() if value is not None}


async def show_info(request: Request, _: Annotated[NoParams, Query()]) -> Response:
    """What is served here, and what is allowed."""
    state = state_of(request)
    options = state.options

    def work(index: ImageIndex) -> dict[str, Any]:
        store, known = index.store, state.abilities.of(index)
        model = store.model()
        return {
            "name": "visavis",
            "version": __version__,
            "records": store.count(),
            "model": model.name,
            "dim": model.dim,
            "text": known.text,
            "text_models": list(known.text_models),
            "classes": known.classes,
            "class_search": known.class_search,
            "tags": known.tags,
            "tagged": index.tagging.made,
            "colours": has_aspects(store) and colours_kept(store),
            "subjects": known.subjects,
            "concepts": len(index.concepts),
            "read_only": not options.writable,
            "allow_urls": options.allow_urls,
            "max_upload_bytes": options.max_upload_bytes,
            "max_pixels": min(options.max_pixels, options.max_query_pixels),
            "fields": len(store.fields().keys() - options.hidden),
        }

    return answer(await state.with_index(request, work))


async def health() -> Response:
    """The process answers."""
    return answer({"status": "ok"})


async def readiness(request: Request) -> Response:
    """The index can be read and its model can be loaded."""
    state = state_of(request)

    def work(index: ImageIndex) -> None:
        index.store.count()
        with suppress(ModelUnknownError):  # then its records can be asked with
            index.embedder(threads=1)

    await state.readiness.check(lambda: state.probed(work))
    return answer({"status": "ready"})


async def show_metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    state = state_of(request)

    def records() -> int:
        try:
            with state.current.use() as index:
                return index.store.count()
        except VisavisError:  # an index that is away is no reason to lose the other numbers
            return 0

    text = await state.probes.run(lambda: state.metrics.text(records))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
