"""How many connections may be open, and whose go first when there is no room."""

import ipaddress
from collections.abc import Collection
from typing import Protocol

from visavis.server.edge.limits import network_of

_TOLD = 64  # connections that are told at one time that there is no room for them


class Held(Protocol):
    """An open connection, as `Connections` sees it."""

    @property
    def peer(self) -> str:
        """The address at its other end."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether no request of it is being answered: nobody misses it."""
        ...

    def drop(self) -> None:
        """Close it at once."""
        ...


class Connections:
    """The open connections of one worker: at most `most`, and `each` of one client.

    A connection that comes when there is no room takes the place of the one that has waited longest
    for a request, so that clients who open many and send nothing keep nobody out. It is refused
    when all of them are being answered. Proxies that are trusted to name their clients may open as
    many as there is room for: they count their clients' connections themselves.

    Used from the event loop alone; an empty one can be sent to worker processes.
    """

    def __init__(self, most: int, each: int, proxies: Collection[str] = ()) -> None:
        self._most = most
        self._each = each
        self._trusts_all = "*" in proxies
        self._proxies = tuple(
            ipaddress.ip_network(text, strict=False) for text in proxies if _is_network(text)
        )
        # Dictionaries keep the order: those that were active longest ago come first.
        self._all: dict[Held, None] = {}
        self._of: dict[str, dict[Held, None]] = {}
        self._refused: set[Held] = set()

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Held) -> bool:
        """Count a new connection, making room if need be; False when there is none."""
        name = network_of(connection.peer)
        mine = self._of.get(name, {})
        full: dict[Held, None] | None = None
        if len(mine) >= self._each and not self._is_proxy(connection.peer):
            full = mine
        elif len(self._all) >= self._most:
            full = self._all
        if full is not None and not self._drop_one(full):
            return False
        self._all[connection] = None
        self._of.setdefault(name, {})[connection] = None
        return True

    def may_refuse(self, connection: Held) -> bool:
        """Whether one without room may stay until it was told so; False when many are told."""
        if len(self._refused) >= _TOLD:
            return False
        self._refused.add(connection)
        return True

    def note_active(self, connection: Held) -> None:
        """A connection has sent a request: it is the last to go from now on."""
        if connection in self._all:
            mine = self._of[network_of(connection.peer)]
            for held in (self._all, mine):
                del held[connection]
                held[connection] = None

    def leave(self, connection: Held) -> None:
        """A connection is gone."""
        self._refused.discard(connection)
        if connection not in self._all:
            return
        del self._all[connection]
        name = network_of(connection.peer)
        del self._of[name][connection]
        if not self._of[name]:
            del self._of[name]

    def _drop_one(self, held: dict[Held, None]) -> bool:
        for connection in held:
            if connection.waiting:
                self.leave(connection)
                connection.drop()
                return True
        return False

    def _is_proxy(self, peer: str) -> bool:
        if self._trusts_all:
            return True
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:  # a socket's path, or "*"
        return False
    return True
