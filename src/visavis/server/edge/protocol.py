"""HTTP over one connection: uvicorn's way of it, with an end to heads that do not end."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEAD = 65_536  # bytes
_MAPPED = "::ffff:"  # before the address of a client by IPv4, on a socket that takes both


class TimedProtocol(HttpToolsProtocol):
    """A connection that gives up on a head that takes too long or is too large.

    uvicorn closes connections that are idle between two requests, and waits for the rest of a head
    for as long as it takes. A body that drips on after its answer has as long as a head.
    """

    def __init__(self, *given: Any, head_seconds: float, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_seconds = head_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the time for its first head run."""
        super().connection_made(transport)
        if self.client is not None:
            self.client = self.client[0].removeprefix(_MAPPED), self.client[1]
        self._start_timer()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it."""
        self._stop_timer()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a head or a body."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEAD:
                self.transport.abort()
        elif not self.cycle:  # the first head was refused, such as that of a CONNECT
            return
        elif self.cycle.response_complete and self.cycle.more_body:
            self._start_timer()

    def on_message_begin(self) -> None:
        """The first byte of a head has come."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._start_timer()

    def on_headers_complete(self) -> None:
        """The last byte of a head has come."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self._head_seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
