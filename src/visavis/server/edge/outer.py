"""What every request passes first: paths as they were sent, safe headers, metrics."""

import logging
import re
import secrets
import time
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visavis.disk import is_full
from visavis.server.edge.guard import client_of, route_of
from visavis.server.logs import REFUSED, LoggedRequest, Refused, RequestLog
from visavis.server.metrics import Metrics
from visavis.server.refusals import json_error

_LOG = logging.getLogger("visavis.server")

IMAGES = "/v1/images/"

REQUEST_ID = "X-Request-Id"

_GIVEN_ID = re.compile(r"[\w.+/=-]{1,64}", re.ASCII)

_METHODS = frozenset(("GET", "HEAD", "POST", "DELETE", "OPTIONS"))

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""For the page: nothing from elsewhere, and no script or style inside the HTML."""

DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""For everything else: should a browser ever take it for a page, that page can do nothing."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Content-Security-Policy": DATA_POLICY,
}


class OuterMiddleware:
    """The outermost layer of the application.

    Record ids are any text, slashes included, and come percent-encoded as one segment of the path.
    So below /v1/images/ the router sees the path as it was sent, still encoded, and the handlers
    decode the segment: the id `a/file` cannot be taken for the file of the record `a`.
    """

    def __init__(
        self, app: ASGIApp, *, root_path: str, shared: bool, metrics: Metrics, log: RequestLog
    ) -> None:
        self._app = app
        self._log = log
        self._root_path = root_path
        self._headers = _HEADERS | {
            "Cross-Origin-Resource-Policy": "cross-origin" if shared else "same-origin"
        }
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._set_paths(scope)
        answered: list[int] = []
        id = _request_id(scope)
        refused = Refused()
        REFUSED.set(refused)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        started = time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_safely)
        except ClientDisconnect:
            return  # nobody is left to answer; counted as 499
        except Exception as error:
            if answered or not is_full(error):
                _LOG.exception("request %s failed", id)
            if answered:
                raise  # half an answer is out; the connection has to be cut
            await _failed(error)(scope, receive, send_safely)
        finally:
            self._metrics.in_flight.dec()
            self._note(scope, answered, time.perf_counter() - started, id, refused)

    def _set_paths(self, scope: Scope) -> None:
        """The prefix of a proxy is taken off, whether the proxy itself did so or not."""
        raw = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
        prefix = self._root_path.encode()
        if prefix and (raw == prefix or raw.startswith(prefix + b"/")):
            raw = raw[len(prefix) :]
        encoded = raw.startswith(IMAGES.encode())
        path = (raw if encoded else unquote_to_bytes(raw)).decode("utf-8", "replace")
        scope["root_path"] = self._root_path
        scope["path"] = self._root_path + path
        scope["visavis.path"] = path

    def _note(
        self, scope: Scope, answered: list[int], seconds: float, id: str, refused: Refused
    ) -> None:
        route = route_of(scope)
        status = answered[0] if answered else 499  # the client left before there was an answer
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        self._metrics.latency.labels(route).observe(seconds)
        if not self._log.wants(status):
            return
        refusal = refused.error, refused.reason
        self._log.note(
            LoggedRequest(id, client_of(scope), method, route, status, seconds * 1000, *refusal)
        )


def _failed(error: Exception) -> Response:
    if is_full(error):  # where large bodies are put while they come, say
        return json_error("StorageFullError", "the disk of the server is full", 507)
    return json_error("InternalError", "the server made a mistake; see its log", 500)


def _request_id(scope: Scope) -> str:
    """What a proxy calls the request, or a name of our own."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
