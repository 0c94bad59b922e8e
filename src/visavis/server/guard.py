"""Who may ask what, how often, and with how large a body: decided before anything is read."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from visavis.server.keys import Keys
from visavis.server.limits import LimitedBody, RateLimiter, too_large
from visavis.server.options import ServerOptions, is_loopback
from visavis.server.refusals import (
    BadRequestError,
    ForbiddenError,
    Refusal,
    UnauthorizedError,
    error_response,
)

_OPEN = frozenset(("/", "/healthz", "/readyz", "/openapi.json", "/favicon.ico"))
_PICTURE_COST = 0.1  # a page shows dozens of thumbnails at once; most come from a cache


class Guard:
    """Refuses with 400 (host), 401 and 403 (key), 413 (body) and 429 (rate)."""

    def __init__(self, app: ASGIApp, *, options: ServerOptions, keys: Keys | None) -> None:
        self._app = app
        self._options = options
        self._keys = keys
        self._limiter = RateLimiter(options.rate, options.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        options = self._options
        try:
            self._check(scope, Headers(scope=scope))
        except Refusal as refusal:
            await error_response(refusal)(scope, receive, send)
            return
        body = LimitedBody(
            receive, options.max_upload_bytes, options.silent_seconds, options.body_seconds
        )
        await self._app(scope, body, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        path: str = scope["visavis.path"]
        self._check_host(headers)
        if path.startswith("/v1/"):
            picture = path.endswith(("/thumbnail", "/file"))
            client = scope.get("client") or ("unknown", 0)
            self._limiter.take(client[0], _PICTURE_COST if picture else 1.0)
        if path not in _OPEN and not path.startswith("/ui/"):
            self._check_key(headers, _needed(scope["method"], path))
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._options.max_upload_bytes:
            raise too_large(self._options.max_upload_bytes)

    def _check_host(self, headers: Headers) -> None:
        """A page elsewhere that makes its own name resolve to 127.0.0.1 must not get in."""
        if not self._options.private:
            return
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if not is_loopback(name):
            raise BadRequestError(
                f"this server answers to localhost alone, not to {host[:100]!r}; behind a proxy "
                "start it with --api-key-file or --public"
            )

    def _check_key(self, headers: Headers, scope: str) -> None:
        options = self._options
        if scope == "write" and not options.writable:
            raise ForbiddenError(
                "this server is read-only"
                if options.read_only
                else "writing needs a key, and this server was started without --api-key-file"
            )
        if scope == "read" and options.open_to_read:
            return
        given = _given_key(headers)
        allowed = self._keys.scopes(given) if given and self._keys else frozenset()
        if not allowed:
            what = "this key is not known" if given else f"this needs a key with the scope {scope}"
            raise UnauthorizedError(
                f"{what}; send it as the header Authorization: Bearer KEY",
                WWW_Authenticate="Bearer",
            )
        if scope not in allowed:
            raise ForbiddenError(f"this key does not have the scope {scope}")


def _needed(method: str, path: str) -> str:
    """The scope that a request needs; whatever is not known to read only, writes."""
    reads = method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and path == "/v1/search")
    return "read" if reads else "write"


def _given_key(headers: Headers) -> str:
    kind, _, key = headers.get("authorization", "").partition(" ")
    if kind and kind.lower() != "basic":  # a proxy may ask for a password of its own
        return key.strip() if kind.lower() == "bearer" else kind
    return headers.get("x-api-key", "").strip()
