"""What the system says has changed: paths, gathered on a thread until somebody takes them."""

import threading
from collections.abc import Callable, Sequence

MOST = 50_000
"""Paths that are kept; of more than that, all that is known is that something has changed."""

_GATHER_MS = 200
_STEP_MS = 50
_STOP_MS = 250  # after which it looks whether to end


class Noticed:
    """Paths that changed. Safe to use from threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._news = threading.Event()
        self._paths: set[str] = set()
        self._lost = False

    def add(self, paths: Sequence[str]) -> None:
        """Note paths."""
        with self._guard:
            self._paths.update(paths)
            if len(self._paths) > MOST:
                self._paths.clear()
                self._lost = True
            self._news.set()

    def take(self) -> tuple[set[str], bool]:
        """The paths, which are forgotten here, and whether there were more than could be kept."""
        with self._guard:
            taken = self._paths, self._lost
            self._paths, self._lost = set(), False
            self._news.clear()
            return taken

    def wait(self, seconds: float) -> None:
        """Wait for news, for so long at most."""
        self._news.wait(seconds)

    def wake(self) -> None:
        """End a wait."""
        self._news.set()


class Events:
    """Gathers the system's events below some folders, from `start` until `stop`."""

    def __init__(self, noticed: Noticed, trouble: Callable[[str], None]) -> None:
        """`trouble` is called on the thread when there are no events any more, with the reason."""
        self._noticed = noticed
        self._trouble = trouble
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, folders: Sequence[str]) -> None:
        """Listen to these folders from now on, and to no others. Returns when it has begun."""
        self.stop()
        if not folders:
            return
        self._stop = threading.Event()
        begun = threading.Event()
        arguments = (tuple(folders), self._stop, begun)
        self._thread = threading.Thread(
            target=self._listen, args=arguments, name="visavis-events", daemon=True
        )
        self._thread.start()
        begun.wait()

    def stop(self) -> None:
        """Listen no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _listen(
        self, folders: Sequence[str], stop: threading.Event, begun: threading.Event
    ) -> None:
        try:
            self._gather(folders, stop, begun)
        except ImportError:
            self._trouble("the system's events need pip install 'visavis[watch]'")
        except (OSError, RuntimeError) as error:  # watchfiles' own are of the last
            if not stop.is_set():
                self._trouble(str(error))
        finally:
            begun.set()
            self._noticed.wake()

    def _gather(
        self, folders: Sequence[str], stop: threading.Event, begun: threading.Event
    ) -> None:
        from watchfiles import watch  # needed by this command alone

        changes = watch(
            *folders,
            watch_filter=None,
            debounce=_GATHER_MS,
            step=_STEP_MS,
            rust_timeout=_STOP_MS,
            yield_on_timeout=True,  # also the sign that it has begun
            stop_event=stop,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=False,  # else what lies behind is passed over in silence
        )
        for found in changes:
            begun.set()
            if found:
                self._noticed.add([path for _, path in found])
