"""Records and answers as the API shows them."""

import json
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
    """The id in the path, which comes percent-encoded (see front.py)."""
    segment: str = request.path_params["id"]
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise RecordNotFoundError(segment) from None


def record_path(root_path: str, id: str) -> str:
    """Where a record is found."""
    return f"{root_path}/v1/images/{_TAKEN.get(id) or quote(id, safe='')}"


def record_shape(record: ImageRecord, root_path: str) -> dict[str, Any]:
    """A record, without a word on where this machine keeps it."""
    path = record_path(root_path, record.id)
    return {
        "id": record.id,
        "uri": record.uri if is_address(record.uri) else f"{path}/file",
        "fields": dict(record.fields),
        "width": record.width,
        "height": record.height,
        "size": record.size,
        "modified": record.modified,
        "thumbnail": f"{path}/thumbnail",
        "file": f"{path}/file",
    }


def search_shape(
    result: SearchResult, root_path: str, total_matching: int | None = None
) -> dict[str, Any]:
    """The answer to a query."""
    shape: dict[str, Any] = {
        "results": [
            record_shape(match.record, root_path)
            | {"score": round(match.score, 6)}
            | ({"why": list(match.why)} if match.why else {})
            for match in result.matches
        ],
        "total_searched": result.total_searched,
        "model": result.model,
        "took_ms": round(result.took_ms, 3),
    }
    if result.reason is not None:
        shape["reason"] = result.reason
    if result.notes:
        shape["notes"] = list(result.notes)
    if total_matching is not None:
        shape["total_matching"] = total_matching
    return shape
