"""The bytes of records: files and thumbnails.

No path in a request reaches the file system: an id is looked up in the database, and the record
says where its picture is.
"""

from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from visavis.errors import FetchError, ImageError, ImageUnreadableError
from visavis.image_index import ImageIndex
from visavis.images.fetch import Fetcher, is_address
from visavis.images.files import local_path, read_file, stat_file
from visavis.images.sniff import HEAD_BYTES, Format, sniff
from visavis.server.refusals import PictureGoneError
from visavis.server.rendering import record_id
from visavis.server.schemas import NoParams, ThumbnailParams
from visavis.server.state import State, state_of
from visavis.server.thumbnails import Thumbnails
from visavis.types import ImageRecord

_TYPES: dict[Format, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}
TYPES = tuple(_TYPES.values())
"""What a record's file may be served as."""

_LONG = 86_400  # seconds a browser keeps a picture before it asks whether it is still the same


async def get_thumbnail(
    request: Request, id: str, asked: Annotated[ThumbnailParams, Query()]
) -> Response:
    """A small WebP of a record's picture, upright."""
    state = state_of(request)
    wanted = record_id(request)

    def work(index: ImageIndex) -> tuple[bytes, str, bool]:
        record = index.get(wanted)
        thumbnails = Thumbnails(index.path)
        kept = thumbnails.kept(record.sha256, asked.side)
        if kept is not None:
            return kept, record.sha256, True
        try:
            data = _bytes(record, state)
            made, sha256 = thumbnails.made(data, asked.side, state.options.max_pixels)
        except ImageError as error:
            raise _gone(record, error.reason) from error
        return made, sha256, sha256 == record.sha256

    data, sha256, same = await state.with_index(work)
    headers = _cache_headers(state, f'"{sha256[:32]}-{asked.side}"', same)
    if _has(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/webp", headers=headers)


async def get_file(request: Request, id: str, _: Annotated[NoParams, Query()]) -> Response:
    """A record's picture itself, or a redirect to its address."""
    state = state_of(request)
    wanted = record_id(request)

    def work(index: ImageIndex) -> tuple[ImageRecord, str, str]:
        record = index.get(wanted)
        return (record, *(("", "") if is_address(record.uri) else _looked_at(record)))

    record, kind, etag = await state.with_index(work)
    if is_address(record.uri):
        return RedirectResponse(record.uri, 307)
    headers = _cache_headers(state, etag, etag == _etag(record))
    if _has(request, etag):
        return Response(status_code=304, headers=headers)
    return FileResponse(
        local_path(record.uri),
        media_type=kind,
        headers=headers,
        filename=_name(record, kind),
        content_disposition_type="inline",
    )


def _looked_at(record: ImageRecord) -> tuple[str, str]:
    """What a record's file is by its first bytes, and its entity tag."""
    path = local_path(record.uri)
    found = stat_file(str(path))
    if isinstance(found, str):
        raise _gone(record, found)
    try:
        with path.open("rb") as file:
            known = sniff(file.read(HEAD_BYTES))
    except OSError as error:
        raise _gone(record, "it may not be read") from error
    if known is None:
        raise _gone(record, "it is no picture any more")
    same = (found.st_size, found.st_mtime) == (record.size, record.modified)
    return _TYPES[known], (_etag(record) if same else f'"{found.st_mtime_ns:x}-{found.st_size:x}"')


def _etag(record: ImageRecord) -> str:
    return f'"{record.sha256[:32]}"'


def _bytes(record: ImageRecord, state: State) -> bytes:
    """The bytes of a record's picture, from its file, the downloads, or its address."""
    if not is_address(record.uri):
        found = stat_file(str(local_path(record.uri)))
        if isinstance(found, str):  # a pipe would keep the thread waiting for ever
            raise ImageUnreadableError(record.uri, found)
        return read_file(record.uri)
    fetcher = Fetcher(allow_private=state.options.allow_private, retries=0)
    try:
        kept = fetcher.kept(record.uri)
        if kept is not None:
            return kept
        if not state.options.allow_urls:
            raise FetchError(record.uri, "no copy of it is kept here")
        return fetcher.fetch(record.uri)
    finally:
        fetcher.close()


def _gone(record: ImageRecord, reason: str) -> PictureGoneError:
    return PictureGoneError(f"the picture of {record.id!r} cannot be shown: {reason}")


def _name(record: ImageRecord, kind: str) -> str:
    """A file name to save it under: the end of the id, with the suffix of what it is."""
    stem = PurePosixPath(record.id.replace("\\", "/")).name or "image"
    plain = "".join(letter if letter.isprintable() else "_" for letter in stem)[-100:]
    suffix = kind.partition("/")[2].replace("jpeg", "jpg")
    given = Path(plain).suffix.lower().lstrip(".").replace("jpeg", "jpg")
    return plain if given == suffix else f"{plain}.{suffix}"


def _cache_headers(state: State, etag: str, same: bool) -> dict[str, str]:
    """Long for what the record describes, a question each time for a file that has changed."""
    who = "public" if state.options.open_to_read else "private"
    age = f"{who}, max-age={_LONG}" if same else "no-cache"
    return {"ETag": etag, "Cache-Control": age}


def _has(request: Request, etag: str) -> bool:
    """Whether the client has it already (RFC 9110, 13.1.2)."""
    given = request.headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag in tags or given.strip() == "*"
