"""An application on a socket: in this process, or in several that share it."""

import contextlib
import os
import socket
import tempfile
from functools import partial
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from visavis.server.app import create_app
from visavis.server.edge.connections import Connections
from visavis.server.edge.protocol import BoundedProtocol
from visavis.server.metrics import MULTIPROCESS, forget_process
from visavis.server.options import ServerOptions

_GRACE = 30  # seconds that requests in flight have to finish after a stop signal
_SILENT = 30  # seconds; after 5, uvicorn's own, a busy machine replaces healthy workers for ever
_OTHER_FILES = 200  # descriptors for databases, pictures and logs, beside those of connections


def serve(options: ServerOptions, listener: socket.socket) -> int:
    """Serve until a signal to stop; the exit code."""
    if options.workers > 1:
        return _serve_in_workers(options, listener)
    uvicorn.Server(configured(options)).run(sockets=[listener])
    return 0


def _serve_in_workers(options: ServerOptions, listener: socket.socket) -> int:
    with tempfile.TemporaryDirectory(prefix="visavis-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder  # before the workers import prometheus_client
        supervisor = _Workers(configured(options), sockets=[listener])
        supervisor.run()
    failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    return STARTUP_FAILURE if failed else 0


class _Workers(Multiprocess):
    """Several processes on one socket; one that dies is replaced, and nothing of it is left."""

    def keep_subprocess_alive(self) -> None:
        """Replace the dead."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            if pid is not None:
                forget_process(pid)


def configured(options: ServerOptions) -> uvicorn.Config:
    """How uvicorn serves: with our limits on connections."""
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    names = [name.strip() for name in proxies.split(",")]
    protocol: Any = partial(  # uvicorn calls it as it would the class
        BoundedProtocol,
        room=Connections(_most(options.connections), options.client_connections, names),
        head_seconds=options.head_seconds,
        unread_seconds=options.unread_seconds,
    )
    config = uvicorn.Config(
        partial(create_app, options),
        factory=True,
        workers=options.workers,
        loop="auto" if options.workers == 1 else "visavis.server.edge.accepting:new_loop",
        http=protocol,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=_GRACE,
    )
    config.timeout_worker_healthcheck = _SILENT  # set here: older versions have no such argument
    return config


def _most(connections: int) -> int:
    """As many connections as are wanted, or as this process may open files for."""
    try:
        import resource
    except ImportError:  # Windows, where there is no such limit
        return connections
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # not allowed here: fewer connections, then
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return connections if soft == resource.RLIM_INFINITY else min(connections, _room(soft))


def _room(files: int) -> int:
    return max(files // 2, files - _OTHER_FILES)
