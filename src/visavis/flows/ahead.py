"""Work on batches, a few ahead of the one in hand: order kept, memory bounded, stopped at once."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

BATCH = 8
"""Images that a thread decodes and embeds together; more gains nothing on a CPU."""

T = TypeVar("T")
R = TypeVar("R")


def ahead(
    items: Iterable[T], work: Callable[[list[T]], R], workers: int, name: str
) -> Generator[R, None, None]:
    """What `work` makes of batches of the items, in their order.

    Twice as many batches as there are workers are in the making at most, so a slow caller or a long
    walk costs no memory. When the caller stops early, what has not begun never begins. What `work`
    raises is raised where its result would have come.

    Args:
        items: Read lazily, on the caller's thread.
        work: Called with up to BATCH items, on threads.
        workers: How many of these.
        name: What the threads are called.
    """
    left = iter(items)
    running: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers, name)
    try:
        while batch := list(islice(left, BATCH)):
            running.append(pool.submit(work, batch))
            if len(running) > 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
