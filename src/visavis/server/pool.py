"""A fixed number of threads with a bounded queue in front of them."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from visavis.server.metrics import Metrics
from visavis.server.refusals import BusyError

T = TypeVar("T")


class Pool:
    """Runs blocking work for the event loop.

    At most `threads` pieces run and `queue` wait; one more is refused with 503 at once, so that
    waiting never grows. Work that takes longer than `seconds` is refused too: if it had not begun
    it never does, otherwise it keeps its thread until it ends.
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

    @property
    def held(self) -> int:
        """Pieces of work that run or wait."""
        return self._held

    async def run(self, work: Callable[[], T]) -> T:
        """The result of some blocking work. Raises BusyError, and whatever the work raises."""
        with self._guard:
            if self._held >= self._most:
                self._metrics.refused.labels(self._name).inc()
                raise BusyError("the server is busy; try again in a moment", Retry_After="1")
            self._held += 1
        asked = time.perf_counter()

        def timed() -> T:
            self._metrics.stage("queue", time.perf_counter() - asked)
            return work()

        future = self._executor.submit(timed)
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise BusyError(
                f"no answer within {self._seconds:g} seconds; ask for less, or try again later",
                Retry_After="5",
            ) from None

    def _done(self, _: Future[T]) -> None:
        with self._guard:
            self._held -= 1

    def close(self) -> None:
        """Wait for what runs; what waits is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)
