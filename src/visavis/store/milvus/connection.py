"""A connection to a Milvus server: each call with a deadline, each trouble as one sentence."""

import contextlib
import importlib
import logging
import socket
import threading
import time
from typing import Any

from visavis.disk import reason
from visavis.errors import (
    ExtraMissingError,
    IndexMissingError,
    StoreError,
    StoreUnreachableError,
)
from visavis.store.milvus.address import TOKEN, Address

_ABSENT = ("collection not found", "can't find collection", "code=100,")
_STARTING = ("not loaded", "code=101", "no available", "not ready")
_LATE = ("DEADLINE_EXCEEDED", "Deadline", "wait for flush timeout")
_WAIT = "Milvus is still starting, or has more to do than it can; try again soon"
_CONNECTING = 5.0
"""Seconds."""


class Connection:
    """Talks by pymilvus, from the first call on. Safe to use from threads."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.unsealed: set[str] = set()
        """Collections that were written to since they were sealed."""
        self.sealed: dict[str, float] = {}
        """When others were, by time.monotonic()."""
        self._guard = threading.Lock()
        self._connected: Any = None
        self._closed = False

    def close(self) -> None:
        """Let it go."""
        with self._guard:
            self._closed = True
            if self._connected is not None:
                with contextlib.suppress(Exception):  # it may be gone already
                    self._connected.close()
            self._connected = None

    def open(self) -> Any:
        """The client of pymilvus. Raises StoreUnreachableError, and StoreError once closed."""
        with self._guard:
            if self._closed:
                raise StoreError(f"{self.address}: the index was closed")
            if self._connected is None:
                self._connected = _connected(self.address)
            return self._connected

    def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """What a method of pymilvus's client gives. Raises StoreError and its subclasses."""
        client = self.open()
        try:
            return getattr(client, method)(*arguments, timeout=self.address.deadline, **named)
        except Exception as error:
            raise _explained(error, self.address) from error


def _connected(address: Address) -> Any:
    library = pymilvus()
    try:  # to a dead port and with a wrong token, pymilvus says the same
        socket.create_connection((address.host, address.port), _CONNECTING).close()
    except OSError as error:
        raise StoreUnreachableError(
            f"{address}: no server answers there ({reason(error)}); start Milvus, or name "
            "another host"
        ) from error
    began, deadline = time.monotonic(), min(address.deadline, _CONNECTING)
    try:
        return library.MilvusClient(
            uri=address.uri, token=address.token, db_name=address.database, timeout=deadline
        )
    except Exception as error:
        if time.monotonic() - began >= 0.9 * deadline:  # whose text is that of a wrong token
            raise StoreUnreachableError(_late(address, deadline)) from error
        if any(sign in str(error) for sign in _STARTING):
            raise StoreUnreachableError(f"{address}: {_WAIT}") from error
        raise StoreUnreachableError(
            f"{address}: a server is there, and refuses to talk as Milvus does; check the token "
            f"(${TOKEN}), the database, and whether the port is that of Milvus"
        ) from error


def _explained(error: Exception, address: Address) -> Exception:
    """What went wrong in one sentence; our own errors as they are."""
    if isinstance(error, StoreError):
        return error
    text = str(error)
    if any(sign in text for sign in _ABSENT):
        return IndexMissingError(
            f"no index at {address}; make one with: visavis index FOLDER --index {address}"
        )
    if any(sign in text for sign in _LATE):
        return StoreUnreachableError(_late(address, address.deadline))
    if "UNAVAILABLE" in text or "Fail connecting" in text or "code=2," in text:
        return StoreUnreachableError(f"{address}: the connection to Milvus broke; is it running?")
    if any(sign in text for sign in _STARTING):
        return StoreUnreachableError(f"{address}: {_WAIT}")
    return StoreError(f"{address}: Milvus refused: {text.splitlines()[0][:300]}")


def _late(address: Address, deadline: float) -> str:
    return (
        f"{address}: Milvus did not answer within {deadline:g} s; try again, or allow more with "
        "?timeout=60"
    )


def pymilvus() -> Any:
    """The library. Raises ExtraMissingError."""
    try:
        library = importlib.import_module("pymilvus")
    except ImportError as error:
        raise ExtraMissingError("an index in Milvus", "cluster") from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # else whole tracebacks on stderr
    return library
