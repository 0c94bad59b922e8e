"""What the requests of one application share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from starlette.requests import Request

from visavis.image_index import ImageIndex
from visavis.server.live import LiveIndex
from visavis.server.metrics import Metrics
from visavis.server.options import ServerOptions
from visavis.server.pool import Admission, Pool

T = TypeVar("T")

_FETCHERS = 8
_WRITES_WAITING = 16


@dataclass(frozen=True, slots=True)
class State:
    """An open index and the threads that work on it."""

    options: ServerOptions
    metrics: Metrics
    live: LiveIndex
    admission: Admission
    """Entered by requests that send bodies, so that memory has a bound."""
    work: Pool
    """Decodes, embeds, searches, reads the database."""
    fetches: Pool
    """Waits for other people's servers."""
    writes: Pool
    """Adds and removes, one after the other."""

    @classmethod
    def opened(cls, options: ServerOptions, metrics: Metrics) -> "State":
        """Open the index. Raises IndexMissingError and its kin."""
        threads = options.pool_threads
        live = LiveIndex(options)
        seconds = options.work_seconds
        return cls(
            options,
            metrics,
            live,
            Admission(threads + options.queue),
            Pool("work", threads, options.queue, seconds, metrics),
            Pool("fetch", _FETCHERS, _FETCHERS, seconds, metrics),
            Pool("write", 1, _WRITES_WAITING, options.write_seconds, metrics),
        )

    async def with_index(self, work: Callable[[ImageIndex], T]) -> T:
        """What some work on the index gives, done on a thread."""

        def leased() -> T:
            with self.live.use() as index:
                return work(index)

        return await self.work.run(leased)

    def cores_for_one(self) -> int | None:
        """How many threads a model may use for one picture: None, all, while nobody else asks.

        With company each request has one, and the pool's threads are the parallel ones.
        """
        alone = self.work.held <= 1 < self.options.pool_threads
        return None if alone else 1

    async def warm_up(self) -> None:
        """Load the model and the caches, so that the first search is as quick as the others."""

        def work(index: ImageIndex) -> None:
            index.store.get_ready()
            for threads in {1, self.cores_for_one()}:
                index.embedder(threads)

        await self.with_index(work)

    def close(self) -> None:
        """Let what runs end, then close the index."""
        for pool in (self.fetches, self.work, self.writes):
            pool.close()
        self.live.close()


def state_of(request: Request) -> State:
    """The state of the application that a request came to."""
    return cast(State, request.app.state.visavis)
