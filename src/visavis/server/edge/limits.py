"""How often a client may ask."""

import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from visavis.server.refusals import TooManyRequestsError

CHARGE: ContextVar[Callable[[float], None]] = ContextVar("charge")
"""Of the request that is being answered: what to call with the seconds of a processor it took."""

ASKER: ContextVar[str] = ContextVar("asker")
"""Of the request that is being answered: whose it is, see `network_of`."""

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
        name = network_of(client)
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
                "too many requests from your IP address; slow down", Retry_After=str(wait)
            )

    def charge(self, client: str, seconds: float) -> None:
        """Let a request pay for the processor's time that it took, after the fact.

        One request pays for 1/`rate` seconds beforehand; so a client has one core at most in the
        long run, however dear what it asks is.
        """
        more = seconds * self._rate - 1.0
        name = network_of(client)
        if more > 0.0 and name in self._buckets:
            tokens, at = self._buckets[name]
            self._buckets[name] = (tokens - more, at)


class Shares:
    """What each client may hold of something at one time. Used from the event loop alone."""

    def __init__(self, each: int, what: str) -> None:
        self._each = each
        self._what = what
        self._held: Counter[str] = Counter()

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Hold one more. Raises TooManyRequestsError where the client has its share already."""
        name = network_of(client)
        if self._held[name] >= self._each:
            raise TooManyRequestsError(
                f"{self._what} for your IP address at one time; try again in a moment",
                Retry_After="1",
            )
        self._held[name] += 1
        try:
            yield
        finally:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]


def network_of(client: str) -> str:
    """Who a client is: its IPv4 address, or the /64 network of its IPv6 address."""
    if ":" not in client:
        return client
    try:
        address = ipaddress.IPv6Address(client.partition("%")[0])
    except ValueError:
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
