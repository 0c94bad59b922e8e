"""Tiles of the map that were made, and whose turn it is to make one."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from visavis.server.refusals import BusyError

ROOM = 64_000_000
"""Bytes of tiles that are kept: nearly all of the largest map that is served, at 140 KB each."""

_WAITING = 64  # requests that wait for their turn


class Tiles:
    """The tiles that were last asked for, as far as there is room. Used from the event loop alone.

    Making one decodes a hundred of the owner's pictures, for which no client pays: so few are made
    at once that a client who asks for all of them keeps no search waiting.
    """

    def __init__(self, at_once: int, room: int = ROOM) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._free = room
        self._turns = asyncio.Semaphore(at_once)
        self._waiting = 0

    def kept(self, version: str, number: int) -> bytes | None:
        """A tile that was made before."""
        found = self._kept.get((version, number))
        if found is not None:
            self._kept.move_to_end((version, number))
        return found

    def keep(self, version: str, number: int, tile: bytes) -> None:
        """Keep a tile for those who ask next; those that nobody asked for longest go."""
        self._free += len(self._kept.pop((version, number), b"")) - len(tile)
        self._kept[version, number] = tile
        while self._free < 0:
            self._free += len(self._kept.popitem(last=False)[1])

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Make a tile, once it is time for that. Raises BusyError where too many wait."""
        if self._waiting >= _WAITING:
            raise BusyError("the server is busy; try again in a moment", Retry_After="1")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()
