"""Threads with a bounded queue."""

import asyncio
import threading

import pytest

from visavis.server.metrics import Metrics
from visavis.server.pool import Pool
from visavis.server.refusals import BusyError


def test_what_does_not_fit_is_refused_at_once_and_room_comes_back() -> None:
    async def story() -> None:
        gate = threading.Event()
        pool = Pool("work", threads=2, queue=3, seconds=9, metrics=Metrics())
        held = [asyncio.create_task(pool.run(lambda: gate.wait(5))) for _ in range(5)]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError) as refused:
            await pool.run(lambda: None)
        assert not any(task.done() for task in held)
        assert refused.value.headers["Retry-After"] == "1"
        gate.set()
        assert await asyncio.gather(*held) == [True] * 5
        assert await pool.run(lambda: 7) == 7
        pool.close()
        assert pool.held == 0

    asyncio.run(story())


def test_work_that_takes_too_long_is_given_up_and_keeps_its_place_until_it_ends() -> None:
    async def story() -> None:
        gate = threading.Event()
        begun: list[int] = []
        pool = Pool("work", threads=1, queue=1, seconds=0.1, metrics=Metrics())
        slow = asyncio.create_task(pool.run(lambda: gate.wait(5)))
        waiting = asyncio.create_task(pool.run(lambda: begun.append(1)))
        for task in (slow, waiting):
            with pytest.raises(BusyError, match="no answer within"):
                await task
        assert pool.held == 1
        gate.set()
        pool.close()
        assert pool.held == 0
        assert begun == []  # what had not begun never did

    asyncio.run(story())


def test_errors_of_the_work_come_out_as_they_are() -> None:
    async def story() -> None:
        pool = Pool("work", 1, 1, 9, Metrics())
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0)
        pool.close()

    asyncio.run(story())
