"""Whether requests can be answered: asked by everybody, looked up once a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from visavis.errors import VisavisError
from visavis.server.refusals import NotReadyError, described

_KEPT = 1.0  # seconds


class Readiness:
    """The last look at the index; new ones cost, and this path has no limit of its own."""

    def __init__(self) -> None:
        self._looking = asyncio.Lock()
        self._until = 0.0
        self._why_not: str | None = None

    async def check(self, look: Callable[[], Awaitable[None]]) -> None:
        """Raises NotReadyError when the last look did not succeed."""
        async with self._looking:
            if time.monotonic() > self._until:
                try:
                    await look()
                    self._why_not = None
                except VisavisError as error:
                    self._why_not = described(error)
                self._until = time.monotonic() + _KEPT
        if self._why_not is not None:
            raise NotReadyError(self._why_not, Retry_After="1")
