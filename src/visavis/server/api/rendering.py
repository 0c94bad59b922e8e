"""Records and answers as the API shows them."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response

from visavis.errors import RecordNotFoundError
from visavis.sources.web.fetch import is_address
from visavis.types import ImageRecord, SearchResult

_TAKEN = {"random": "%72andom"}  # a literal segment of the API, so a record of that name is encoded


def answer(shape: Any) -> Response:
    """JSON; never cached, as the next moment may have another answer."""
    body = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))
    return Response(
        body.encode("utf-8", "replace"),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def record_id(request: Request) -> str:
    """The id in the path, which comes percent-encoded (see edge/front.py)."""
    segment: str = request.path_params["id"]
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise RecordNotFoundError(segment) from None


def record_path(root_path: str, id: str) -> str:
    """Where a record is found."""
    return f"{root_path}/v1/images/{_TAKEN.get(id) or quote(id, safe='')}"


def record_shape(record: ImageRecord, root_path: str, titles: Sequence[str]) -> dict[str, Any]:
    """A record, with links in place of where this machine keeps its file, and with its title."""
    return record.to_dict() | _links(record, root_path) | _title(record, titles)


def search_shape(result: SearchResult, root_path: str, titles: Sequence[str]) -> dict[str, Any]:
    """The answer to a query: as everywhere, with links and titles."""
    shape = result.to_dict()
    for match, found in zip(shape["results"], result.matches, strict=True):
        match |= _links(found.record, root_path) | _title(found.record, titles)
    return shape


def _title(record: ImageRecord, titles: Sequence[str]) -> dict[str, str]:
    """The first of the fields that the record has; nothing without one."""
    found = (str(record.fields.get(name, "")).strip() for name in titles)
    return next(({"title": text} for text in found if text), {})


def _links(record: ImageRecord, root_path: str) -> dict[str, str]:
    path = record_path(root_path, record.id)
    file = f"{path}/file"
    uri = record.uri if is_address(record.uri) else file
    return {"uri": uri, "thumbnail": f"{path}/thumbnail", "file": file}
