"""What the requests of one application share."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

import numpy as np
from starlette.requests import Request

from visavis.buckets.client import Buckets
from visavis.embedders.base import Embedder, TextEmbedder, embed
from visavis.errors import UnknownWordError, VisavisError
from visavis.image_index import ImageIndex
from visavis.server.abilities import KnownAbilities, bends, class_side
from visavis.server.current_index import CurrentIndex
from visavis.server.decoding import Decoding
from visavis.server.duplicates.scanning import Scanner
from visavis.server.edge.limits import Shares
from visavis.server.mapping.known import KnownMaps
from visavis.server.mapping.tiles import Tiles
from visavis.server.memory import Memory
from visavis.server.metrics import Metrics
from visavis.server.options import ServerOptions
from visavis.server.pool import Job, Pool
from visavis.server.readiness import Readiness
from visavis.server.titles import KnownTitles
from visavis.sources.web.fetch import Fetcher
from visavis.store.capabilities import is_local
from visavis.store.open import is_folder

_LOG = logging.getLogger("visavis.server")

T = TypeVar("T")

STOPPING = "visavis.stopping"
"""In the state that the lifespan hands out: what to call when the server begins to stop."""

_FETCHERS = 8
_GATHERERS = 2  # lists of URLs that are downloaded at one time
_WRITES_WAITING = 16
_WAITING = 8  # threads besides, where the index is a server's, for which searches mostly wait
_PROBES = 2  # one may wait for an index in a server while another one asks for metrics
_KEPT_BYTES = 16_000_000  # memory that a thread does not give back between two requests
_STORAGE = 5.0  # seconds that object storage may be silent
_MARGIN = 5.0  # seconds after which work is given up that should have ended by itself


@dataclass(frozen=True, slots=True)
class State:
    """An open index and the threads that work on it."""

    options: ServerOptions
    metrics: Metrics
    current: CurrentIndex
    lookups: Pool
    """Reads the database, and ranks what is in it: quick, and never behind a picture."""
    pictures: Pool
    """Decodes, embeds, and searches with what that gave."""
    decoding: Decoding
    """What `pictures` decodes with, so that memory and work have a bound."""
    fetches: Pool
    """Waits for other people's servers."""
    fetch_shares: Shares
    """So that one client whose servers never answer leaves some of these threads to others."""
    gathers: Pool
    """The same for lists of URLs."""
    fetcher: Fetcher
    """For the pictures of questions; keeps nothing."""
    downloads: Fetcher
    """For the pictures of records; keeps them."""
    objects: Buckets
    """For the pictures of records that lie in object storage."""
    writes: Pool
    """Adds and removes, one after the other."""
    probes: Pool
    """Looks how the server is, for those who keep watch of it: never behind anything else."""
    readiness: Readiness
    """Whether the index can be searched."""
    abilities: KnownAbilities
    """What the model of the index can."""
    titles: KnownTitles
    """What its records are called."""
    scanner: Scanner
    """Looks for duplicates, in the background."""
    maps: KnownMaps
    """Where its records lie on a map."""
    tiles: Tiles
    """Their pictures on it."""

    @classmethod
    def opened(cls, options: ServerOptions, metrics: Metrics, memory: Memory) -> "State":
        """All of it; the index is opened when it is first asked for."""
        threads = options.pool_threads
        waiting = 0 if is_folder(options.index) else _WAITING
        current = CurrentIndex(options)
        work, write = options.work_seconds, options.write_seconds
        fetcher = partial(
            Fetcher,
            allow_private=options.allow_private,
            max_bytes=options.max_upload_bytes,
            for_strangers=True,
        )
        return cls(
            options=options,
            metrics=metrics,
            current=current,
            lookups=Pool("lookup", threads + waiting, options.queue, work, metrics),
            pictures=Pool("picture", threads + waiting, options.queue, work, metrics),
            decoding=Decoding(options, memory),
            fetches=Pool("fetch", _FETCHERS, _FETCHERS, work + _MARGIN, metrics),
            fetch_shares=Shares(
                _FETCHERS // 2 if options.rate else 2 * _FETCHERS,
                "too many pictures are being downloaded",
            ),
            gathers=Pool("gather", _GATHERERS, _WRITES_WAITING, write + _MARGIN, metrics),
            fetcher=fetcher(keep=False, retries=0),
            downloads=fetcher(),
            objects=Buckets(timeout=min(_STORAGE, work), retries=1, deadline=work),
            writes=Pool("write", 1, _WRITES_WAITING, write, metrics),
            probes=Pool("probe", _PROBES, options.queue, work, metrics),
            readiness=Readiness(),
            abilities=KnownAbilities(),
            titles=KnownTitles(options.title, options.hidden),
            scanner=Scanner(current, keep=not options.read_only, public=options.public),
            maps=KnownMaps(current, options),
            tiles=Tiles(max(1, threads // 2)),
        )

    async def with_index(self, request: Request, work: Callable[[ImageIndex], T]) -> T:
        """What some work on the index gives that decodes nothing, done on a thread.

        It stops soon after its client has left. The body of the request was read, if it has one.
        """

        def leased(_: Job) -> T:
            with self.current.use() as index:
                return work(index)

        return await self.lookups.run_for(request.receive, leased)

    async def probed(self, work: Callable[[ImageIndex], T]) -> T:
        """The same for those who keep watch of the server, and for itself."""

        def leased() -> T:
            with self.current.use() as index:
                return work(index)

        return await self.probes.run(leased)

    async def with_pictures(
        self, request: Request, work: Callable[[ImageIndex, Job], T], *, paid: bool = True
    ) -> T:
        """The same for work that decodes; it stops soon after its client has left.

        The body of the request was read. Where the owner's own pictures are looked at, the client
        is not the one who has `paid` for it.
        """

        def leased(job: Job) -> T:
            with self.current.use() as index:
                return work(index, job)

        return await self.pictures.run_for(request.receive, leased, paid=paid)

    async def with_writing(self, work: Callable[[ImageIndex], T]) -> T:
        """What some work on the index gives, done by the one thread that writes."""

        def leased() -> T:
            with self.current.use() as index:
                return work(index)

        return await self.writes.run(leased)

    def cores_for_one(self) -> int | None:
        """How many threads a model may use for one picture: None, all, while nobody else asks.

        With company each request has one, and the pool's threads are the parallel ones.
        """
        alone = self.lookups.held + self.pictures.held <= 1 < self.options.pool_threads
        return None if alone else 1

    async def warm_up(self) -> None:
        """Load the model and the caches, so that the first search is as quick as the others."""
        # The GNU C library gives memory of threads back after each request, and each next one pays
        # for 600 pages anew: a third of the time of a small search. It stops doing so below the
        # size of the largest block that was freed (mallopt(3), M_MMAP_THRESHOLD).
        np.empty(_KEPT_BYTES, np.uint8)

        def work(index: ImageIndex) -> None:
            if is_local(index.store):
                index.store.get_ready()
            for threads in {1, self.cores_for_one()}:
                _warm(index.embedder(threads))
            self.abilities.of(index)

        try:
            await self.probed(work)
        except VisavisError as error:
            # The index may be away for a moment, when a worker is replaced; requests say so.
            _LOG.warning("not ready yet: %s", error)

    def stop_waiting(self) -> None:
        """Break off downloads: the server stops, and other people's servers may be slow."""
        self.fetcher.close()
        self.downloads.close()
        self.objects.close()

    @property
    def _pools(self) -> tuple[Pool, ...]:
        reading = self.fetches, self.gathers, self.pictures, self.lookups
        return *reading, self.probes, self.writes

    def close(self) -> None:
        """Let what runs end, then close the index."""
        self.stop_waiting()
        self.scanner.close()
        self.maps.close()
        for pool in self._pools:
            pool.close()
        self.current.close()


def _warm(embedder: Embedder) -> None:
    """Open all sides of a model: some open each when it is first asked."""
    embed(embedder, [np.full((64, 64, 3), 127, np.uint8)])
    if (side := class_side(embedder)) is not None:
        bends(side, embedder.name)
    if isinstance(embedder, TextEmbedder):
        try:
            embedder.embed_texts(["picture"])
        except UnknownWordError:
            pass  # it was opened all the same
        except VisavisError as error:  # pictures can be searched for without it
            _LOG.warning("words cannot be searched for: %s", error)


def state_of(request: Request) -> State:
    """The state of the application that a request came to."""
    return cast(State, request.app.state.visavis)
