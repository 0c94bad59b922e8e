"""Work that can be stopped halfway.

Who asks for an answer says when it is wanted no more; whoever works for it looks here between its
steps: stores above all, as a filter may look at every record.

```python
with stoppable(job.check):  # raises once the time is over, or nobody waits
    index.search("red shoe", where="title~lace")
```
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from threading import Lock

Check = Callable[[], None]
"""Raises when the work is not wanted any more."""


def _no_check() -> None:
    """Nobody has said when to stop."""


_CHECK: ContextVar[Check] = ContextVar("visavis-check", default=_no_check)


@contextmanager
def stoppable(check: Check) -> Iterator[None]:
    """Let what this thread does within be stopped by what `check` raises."""
    before = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(before)


def unstoppable() -> AbstractContextManager[None]:
    """Let what this thread does within come to its end: it is kept for all who ask later."""
    return stoppable(_no_check)


def go_on() -> None:
    """Raise what the check raises: called between the steps of anything that may take long."""
    _CHECK.get()()


@contextmanager
def held(lock: Lock) -> Iterator[None]:
    """Hold a lock that another thread may hold for long. Raises what the check raises."""
    while not lock.acquire(timeout=_LOOK_EVERY):
        go_on()
    try:
        yield
    finally:
        lock.release()


_LOOK_EVERY = 0.1  # seconds
