"""Bodies of requests: how large, how slow, and how many at one time."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.types import Message, Receive

from visavis.server.options import ServerOptions
from visavis.server.refusals import BodyTooLargeError, BusyError, SlowBodyError

BODY = "visavis.body"
"""Where the scope of a request has its LimitedBody."""

_SLOW = 1.0  # seconds after which a body that is not complete is a slow one
_SLOW_EACH = 8  # slow bodies of one client at one time
_GRACE = 10.0  # seconds before a body has to keep up a rate


class LimitedBody:
    """The `receive` of a request, which gives up on bodies that are too large or too slow.

    Bytes are counted as they come, so a body without a length (chunked) is stopped as well.
    """

    def __init__(self, receive: Receive, options: ServerOptions, client: str = "") -> None:
        self.client = client
        self._receive = receive
        self._options = options
        self._begun = time.monotonic()
        self._taken = 0
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

    async def __call__(self) -> Message:
        """The next message. Raises BodyTooLargeError and SlowBodyError."""
        if self._complete:  # from here on it only tells when the client leaves
            return await self._receive()
        message = await self._timely()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._taken > self._options.max_upload_bytes:
                raise too_large(self._options.max_upload_bytes)
        return message

    async def _timely(self) -> Message:
        now, limits = time.monotonic(), self._options
        end = min(
            now + limits.silent_seconds,
            self._begun + limits.body_seconds,
            self._begun + _GRACE + self._taken / limits.body_rate,
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


class Admission:
    """How many requests with bodies are under way; one more is refused before its body is read.

    Slow bodies keep nobody out: the slowest goes when there is no room for another request, or when
    its client sends too many of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: dict[LimitedBody, None] = {}  # in the order in which they came

    @contextmanager
    def entered(self, request: Request) -> Iterator[None]:
        """Count a request while its body is read and worked on. Raises BusyError."""
        body: LimitedBody = request.scope[BODY]
        slow = [other for other in self._inside if other.slow]
        mine = [other for other in slow if other.client == body.client]
        if len(mine) >= _SLOW_EACH:
            mine[0].give_up()
        elif len(self._inside) >= self._most:
            if not slow:
                raise BusyError("the server is busy; try again in a moment", Retry_After="1")
            slow[0].give_up()
        self._inside[body] = None
        try:
            yield
        finally:
            del self._inside[body]


def too_large(most: int) -> BodyTooLargeError:
    """The refusal of a body.

    The connection stays open, so that clients who send all before they read can hear it: what
    still comes is thrown away, for as long as a head may take.
    """
    return BodyTooLargeError(
        f"the request is larger than {most / 1e6:g} MB, the most that this server takes"
    )
