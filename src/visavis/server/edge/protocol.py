"""HTTP over one connection: uvicorn's way of it, with an end to all that a client can draw out."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from visavis.server.edge.connections import Connections
from visavis.server.refusals import (
    BadRequestError,
    BusyError,
    Refusal,
    SlowHeadError,
    error_response,
)
from visavis.server.state import STOPPING

_TELLING = 2.0  # seconds that a connection without room has to send its request and hear so


class BoundedProtocol(H11Protocol):
    """A connection that gives up on clients who are too slow, in either direction.

    uvicorn closes connections that are idle between two requests, and waits for the rest of a head,
    and for somebody to take an answer, for as long as it takes. Here a head has `head_seconds`, and
    a client that takes nothing of an answer for `unread_seconds` is left. Whatever is refused
    before the application sees it is told in the one shape of all errors.
    """

    def __init__(
        self,
        *given: Any,
        room: Connections,
        head_seconds: float,
        unread_seconds: float,
        **named: Any,
    ) -> None:
        super().__init__(*given, **named)
        self._room = room
        self._head_seconds = head_seconds
        self._unread_seconds = unread_seconds
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._taken = False  # something of an answer was taken since the last look
        self._turned_away = False
        self._told = False
        self._answering: Any = None  # the request that was noted last

    @property
    def peer(self) -> str:
        """The address at the other end."""
        return self.client[0] if self.client else "unknown"

    @property
    def waiting(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def drop(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    # -- what asyncio calls ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and let the time for its first head run."""
        super().connection_made(transport)
        self._turned_away = not self._room.enter(self)
        if self._turned_away and not self._room.may_refuse(self):
            self.drop()
            return
        seconds = _TELLING if self._turned_away else self._head_seconds
        self._head = self.loop.call_later(seconds, self._give_up_head)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it."""
        self._room.leave(self)
        for timer in (self._head, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a head or a body."""
        if self._turned_away:
            self._turn_away()
            return
        super().data_received(data)
        if self.waiting:
            if self._head is None:  # the first bytes of a head, and not the last ones
                self._head = self.loop.call_later(self._head_seconds, self._give_up_head)
        elif self.cycle is not self._answering:
            self._answering = self.cycle
            self._room.note_active(self)
            if self._head is not None:
                self._head.cancel()
                self._head = None

    def pause_writing(self) -> None:
        """The client is slower than the answer."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """The client has taken most of what was waiting."""
        super().resume_writing()
        self._taken = True

    # -- what uvicorn calls ------------------------------------------------------------------------

    def shutdown(self) -> None:
        """The server stops: what is being answered may end, and should not wait for others."""
        if not self.waiting and (stop := self.app_state.get(STOPPING)):
            stop()
        super().shutdown()

    def on_response_complete(self) -> None:
        """The answer was handed to the transport, which may still hold a part of it."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._watch_unread()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        if not self.waiting and self.cycle.response_started:
            self.drop()  # half an answer is out
            return
        self._tell(BadRequestError("the request is no HTTP/1.1 that can be understood"))
        self.transport.close()

    # -- timers ------------------------------------------------------------------------------------

    def _give_up_head(self) -> None:
        in_body = self.cycle is not None and self.cycle.more_body  # of a request answered long ago
        if self.transport.is_closing() or self._turned_away or in_body:
            self.drop()
            return
        if self.conn.trailing_data[0]:
            self._tell(
                SlowHeadError(f"the head did not arrive within {self._head_seconds:g} seconds")
            )
        self.transport.close()

    def _watch_unread(self) -> None:
        if self._unread is None:
            self._taken = False
            self._unread = self.loop.call_later(self._unread_seconds, self._look_at_unread)

    def _look_at_unread(self) -> None:
        self._unread = None
        if not self.transport.get_write_buffer_size():
            return
        if self._taken:
            self._watch_unread()
        else:
            self.drop()

    # -- refusals ----------------------------------------------------------------------------------

    def _turn_away(self) -> None:
        """Answer the first bytes of a connection without room; what else comes is thrown away."""
        if self._told or self.transport.is_closing():
            return
        self._told = True
        self._tell(BusyError("too many connections are open; try again in a moment"))
        # The client has to read this before its own bytes, which nobody reads, close the connection
        # with an error: it closes its end, or the timer does.
        self.transport.write_eof()

    def _tell(self, refusal: Refusal) -> None:
        answer = error_response(refusal)
        phrase = HTTPStatus(answer.status_code).phrase
        head = [b"HTTP/1.1 %d %s" % (answer.status_code, phrase.encode()), b"connection: close"]
        head += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
