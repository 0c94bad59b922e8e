"""Open files as answers: whole, or the part that was asked for."""

import re
from email.utils import formatdate
from typing import BinaryIO, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from visavis.server.refusals import RangeError

_PIECE = 256 * 1024  # bytes read and sent at once


class Part(NamedTuple):
    """Some bytes of a file."""

    start: int
    stop: int
    of: int
    """How many the file has."""


def wanted_part(headers: Headers, size: int, etag: str) -> Part | None:
    """The part of a file that a request asks for; None: all of it (RFC 9110, 14.1.2 and 13.1.5).

    Several parts at once are answered with the whole, as are parts of another version. Raises
    RangeError for one that begins behind the end.
    """
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", headers.get("range", "").strip())
    if found is None or headers.get("if-range", etag).strip() != etag:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < start:
        return None  # no range at all
    if start >= size:
        raise RangeError(f"the file has {size} bytes", Content_Range=f"bytes */{size}")
    return Part(start, stop, size)


class FileAnswer(Response):
    """The bytes of a file that is open already: it may be deleted or replaced meanwhile.

    The file is closed at the end, whatever happens. Should it be cut short while it is sent, the
    connection ends early, as its length was told.
    """

    def __init__(
        self,
        file: BinaryIO,
        size: int,
        modified: float,
        part: Part | None,
        kind: str,
        headers: dict[str, str],
    ) -> None:
        self._file = file
        self._start, stop = (part.start, part.stop) if part else (0, size)
        self._length = stop - self._start
        headers = headers | {
            "Accept-Ranges": "bytes",
            "Content-Length": str(self._length),
            "Last-Modified": formatdate(modified, usegmt=True),
        }
        if part is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{part.of}"
        self.status_code = 200 if part is None else 206
        self.media_type = kind
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        with self._file:
            await send({"type": "http.response.start"} | start)
            left = 0 if scope["method"] == "HEAD" else self._length
            if not left:
                await send({"type": "http.response.body", "body": b""})
            while left:
                at = self._start + self._length - left
                piece = await run_in_threadpool(self._read, at, min(left, _PIECE))
                if not piece:
                    raise OSError(f"a file lost its last {left} bytes while it was sent")
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})

    def _read(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)
