"""An event loop that leaves connections for the other workers."""

import asyncio
from typing import Any


class FairLoop(asyncio.SelectorEventLoop):
    """Accepts one connection each time it is woken.

    asyncio's own loop takes all that wait (as many as the backlog, 2048), so when clients come
    together one of several workers on a socket gets them all, and the other cores stand idle.
    What is left wakes the loops again. Should asyncio rename this method one day, its own way is
    back, and a test says so.
    """

    def _accept_connection(
        self, factory: Any, sock: Any, context: Any = None, server: Any = None, *rest: Any
    ) -> None:
        accept = super()._accept_connection  # type: ignore[misc]
        accept(factory, sock, context, server, 1, *rest[1:])


def new_loop() -> asyncio.AbstractEventLoop:
    """What uvicorn calls for a loop."""
    return FairLoop()
