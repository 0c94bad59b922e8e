"""The page of the map, its data, and the tiles with its pictures."""

import math
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from visavis.buckets.address import is_object
from visavis.errors import ImageError
from visavis.flows.relation.reading import to_decode
from visavis.image_index import ImageIndex
from visavis.images.decode import decode
from visavis.images.effort import A_PIXEL
from visavis.images.thumbnail import thumbnail
from visavis.pages.collection_map import SCRIPTS
from visavis.pages.render import render
from visavis.pages.tiles import tile
from visavis.server.api.pictures import read_picture
from visavis.server.api.rendering import answer
from visavis.server.edge.outer import PAGE_POLICY
from visavis.server.mapping.budget import Budget
from visavis.server.mapping.known import SIDE, Progress, ServedMap
from visavis.server.pool import Job
from visavis.server.refusals import NotFoundError, PictureGoneError
from visavis.server.state import State, state_of
from visavis.sources.objects.reading import read_object
from visavis.types import RGB, ImageRecord

_KEPT = 160  # the side of thumbnails that may be there already
_YEAR = 31_536_000  # seconds
_TOGETHER = 8  # objects that are read at once for a tile


async def show_map(request: Request) -> Response:
    """The page."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
    return Response(_page(), media_type="text/html; charset=utf-8", headers=headers)


@cache
def _page() -> bytes:
    return render(
        "mapped/served.html",
        title="Map",
        scripts=(*SCRIPTS, "served.js"),
        home="./",
        loading="Opening the map …",
        hint="Words, an id, or drop a picture",
    ).encode()


async def map_of_all(request: Request) -> Response:
    """All that the page shows but the pictures; or how far it is, while it is being made."""
    state = state_of(request)
    found = await state.with_index(request, state.maps.of)
    if isinstance(found, Progress):
        return answer({"ready": False, "done": found.done, "total": found.total})
    etag = f'"{found.version}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": etag, "X-Map-Version": found.version}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.body, media_type="application/json", headers=headers)
    headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(found.packed, media_type="application/json", headers=headers)


async def map_tile(request: Request, version: str, number: int) -> Response:
    """Some pictures of the map, as one."""
    state = state_of(request)
    found = await state.with_index(request, state.maps.of)
    if not isinstance(found, ServedMap) or found.version != version or number < 0:
        raise NotFoundError("the map is another one by now; load the page again")
    made = state.tiles.kept(version, number)
    if made is None:
        drawn = await _drawn(request, found, number)
        if drawn.missing:
            headers = {"Cache-Control": "no-store", "X-Missing": str(drawn.missing)}
            return Response(drawn.data, media_type="image/webp", headers=headers)
        made = drawn.data
        state.tiles.keep(version, number, made)
    who = "public" if state.options.open_to_read else "private"
    headers = {"Cache-Control": f"{who}, max-age={_YEAR}, immutable"}
    return Response(made, media_type="image/webp", headers=headers)


class _Drawn(NamedTuple):
    """A tile as far as it is drawn."""

    data: bytes
    missing: int
    """Pictures that are grey for now, as making all of them small takes more than one request."""


async def _drawn(request: Request, found: ServedMap, number: int) -> _Drawn:
    state = state_of(request)
    records = found.tile(number)
    away = [record for record in records if is_object(record.uri)]
    # On threads that may wait.
    later = await state.gathers.run(partial(_make_thumbnails, away, state)) if away else set()
    work = partial(_tile, records=records, later=later, state=state)
    async with state.tiles.turn():
        made = state.tiles.kept(found.version, number)  # somebody may have asked for the same
        if made is not None:
            return _Drawn(made, 0)
        return await state.with_pictures(request, work, paid=False)


def _make_thumbnails(records: Sequence[ImageRecord], state: State) -> set[str]:
    """Make those of pictures in object storage that are not there yet. Raises ObjectStorageError.

    What was made stays, so that a tile which took too long is soon whole. Returns the ids of those
    that were put off, as there is a bound to what one request takes.
    """
    job = Job(state.options.work_seconds)
    most = state.options.max_upload_bytes
    later: set[str] = set()
    budget = Budget()

    def make(record: ImageRecord) -> None:
        if index.shelf.thumbnails.kept(record.sha256, _KEPT) is not None:
            return
        job.check()
        if not budget.allows():
            later.add(record.id)
            return
        with suppress(ImageError):  # its place stays grey
            data = read_object(record.uri, state.objects, most=most)
            with budget.one() as allowed, state.decoding.room(data, job):
                if allowed:
                    index.shelf.thumbnails.made(data, _KEPT, state.options.max_pixels)
                else:
                    later.add(record.id)

    threads = ThreadPoolExecutor(_TOGETHER, "visavis-tile")
    with state.current.use() as index:
        try:
            for _ in threads.map(make, records):
                job.check()
        finally:
            threads.shutdown(cancel_futures=True)
    return later


def _tile(
    index: ImageIndex,
    job: Job,
    records: tuple[ImageRecord, ...],
    later: Collection[str],
    state: State,
) -> _Drawn:
    small: list[RGB | None] = []
    missing, budget = 0, Budget()
    for record in records:
        job.check()
        data = index.shelf.thumbnails.kept(record.sha256, _KEPT)
        if data is not None:
            small.append(_smaller(data))
        elif record.id in later or not budget.allows(to_decode(record) * A_PIXEL):
            missing += 1
            small.append(None)
        else:
            with budget.one():
                small.append(_made_small(index, record, state, job))
            if small[-1] is not None and not _keeps(index, record):
                budget = Budget(most=math.inf)  # nothing can be kept here: it is now or never
    return _Drawn(tile(small, SIDE), missing)


def _keeps(index: ImageIndex, record: ImageRecord) -> bool:
    return index.shelf.thumbnails.kept(record.sha256, _KEPT) is not None


def _made_small(index: ImageIndex, record: ImageRecord, state: State, job: Job) -> RGB | None:
    """A record's picture for a tile; None when it is gone, or was never downloaded."""
    try:
        _, data = read_picture(index, record, state)
        if data is None:
            return None
        with state.decoding.room(data, job):
            made, _ = index.shelf.thumbnails.made(data, _KEPT, state.options.max_pixels)
    except (ImageError, PictureGoneError):
        return None
    return _smaller(made)


def _smaller(thumbnail_file: bytes) -> RGB | None:
    with suppress(ImageError):  # a disk that lost it
        return thumbnail(decode(thumbnail_file, "the thumbnail").pixels, SIDE)
    return None
