"""Shards under way: sent, waited for, and sent again in halves where they end their worker."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from visavis.cluster.session import Died, Session
from visavis.cluster.task import Done, Refused, Wanted
from visavis.errors import ClusterError, ModelError, ObjectStorageError, VisavisError

_STEP = 1.0  # seconds between two looks at the clock
_TRIES = 3  # of a picture alone, as its worker may have died of something else
_LOST_IN_A_ROW = 20  # pictures given up, and nothing done meanwhile: it is not the pictures


class Lost(NamedTuple):
    """A picture that ended its worker each time."""

    wanted: Wanted


class Flight:
    """The shards of a run.

    A shard whose worker dies, for whatever reason, is done again in halves, so that a picture that
    kills is found in a few steps and the others go on.

    Args:
        session: Where they go.
        order: A reference to what they have in common.
        seconds: How long to wait for any of them to be done.
    """

    def __init__(self, session: Session, order: Any, seconds: float) -> None:
        self._session = session
        self._order = order
        self._seconds = seconds
        self._sent: dict[Any, Sequence[Wanted]] = {}
        self._deaths: Counter[str] = Counter()  # of pictures alone, by id
        self._lost_in_a_row = 0
        self._heard = time.monotonic()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._sent)

    def send(self, shard: Sequence[Wanted]) -> None:
        """Have a shard done."""
        if not self._sent:
            self._heard = time.monotonic()
        self._sent[self._session.send(self._order, shard)] = shard

    def wait(self) -> tuple[list[tuple[Sequence[Wanted], Done]], list[Lost]]:
        """Shards that are done, and pictures that were given up; waits until there are some.

        Raises ClusterError where nothing is done in time or a worker is not as it must be,
        ModelError where it cannot use the model.
        """
        while True:
            done, lost = self._look()
            if done or lost:
                self._heard = time.monotonic()
                return done, lost
            self._session.check()
            if time.monotonic() - self._heard > self._seconds:
                raise ClusterError(self._stalled())

    def close(self) -> None:
        """Have nothing more done."""
        self._session.drop(list(self._sent))
        self._sent.clear()

    def _look(self) -> tuple[list[tuple[Sequence[Wanted], Done]], list[Lost]]:
        done: list[tuple[Sequence[Wanted], Done]] = []
        lost: list[Lost] = []
        for sent in self._session.first(list(self._sent), _STEP):
            shard = self._sent.pop(sent)
            try:
                found = self._session.result(sent)
            except Died:
                lost += self._again(shard)
                continue
            if isinstance(found, Refused):
                raise self._refusal(found)
            self._lost_in_a_row = 0
            done.append((shard, found))
        self._lost_in_a_row += len(lost)
        if self._lost_in_a_row >= _LOST_IN_A_ROW:
            raise ClusterError(
                f"{self._lost_in_a_row} pictures in a row ended the process that worked on them, "
                "whichever they were; see the workers' logs (memory? another version of a library?)"
            )
        return done, lost

    def _again(self, shard: Sequence[Wanted]) -> list[Lost]:
        """Send what a dead worker had once more; what cannot be sent again."""
        if len(shard) > 1:
            middle = len(shard) // 2
            self.send(shard[:middle])
            self.send(shard[middle:])
            return []
        [alone] = shard
        self._deaths[alone.entry.id] += 1
        if self._deaths[alone.entry.id] < _TRIES:
            self.send(shard)
            return []
        return [Lost(alone)]

    def _refusal(self, refused: Refused) -> VisavisError:
        where = f"the node {self._session.name(refused.node)} of the cluster"
        if refused.about == "model":
            return ModelError(f"{where} cannot use the model: {refused.reason}")
        if refused.about == "storage":
            return ObjectStorageError(f"{where} cannot read the pictures: {refused.reason}")
        return ClusterError(f"{where} cannot take part: {refused.reason}")

    def _stalled(self) -> str:
        alive = sorted((self._session.name(one.id), one.cpus) for one in self._session.nodes())
        named = ", ".join(f"{name} ({cpus:g} CPUs)" for name, cpus in alive)
        return (
            f"no shard of pictures was done within {self._seconds:g} s; nodes alive: "
            f"{named or 'none'}; what was done is kept, and the same command goes on from there"
        )
