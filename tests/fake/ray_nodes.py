"""Ray nodes on the loopback interface for tests: a head and others, each with folders of its own.

Their processes are ended by the sessions that they were started in, and no others are touched.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

HEAD = "127.0.0.1"
STORE_BYTES = 100 << 20
_SECONDS = 120.0  # until a node is there: a busy machine needs many


class RayNodes:
    """A cluster of some nodes of this machine; entered, its head is there.

    They listen on all interfaces, so they belong into a network of their own (`APART`).

    Args:
        environ: Of all its processes; Ray's own settings are added.
        cpus: Of the head.
    """

    def __init__(self, environ: Mapping[str, str], cpus: int = 1) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))  # sockets: their paths must be short
        token = self.folder / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        self._cpus = cpus
        self.port = _free_port()
        self.address = f"{HEAD}:{self.port}"
        self.environ = {
            **environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            # A dead node is noticed in seconds; the defaults are meant for wider networks.
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "5000",
            "RAY_health_check_failure_threshold": "3",
        }
        self._nodes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.start("--head", f"--port={self.port}", "--include-dashboard=false", cpus=self._cpus)
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._nodes:
            _kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    def join(self, cpus: int = 1, environ: Mapping[str, str] | None = None) -> int:
        """Have another node join; its number, for `kill`."""
        self.start(f"--address={self.address}", cpus=cpus, environ=environ)
        return len(self._nodes) - 1

    def kill(self, number: int) -> None:
        """End a node at once with all its processes, as a power cut would."""
        _kill(self._nodes[number])

    def workers(self) -> list[int]:
        """The process ids of workers that have a task in hand."""
        return [
            process
            for node in self._nodes
            for process in _of_session(node.pid)
            if Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::_work")
        ]

    def start(self, *options: str, cpus: int, environ: Mapping[str, str] | None = None) -> None:
        """Start a node, and wait until it is there."""
        number = len(self._nodes)
        log = self.folder / f"node{number}.log"
        with log.open("wb") as output:
            node = subprocess.Popen(
                [
                    *(f"{sys.prefix}/bin/ray", "start", "--block", *options),
                    *(f"--node-ip-address=127.0.0.{number + 1}", f"--num-cpus={cpus}"),
                    *(f"--object-store-memory={STORE_BYTES}", "--disable-usage-stats"),
                    f"--temp-dir={self.folder}/{number}",
                ],
                env={**self.environ, **(environ or {})},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._nodes.append(node)
        end = time.monotonic() + _SECONDS
        while b"Ray runtime started" not in log.read_bytes():
            assert node.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)


def _kill(leader: "subprocess.Popen[bytes]") -> None:
    """End a process and all of its session; workers have process groups of their own."""
    for process in _of_session(leader.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    leader.wait()


def _of_session(session: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getsid(int(process.name)) == session:
                found.append(int(process.name))
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HEAD, 0))
        return int(one.getsockname()[1])
