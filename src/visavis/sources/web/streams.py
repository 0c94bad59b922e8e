"""TCP and TLS streams for httpcore that can be waited for until a deadline (see deadline.py)."""

import errno
import os
import selectors
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from visavis.disk import reason
from visavis.sources.web.deadline import Deadline

_UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)}


class Stream(httpcore.NetworkStream):
    """A connected socket. Raises httpcore's errors and those of `Deadline`."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes; none when the other side has closed."""

        def step(seconds: float) -> bytes:
            self._socket.settimeout(seconds)
            return self._socket.recv(max_bytes)

        try:
            return self._deadline.wait(step, timeout, httpcore.ReadTimeout("timed out"))
        except OSError as error:
            raise httpcore.ReadError(reason(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes."""

        def step(seconds: float) -> int:
            self._socket.settimeout(seconds)
            return self._socket.send(buffer)

        try:
            while buffer:
                sent = self._deadline.wait(step, timeout, httpcore.WriteTimeout("timed out"))
                buffer = buffer[sent:]
        except OSError as error:
            raise httpcore.WriteError(reason(error)) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection with TLS."""

        def step(seconds: float) -> None:
            wrapped.settimeout(seconds)
            wrapped.do_handshake()

        try:
            wrapped = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(reason(error)) from error
        try:
            self._deadline.wait(step, timeout, httpcore.ConnectTimeout("timed out"))
        except OSError as error:
            wrapped.close()
            raise httpcore.ConnectError(reason(error)) from error
        except BaseException:
            wrapped.close()
            raise
        return Stream(wrapped, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore wants to know of a connection."""
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        if info == "socket":
            return self._socket
        if info == "is_readable":
            return self._socket.fileno() < 0 or _is_ready(self._socket, selectors.EVENT_READ, 0)
        return None


def connect(
    family: int,
    address: tuple[Any, ...],
    deadline: Deadline,
    timeout: float | None = None,
    options: Iterable[httpcore.SOCKET_OPTION] = (),
) -> Stream:
    """A stream to an address as `getaddrinfo` gives it.

    Raises httpcore.ConnectError, httpcore.ConnectTimeout, and the errors of `Deadline`.
    """

    def step(seconds: float) -> None:
        if not _is_ready(made, selectors.EVENT_WRITE, seconds):
            raise TimeoutError

    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in (*options, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)):
            made.setsockopt(*option)
        made.setblocking(False)
        code = made.connect_ex(address)
        if code in _UNDER_WAY:
            deadline.wait(step, timeout, httpcore.ConnectTimeout("timed out"))
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except OSError as error:
        made.close()
        raise httpcore.ConnectError(reason(error)) from error
    except BaseException:
        made.close()
        raise
    return Stream(made, deadline)


def _is_ready(watched: socket.socket, what: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(watched, what)
        return bool(selector.select(seconds))
