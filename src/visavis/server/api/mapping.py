"""The page of the map, its data, and the tiles with its pictures."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

from starlette.requests import Request
from starlette.responses import Response

from visavis.buckets.address import is_object
from visavis.errors import ImageError
from visavis.image_index import ImageIndex
from visavis.images.decode import decode
from visavis.images.thumbnail import thumbnail
from visavis.pages.collection_map import SCRIPTS
from visavis.pages.render import render
from visavis.pages.tiles import tile
from visavis.server.api.pictures import read_picture
from visavis.server.api.rendering import answer
from visavis.server.edge.outer import PAGE_POLICY
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
    return Response(found.body, media_type="application/json", headers=headers)


async def map_tile(request: Request, version: str, number: int) -> Response:
    """Some pictures of the map, as one."""
    state = state_of(request)
    found = await state.with_index(request, state.maps.of)
    if not isinstance(found, ServedMap) or found.version != version or number < 0:
        raise NotFoundError("the map is another one by now; load the page again")
    made = state.tiles.kept(version, number)
    if made is None:
        records = found.tile(number)
        away = [record for record in records if is_object(record.uri)]
        if away:  # on threads that may wait
            await state.gathers.run(partial(_make_thumbnails, away, state))
        work = partial(_tile, records=records, state=state)
        async with state.tiles.turn():
            made = state.tiles.kept(version, number)  # somebody may have asked for the same
            if made is None:
                made = await state.with_pictures(request, work, paid=False)
        state.tiles.keep(version, number, made)
    who = "public" if state.options.open_to_read else "private"
    headers = {"Cache-Control": f"{who}, max-age={_YEAR}, immutable"}
    return Response(made, media_type="image/webp", headers=headers)


def _make_thumbnails(records: Sequence[ImageRecord], state: State) -> None:
    """Make those of pictures in object storage that are not there yet. Raises ObjectStorageError.

    What was made stays, so that a tile which took too long is soon whole.
    """
    job = Job(state.options.work_seconds)
    most = state.options.max_upload_bytes

    def make(record: ImageRecord) -> None:
        if index.shelf.thumbnails.kept(record.sha256, _KEPT) is not None:
            return
        job.check()
        try:
            data = read_object(record.uri, state.objects, most=most)
            with state.decoding.room(data, job):
                index.shelf.thumbnails.made(data, _KEPT, state.options.max_pixels)
        except ImageError:
            return  # its place stays grey

    threads = ThreadPoolExecutor(_TOGETHER, "visavis-tile")
    with state.current.use() as index:
        try:
            for _ in threads.map(make, records):
                job.check()
        finally:
            threads.shutdown(cancel_futures=True)


def _tile(index: ImageIndex, job: Job, records: tuple[ImageRecord, ...], state: State) -> bytes:
    small: list[RGB | None] = []
    for record in records:
        job.check()
        small.append(_small(index, record, state, job))
    return tile(small, SIDE)


def _small(index: ImageIndex, record: ImageRecord, state: State, job: Job) -> RGB | None:
    """A record's picture for a tile; None when it is gone, or was never downloaded."""
    data = index.shelf.thumbnails.kept(record.sha256, _KEPT)
    try:
        if data is None:
            _, data = read_picture(index, record, state)
        if data is None:
            return None
        with state.decoding.room(data, job):
            picture = decode(data, record.uri, min_side=SIDE, max_pixels=state.options.max_pixels)
    except (ImageError, PictureGoneError):
        return None
    return thumbnail(picture.pixels, SIDE)
