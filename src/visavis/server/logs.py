"""What the server writes down: one line for each event, as text or as JSON."""

import json
import logging
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from visavis.server.options import ServerOptions

_LOG = logging.getLogger("visavis.server")

_AT_ONCE = 10.0  # lines of one kind in a burst
_EACH_SECOND = 1.0  # and in the long run


@dataclass(slots=True)
class LoggedRequest:
    """A request as the log shows it."""

    request_id: str
    client: str
    method: str
    route: str
    status: int
    ms: float
    error: str = ""
    """The kind of error that was answered."""
    reason: str = ""
    """What the client does not get to know."""


class Refused:
    """The error that a request was answered with, for the log."""

    def __init__(self) -> None:
        self.error = ""
        self.reason = ""


REFUSED: ContextVar[Refused | None] = ContextVar("refused", default=None)
"""Of the request that is being answered."""


def note_refusal(error: str, reason: str = "") -> None:
    """Note in the log which error a request is answered with."""
    if (refused := REFUSED.get()) is not None:
        refused.error = error
        refused.reason = reason


class RequestLog:
    """A line for each refusal, and for every request if wanted.

    Of refusals of one kind at most ten in a burst and one a second are written; the next line says
    how many were left out, so nobody can fill the disk. Used from the event loop alone.
    """

    def __init__(self, everything: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._everything = everything
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._left_out: dict[str, int] = {}

    def wants(self, status: int) -> bool:
        """Whether a request with such an answer may get a line."""
        return self._everything or status >= 400

    def note(self, answered: LoggedRequest) -> None:
        """Write a line, if this request gets one."""
        if answered.status < 400:
            if self._everything:
                _LOG.info("%s", "", extra={"request": answered})
            return
        kind = answered.error or str(answered.status)
        if not self._everything and not self._may(kind):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        more = self._left_out.pop(kind, 0)
        level = logging.ERROR if answered.status >= 500 else logging.WARNING
        repeated = f"and {more} like it before" if more else ""
        _LOG.log(level, "%s", repeated, extra={"request": answered})

    def _may(self, kind: str) -> bool:
        now = self._clock()
        tokens, at = self._buckets.get(kind, (_AT_ONCE, now))
        tokens = min(_AT_ONCE, tokens + (now - at) * _EACH_SECOND)
        self._buckets[kind] = (tokens - (tokens >= 1.0), now)
        return tokens >= 1.0


def configure(options: ServerOptions) -> None:
    """Send what this process logs to standard error, in the format that the options name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if options.log_format == "json" else _Text())
    for name, level in (("visavis", logging.INFO), ("uvicorn", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


class _Text(logging.Formatter):
    """`2026-11-29T15:04:37.123Z WARNING 9f2c… 127.0.0.1 GET /v1/info 401 0.3 ms Unauthorized…`."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_time(record), record.levelname]
        if isinstance(request := getattr(record, "request", None), LoggedRequest):
            parts += [request.request_id, request.client, request.method, request.route]
            parts += [str(request.status), f"{request.ms:.1f} ms", request.error, request.reason]
        parts.append(record.getMessage())
        line = " ".join(filter(None, parts))
        line = "".join(map(_printable, line))  # one event is one line, and commands no terminal
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class _Json(logging.Formatter):
    """The same as an object on a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        shape: dict[str, object] = {"time": _time(record), "level": record.levelname}
        if isinstance(request := getattr(record, "request", None), LoggedRequest):
            shape |= asdict(request) | {"ms": round(request.ms, 3)}
        shape["message"] = record.getMessage()
        if record.exc_info:
            shape["traceback"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in shape.items() if value != ""})
