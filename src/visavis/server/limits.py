"""How often a client may ask, and how large and slow a body may be."""

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Message, Receive

from visavis.server.refusals import BodyTooLargeError, SlowBodyError, TooManyRequestsError

_CLIENTS = 20_000  # buckets that are remembered; the one not seen for longest goes first


class RateLimiter:
    """A token bucket for each client: `burst` requests at once, `rate` a second in the long run.

    An IPv6 client is its /64 network, as any one machine has all of that. Used from the event
    loop alone.
    """

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, cost: float = 1.0) -> None:
        """Pay for a request. Raises TooManyRequestsError that says when to come back."""
        if self._rate <= 0:
            return
        name = _network(client)
        now = self._clock()
        tokens, at = self._buckets.pop(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        refused = tokens < cost
        self._buckets[name] = (tokens if refused else tokens - cost, now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        if refused:
            wait = math.ceil((cost - tokens) / self._rate)
            raise TooManyRequestsError(
                "too many requests from your address; slow down", Retry_After=str(wait)
            )


def _network(client: str) -> str:
    if ":" not in client:
        return client
    try:
        address = ipaddress.IPv6Address(client.partition("%")[0])
    except ValueError:
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


class LimitedBody:
    """The `receive` of a request, which gives up on bodies that are too large or too slow.

    Bytes are counted as they come, so a body without a length (chunked) is stopped as well.
    """

    def __init__(self, receive: Receive, most: int, silent: float, whole: float) -> None:
        self._receive = receive
        self._most = most
        self._silent = silent
        self._whole = whole
        self._end: float | None = None
        self._taken = 0
        self._complete = False

    async def __call__(self) -> Message:
        """The next message. Raises BodyTooLargeError and SlowBodyError."""
        if self._complete:  # from here on it only tells when the client leaves
            return await self._receive()
        message = await self._timely()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._taken > self._most:
                raise too_large(self._most)
        return message

    async def _timely(self) -> Message:
        now = time.monotonic()
        if self._end is None:
            self._end = now + self._whole
        try:
            async with asyncio.timeout(max(0.0, min(self._silent, self._end - now))):
                return await self._receive()
        except TimeoutError:
            raise SlowBodyError(
                "the body of the request did not arrive in time", Connection="close"
            ) from None


def too_large(most: int) -> BodyTooLargeError:
    """The refusal of a body."""
    return BodyTooLargeError(
        f"the request is larger than {most / 1e6:g} MB, the most that this server takes",
        Connection="close",
    )
