"""Bodies that come slowly, and what they may hold."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from visavis.server.edge import admission
from visavis.server.edge.admission import BODY, Admission, LimitedBody
from visavis.server.options import ServerOptions
from visavis.server.refusals import BodyTooLargeError, BusyError, SlowBodyError

OPTIONS = ServerOptions(Path("i"))


async def nothing() -> dict[str, Any]:
    await asyncio.sleep(60)
    return {}


async def drip() -> dict[str, Any]:
    await asyncio.sleep(0.02)
    return {"type": "http.request", "body": b"x" * 10, "more_body": True}


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
    source: Callable[[], Awaitable[Any]], limits: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_GRACE", 0.3)
    body = LimitedBody(source, replace(OPTIONS, **limits))  # type: ignore[arg-type]
    assert asyncio.run(_seconds_until_refused(body)) < 10


def test_a_body_that_keeps_up_the_rate_is_taken_however_long_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "_GRACE", 0.1)
    left = [20]

    async def steady() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        left[0] -= 1
        return {"type": "http.request", "body": b"x" * 200, "more_body": left[0] > 0}

    asyncio.run(_read(LimitedBody(steady, OPTIONS)))
    assert left == [0]


def test_a_body_that_is_too_large_is_stopped_as_it_comes() -> None:
    async def much() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 600, "more_body": True}

    with pytest.raises(BodyTooLargeError):
        asyncio.run(_read(LimitedBody(much, replace(OPTIONS, max_upload_bytes=1000))))


class Crowd:
    """Requests whose bodies never come, inside one Admission."""

    def __init__(self, most: int) -> None:
        self.admission = Admission(most)
        self.refused: list[str] = []

    def request(self, client: str) -> Request:
        body = LimitedBody(nothing, OPTIONS, client)
        return Request({"type": "http", BODY: body}, receive=body)

    async def slow(self, client: str) -> None:
        request = self.request(client)
        with self.admission.entered(request):
            try:
                await request.body()
            except SlowBodyError:
                self.refused.append(client)

    async def come(self, *clients: str) -> list[asyncio.Task[None]]:
        tasks = []
        for client in clients:
            tasks.append(asyncio.create_task(self.slow(client)))
            await asyncio.sleep(0)
        return tasks


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_slow_bodies_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_SLOW", 0.1)

    async def story() -> None:
        crowd = Crowd(3)
        tasks = await crowd.come("a", "b", "c")
        with pytest.raises(BusyError), crowd.admission.entered(crowd.request("d")):
            pass  # they may only just have begun
        await asyncio.sleep(0.15)
        for _ in range(2):
            with crowd.admission.entered(crowd.request("d")):
                await asyncio.sleep(0.01)
        assert crowd.refused == ["a"]
        await _ended(tasks)

    asyncio.run(story())


def test_a_client_with_many_slow_bodies_loses_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_SLOW", 0.0)
    monkeypatch.setattr(admission, "_SLOW_EACH", 2)

    async def story() -> None:
        crowd = Crowd(100)
        tasks = await crowd.come("other", "a", "a", "a", "a", "a")
        await asyncio.sleep(0.05)
        assert crowd.refused == ["a"] * 3
        await _ended(tasks)

    asyncio.run(story())


def test_giving_up_a_body_that_is_being_given_up_changes_nothing() -> None:
    async def story() -> None:
        body = LimitedBody(nothing, OPTIONS)
        reading = asyncio.create_task(_seconds_until_refused(body))
        await asyncio.sleep(0.05)
        for _ in range(5):
            body.give_up()
            await asyncio.sleep(0)
        assert await reading < 1
        assert not body.slow

    asyncio.run(story())


def test_those_inside_are_counted_and_leave() -> None:
    crowd = Crowd(1)
    with (
        crowd.admission.entered(crowd.request("a")),
        pytest.raises(BusyError),
        crowd.admission.entered(crowd.request("b")),
    ):
        pass
    with crowd.admission.entered(crowd.request("b")):
        pass
