"""Buckets of tokens, by a clock that the test turns."""

import pytest

from visavis.server.edge.limits import RateLimiter, Shares
from visavis.server.refusals import TooManyRequestsError


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _taken(limiter: RateLimiter, client: str, times: int, cost: float = 1.0) -> int:
    taken = 0
    for _ in range(times):
        try:
            limiter.take(client, cost)
        except TooManyRequestsError:
            continue
        taken += 1
    return taken


def test_a_burst_is_served_and_then_the_rate_rules(clock: Clock) -> None:
    limiter = RateLimiter(2, 10, clock)
    assert _taken(limiter, "1.2.3.4", 50) == 10
    clock.now += 3
    assert _taken(limiter, "1.2.3.4", 50) == 6
    clock.now += 1000
    assert _taken(limiter, "1.2.3.4", 50) == 10


def test_what_is_refused_costs_nothing_and_names_the_wait(clock: Clock) -> None:
    limiter = RateLimiter(0.5, 1, clock)
    limiter.take("a")
    with pytest.raises(TooManyRequestsError) as refused:
        limiter.take("a")
    assert refused.value.headers["Retry-After"] == "2"
    clock.now += 2
    limiter.take("a")


def test_pictures_cost_a_tenth(clock: Clock) -> None:
    assert _taken(RateLimiter(1, 10, clock), "a", 500, 0.1) in (99, 100)


def test_an_ipv6_client_is_its_network_and_an_ipv4_client_itself(clock: Clock) -> None:
    limiter = RateLimiter(1, 1, clock)
    assert _taken(limiter, "2001:db8::1", 1) == 1
    assert _taken(limiter, "2001:db8::ffff", 1) == 0
    assert _taken(limiter, "2001:db8:0:1::1", 1) == 1
    assert _taken(limiter, "10.0.0.1", 1) == 1
    assert _taken(limiter, "::ffff:10.0.0.1", 1) == 0
    assert _taken(limiter, "10.0.0.2", 1) == 1


def test_a_rate_of_zero_is_no_limit(clock: Clock) -> None:
    assert _taken(RateLimiter(0, 0, clock), "a", 1000) == 1000


def test_memory_is_bounded_whoever_comes(clock: Clock) -> None:
    limiter = RateLimiter(1, 1, clock)
    for number in range(30_000):
        limiter.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limiter._buckets) <= 20_000


def test_a_client_has_one_processor_in_the_long_run(clock: Clock) -> None:
    limiter = RateLimiter(10, 20, clock)

    def ask(seconds: float) -> None:
        limiter.take("a")
        limiter.charge("a", seconds)

    for _ in range(100):  # one after the other: each was paid for by the time that it took
        ask(0.5)
        clock.now += 0.5
    for _ in range(4):  # side by side
        ask(0.5)
    with pytest.raises(TooManyRequestsError) as refused:
        ask(0.5)
    assert refused.value.headers["Retry-After"] == "1"
    limiter.take("b")


def test_cheap_requests_pay_no_more_than_their_number(clock: Clock) -> None:
    limiter = RateLimiter(10, 20, clock)
    for _ in range(20):
        limiter.take("a")
        limiter.charge("a", 0.05)
    with pytest.raises(TooManyRequestsError):
        limiter.take("a")


def test_a_client_has_a_share_at_one_time_and_gets_it_back() -> None:
    shares = Shares(2, "too many pictures are being downloaded")
    with shares.one("1.2.3.4"):
        with shares.one("1.2.3.4"):
            with pytest.raises(TooManyRequestsError, match="downloaded for your IP"):
                shares.one("::ffff:1.2.3.4").__enter__()
            with shares.one("1.2.3.5"):  # others have theirs
                pass
        with pytest.raises(ZeroDivisionError), shares.one("1.2.3.4"):
            raise ZeroDivisionError
        shares.one("1.2.3.4").__enter__()
