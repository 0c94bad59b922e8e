"""A fixed number of threads with a bounded queue in front of them."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect

from visavis.server.edge.limits import ASKER, CHARGE
from visavis.server.edge.turns import Turns, Work
from visavis.server.metrics import Metrics
from visavis.server.refusals import BusyError
from visavis.store.helping import counting
from visavis.store.stopping import stoppable

T = TypeVar("T")

Receive = Callable[[], Awaitable[Any]]


class Job:
    """Some work under way, which asks here between its steps whether anybody waits for it."""

    def __init__(self, seconds: float, *, paid: bool = True) -> None:
        self.paid = paid
        """Whether the client pays for the processor's time; the work may say so itself."""
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._left = threading.Event()
        self._guard = threading.Lock()
        self.spent = 0.0
        """Seconds of a processor, those of helping threads among them."""

    def count(self, seconds: float) -> None:
        """So much of a processor's time was taken; called from any thread."""
        with self._guard:
            self.spent += seconds

    def leave(self) -> None:
        """Nobody waits for it any more."""
        self._left.set()

    def check(self) -> None:
        """Raise ClientDisconnect or BusyError when the work is for nobody, or its time is over."""
        if self._left.is_set():
            raise ClientDisconnect
        if time.monotonic() > self._end:
            raise self.late()

    def late(self) -> BusyError:
        """The refusal of what takes too long."""
        return BusyError(
            f"no answer within {self._seconds:g} seconds; ask for less, or try again later",
            Retry_After="5",
        )


class Pool:
    """Runs blocking work for the event loop.

    At most `threads` pieces run and `queue` wait; one more is refused with 503 at once, so that
    waiting never grows. Clients take turns, and where there is no room the one with most waiting
    loses its newest: who asks for a hundred things keeps nobody out. Work that takes longer than
    `seconds`, or whose client leaves, is given up: if it had not begun it never does, otherwise it
    keeps its thread until it asks its `Job`, or the index asks for it (see
    `visavis.store.stopping`).
    """

    def __init__(
        self, name: str, threads: int, queue: int, seconds: float, metrics: Metrics
    ) -> None:
        self._executor = ThreadPoolExecutor(threads, f"visavis-{name}")
        self._name = name
        self._most = threads + queue
        self._seconds = seconds
        self._metrics = metrics
        self._guard = threading.Lock()
        self._held = 0
        self._turns: Turns[Work] = Turns()

    @property
    def held(self) -> int:
        """Pieces of work that run or wait."""
        return self._held

    async def run(self, work: Callable[[], T]) -> T:
        """The result of some blocking work. Raises BusyError, and whatever the work raises.

        The client pays for the processor's time that it takes.
        """
        return await self._awaited(Job(self._seconds), work, None)

    async def run_for(self, receive: Receive, work: Callable[[Job], T], *, paid: bool = True) -> T:
        """The same for work that is worth stopping when its client leaves; not `paid`: for free.

        `receive` is that of a request whose body was read. Raises ClientDisconnect as well.
        """
        job = Job(self._seconds, paid=paid)

        def stopping() -> T:
            with stoppable(job.check):
                return work(job)

        try:
            return await self._awaited(job, stopping, receive)
        finally:
            job.leave()

    async def _awaited(self, job: Job, work: Callable[[], T], receive: Receive | None) -> T:
        future = self._submitted(job, work)
        waited: asyncio.Future[T] = asyncio.wrap_future(future)
        waited.add_done_callback(_heard)
        try:
            await asyncio.wait({waited}, timeout=min(_QUICK, self._seconds))
            if waited.done():  # as nearly all are: what follows is for the others
                return waited.result()
            async with asyncio.timeout(max(0.0, self._seconds - _QUICK)):
                if receive is not None:
                    await _first_of(waited, receive)
                return await waited
        except TimeoutError:
            if waited.done() and not waited.cancelled():
                return waited.result()  # or its own error: both ended at one time
            raise job.late() from None
        finally:
            future.cancel()  # what waits in the queue leaves it
            _pay(future, job)

    def _submitted(self, job: Job, work: Callable[[], T]) -> "Future[T]":
        client = ASKER.get("")
        with self._guard:
            full = self._held >= self._most
            other = self._turns.give_up(client) if full else None
        busy = BusyError("the server is busy; try again in a moment", Retry_After="1")
        if full:
            self._metrics.refused.labels(self._name).inc()
            if other is None:
                raise busy
            other.refuse(busy)
        asked = time.perf_counter()

        def timed() -> T:
            self._metrics.stage("queue", time.perf_counter() - asked)
            began = time.thread_time()
            try:
                with counting(job.count):
                    return work()
            finally:
                job.count(time.thread_time() - began)

        future: Future[T] = Future()
        with self._guard:
            self._held += 1
            self._turns.put(client, Work(future, timed))
        future.add_done_callback(self._done)
        self._executor.submit(self._next)
        return future

    def _next(self) -> None:
        """Do what is next, on a thread; there may be nothing where something was given up."""
        with self._guard:
            work = self._turns.take()
        if work is not None:
            work.do()

    def _done(self, _: "Future[Any]") -> None:
        with self._guard:
            self._held -= 1

    def close(self) -> None:
        """Wait for what runs; what waits is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        while work := self._turns.take():
            work.future.cancel()


def _heard(work: "asyncio.Future[Any]") -> None:
    """Take note of an error that may come when nobody waits any more, so that nothing warns."""
    if not work.cancelled():
        work.exception()


def _pay(work: "Future[Any]", job: Job) -> None:
    """Let the client pay for some work, once it is over where nobody waits for that any more."""
    charge = CHARGE.get(None)
    if charge is None:  # it is for no request
        return
    if work.done():
        if job.paid:
            charge(job.spent)
        return
    loop = asyncio.get_running_loop()

    def pay(_: "Future[Any]") -> None:
        if not job.paid:
            return
        with suppress(RuntimeError):  # the server ends: nobody keeps count any more
            loop.call_soon_threadsafe(charge, job.spent)

    work.add_done_callback(pay)


async def _first_of(work: "asyncio.Future[Any]", receive: Receive) -> None:
    """Returns when some work is done. Raises ClientDisconnect when its client leaves before."""
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
    finally:
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving


async def _left(receive: Receive) -> None:
    """Returns when the client of a request has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Room:
    """Bytes of memory that may be used at one time, shared among threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = most
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, amount: int, check: Callable[[], None]) -> Iterator[None]:
        """Use so much, once it is free; what wants more than there is waits until it is alone.

        `check` is called while waiting, and may raise.
        """
        amount = min(amount, self._most)
        with self._changed:
            while self._free < amount:
                self._changed.wait(_LOOK_EVERY)
                check()
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()


_QUICK = 0.02  # seconds before it is worth a look whether the client has left
_LOOK_EVERY = 0.1  # seconds between two looks at whether somebody still waits
