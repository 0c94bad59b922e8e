"""Threads with a bounded queue."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from starlette.requests import ClientDisconnect

from visavis.server.edge.limits import ASKER, CHARGE
from visavis.server.metrics import Metrics
from visavis.server.pool import Job, Pool, Room
from visavis.server.refusals import BusyError
from visavis.store.helping import helping
from visavis.store.stopping import go_on


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


def test_an_error_that_comes_as_the_time_ends_is_the_answer() -> None:
    async def story() -> None:
        pool = Pool("work", 4, 9, 0.05, Metrics())

        def work(job: Job) -> None:
            while True:
                job.check()

        async def never() -> dict[str, str]:
            await asyncio.Event().wait()
            return {}

        for _ in range(8):  # which of the two is first is left to chance
            with pytest.raises(BusyError, match="no answer within"):
                await pool.run_for(never, work)
        pool.close()

    asyncio.run(story())


def test_work_stops_when_its_client_leaves() -> None:
    async def story() -> None:
        steps: list[int] = []
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        pool = Pool("work", threads=1, queue=1, seconds=9, metrics=Metrics())

        def work(job: Job) -> None:
            loop.call_soon_threadsafe(begun.set)
            while len(steps) < 500:
                job.check()
                steps.append(1)
                time.sleep(0.01)

        async def leaves() -> dict[str, str]:
            await begun.wait()
            return {"type": "http.disconnect"}

        never: list[int] = []
        with pytest.raises(ClientDisconnect):
            await asyncio.gather(
                pool.run_for(leaves, work),
                pool.run_for(leaves, lambda _: never.append(1)),
            )
        pool.close()
        assert len(steps) < 100
        assert never == []  # nobody was there any more when its turn came

    asyncio.run(story())


@pytest.mark.parametrize("leaves", [True, False])
def test_what_works_inside_the_index_stops_as_well(leaves: bool) -> None:
    async def story() -> None:
        steps: list[int] = []
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        pool = Pool("work", threads=1, queue=1, seconds=9 if leaves else 0.1, metrics=Metrics())

        def work(_: Job) -> None:
            loop.call_soon_threadsafe(begun.set)
            while len(steps) < 500:
                go_on()
                steps.append(1)
                time.sleep(0.01)

        async def receive() -> dict[str, str]:
            await begun.wait()
            if not leaves:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        with pytest.raises(ClientDisconnect if leaves else BusyError):
            await pool.run_for(receive, work)
        pool.close()
        assert len(steps) < 200

    asyncio.run(story())


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_pays_for_all_processors_also_where_it_does_not_wait(leaves: bool) -> None:
    """Who leaves before the answer is there would have it for nothing, again and again."""

    async def story() -> None:
        paid: list[float] = []
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        pool = Pool("work", threads=1, queue=1, seconds=9, metrics=Metrics())

        def work(_: Job) -> None:
            loop.call_soon_threadsafe(begun.set)
            spin(0.1)
            with helping(2, "t") as helpers:
                list(helpers.map(spin, [0.1, 0.1]))

        def spin(seconds: float) -> None:
            end = time.thread_time() + seconds
            while time.thread_time() < end:
                time.sleep(0)  # lets the others go on

        async def receive() -> dict[str, str]:
            await begun.wait()
            if not leaves:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        CHARGE.set(paid.append)
        with suppress(ClientDisconnect):
            await pool.run_for(receive, work)
            assert not leaves
        await asyncio.to_thread(pool.close)
        await asyncio.sleep(0)
        [seconds] = paid
        # Who leaves stops the helpers before they begin.
        assert 0.1 <= seconds < 0.2 if leaves else 0.3 <= seconds < 0.5

    asyncio.run(story())


def test_work_is_told_when_its_time_is_over() -> None:
    job = Job(0.05)
    job.check()
    time.sleep(0.06)
    with pytest.raises(BusyError, match=r"no answer within 0\.05 seconds"):
        job.check()


def test_room_is_shared_and_what_wants_more_than_all_of_it_waits_until_it_is_alone() -> None:
    room, most = Room(100), []
    guard = threading.Lock()
    held = 0

    def use(amount: int) -> None:
        nonlocal held
        with room.taken(amount, lambda: None):
            with guard:
                held += min(amount, 100)
                most.append(held)
            time.sleep(0.01)
            with guard:
                held -= min(amount, 100)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, [30, 60, 500, 10, 50, 40, 100, 20] * 3))
    assert max(most) <= 100
    assert len(most) == 24


def test_who_waits_for_room_can_be_told_to_go() -> None:
    room = Room(10)

    def gone() -> None:
        raise ClientDisconnect

    with room.taken(10, lambda: None), pytest.raises(ClientDisconnect), room.taken(1, gone):
        pass
    with room.taken(10, gone):
        pass  # it is free again


def test_clients_take_turns_and_one_that_asks_for_much_keeps_nobody_out() -> None:
    done: list[str] = []

    async def asked(pool: Pool, client: str, gate: threading.Event) -> None:
        ASKER.set(client)

        def work() -> None:
            gate.wait(5)
            done.append(client)

        await pool.run(work)

    async def story() -> None:
        gate = threading.Event()
        pool = Pool("work", threads=1, queue=4, seconds=9, metrics=Metrics())
        greedy = [asyncio.create_task(asked(pool, "greedy", gate)) for _ in range(5)]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):  # it has all the room itself
            await asked(pool, "greedy", gate)
        others = [asyncio.create_task(asked(pool, name, gate)) for name in ("one", "two", "one")]
        await asyncio.sleep(0.05)
        assert pool.held == 5
        gate.set()
        answers = await asyncio.gather(*greedy, *others, return_exceptions=True)
        refused = [isinstance(answer, BusyError) for answer in answers]
        # Two make room for the first of each; the third would have as many as who has most.
        assert refused == [False, False, False, True, True, False, False, True]
        pool.close()
        assert pool.held == 0

    asyncio.run(story())
    assert done == ["greedy", "greedy", "one", "two", "greedy"]
