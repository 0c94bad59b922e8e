"""An application on a socket: in this process, or in several that share it."""

import contextlib
import gc
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from visavis.server.beside.parent import GRACE, follow_parent
from visavis.server.beside.watching import watching
from visavis.server.edge.protocol import TimedProtocol
from visavis.server.logs import configure
from visavis.server.metrics import MULTIPROCESS, forget_process
from visavis.server.options import ServerOptions
from visavis.server.state import STOPPING

_LOG = logging.getLogger("visavis.server")

BACKLOG = 2048
"""Connections that may wait to be accepted."""

_LOOK_EVERY = 0.2  # seconds between two looks at whether to stop
_FILES = 65_536
_PAUSE = 1.0  # seconds between two starts in the same place, should workers die young


def serve(options: ServerOptions, listener: socket.socket) -> int:
    """Serve until a signal to stop; the exit code."""
    configure(options)
    _open_many_files()
    try:
        with watching(options):
            return _serve(options, listener)
    finally:
        _end_soon()


def _serve(options: ServerOptions, listener: socket.socket) -> int:
    if options.workers == 1:
        Server(configured(options)).run(sockets=[listener])
        return 0
    with tempfile.TemporaryDirectory(
        prefix="visavis-metrics-", ignore_cleanup_errors=True
    ) as folder:
        os.environ[MULTIPROCESS] = folder  # before the workers import prometheus_client
        return _Supervisor(options, listener).run()


class Server(uvicorn.Server):
    """uvicorn's server, which takes connections one by one and does not wait for downloads."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)  # see `configured`
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what is being answered end; other people's servers may be slow."""
        if stop := self.lifespan.state.get(STOPPING):
            stop()
        await super().shutdown(sockets)


def configured(options: ServerOptions) -> uvicorn.Config:
    """How uvicorn serves."""
    # Here, for the process that looks after several workers, and serves nothing itself: what the
    # application needs is a half of what it would import.
    from visavis.server.app import create_app

    protocol: Any = partial(TimedProtocol, head_seconds=options.head_seconds)  # called as the class
    return uvicorn.Config(
        partial(create_app, options),
        factory=True,
        loop="asyncio",
        http=protocol,
        ws="none",
        # A loop that is woken accepts as many as this: with all that wait, one of several workers
        # takes the connections that come together, and the others stand idle.
        backlog=1,
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1"),
        timeout_graceful_shutdown=GRACE,
    )


class _Worker(NamedTuple):
    """A process that serves."""

    process: SpawnProcess
    begun: float


class _Supervisor:
    """Several processes on one socket; one that dies is replaced, and nothing of it is left."""

    def __init__(self, options: ServerOptions, listener: socket.socket) -> None:
        self._options = options
        self._listener = listener
        self._spawning = get_context("spawn")
        self._ready = self._spawning.Event()
        self._stopping = threading.Event()

    def run(self) -> int:
        """Serve until a signal; the exit code, which is that of a first worker which cannot."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stopping.set())
        workers = [self._started() for _ in range(self._options.workers)]
        try:
            while not self._stopping.is_set():
                wait([worker.process.sentinel for worker in workers], _LOOK_EVERY)
                for place, worker in enumerate(workers):
                    if worker.process.exitcode is None:
                        continue
                    if worker.process.exitcode == STARTUP_FAILURE and not self._ready.is_set():
                        return STARTUP_FAILURE
                    workers[place] = self._replaced(worker)
        finally:
            _end([worker.process for worker in workers])
        return 0

    def _started(self) -> _Worker:
        process = self._spawning.Process(
            target=_work, args=(self._options, self._listener, self._ready)
        )
        process.start()
        return _Worker(process, time.monotonic())

    def _replaced(self, worker: _Worker) -> _Worker:
        """Another one in the place of one that died; not yet, if that was started just now."""
        if worker.process.pid is not None:
            forget_process(worker.process.pid)
        if time.monotonic() - worker.begun < _PAUSE:
            return worker
        another = self._started()
        _LOG.error(
            "the worker %s ended (%s); %s takes its place",
            worker.process.pid,
            _told_end(worker.process.exitcode),
            another.process.pid,
        )
        return another


def _told_end(code: int | None) -> str:
    """How a process ended: what another program or the system did to it has a name."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _end(processes: list[SpawnProcess]) -> None:
    for process in processes:
        process.terminate()
    over = time.monotonic() + GRACE + 5
    for process in processes:
        process.join(max(0.0, over - time.monotonic()))
        process.kill()
        process.join()


def _work(options: ServerOptions, listener: socket.socket, ready: Any) -> None:
    """What a worker process does."""
    for name in ("SIGINT", "SIGHUP"):  # of a terminal: the supervisor tells us to stop
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=follow_parent, name="visavis-parent", daemon=True).start()
    configure(options)
    Server(configured(options), ready.set).run(sockets=[listener])
    _end_soon()


def _end_soon() -> None:
    """All is closed: spare the end of Python its search for circles, most of the time to stop."""
    gc.freeze()


def _open_many_files() -> None:
    """As this system lets a process have them: each connection is one."""
    try:
        import resource
    except ImportError:  # Windows, where there is no such limit
        return
    with contextlib.suppress(ValueError, OSError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
