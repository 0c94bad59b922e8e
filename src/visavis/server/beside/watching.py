"""A process that watches folders for the index that is served; serving goes on whatever it does."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from visavis.errors import VisavisError
from visavis.image_index import ImageIndex
from visavis.processors import cores
from visavis.server.beside.parent import GRACE, follow_parent
from visavis.server.logs import configure
from visavis.server.options import ServerOptions
from visavis.types import IndexReport
from visavis.watching.watcher import Watcher, WatchOptions

_LOG = logging.getLogger("visavis.watch")
_PAUSES = (1.0, 5.0, 30.0, 60.0)  # seconds before it is started again, once, twice, …
_STEADY = 60.0  # seconds that it has to run until that is forgotten
_SHOWN = 5  # failures and notes of a batch
_WAIT = 5.0  # seconds for another writer, before it is said that one is waited for


@contextmanager
def watching(options: ServerOptions) -> Iterator[None]:
    """Watch what the options name, in a process beside this one, until the end of the block."""
    if not options.watch:
        yield
        return
    stopping = threading.Event()
    supervisor = threading.Thread(
        target=_supervise, args=(options, stopping), name="visavis-watch", daemon=True
    )
    supervisor.start()
    try:
        yield
    finally:
        stopping.set()
        supervisor.join()


def _supervise(options: ServerOptions, stopping: threading.Event) -> None:
    """Start the process, and start it again when it has died."""
    pauses = Pauses()
    while not stopping.is_set():
        began = time.monotonic()
        process = get_context("spawn").Process(target=_watch, args=(options,))
        process.start()
        while process.is_alive() and not stopping.wait(0.2):
            pass
        if stopping.is_set():
            process.terminate()
            process.join(GRACE)
            process.kill()
            process.join()
            return
        pause = pauses.after(time.monotonic() - began)
        _LOG.warning(
            "watching has ended (exit code %s); it begins again in %g s", process.exitcode, pause
        )
        stopping.wait(pause)


class Pauses:
    """How long to wait until the process is started again: longer if it dies again and again."""

    def __init__(self) -> None:
        self._turn = 0

    def after(self, ran: float) -> float:
        """The seconds to wait, now that it has died after so many."""
        if ran >= _STEADY:
            self._turn = 0
        pause = _PAUSES[min(self._turn, len(_PAUSES) - 1)]
        self._turn += 1
        return pause


def _watch(options: ServerOptions) -> None:
    """What the process does."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the server tells us to stop
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=follow_parent, name="visavis-parent", daemon=True).start()
    configure(options)
    try:
        with ImageIndex.open(
            options.index,
            device=options.device,
            jobs=max(1, (options.threads or cores()) // 2),  # the rest serves
            max_pixels=options.max_pixels,
            lock_seconds=_WAIT,
        ) as index:
            watcher = Watcher(
                index,
                options.watch,
                WatchOptions(),
                report=_report,
                say=_LOG.info,
                exclude=options.exclude,
                allow_private=options.allow_private,
            )
            watcher.run(stop)
    except VisavisError as error:
        _LOG.error("%s", error)
        raise SystemExit(error.exit_code) from None


def _report(report: IndexReport) -> None:
    for failure in report.failed[:_SHOWN]:
        _LOG.warning("skipped %s: %s", failure.uri, failure.reason)
    for note in report.notes[:_SHOWN]:
        _LOG.info("%s", note)
    _LOG.info("%s", report.in_words())
