"""Bodies of requests: how large, how slow, and how many bytes of them at one time."""

import asyncio
import time

from starlette.types import Message, Receive

from visavis.server.options import ServerOptions
from visavis.server.refusals import BodyTooLargeError, BusyError, SlowBodyError

_SLOW = 1.0  # seconds after which a body that is not complete may have to make room
_GRACE = 10.0  # seconds before a body has to keep up a rate
_LEAST = 65_536  # bytes that any body counts


class Bodies:
    """The bodies that one worker holds, from their first byte until their requests are over.

    A client has a share, so that one alone cannot take all the room. When all of it is taken, the
    body that has been coming for longest makes room for the next. Used from the event loop alone.
    """

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._held: dict[LimitedBody, int] = {}  # in the order in which they came
        self._of: dict[str, int] = {}
        self.held = 0
        """Bytes, with those of bodies that still come."""

    def take(self, body: "LimitedBody", count: int) -> None:
        """Count more bytes of a body. Raises BusyError when there is no room for them."""
        more = count if body in self._held else max(count, _LEAST)
        if self._of.get(body.client, 0) + more > self._each:
            raise BusyError(
                "too much is being sent from your IP address at one time; try again in a moment",
                Retry_After="1",
                Connection="close",
            )
        if self.held + more > self._most and not self._make_room(body, more):
            raise BusyError(
                "the server is busy; try again in a moment", Retry_After="1", Connection="close"
            )
        self._add(body, more)

    def forget(self, body: "LimitedBody") -> None:
        """The request is over."""
        if body in self._held:
            self._add(body, -self._held[body])
            del self._held[body]
            if not self._of[body.client]:
                del self._of[body.client]

    def _add(self, body: "LimitedBody", count: int) -> None:
        self.held += count
        self._held[body] = self._held.get(body, 0) + count
        self._of[body.client] = self._of.get(body.client, 0) + count

    def _make_room(self, body: "LimitedBody", more: int) -> bool:
        for other in [other for other in self._held if other.slow and other is not body]:
            other.give_up()
            self.forget(other)
            if self.held + more <= self._most:
                return True
        return False


class LimitedBody:
    """The `receive` of a request, which gives up on bodies that are too large or too slow.

    Bytes are counted as they come, so a body without a length (chunked) is stopped as well.
    """

    def __init__(self, receive: Receive, options: ServerOptions, bodies: Bodies, client: str = ""):
        self.client = client
        self.taken = 0
        """Bytes so far."""
        self._receive = receive
        self._options = options
        self._bodies = bodies
        self._begun = time.monotonic()
        self._complete = False
        self._given_up = False
        self._waiting: asyncio.Timeout | None = None

    @property
    def slow(self) -> bool:
        """Whether it should be complete by now."""
        late = time.monotonic() - self._begun > _SLOW
        return late and not self._complete and not self._given_up

    def give_up(self) -> None:
        """Make room for others: the request is refused."""
        self._given_up = True
        if self._waiting is not None and not self._waiting.expired():  # it may just be ending
            self._waiting.reschedule(asyncio.get_running_loop().time())

    def close(self) -> None:
        """The request is over."""
        self._bodies.forget(self)

    async def __call__(self) -> Message:
        """The next message. Raises BodyTooLargeError, SlowBodyError and BusyError."""
        if self._complete:  # from here on it only reports when the client leaves
            return await self._receive()
        message = await self._timely()
        if message["type"] == "http.request":
            if piece := len(message.get("body", b"")):
                self.taken += piece
                if self.taken > self._options.max_upload_bytes:
                    raise too_large(self._options.max_upload_bytes)
                self._bodies.take(self, piece)
            self._complete = not message.get("more_body", False)
        return message

    async def _timely(self) -> Message:
        now, limits = time.monotonic(), self._options
        end = min(
            now + limits.silent_seconds,
            self._begun + limits.body_seconds,
            self._begun + _GRACE + self.taken / limits.body_rate,
        )
        try:
            if self._given_up:
                raise TimeoutError
            async with asyncio.timeout(max(0.0, end - now)) as self._waiting:
                return await self._receive()
        except TimeoutError:
            why = ", and others are waiting" if self._given_up else ""
            raise SlowBodyError(
                f"the body of the request comes too slowly{why}", Connection="close"
            ) from None
        finally:
            self._waiting = None


def too_large(most: int) -> BodyTooLargeError:
    """The refusal of a body.

    The connection stays open, so that clients who send all before they read can hear it: what
    still comes is thrown away, for as long as a head may take.
    """
    return BodyTooLargeError(
        f"the request is larger than {most / 1e6:g} MB, the most that this server takes"
    )
