"""Whose work is next: clients take turns, however much each of them has asked for."""

from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """What waits, by who asked for it. To be used by one thread at a time."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()

    def put(self, client: str, one: T) -> None:
        """Let something wait."""
        self._waiting.setdefault(client, deque()).append(one)

    def take(self) -> T | None:
        """What is next: the oldest of the client that has waited longest for a turn."""
        if not self._waiting:
            return None
        client, waiting = self._waiting.popitem(last=False)
        one = waiting.popleft()
        if waiting:
            self._waiting[client] = waiting
        return one

    def give_up(self, client: str) -> T | None:
        """What has to make room for one more of a client: the newest of who has most waiting.

        None where that is the client itself, or would be with one more.
        """
        most = max(self._waiting, key=lambda name: len(self._waiting[name]), default=client)
        own = len(self._waiting.get(client, ()))
        if most == client or len(self._waiting[most]) <= own + 1:
            return None
        one = self._waiting[most].pop()
        if not self._waiting[most]:
            del self._waiting[most]
        return one


class Work(NamedTuple):
    """Something to do, and whoever waits for what it gives."""

    future: "Future[Any]"
    run: Callable[[], Any]

    def do(self) -> None:
        """Do it, unless nobody waits any more."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.run()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def refuse(self, error: Exception) -> None:
        """Never do it."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)
