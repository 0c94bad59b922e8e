"""Records and answers as the API shows them."""

import json
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response

from visavis.errors import FilterError, RecordNotFoundError
from visavis.filters import NEARBY, parse_all
from visavis.images.metadata import GPS
from visavis.server.options import ServerOptions
from visavis.sources.web.fetch import is_url
from visavis.types import Filter, ImageRecord, SearchResult

LETTERS = 32
"""How many of a SHA-256 name a version."""

_LOGIN = re.compile(r"^(https?://)[^/?#]*@", re.IGNORECASE)

_OPAQUE = "~"  # in front of a segment that is an id in base64
_UNNAMED = frozenset(("", ".", "..", "random"))  # no path leads there, or it leads elsewhere


def answer(shape: Any) -> Response:
    """JSON; never cached, as the next moment may have another answer."""
    body = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))
    return Response(
        body.encode("utf-8", "replace"),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def record_id(request: Request) -> str:
    """The id in the path, which comes percent-encoded (see edge/outer.py), or as a key."""
    segment: str = request.path_params["id"]
    try:
        if segment.startswith(_OPAQUE):
            key = segment[1:].rstrip("=")
            return b64decode(key + "=" * (-len(key) % 4), b"-_", validate=True).decode()
        return unquote_to_bytes(segment).decode()
    except ValueError:
        raise RecordNotFoundError(segment) from None


def record_path(root_path: str, id: str) -> str:
    """Where a record is found.

    >>> record_path("", "a/b"), record_path("", "..")
    ('/v1/images/a%2Fb', '/v1/images/~Li4')
    """
    if id in _UNNAMED or id.startswith(_OPAQUE):
        key = urlsafe_b64encode(id.encode("utf-8", "replace")).decode().rstrip("=")
        return f"{root_path}/v1/images/{_OPAQUE}{key}"
    return f"{root_path}/v1/images/{quote(id, safe='')}"


def version_of(record: ImageRecord) -> str:
    """What a link says besides where: another picture has another link."""
    return record.sha256[:LETTERS]


def without_login(url: str) -> str:
    """A URL for others: without the name and password with which this server downloads from it.

    >>> without_login("https://ann:secret@shop.example/a.jpg?size=@2")
    'https://shop.example/a.jpg?size=@2'
    """
    return _LOGIN.sub(r"\1", url)


def record_shape(
    record: ImageRecord, options: ServerOptions, titles: Sequence[str]
) -> dict[str, Any]:
    """A record, with links in place of where this machine keeps its file, and with its title."""
    return record.to_dict() | _shown(record, options, titles)


def search_shape(
    result: SearchResult, options: ServerOptions, titles: Sequence[str]
) -> dict[str, Any]:
    """The answer to a query: as everywhere, with links and titles."""
    shape = result.to_dict()
    for match, found in zip(shape["results"], result.matches, strict=True):
        match |= _shown(found.record, options, titles)
    return shape


def visible(where: Sequence[str], options: ServerOptions) -> Filter | None:
    """The filter of a request. Raises FilterError, also for hidden fields."""
    found = parse_all(where)
    for condition in found.conditions if found else ():
        check_shown(condition.field, options)
        if condition.field == NEARBY and GPS & options.hidden:
            raise _unknown(NEARBY)
    return found


def check_shown(field: str | None, options: ServerOptions) -> None:
    """Raise FilterError for a hidden field, as if no record had it."""
    if field is not None and options.hides(field):
        raise _unknown(field)


def _unknown(field: str) -> FilterError:
    return FilterError(f"no record has a field {field!r}")


def _shown(record: ImageRecord, options: ServerOptions, titles: Sequence[str]) -> dict[str, Any]:
    shown = _links(record, options.root_path) | _title(record, titles)
    if options.hidden:
        fields = record.fields.items()
        shown["fields"] = {name: value for name, value in fields if name not in options.hidden}
    return shown


def _title(record: ImageRecord, titles: Sequence[str]) -> dict[str, str]:
    """The first of the fields that the record has; nothing without one."""
    found = (str(record.fields.get(name, "")).strip() for name in titles)
    return next(({"title": text} for text in found if text), {})


def _links(record: ImageRecord, root_path: str) -> dict[str, Any]:
    path, version = record_path(root_path, record.id), version_of(record)
    file = f"{path}/file?v={version}"
    uri = without_login(record.uri) if is_url(record.uri) else file
    return {"uri": uri, "thumbnail": f"{path}/thumbnail?v={version}", "file": file}
