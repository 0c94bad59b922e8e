"""Adding and removing records; needs a key with the scope write (see guard.py)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from visavis.errors import ImageUnreadableError, RecordNotFoundError
from visavis.image_index import ImageIndex
from visavis.images.decode import decode
from visavis.images.fetch import Fetcher
from visavis.server.bodies import LINES, MULTIPART, media_type, parsed, read_form
from visavis.server.refusals import ForbiddenError, InvalidError, MediaTypeError
from visavis.server.rendering import answer, record_id
from visavis.server.schemas import MOST_ID, AddressIn, FieldsIn, NoParams, WhereParams
from visavis.server.state import State, state_of
from visavis.server.uploads import PushedSource, Uploads
from visavis.store.filters import parse_all
from visavis.types import Entry, IndexReport

_MOST_LINES = 1_000


@dataclass(frozen=True, slots=True)
class _Upload:
    """One picture to add."""

    data: bytes
    id: str
    fields: dict[str, Any]


async def add_images(request: Request) -> Response:
    """Add a picture with its fields, or pictures at addresses; an id that is there is replaced."""
    state = state_of(request)
    kind = media_type(request)
    with state.admission:
        if kind == MULTIPART:
            upload = await _read_upload(request)
            await state.work.run(lambda: _check(upload, state))
            return answer(await _written(state, lambda index: _add_upload(index, upload, state)))
        if kind == LINES:
            if not state.options.allow_urls:
                raise ForbiddenError("this server fetches no addresses; send the pictures")
            lines = await _read_lines(request)
            return answer(await _written(state, lambda index: _add_lines(index, lines, state)))
    raise MediaTypeError(f"send {MULTIPART} or {LINES}, not {kind or 'a body without a type'}")


async def remove_image(request: Request, id: str, _: Annotated[NoParams, Query()]) -> Response:
    """Remove a record; its picture is deleted only if it was uploaded."""
    state = state_of(request)
    wanted = record_id(request)

    def work(index: ImageIndex) -> dict[str, Any]:
        record = index.get(wanted)
        removed = index.remove(wanted)
        if not removed:
            raise RecordNotFoundError(wanted)
        Uploads(index.path).forget(record.uri)
        return {"removed": removed}

    return answer(await _written(state, work))


async def remove_images(request: Request, asked: Annotated[WhereParams, Query()]) -> Response:
    """Remove every record that passes a filter."""
    state = state_of(request)
    where = parse_all(asked.where)
    if where is None:
        raise InvalidError("say which records to remove with where, such as ?where=category=shoes")

    def work(index: ImageIndex) -> dict[str, Any]:
        uploads = Uploads(index.path)
        kept = uploads.of(index.records(where))
        removed = index.remove(where=where)
        for id, uri in kept.items():
            if id not in index:
                uploads.forget(uri)
        return {"removed": removed}

    return answer(await _written(state, work))


async def _written(state: State, work: Callable[[ImageIndex], dict[str, Any]]) -> dict[str, Any]:
    """What some work gives, done by the one thread that writes."""

    def leased() -> dict[str, Any]:
        with state.live.use() as index:
            return work(index)

    return await state.writes.run(leased)


async def _read_upload(request: Request) -> _Upload:
    texts, files = await read_form(request, {"id", "fields"})
    if len(files) != 1:
        raise InvalidError(f"send exactly one part named image, not {len(files)}")
    id = texts.get("id") or f"upload-{hashlib.sha256(files[0]).hexdigest()[:16]}"
    if "\0" in id:
        raise InvalidError("an id holds no NUL character")
    if len(id) > MOST_ID:
        raise InvalidError(f"an id has at most {MOST_ID} letters, not {len(id)}")
    fields = parsed(FieldsIn, texts.get("fields") or "{}")
    return _Upload(files[0], id, dict(fields.root))


async def _read_lines(request: Request) -> list[AddressIn]:
    body = await request.body()
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not 0 < len(lines) <= _MOST_LINES:
        raise InvalidError(f"send 1 to {_MOST_LINES} lines at once, not {len(lines)}")
    return [parsed(AddressIn, line) for line in lines]


def _check(upload: _Upload, state: State) -> None:
    """Refuse what cannot be decoded with the right status, before anything is written."""
    with state.live.use() as index:
        side = index.embedder(threads=1).side
    decode(upload.data, "the picture", min_side=side, max_pixels=state.options.max_pixels)


def _add_upload(index: ImageIndex, upload: _Upload, state: State) -> dict[str, Any]:
    uploads = Uploads(index.path)
    before = index.get(upload.id).uri if upload.id in index else None
    entry = uploads.keep(upload.data, upload.id, upload.fields)
    try:
        report = index.add(PushedSource([entry], {entry.uri: upload.data}, _fetcher(state)))
        if report.failed:
            raise ImageUnreadableError("the picture", report.failed[0].reason)
    except BaseException:
        uploads.forget(entry.uri)
        raise
    if before is not None and before != entry.uri:
        uploads.forget(before)
    return _report_shape(index, report, [entry])


def _add_lines(index: ImageIndex, lines: list[AddressIn], state: State) -> dict[str, Any]:
    entries = [Entry(line.id or line.url, line.url, -1, 0.0, dict(line.fields)) for line in lines]
    report = index.add(PushedSource(entries, {}, _fetcher(state)))
    return _report_shape(index, report, entries)


def _fetcher(state: State) -> Fetcher:
    return Fetcher(
        allow_private=state.options.allow_private, max_bytes=state.options.max_upload_bytes
    )


def _report_shape(index: ImageIndex, report: IndexReport, entries: list[Entry]) -> dict[str, Any]:
    ids = list(dict.fromkeys(entry.id for entry in entries))
    return report.to_dict() | {"ids": [id for id in ids if id in index]}
