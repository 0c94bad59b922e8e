"""A cluster of one process, this one: what Ray does for a `Session`, without Ray.

Tasks are pickled there and back. A worker "dies" of a shard as a test says.
"""

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from visavis.cluster.session import Died, Node
from visavis.cluster.task import Done, Order, Refused, Wanted, work


class NearSession:
    """Does each shard when somebody asks for it.

    Args:
        kills: Whether a worker dies of a shard.
        home: The node that the driver is on; the workers are on "node-1".
        hangs: Whether nothing is ever done.
    """

    def __init__(
        self,
        kills: Callable[[Sequence[Wanted]], bool] = lambda shard: False,
        home: str = "node-0",
        *,
        hangs: bool = False,
    ) -> None:
        self.home = home
        self.alone = False
        self._kills = kills
        self._hangs = hangs
        self._objects: list[bytes] = []
        self.shards: list[list[str]] = []
        """The ids of each shard that was sent."""
        self.fetched = 0
        """How many objects workers asked for."""

    def put(self, content: Any) -> int:
        self._objects.append(pickle.dumps(content))
        return len(self._objects) - 1

    def send(self, order: int, shard: Sequence[Wanted]) -> int:
        self.shards.append([wanted.entry.id for wanted in shard])
        return self.put((order, list(shard)))

    def first(self, sent: Sequence[int], seconds: float) -> list[int]:
        return [] if self._hangs else list(sent[-1:])  # the last: order is nothing to rely on

    def result(self, sent: int) -> Done | Refused:
        number, shard = self._get(sent)
        if self._kills(shard):
            raise Died("killed")
        order: Order = self._get(number)
        found: Done | Refused = pickle.loads(
            pickle.dumps(work(order, shard, "node-1", self._fetch))
        )
        return found

    def drop(self, sent: Sequence[int]) -> None:
        pass

    def check(self) -> None:
        pass

    def nodes(self) -> list[Node]:
        return [Node("node-1", "10.0.0.1", 2.0, 0.0)]

    def name(self, id: str) -> str:
        return "10.0.0.1" if id == "node-1" else id

    def _get(self, number: int) -> Any:
        return pickle.loads(self._objects[number])

    def _fetch(self, number: int) -> Any:
        self.fetched += 1
        return self._get(number)
