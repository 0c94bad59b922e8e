"""Adding and removing records; needs a key with the scope write (see guard.py)."""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from visavis.errors import FetchError, ImageError, ImageUnreadableError
from visavis.filters import CONCEPTS, TAGS
from visavis.flows.concepts.tagging import concepts_written
from visavis.image_index import ImageIndex
from visavis.images.decode import decode, read_about
from visavis.images.files import open_file
from visavis.server.api.bodies import (
    LINES,
    MULTIPART,
    media_type,
    parsed,
    read_form,
    refuse_parameters,
)
from visavis.server.api.rendering import answer, record_id, visible
from visavis.server.api.request_source import RequestSource
from visavis.server.api.schemas import MOST_ID, FieldsIn, NoParams, UrlIn, WhereParams
from visavis.server.pool import Job
from visavis.server.refusals import ForbiddenError, InvalidError, MediaTypeError, told_reason
from visavis.server.state import State, state_of
from visavis.sources.base import is_remote
from visavis.types import Entry, Failure, Fields, FieldValue, ImageRecord, IndexReport

_MOST_LINES = 1_000
_DOWNLOADERS = 8


@dataclass(frozen=True, slots=True)
class _Upload:
    """One picture to add."""

    data: bytes
    id: str
    fields: dict[str, Any] | None
    """None: those that a record of that id has already."""


async def add_images(request: Request) -> Response:
    """Add a picture with its fields, or pictures at URLs; an id that is there is replaced."""
    refuse_parameters(request)
    state = state_of(request)
    kind = media_type(request)
    if kind == MULTIPART:
        upload = await _read_upload(request)
        await state.with_pictures(
            request, lambda index, job: _check(index, upload, state, job), paid=False
        )
        return answer(await state.with_writing(lambda index: _add_upload(index, upload)))
    if kind != LINES:
        raise MediaTypeError(f"send {MULTIPART} or {LINES}, not {kind or 'a body without a type'}")
    if not state.options.allow_urls:
        raise ForbiddenError("this server fetches no URLs; send the pictures")
    wanted = await _read_lines(request)
    # Other people's servers may be slow: nobody holds the index's lock while they are asked.
    had = await state.gathers.run(lambda: _downloaded(wanted, state))
    return answer(await state.with_writing(lambda index: _add_downloads(index, had, state)))


async def remove_image(request: Request, id: str, _: Annotated[NoParams, Query()]) -> Response:
    """Remove a record; its picture is deleted only if it was uploaded."""
    state = state_of(request)
    wanted = record_id(request)

    def work(index: ImageIndex) -> dict[str, Any]:
        with index.writing():
            record = index.get(wanted)
            removed = index.remove(wanted)
            index.shelf.uploads.forget(record.uri)
        return {"removed": removed}

    return answer(await state.with_writing(work))


async def remove_images(request: Request, asked: Annotated[WhereParams, Query()]) -> Response:
    """Remove every record that passes a filter."""
    state = state_of(request)
    where = visible(asked.where, state.options)
    if where is None:
        raise InvalidError("say which records to remove with where, such as ?where=category=shoes")

    def work(index: ImageIndex) -> dict[str, Any]:
        uploads = index.shelf.uploads
        with index.writing():
            kept = uploads.of(index.records(where))
            removed = index.remove(where=where)
            for uri in kept.values():
                uploads.forget(uri)
        return {"removed": removed}

    return answer(await state.with_writing(work))


async def _read_upload(request: Request) -> _Upload:
    texts, files = await read_form(request, {"id", "fields"})
    if len(files) != 1:
        raise InvalidError(f"send exactly one part named image, not {len(files)}")
    id = texts.get("id") or f"upload-{hashlib.sha256(files[0]).hexdigest()[:16]}"
    if "\0" in id:
        raise InvalidError("an id holds no NUL character")
    if len(id) > MOST_ID:
        raise InvalidError(f"an id has at most {MOST_ID} letters, not {len(id)}")
    fields = parsed(FieldsIn, texts["fields"] or "{}") if "fields" in texts else None
    return _Upload(files[0], id, None if fields is None else dict(fields.root))


async def _read_lines(request: Request) -> list[Entry]:
    body = await request.body()
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not 0 < len(lines) <= _MOST_LINES:
        raise InvalidError(f"send 1 to {_MOST_LINES} lines at once, not {len(lines)}")
    read = [parsed(UrlIn, line) for line in lines]
    return [Entry(line.id or line.url, line.url, -1, 0.0, dict(line.fields)) for line in read]


def _check(index: ImageIndex, upload: _Upload, state: State, job: Job) -> None:
    """Refuse what cannot be decoded with the right status, before anything is written."""
    side = index.embedder(threads=1).side
    with state.decoding.room(upload.data, job):
        decode(upload.data, "the picture", min_side=side, max_pixels=state.options.max_pixels)


def _add_upload(index: ImageIndex, upload: _Upload) -> dict[str, Any]:
    uploads = index.shelf.uploads
    with index.writing():  # what is looked up stays true until the end
        old = index.get(upload.id) if upload.id in index else None
        fields = upload.fields
        if fields is None:
            fields = _staying(index, old) if old else {}
        entry = uploads.keep(upload.data, upload.id, fields)
        try:
            report = index.add(RequestSource([entry], lambda _: upload.data))
        finally:
            now = index.get(upload.id).uri if upload.id in index else ""
            for uri in {old.uri if old else "", entry.uri} - {now, ""}:
                uploads.forget(uri)
        if old is not None and not index.store.held([old.sha256]):
            index.shelf.thumbnails.forget([old.sha256])
    if report.failed:
        raise ImageUnreadableError("the picture", report.failed[0].reason)
    return _report_shape(index, report, [upload.id])


def _staying(index: ImageIndex, old: ImageRecord) -> dict[str, FieldValue]:
    """What a record keeps that gets another picture: all that is not of the picture itself."""
    said: Fields = {}
    if not is_remote(old.uri):
        with suppress(ImageError), open_file(old.uri) as file:
            said = read_about(file)
    ours = {TAGS} if index.tagging.made else set()
    ours |= {CONCEPTS} if concepts_written(index.store) else set()
    return {
        name: value
        for name, value in old.fields.items()
        if name not in ours and said.get(name) != value
    }


def _downloaded(wanted: Sequence[Entry], state: State) -> list[Entry | Failure]:
    """The pictures that are in the cache of downloads now, and why the others are not."""
    end = time.monotonic() + state.options.write_seconds
    job = Job(state.options.write_seconds)

    def download(entry: Entry) -> Entry | Failure:
        try:
            data = state.downloads.fetch(entry.uri, max(0.1, end - time.monotonic()))
            with state.decoding.room(data, job):
                decode(data, entry.uri, min_side=1, max_pixels=state.options.max_pixels)
        except ImageError as error:
            return Failure(entry.uri, told_reason(error))
        if not state.downloads.keeps(entry.uri):
            return Failure(entry.uri, "the server has no room to keep it")
        return entry

    with ThreadPoolExecutor(_DOWNLOADERS, "visavis-download") as threads:
        return list(threads.map(download, wanted))


def _add_downloads(
    index: ImageIndex, had: Sequence[Entry | Failure], state: State
) -> dict[str, Any]:
    def read(entry: Entry) -> bytes:
        data = state.downloads.kept(entry.uri)
        if data is None:
            raise FetchError(entry.uri, "its download was deleted meanwhile; send it again")
        return data

    report = index.add(RequestSource(had, read))
    return _report_shape(index, report, [entry.id for entry in had if isinstance(entry, Entry)])


def _report_shape(index: ImageIndex, report: IndexReport, ids: Sequence[str]) -> dict[str, Any]:
    return report.to_dict() | {"ids": [id for id in dict.fromkeys(ids) if id in index]}
