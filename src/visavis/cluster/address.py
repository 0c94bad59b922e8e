"""Where a Ray cluster is: what was given, made HOST:PORT, and asked whether anybody listens there.

Ray itself waits for minutes on a port where nobody does.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from visavis.errors import ClusterError, UsageError

LOCAL = "local"
"""A cluster of this machine alone, for one run."""
AUTO = "auto"
"""The cluster of $RAY_ADDRESS, else the one that `ray start` has started on this machine."""

_PROBE_SECONDS = 5.0


def head_of(given: str, environ: Mapping[str, str] = os.environ) -> str:
    """The head of the cluster that was given, HOST:PORT, where something listens.

    Raises UsageError for what is no address, ClusterError where nobody is.
    """
    address = _found(environ) if given == AUTO else given
    host, port = _parsed(address)
    try:
        _probe(host, port)
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start its head with "
            f"`ray start --head --port={port}`, or correct the address"
        ) from error
    return f"{host}:{port}"


def answers(address: str) -> bool:
    """Whether something listens at HOST:PORT."""
    try:
        _probe(*_parsed(address))
    except OSError:
        return False
    return True


def _probe(host: str, port: int) -> None:
    socket.create_connection((host, port), _PROBE_SECONDS).close()


def _found(environ: Mapping[str, str]) -> str:
    if set_ := environ.get("RAY_ADDRESS"):
        return set_
    note = Path(environ.get("RAY_TMPDIR") or "/tmp", "ray", "ray_current_cluster")
    try:
        return note.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ClusterError(
            "no Ray cluster runs on this machine, and RAY_ADDRESS is not set; start one with "
            "`ray start --head`, or say --ray local"
        ) from error


def _parsed(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if "://" in address:
        raise UsageError(
            f"{address}: Ray's client is not used; give the address of the head itself, HOST:PORT, "
            "on a machine that has joined the cluster"
        )
    if not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        raise UsageError(f"--ray is local, auto or HOST:PORT, not {address!r}")
    return host, int(port)
