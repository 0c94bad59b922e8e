"""Connections to public addresses only, whatever a host name pretends to be.

The check and the connection use the same answer of the resolver, so a name that resolves to a
public address first and to 127.0.0.1 a moment later (DNS rebinding) gains nothing: `httpcore`
asks `PublicOnly` for each connection, and TLS still checks the certificate against the name.
"""

import ipaddress
import socket
import threading
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any

import httpcore

from visavis.disk import reason
from visavis.sources.web.deadline import Deadline
from visavis.sources.web.streams import connect

_Resolved = tuple[int, tuple[Any, ...]]
"""Address family and socket address."""

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


class PrivateAddressError(Exception):
    """A host name that leads to an address which is not on the public internet."""


class PublicOnly(httpcore.NetworkBackend):
    """Resolve, check every address, then connect to one of the checked addresses."""

    def __init__(self, allow_private: bool, deadline: Deadline) -> None:
        self._allow_private = allow_private
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; raises PrivateAddressError."""
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for family, address in self._resolve(host, port, timeout):
            try:
                return connect(family, address, self._deadline, timeout, socket_options or ())
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def _resolve(self, host: str, port: int, timeout: float | None) -> list[_Resolved]:
        try:
            found = _looked_up(host, port, timeout, self._deadline)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(
                f"the host name {host} is not known ({reason(error)})"
            ) from error
        addresses = list(dict.fromkeys((int(entry[0]), entry[4]) for entry in found))
        if not self._allow_private:
            for _, address in addresses:
                if not is_public(ipaddress.ip_address(str(address[0]))):
                    raise PrivateAddressError(str(address[0]))
        return addresses


def _looked_up(host: str, port: int, timeout: float | None, deadline: Deadline) -> list[Any]:
    """What the resolver says; its own waiting cannot be broken off, so a thread does it."""
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:  # raised below, where somebody waits for it
            answers.put(error)

    def step(seconds: float) -> list[Any] | Exception:
        try:
            return answers.get(timeout=seconds)
        except Empty:
            raise TimeoutError from None

    threading.Thread(target=ask, name="visavis-resolve", daemon=True).start()
    late = httpcore.ConnectTimeout(f"the host name {host} was not resolved in time")
    found = deadline.wait(step, timeout, late)
    if isinstance(found, Exception):
        raise found
    return found


def is_public(address: IP) -> bool:
    """Whether an address is one host on the public internet.

    Not so are private, loopback, link-local, shared (100.64.0.0/10), multicast, unspecified and
    reserved ones, nor IPv6 addresses that only wrap such an IPv4 address.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.teredo is not None:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
