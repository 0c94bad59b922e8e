"""A connection to a Ray cluster: joined or started, asked in its own words, and left again."""

import atexit
import contextlib
import logging
import os
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from visavis.cluster.address import LOCAL, answers, head_of
from visavis.cluster.task import Done, Order, Refused, Wanted, work
from visavis.errors import ClusterError, ExtraMissingError

_STORE_BYTES = 256 << 20  # of memory for objects, in a cluster of this machine alone
_JOIN_SECONDS = 60.0
_HEAD_SECONDS = 10.0  # without an answer; one that is started again needs some
_LOOK_SECONDS = 2.0  # of waiting for Ray, after which the head is looked at
_TASKS_ON_A_GPU = 8

T = TypeVar("T")


class Died(Exception):
    """The process or the machine that had a shard is gone."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster."""

    id: str
    address: str
    cpus: float
    gpus: float


class Session(Protocol):
    """A cluster that was joined. One thread speaks to it."""

    @property
    def home(self) -> str:
        """The id of this machine's node."""
        ...

    @property
    def alone(self) -> bool:
        """Whether it is of this machine alone, where all files are as they are here."""
        ...

    def put(self, content: Any) -> Any:
        """Put an object where workers get it; a reference to it."""
        ...

    def send(self, order: Any, shard: Sequence[Wanted]) -> Any:
        """Have a shard worked on; a reference to what will come of it."""
        ...

    def first(self, sent: Sequence[Any], seconds: float) -> list[Any]:
        """Those that are done, after waiting so long for one."""
        ...

    def result(self, sent: Any) -> Done | Refused:
        """What came of a shard that is done. Raises Died, ClusterError."""
        ...

    def drop(self, sent: Sequence[Any]) -> None:
        """Have nothing more done of some shards."""
        ...

    def check(self) -> None:
        """Raise ClusterError where nobody leads the cluster; asked while nothing is done."""
        ...

    def nodes(self) -> list[Node]:
        """The machines that live."""
        ...

    def name(self, id: str) -> str:
        """What people call a machine, alive or not."""
        ...


class RaySession:
    """A session with Ray. Made by `joined`.

    Any call may need the head, and where it is gone Ray waits for it a minute and then ends this
    process without a word. So calls are made on threads, and who waits for one looks at the head.
    """

    def __init__(self, ray: Any, device: str, *, alone: bool) -> None:
        self._ray = ray
        self.alone = alone
        self._left = False
        self.home: str = ray.get_runtime_context().get_node_id()
        """The id of this machine's node."""
        self._head: str = ray.get_runtime_context().gcs_address
        self._silent_since: float | None = None
        self._seen: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}
        self._work = ray.remote(_work).options(max_retries=0, **self._share(device))

    def put(self, content: Any) -> Any:
        """Put an object where workers get it; a reference to it."""
        return self._asked(lambda: self._ray.put(content))

    def send(self, order: Any, shard: Sequence[Wanted]) -> Any:
        """Have a shard worked on; a reference to what will come of it."""
        return self._asked(lambda: self._work.remote(order, list(shard)))

    def first(self, sent: Sequence[Any], seconds: float) -> list[Any]:
        """Those that are done, after waiting so long for one."""

        def some() -> list[Any]:
            done, _ = self._ray.wait(list(sent), num_returns=1, timeout=seconds, fetch_local=True)
            if done:
                more, _ = self._ray.wait(list(sent), num_returns=len(sent), timeout=0)
                done = more or done
            return list(done)

        return self._asked(some)

    def result(self, sent: Any) -> Done | Refused:
        """What came of a shard that is done. Raises Died, ClusterError."""
        errors = self._ray.exceptions
        gone = (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.LocalRayletDiedError,
            errors.OutOfMemoryError,
            errors.ObjectLostError,
        )
        try:
            found: Done | Refused = self._asked(lambda: self._ray.get(sent))
        except gone as error:
            raise Died(type(error).__name__) from error
        except errors.RayError as error:
            raise ClusterError(f"a worker of the cluster failed: {_last_line(error)}") from error
        return found

    def leave(self) -> None:
        """Leave the cluster; one of this machine alone ends. Raises ClusterError."""
        if self._left:
            return
        if self.alone:
            self._ray.shutdown()
        else:
            self._asked(self._ray.shutdown)

    def drop(self, sent: Sequence[Any]) -> None:
        """Have nothing more done of some shards."""
        for one in sent:
            if self._left:
                return
            with contextlib.suppress(Exception):  # it may be done, or its machine gone
                self._asked(partial(self._ray.cancel, one, force=True))

    def check(self) -> None:
        """Raise ClusterError where the head has not answered for a while."""
        now = time.monotonic()
        if answers(self._head):
            self._silent_since = None
            return
        self._silent_since = self._silent_since or now
        if now - self._silent_since > _HEAD_SECONDS:
            self._left = True
            atexit.register(_end)
            raise ClusterError(
                f"the head of the Ray cluster at {self._head} is gone; what was done is kept: "
                "start the cluster again, and the same command goes on from there"
            )

    def nodes(self) -> list[Node]:
        """The machines that live; without a head, those that did when it was last asked."""
        self._look()
        return [
            Node(
                one["NodeID"],
                one["NodeManagerAddress"],
                one["Resources"].get("CPU", 0.0),
                one["Resources"].get("GPU", 0.0),
            )
            for one in self._seen
            if one["Alive"]
        ]

    def name(self, id: str) -> str:
        """What people call a machine: its address, and where several have one, a part of its id."""
        if id not in self._names:
            self._look()
            known = {one["NodeID"]: one["NodeManagerAddress"] for one in self._seen}
            several = {where for where, count in Counter(known.values()).items() if count > 1}
            self._names |= {
                node: f"{where} ({node[:6]})" if where in several else where
                for node, where in known.items()
            }
        return self._names.get(id, id[:6])

    def _look(self) -> None:
        if answers(self._head):  # else Ray would wait for it
            self._seen = self._asked(self._ray.nodes)

    def _asked(self, call: Callable[[], T]) -> T:
        """What comes of a call of Ray. Raises ClusterError where the head is gone meanwhile."""
        came = _aside(call)
        while not wait([came], _LOOK_SECONDS).done:
            self.check()
        return came.result()

    def _share(self, device: str) -> dict[str, float]:
        """What a task takes of a machine: a core, and of what GPUs there are its part of one."""
        if device != "cuda":
            return {"num_cpus": 1}
        nodes = self.nodes()
        cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
        if not gpus:
            raise ClusterError("no machine of the cluster has a GPU; leave out --device cuda")
        return {"num_cpus": 1, "num_gpus": 1 / max(1, min(_TASKS_ON_A_GPU, cpus // gpus))}


@contextlib.contextmanager
def joined(where: str, cpus: int, device: str) -> Iterator[RaySession]:
    """A cluster, until the block ends: of this machine, or the one whose head is at an address.

    Args:
        where: "local", "auto" or HOST:PORT.
        cpus: Of a local one: how many tasks run at once.
        device: Where networks run.

    Raises:
        ExtraMissingError: Ray is not installed.
        UsageError: `where` is no address.
        ClusterError: nobody is there, or it does not let this machine in.
    """
    address = None if where == LOCAL else head_of(where)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray reads it when it is imported, as the next
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="visavis-ray-"))
        if address is None:
            os.environ |= _ALONE | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
        ray = _imported()
        if address is None:
            _begin(ray, cpus, folder)
        else:
            _join(ray, address)
        session = RaySession(ray, device, alone=address is None)
        stack.callback(session.leave)
        yield session


_ALONE = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else it listens for other machines, too
}
_SILENT = {"log_to_driver": False, "logging_level": logging.CRITICAL}


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ExtraMissingError("--ray", "cluster") from error
    return ray


def _begin(ray: Any, cpus: int, folder: str) -> None:
    """Start a cluster that nobody else can use; it ends with this process, however that ends."""
    try:
        ray.init(
            LOCAL,
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=_STORE_BYTES,
            _temp_dir=folder,
            **_SILENT,
        )
    except Exception as error:  # Ray's errors share no base class of their own
        raise ClusterError(f"Ray did not start on this machine: {_last_line(error)}") from error


def _join(ray: Any, address: str) -> None:
    """Join a cluster, or say why not.

    Ray waits as long as it likes: for a head that does not answer, and for a node on this machine.
    """

    def known() -> None:
        ray._raylet.GcsClient(address=address)  # notices a wrong token at once, `init` in 20 s

    errors = ray.exceptions
    try:
        _in_time(known, address)
        _in_time(lambda: ray.init(address, **_SILENT), address)
    except errors.AuthenticationError as error:
        raise ClusterError(
            f"the Ray cluster at {address} refuses the token; set RAY_AUTH_MODE=token, and "
            "RAY_AUTH_TOKEN_PATH to a file with the token of its head"
        ) from error
    except ClusterError:
        raise
    except Exception as error:
        raise ClusterError(
            f"the Ray cluster at {address} does not let this machine in: {_last_line(error)}"
        ) from error


def _in_time(join: Callable[[], object], address: str) -> None:
    came = _aside(join)
    if not wait([came], _JOIN_SECONDS).done:
        raise ClusterError(
            f"the Ray cluster at {address} did not let this machine in within "
            f"{_JOIN_SECONDS:.0f} s; is the head well (`ray status`), and has this machine joined "
            f"it (`ray start --address={address}`)?"
        )
    came.result()


def _aside(call: Callable[[], T]) -> Future[T]:
    """Make a call on a thread of its own, which ends with the process where it never returns."""
    came: Future[T] = Future()

    def run() -> None:
        try:
            came.set_result(call())
        except BaseException as error:  # raised again by the one who waits, else without an end
            came.set_exception(error)

    threading.Thread(target=run, name="visavis-ray", daemon=True).start()
    return came


def _end() -> None:
    """End the process before Ray takes itself apart, which crashes where its head is gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ClusterError.exit_code)


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def _work(order: Order, shard: list[Wanted]) -> Done | Refused:
    import ray

    return work(order, shard, ray.get_runtime_context().get_node_id(), ray.get)
