"""Looking at something again and again, from several threads, while a test changes it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def looking(look: Callable[[], None], threads: int) -> Iterator[list[str]]:
    """Calls `look` until the block ends; the list has what went wrong, at most one a thread."""
    done, wrong = threading.Event(), list[str]()

    def keep_looking() -> None:
        try:
            while not done.is_set():
                look()
        except BaseException as error:
            wrong.append(repr(error))

    running = [threading.Thread(target=keep_looking) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield wrong
    finally:
        done.set()
        for thread in running:
            thread.join()
