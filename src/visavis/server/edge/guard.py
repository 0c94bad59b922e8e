"""Who may ask what, how often, and with how large a body: decided before anything is read."""

from functools import partial
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from visavis.server.edge.admission import Bodies, LimitedBody, too_large
from visavis.server.edge.keys import KeyFile
from visavis.server.edge.limits import ASKER, CHARGE, RateLimiter, network_of
from visavis.server.memory import Memory
from visavis.server.options import ServerOptions, is_loopback
from visavis.server.refusals import (
    BadRequestError,
    ForbiddenError,
    MethodNotAllowedError,
    Refusal,
    UnauthorizedError,
    error_response,
)

_COSTLY = frozenset(("/metrics", "/openapi.json"))
OPEN = frozenset(
    ("/", "/duplicates", "/map", "/healthz", "/readyz", "/openapi.json", "/favicon.ico")
)
"""What needs no key."""

ASKING = frozenset(("/v1/search", "/v1/explain", "/v1/subjects", "/v1/tag", "/v1/duplicates/scan"))
"""What is sent a body and changes nothing: reading is enough for it."""

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_OWN_SITE = frozenset(("same-origin", "none"))  # none: somebody at the address bar

_LOGINS = frozenset(("basic", "digest", "negotiate", "ntlm"))
"""Passwords that a proxy asks for. Browsers send them along, also with what other sites ask for."""

_BURST = 1_000_000  # bytes of a body after which memory is given back
_PICTURE_COST = 0.1  # a page shows dozens of thumbnails at once; most come from a cache


class Guard:
    """Refuses with 400 (host), 401 and 403 (key), 405 (method), 413 (body) and 429 (rate)."""

    def __init__(
        self, app: ASGIApp, *, options: ServerOptions, keys: KeyFile | None, memory: Memory
    ) -> None:
        self._app = app
        self._options = options
        self._keys = keys
        self._memory = memory
        self._limiter = RateLimiter(options.rate, options.burst)
        self._bodies = Bodies(options.body_room, options.client_body_room)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope, Headers(scope=scope))
        except Refusal as refusal:
            await error_response(refusal)(scope, receive, send)
            return
        client = client_of(scope)
        CHARGE.set(partial(self._limiter.charge, client))
        network = network_of(client)
        ASKER.set(network)
        body = LimitedBody(receive, self._options, self._bodies, network)
        try:
            await self._app(scope, body, send)
        finally:
            body.close()
            if body.taken > _BURST:
                self._memory.note_burst()

    def _check(self, scope: Scope, headers: Headers) -> None:
        path: str = scope["visavis.path"]
        if len(headers.getlist("host")) > 1:  # a proxy may go by another one than we do
            raise BadRequestError("the request has several Host headers; send one")
        self._check_host(headers)
        if scope["method"] not in _SAFE:
            self._check_site(headers)
        if path.startswith(("/v1/", "/map/")) or path in _COSTLY:
            picture = path.endswith(("/thumbnail", "/file"))
            self._limiter.take(client_of(scope), _PICTURE_COST if picture else 1.0)
        if path not in OPEN and not path.startswith("/ui/"):
            self._check_access(scope, headers, path)
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._options.max_upload_bytes:
            raise too_large(self._options.max_upload_bytes)

    def _check_access(self, scope: Scope, headers: Headers, path: str) -> None:
        needed = _needed(scope["method"], path)
        if needed == "write":
            methods = methods_at(scope)
            if not methods:
                return  # there is nothing at this path, whatever the key
            if scope["method"] not in methods:
                raise MethodNotAllowedError(
                    f"{path[:100]} does not take {scope['method'][:20]}",
                    Allow=", ".join(sorted(methods)),
                )
        self._check_key(headers, needed)

    def _check_host(self, headers: Headers) -> None:
        """A page elsewhere that makes its own name resolve to 127.0.0.1 must not get in."""
        if not self._options.private:
            return
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if not is_loopback(name):
            raise BadRequestError(
                f"this server answers to the name localhost alone, not to {host[:100]!r}"
            )

    def _check_site(self, headers: Headers) -> None:
        """A page elsewhere must not have a visitor's browser ask for it.

        Browsers send a form, or a fetch whose answer they will not show, without asking us first.
        They say so, except old ones to servers without TLS: there the origin does. With a key
        in the head they have to ask first (CORS).
        """
        origin = headers.get("origin")
        if origin in self._options.cors_origins or "*" in self._options.cors_origins:
            return
        if _given_key(headers):
            return
        site = headers.get("sec-fetch-site")
        alien = not _is_own(origin, headers) if site is None else site not in _OWN_SITE
        if alien:
            raise ForbiddenError(
                "a page of another site asks; name its origin with --cors-origin to allow that"
            )

    def _check_key(self, headers: Headers, scope: str) -> None:
        options = self._options
        if scope == "write" and not options.writable:
            raise ForbiddenError(
                "this server is read-only"
                if options.read_only
                else "writing needs a key, and this server has none"
            )
        if scope == "read" and options.open_to_read:
            return
        given = _given_key(headers)
        allowed = self._keys.scopes(given) if given and self._keys else frozenset()
        if not allowed:
            unknown = "this key is not known, or its last day is over"
            what = unknown if given else f"this needs a key with the scope {scope}"
            raise UnauthorizedError(
                f"{what}; send it as the header Authorization: Bearer KEY",
                WWW_Authenticate="Bearer",
            )
        if scope not in allowed:
            raise ForbiddenError(f"this key does not have the scope {scope}")


def _is_own(origin: str | None, headers: Headers) -> bool:
    """Whether a page of this server has that origin; there is none outside of browsers."""
    if origin is None:
        return True
    try:
        page, host = urlsplit(origin), headers.get("host", "")
    except ValueError:  # http://[, which no browser sends
        return False
    return host.lower() in (page.netloc.lower(), page.hostname or "")  # a proxy may drop the port


def _needed(method: str, path: str) -> str:
    """The scope that a request needs; whatever is not known to read only, writes."""
    reads = method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and path in ASKING)
    return "read" if reads else "write"


def methods_at(scope: Scope) -> set[str]:
    """What can be done at the path of a request; nothing when there is no such path."""
    fitting = _fitting(scope)
    nearest = fitting[0].path if fitting else ""  # the router takes the first that fits, too
    return {method for route in fitting if route.path == nearest for method in route.methods or ()}


def route_of(scope: Scope) -> str:
    """The path of a request as the API describes it, also of one that was refused before that."""
    if (route := scope.get("route")) is not None:
        return str(route.path)
    fitting = _fitting(scope)
    return fitting[0].path if fitting else "other"


def _fitting(scope: Scope) -> list[Route]:
    routes = [route for route in scope["app"].routes if isinstance(route, Route)]
    return [route for route in routes if route.matches(scope)[0] != Match.NONE]


def client_of(scope: Scope) -> str:
    """The address that a request comes from."""
    address: str = (scope.get("client") or ("unknown", 0))[0]
    return address


def _given_key(headers: Headers) -> str:
    kind, _, key = headers.get("authorization", "").partition(" ")
    if kind and kind.lower() not in _LOGINS:
        return key.strip() if kind.lower() == "bearer" else kind
    return headers.get("x-api-key", "").strip()
