"""The machines of a cluster as the workers of an indexing run.

The driver lists, compares and writes; they read, decode and embed. Writing is left to the driver as
a local index has one writer at a time, as what is gone, repeated or another source's is decided
there, and as a server of vectors takes a row in a tenth of a millisecond: that is a hundred cores.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from visavis import __version__
from visavis.cluster.flight import Flight, Lost
from visavis.cluster.parcel import Parcel, pack
from visavis.cluster.session import Session
from visavis.cluster.task import Done, Order, Reading, Seen, Wanted
from visavis.errors import ClusterError
from visavis.flows.workers.base import Job, Outcome
from visavis.images.files import local_path
from visavis.sources.base import is_remote
from visavis.sources.objects.source import BucketSource
from visavis.types import Entry, Failure, Fields

_FIRST, _SHARD, _WEB_SHARD = 8, 32, 128
"""Entries in a shard: the first are small, so that all have something to do soon; of URLs, which
are waited for together, there are more."""
_FEW_READERS = 8
_A_CORE = 2  # shards under way for each, so that none waits for the driver
_RECOUNT = 5.0  # seconds after which machines that have joined are noticed


class Rate(NamedTuple):
    """How a machine does."""

    node: str
    images: int
    a_second: float


class SeenImage(NamedTuple):
    """An entry that a worker has read; a `Loaded`."""

    entry: Entry
    seen: Seen

    @property
    def sha256(self) -> str:
        """Of its bytes, as hex."""
        return self.seen.sha256

    @property
    def length(self) -> int:
        """How many bytes there were."""
        return self.seen.length

    def about(self) -> Fields:
        """What the picture says of itself."""
        return self.seen.said


class Cluster:
    """Hires the machines of a session for the sources of a run.

    Args:
        session: Where they are.
        device: Where networks run.
        seconds: How long to wait until any shard is done.
        allow_private: Whether URLs in private networks may be fetched.
        refresh: Whether URLs are asked again that a worker has downloaded.
    """

    def __init__(
        self,
        session: Session,
        device: str,
        seconds: float,
        *,
        allow_private: bool = False,
        refresh: bool = False,
    ) -> None:
        self._session = session
        self._device = device
        self._seconds = seconds
        self._web = {"allow_private": allow_private, "refresh": refresh}
        self._parcel: Parcel | None = None
        self._tally = _Tally(session)

    def hire(self, job: Job) -> "RayWorkers":
        """Workers for a source. Raises ModelError where the model cannot travel."""
        embedder, session = job.embedder, self._session
        if self._parcel is None or self._parcel.fingerprint != embedder.fingerprint:
            self._parcel = pack(embedder, None if session.alone else session.put)
        source = job.source if isinstance(job.source, BucketSource) else None
        reading = Reading(job.source.readers, source, **self._web)
        order = Order(
            __version__,
            session.home,
            self._parcel,
            self._device,
            job.max_pixels,
            job.thumbnail,
            reading,
        )
        flight = Flight(session, session.put(order), self._seconds)
        size = _SHARD if reading.readers <= _FEW_READERS else _WEB_SHARD
        return RayWorkers(session, flight, size, self._tally)

    def rates(self) -> list[Rate]:
        """How each machine does, by name."""
        return self._tally.rates()


class RayWorkers:
    """The workers of one source. What is done first comes first, whatever its order was."""

    def __init__(self, session: Session, flight: Flight, size: int, tally: "_Tally") -> None:
        self._session = session
        self._flight = flight
        self._size = size
        self._tally = tally
        self._next: list[Wanted] = []
        self._sent = 0
        self._cores, self._counted = 1.0, float("-inf")
        self._came: list[Outcome] = []
        self._to_embed: set[str] = set()

    def read(self, entry: Entry, sha256: str | None) -> None:
        """Put an entry into the next shard."""
        self._next.append(Wanted(entry, sha256))
        small = self._sent < _A_CORE * self._cores_now()
        if len(self._next) >= (min(_FIRST, self._size) if small else self._size):
            self._send()

    @property
    def busy(self) -> bool:
        """Whether each core has a shard in hand and one to go on with."""
        return len(self._flight) >= _A_CORE * self._cores_now()

    @property
    def reading(self) -> bool:
        """Whether an entry has not come back yet."""
        return bool(self._next or len(self._flight))

    def loaded(self) -> Sequence[tuple[str, SeenImage | Failure]]:
        """The entries of all shards that are done."""
        if self._next and not self.busy:
            self._send()
        done, lost = self._flight.wait()
        read: list[tuple[str, SeenImage | Failure]] = [_given_up(one) for one in lost]
        for shard, one in done:
            self._check_storage(shard, one)
            self._tally.add(one)
            self._came += one.outcomes
            entries = {wanted.entry.id: wanted.entry for wanted in shard}
            read += [
                (id, SeenImage(entries[id], seen) if isinstance(seen, Seen) else seen)
                for id, seen in one.read
            ]
        return read

    def embed(self, loaded: SeenImage) -> None:
        """Take what came of embedding it, as that was done where it was read."""
        self._to_embed.add(loaded.entry.id)

    def made(self, *, rest: bool = False) -> Iterator[Outcome]:
        """What has been embedded, of what was to be."""
        came, self._came = self._came, []
        wanted, self._to_embed = self._to_embed, set()
        for outcome in came:
            if wanted.issuperset(outcome.ids):
                yield outcome
            else:  # others have the same content, which the index knows by now
                rows = [row for row in outcome.rows if row.record.id in wanted]
                ids = [id for id in outcome.ids if id in wanted]
                yield outcome._replace(ids=ids, rows=rows)

    def close(self) -> None:
        """Have nothing more done."""
        self._flight.close()

    def _send(self) -> None:
        self._flight.send(self._next)
        self._next = []
        self._sent += 1

    def _cores_now(self) -> float:
        now = time.monotonic()
        if now - self._counted > _RECOUNT:
            self._cores = max(1.0, sum(node.cpus for node in self._session.nodes()))
            self._counted = now
        return self._cores

    def _check_storage(self, shard: Sequence[Wanted], done: Done) -> None:
        """Raise ClusterError where a machine sees no file of a shard, and this one does.

        Such a machine would be done with all the pictures in no time, and have none of them.
        """
        refused = [one for _, one in done.read if isinstance(one, Failure)]
        if len(refused) < max(2, len(shard)):
            return
        uri = shard[0].entry.uri
        if not is_remote(uri) and _is_there(local_path(uri)):
            raise ClusterError(
                f"the node {self._session.name(done.node)} of the cluster cannot read {uri} "
                f"({refused[0].reason}), and this machine can; pictures have to lie where every "
                "node finds them by the same path"
            )


class _Tally:
    """How many images each machine has done, and since when."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._began: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._images: dict[str, int] = {}

    def add(self, done: Done) -> None:
        now = time.monotonic()
        self._began.setdefault(done.node, now - done.seconds)
        self._last[done.node] = now
        self._images[done.node] = self._images.get(done.node, 0) + len(done.read)

    def rates(self) -> list[Rate]:
        found = []
        for node, images in self._images.items():
            seconds = max(self._last[node] - self._began[node], 1e-3)
            found.append(Rate(self._session.name(node), images, images / seconds))
        return sorted(found)


def _given_up(lost: Lost) -> tuple[str, Failure]:
    entry = lost.wanted.entry
    reason = "the process that worked on it ended each time, and nobody knows why; is it damaged?"
    return entry.id, Failure(entry.uri, reason, (entry.id,))


def _is_there(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False
