"""Whose turn it is at each host, and which hosts have stopped answering."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from visavis.sources.web.deadline import Deadline, TooLateError

_AT_LEAST = 8  # requests without an answer: fewer may be bad luck
_REMEMBERED = 10_000  # silent servers; what runs for months meets many


class SilentHostError(Exception):
    """The host has answered nothing for so long that it is not asked just now."""


@dataclass(slots=True)
class _Host:
    """Requests that wait or are under way."""

    turns: threading.Semaphore
    users: int = 0

    def enter(self, seconds: float) -> None:
        """Take a turn. Raises TimeoutError."""
        if not self.turns.acquire(timeout=seconds):
            raise TimeoutError


@dataclass(slots=True)
class _Silence:
    """Requests in a row that a server gave no answer to."""

    since: float
    requests: int = 0
    asked: float = -math.inf
    """When somebody last tried whether it is over."""


class Hosts:
    """Lets each host be asked a few things at once. Safe to use from threads.

    Turns are of a host, whatever its ports; silence is of a server (`host` or `host:port`). One
    that has answered none of at least eight requests for `patience` seconds is asked once in so
    many from then on, until it answers: a catalogue with a hundred thousand URLs of a host that is
    gone would else take days to fail.
    """

    def __init__(self, at_once: int, deadline: Deadline, patience: float) -> None:
        self._at_once = at_once
        self._deadline = deadline
        self._patience = patience
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}
        self._silent: dict[str, _Silence] = {}

    @contextmanager
    def turn(self, host: str, server: str) -> Iterator[None]:
        """Wait until fewer than `at_once` requests to a host are under way, to ask a server there.

        Raises SilentHostError, and what waiting for a `Deadline` does.
        """
        with self._lock:
            asked = self._hosts.setdefault(host, _Host(threading.Semaphore(self._at_once)))
            asked.users += 1
        try:
            self._deadline.wait(asked.enter, None, TooLateError())
            try:
                self._check(server)
                yield
            finally:
                asked.turns.release()
        finally:
            with self._lock:
                asked.users -= 1
                if not asked.users:
                    del self._hosts[host]

    def _check(self, server: str) -> None:
        with self._lock:
            silence, now = self._silent.get(server), time.monotonic()
            if silence is None or silence.requests < _AT_LEAST:
                return
            if now - silence.since < self._patience:
                return
            if now - silence.asked < self._patience:
                raise SilentHostError
            silence.asked = now

    def answered(self, server: str) -> None:
        """Note that a server gave an answer, whatever it was."""
        with self._lock:
            self._silent.pop(server, None)

    def was_silent(self, server: str) -> None:
        """Note that a request got no answer."""
        with self._lock:
            if len(self._silent) >= _REMEMBERED:
                self._silent.clear()
            silence = self._silent.setdefault(server, _Silence(time.monotonic()))
            silence.requests += 1
