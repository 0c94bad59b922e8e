"""Bodies that come slowly, and how many bytes of them are held."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from visavis.server.edge import admission
from visavis.server.edge.admission import Bodies, LimitedBody
from visavis.server.options import ServerOptions
from visavis.server.refusals import BodyTooLargeError, BusyError, SlowBodyError

OPTIONS = ServerOptions(Path("i"))
MB = 1_000_000


async def nothing() -> dict[str, Any]:
    await asyncio.sleep(60)
    return {}


async def drip() -> dict[str, Any]:
    await asyncio.sleep(0.02)
    return {"type": "http.request", "body": b"x" * 10, "more_body": True}


def body(
    source: Callable[[], Awaitable[Any]] = nothing, bodies: Bodies | None = None, **limits: Any
) -> LimitedBody:
    return LimitedBody(source, replace(OPTIONS, **limits), bodies or Bodies(64 * MB, 64 * MB))


async def _read(body: LimitedBody) -> None:
    while (await body()).get("more_body"):
        pass


async def _seconds_until_refused(body: LimitedBody) -> float:
    started = time.monotonic()
    with pytest.raises(SlowBodyError, match="too slowly") as refused:
        await _read(body)
    assert refused.value.headers["Connection"] == "close"
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("source", "limits"),
    [
        (nothing, {"silent_seconds": 0.05}),
        (drip, {"body_seconds": 0.2}),
        (drip, {"body_rate": 2_000.0}),  # 500 a second come
    ],
)
def test_a_body_that_hardly_comes_is_given_up(
    source: Callable[[], Awaitable[Any]], limits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_GRACE", 0.3)
    assert asyncio.run(_seconds_until_refused(body(source, **limits))) < 10


def test_a_body_that_keeps_up_the_rate_is_taken_however_long_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "_GRACE", 0.1)
    left = [10] * 25

    async def steady() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x" * left.pop(), "more_body": bool(left)}

    asyncio.run(_read(body(steady, body_rate=100.0)))
    assert not left


def test_a_body_is_cut_where_it_becomes_too_large() -> None:
    with pytest.raises(BodyTooLargeError, match=r"0\.0001 MB"):
        asyncio.run(_read(body(drip, max_upload_bytes=100)))


class Crowd:
    """Clients that send the first bytes of a body and no more."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.ends: dict[str, str] = {}

    async def send(self, client: str, count: int, name: str = "") -> None:
        sent = False

        async def source() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.sleep(60)
            sent = True
            return {"type": "http.request", "body": b"x" * count, "more_body": True}

        held = LimitedBody(source, OPTIONS, self.bodies, client)
        try:
            await _read(held)
        except (BusyError, SlowBodyError) as error:
            self.ends[name or client] = type(error).__name__
        finally:
            held.close()


async def _story(crowd: Crowd, *sent: tuple[str, int, str], wait: float = 0.0) -> None:
    tasks = []
    for client, count, name in sent:
        tasks.append(asyncio.create_task(crowd.send(client, count, name)))
        await asyncio.sleep(wait)
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_one_client_has_no_more_than_its_share() -> None:
    crowd = Crowd(Bodies(10 * MB, 4 * MB))
    asyncio.run(
        _story(crowd, ("a", 3 * MB, "a1"), ("a", 2 * MB, "a2"), ("a", MB, "a3"), ("b", MB, "b"))
    )
    assert crowd.ends == {"a2": "BusyError"}
    assert crowd.bodies.held == 0  # all have left


def test_when_all_room_is_taken_the_body_that_comes_for_longest_makes_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "_SLOW", 0.1)
    crowd = Crowd(Bodies(10 * MB, 4 * MB))
    sent = [(name, 4 * MB, name) for name in ("a", "b", "c")]
    asyncio.run(_story(crowd, *sent, wait=0.15))
    assert crowd.ends == {"a": "SlowBodyError"}
    crowd.ends.clear()
    asyncio.run(_story(crowd, *sent))  # none of them is slow yet: the last has to come back
    assert crowd.ends == {"c": "BusyError"}


def test_bodies_of_a_byte_count_as_well() -> None:
    crowd = Crowd(Bodies(640_000, 320_000))
    asyncio.run(_story(crowd, *[("a", 1, f"a{n}") for n in range(6)]))
    assert set(crowd.ends) == {"a4", "a5"}


def test_giving_up_a_body_that_is_being_given_up_changes_nothing() -> None:
    async def story() -> None:
        given = body(nothing)
        reading = asyncio.create_task(_seconds_until_refused(given))
        await asyncio.sleep(0.05)
        for _ in range(5):
            given.give_up()
            await asyncio.sleep(0)
        assert await reading < 1
        assert not given.slow

    asyncio.run(story())
