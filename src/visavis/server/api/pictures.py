"""The bytes of records: files and thumbnails.

No path in a request reaches the file system: an id is looked up in the database, and the record
says where its picture is.
"""

import hashlib
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, NamedTuple, TypeVar
from urllib.parse import quote

from fastapi import Query
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from visavis.buckets.address import Address, is_object
from visavis.errors import ImageError, ImageUnreadableError
from visavis.image_index import ImageIndex
from visavis.images.files import open_file
from visavis.images.sniff import HEAD_BYTES, Format, sniff
from visavis.images.stripping import stripped
from visavis.server.api.rendering import LETTERS, record_id, version_of, without_login
from visavis.server.api.schemas import FileParams, ThumbnailParams
from visavis.server.pool import Job
from visavis.server.refusals import NoSuchPartError, PictureGoneError, told_reason
from visavis.server.state import State, state_of
from visavis.sources.objects.reading import read_object
from visavis.sources.web.fetch import is_url
from visavis.types import ImageRecord

T = TypeVar("T")

_TYPES: dict[Format, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "JXL": "image/jxl",
    "RAW": "application/octet-stream",
}
TYPES = tuple(_TYPES.values())
"""What a record's file may be served as."""

_YEAR = 31_536_000  # seconds
_PART = re.compile(r"\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)  # of a Range
_LINK = 900  # seconds that a signed link is valid


class _Small(NamedTuple):
    """A thumbnail."""

    data: bytes
    sha256: str
    """Of the picture that it shows."""
    same: bool
    """Whether that is the picture which the record describes."""


class _File(NamedTuple):
    """A record's file."""

    record: ImageRecord
    file: BinaryIO
    """Open."""
    status: os.stat_result
    kind: str
    version: str
    data: bytes | None
    """What is sent in its place: the same without its metadata."""


async def get_thumbnail(
    request: Request, id: str, asked: Annotated[ThumbnailParams, Query()]
) -> Response:
    """A small WebP of a record's picture, upright."""
    state = state_of(request)
    wanted = record_id(request)

    def look_up(index: ImageIndex) -> _Small | ImageRecord:
        record = index.get(wanted)
        kept = index.shelf.thumbnails.kept(record.sha256, asked.side)
        return record if kept is None else _Small(kept, record.sha256, True)

    small = await state.with_index(request, look_up)
    if isinstance(small, ImageRecord):
        small = await with_picture(
            request,
            small,
            lambda index, record, data, job: _made(index, record, data, asked.side, state, job),
            paid=False,
        )
    version = small.sha256[:LETTERS]
    headers = _cache_headers(state, f'"{version}-{asked.side}"', small.same and asked.v == version)
    if _has(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(small.data, media_type="image/webp", headers=headers)


def _made(
    index: ImageIndex, record: ImageRecord, data: bytes, side: int, state: State, job: Job
) -> _Small:
    try:
        with state.decoding.room(data, job):
            made, sha256 = index.shelf.thumbnails.made(data, side, state.options.max_pixels)
    except ImageError as error:
        raise gone(record, told_reason(error)) from error
    # On a disk that takes nothing it is made anew for each request.
    job.paid = index.shelf.thumbnails.kept(sha256, side) is None
    return _Small(made, sha256, sha256 == record.sha256)


async def with_picture(
    request: Request,
    record: ImageRecord,
    work: Callable[[ImageIndex, ImageRecord, bytes, Job], T],
    *,
    paid: bool,
) -> T:
    """What some work makes of a record's picture, which is read, or downloaded where it has to be.

    The client has `paid` for what is made for it alone, and not for what is kept for all.

    Raises PictureGoneError, and what the work raises.
    """
    state = state_of(request)

    def read(index: ImageIndex, job: Job) -> T | ImageRecord:
        found, data = read_picture(index, record, state)
        return found if data is None else work(index, found, data, job)

    done = await state.with_pictures(request, read, paid=paid)
    if not isinstance(done, ImageRecord):
        return done
    found, data = done, await _downloaded(done, state)  # on a thread that may wait
    return await state.with_pictures(
        request, lambda index, job: work(index, found, data, job), paid=paid
    )


async def _downloaded(record: ImageRecord, state: State) -> bytes:
    """The bytes at a record's URI. Raises PictureGoneError, ObjectStorageError."""
    if is_object(record.uri):
        most = state.options.max_upload_bytes
        work = partial(read_object, record.uri, state.objects, most=most)
    else:
        work = partial(state.downloads.fetch, record.uri, state.options.work_seconds)
    try:
        return await state.fetches.run(work)
    except ImageError as error:
        raise gone(record, told_reason(error)) from error


async def get_file(request: Request, id: str, asked: Annotated[FileParams, Query()]) -> Response:
    """A record's picture itself, or a redirect to its URL."""
    state = state_of(request)
    wanted = record_id(request)
    found = await state.with_index(request, lambda index: _file(index, wanted, state))
    if isinstance(found, str):
        return RedirectResponse(found, 307)
    if isinstance(found, ImageRecord):
        return await _object(request, found, asked, state)
    etag = f'"{found.version}"'
    headers = _cache_headers(state, etag, asked.v == found.version)
    if _has(request, etag):
        found.file.close()
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = _disposition(found.record, found.kind)
    if found.data is not None:
        found.file.close()
        return Response(found.data, media_type=found.kind, headers=headers)
    return _Sent(found.file, found.status, found.kind, headers)


async def _object(
    request: Request, record: ImageRecord, asked: FileParams, state: State
) -> Response:
    """A picture in object storage: passed through, or a link to it that is valid for a while."""
    if state.options.signed_links:
        link = partial(state.objects.link, Address.parse(record.uri), _LINK)
        here = {"Cache-Control": "no-store"}
        return RedirectResponse(await state.fetches.run(link), 307, headers=here)
    version = version_of(record)
    if _has(request, f'"{version}"'):  # it need not be read to know what it was
        return Response(status_code=304, headers=_cache_headers(state, f'"{version}"', False))
    data = await _downloaded(record, state)
    known = sniff(data[:HEAD_BYTES])
    if known is None:
        raise gone(record, "it is no picture any more")
    version = hashlib.sha256(data).hexdigest()[:LETTERS]
    headers = _cache_headers(state, f'"{version}"', asked.v == version)
    headers["Content-Disposition"] = _disposition(record, _TYPES[known])
    if not state.options.keep_metadata:
        data = stripped(data)
    return Response(data, media_type=_TYPES[known], headers=headers)


class _Sent(FileResponse):
    """A file that is open already: it may be removed or replaced meanwhile."""

    def __init__(
        self, file: BinaryIO, status: os.stat_result, kind: str, headers: dict[str, str]
    ) -> None:
        again = Path(f"/proc/self/fd/{file.fileno()}")  # Linux: the same file, whatever its name
        place = again if again.exists() else file.name
        super().__init__(place, headers=headers, media_type=kind, stat_result=status)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the part of it that is asked for in a way that can be understood."""
        asked = Headers(scope=scope).get("range")
        if asked is not None and not _is_range(asked):  # RFC 9110, 14.2: it may be ignored
            heads = [(name, value) for name, value in scope["headers"] if name != b"range"]
            scope = {**scope, "headers": heads}

        async def told(message: Message) -> None:
            if message.get("status") == 416:
                size = os.fstat(self._file.fileno()).st_size
                raise NoSuchPartError(
                    f"the picture has {size} bytes, and no such part as {asked}",
                    Content_Range=f"bytes */{size}",
                )
            await send(message)

        with self._file:
            await super().__call__(scope, receive, told)


def _is_range(asked: str) -> bool:
    unit, _, parts = asked.partition("=")
    found = [_PART.fullmatch(part) for part in parts.split(",")]
    return unit.strip().lower() == "bytes" and all(
        part and (part[1] or part[2]) and not (part[1] and part[2] and int(part[1]) > int(part[2]))
        for part in found
    )


def _file(index: ImageIndex, wanted: str, state: State) -> _File | str | ImageRecord:
    """A record's file, its URL, or the record of what lies in object storage."""
    record = index.get(wanted)
    if is_object(record.uri):
        return record
    if is_url(record.uri):
        return without_login(record.uri)
    return _with_place(index, record, lambda place: _looked_at(place, state))[1]


def _looked_at(record: ImageRecord, state: State) -> _File:
    file = open_file(record.uri)
    try:
        known = sniff(file.read(HEAD_BYTES))
        if known is None:
            raise gone(record, "it is no picture any more")
        status, data = os.fstat(file.fileno()), None
        if not state.options.keep_metadata:
            file.seek(0)
            whole = file.read()
            data = stripped(whole)
            if data == whole:
                data = None  # nothing was taken out: it is sent from where it lies
    except BaseException:
        file.close()
        raise
    same = (status.st_size, status.st_mtime) == (record.size, record.modified)
    version = version_of(record) if same else f"{status.st_mtime_ns:x}-{status.st_size:x}"
    return _File(record, file, status, _TYPES[known], version, data)


def _with_place(
    index: ImageIndex, record: ImageRecord, take: Callable[[ImageRecord], T]
) -> tuple[ImageRecord, T]:
    """What can be taken from where a record's picture lies, also when that changes meanwhile.

    Raises RecordNotFoundError when the record was removed, PictureGoneError when its file is gone.
    """
    while True:
        try:
            return record, take(record)
        except ImageUnreadableError as error:
            now = index.get(record.id)  # a picture that is replaced over HTTP gets another file
            if now.uri == record.uri:
                raise gone(record, told_reason(error)) from error
            record = now


def read_picture(
    index: ImageIndex, record: ImageRecord, state: State
) -> tuple[ImageRecord, bytes | None]:
    """The bytes of a record's picture, from its file or the downloads; None: ask where it lies.

    Raises PictureGoneError.
    """

    def take(place: ImageRecord) -> bytes | None:
        if is_object(place.uri):
            return None
        if not is_url(place.uri):
            with open_file(place.uri) as file:
                return file.read()
        kept = state.downloads.kept(place.uri)
        if kept is None and not state.options.allow_urls:
            raise gone(place, "no copy of it is kept here")
        return kept

    return _with_place(index, record, take)


def gone(record: ImageRecord, reason: str) -> PictureGoneError:
    """The refusal of what needs a record's picture."""
    return PictureGoneError(f"the picture of {record.id!r} cannot be shown: {reason}")


def _disposition(record: ImageRecord, kind: str) -> str:
    """Shown, and under this name where it is saved."""
    name = _name(record, kind)
    quoted = quote(name)
    how = f'filename="{name}"' if quoted == name else f"filename*=utf-8''{quoted}"
    return f"inline; {how}"


def _name(record: ImageRecord, kind: str) -> str:
    """A file name to save it under: the end of the id, with the suffix of what it is."""
    stem = PurePosixPath(record.id.replace("\\", "/")).name or "image"
    plain = "".join(letter if letter.isprintable() else "_" for letter in stem)[-100:]
    suffix = kind.partition("/")[2].replace("jpeg", "jpg")
    given = Path(plain).suffix.lower().lstrip(".").replace("jpeg", "jpg")
    return plain if given == suffix else f"{plain}.{suffix}"


def _cache_headers(state: State, etag: str, lasts: bool) -> dict[str, str]:
    """For ever under a link that names this version, a question each time under any other."""
    who = "public" if state.options.open_to_read else "private"
    age = f"{who}, max-age={_YEAR}, immutable" if lasts else f"{who}, no-cache"
    return {"ETag": etag, "Cache-Control": age}


def _has(request: Request, etag: str) -> bool:
    """Whether the client has it already (RFC 9110, 13.1.2)."""
    given = request.headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag in tags or given.strip() == "*"
