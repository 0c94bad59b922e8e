"""One writer at a time, and its name for the others."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from visavis.errors import IndexLockedError, IndexMissingError, StoreError


@contextmanager
def writer_lock(folder: Path, wait: float = 10.0) -> Iterator[None]:
    """Hold the index's write lock; the operating system drops it when the process dies.

    Waits up to `wait` seconds. Raises IndexLockedError that says who holds it.
    """
    with named_lock(folder, "write", wait, "is writing to this index; wait for it, or stop it"):
        yield


@contextmanager
def named_lock(folder: Path, name: str, wait: float, does: str) -> Iterator[None]:
    """Hold another lock of the index; `does` says what its holder is doing. As `writer_lock`."""
    from filelock import FileLock, Timeout  # 10 ms that searching can do without

    if not folder.exists():  # else it would be made anew, and keep a folder from being moved here
        raise IndexMissingError(f"{folder}: the folder of the index is gone; nothing was written")
    lock = FileLock(folder / f"{name}.lock")
    holder = folder / f"{name}.holder"
    try:
        lock.acquire(timeout=wait, poll_interval=0.05)
    except Timeout:
        raise IndexLockedError(f"{folder}: {_named(holder)} {does}") from None
    except OSError as error:
        raise StoreError(f"{folder}: the index cannot be written ({error.strerror})") from error
    try:
        command = " ".join(Path(part).name if i == 0 else part for i, part in enumerate(sys.argv))
        facts = {"pid": os.getpid(), "command": command, "since": time.time()}
        with contextlib.suppress(OSError):  # a full disk: the name is a courtesy, no more
            holder.write_text(json.dumps(facts))
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


class WriterLock:
    """The write lock of an index, which a thread that holds it may take again.

    ```python
    writing = WriterLock(folder)
    with writing():
        ...
    ```
    """

    def __init__(
        self, folder: Path, wait: float = 10.0, check: Callable[[], None] = lambda: None
    ) -> None:
        """`check` raises where it is of no use to write, before and after the wait for others."""
        self._folder = folder
        self._wait = wait
        self._check = check
        self._holder: int | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold it. Raises IndexLockedError when another has it for too long."""
        if self._holder == threading.get_ident():
            yield
            return
        self._check()
        with writer_lock(self._folder, self._wait):
            self._check()
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None


def _named(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        since = time.strftime("%H:%M:%S", time.localtime(who["since"]))
        return f"process {who['pid']} ({who['command']}, since {since})"
    except (OSError, ValueError, KeyError, TypeError):  # not there, or half written
        return "another process"
