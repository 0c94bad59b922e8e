"""Threads that help with one piece of work: what stops that stops them, and their time is its own.

```python
with counting(job.count), helping(4, "visavis-look") as helpers:
    found = list(helpers.map(look, candidates))
```
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

from visavis.store.stopping import go_on

T = TypeVar("T")
R = TypeVar("R")

Count = Callable[[float], None]
"""Takes seconds of a processor; called from any thread."""


def _nobody(_: float) -> None:
    """Nobody wants to know."""


_COUNT: ContextVar[Count] = ContextVar("visavis-count", default=_nobody)


@contextmanager
def counting(count: Count) -> Iterator[None]:
    """Report the processor's time that helpers take for what this thread does within."""
    before = _COUNT.set(count)
    try:
        yield
    finally:
        _COUNT.reset(before)


class Helpers:
    """Some threads, for as long as a piece of work takes."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """What `work` makes of the items, in their order. Raises what `work` or a stop raises."""
        futures = [self._threads.submit(copy_context().run, _helped, work, one) for one in items]
        return _results(futures)


@contextmanager
def helping(threads: int, name: str) -> Iterator[Helpers]:
    """Have some threads help; when the work stops, what has not begun never begins."""
    pool = ThreadPoolExecutor(threads, name)
    try:
        yield Helpers(pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _results(futures: Iterable[Future[R]]) -> Iterator[R]:
    for future in futures:
        yield future.result()


def _helped(work: Callable[[T], R], item: T) -> R:
    """On a thread of the pool, with the context of who asked."""
    go_on()
    began = time.thread_time()
    try:
        return work(item)
    finally:
        _COUNT.get()(time.thread_time() - began)
