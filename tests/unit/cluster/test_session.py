"""A head that dies while Ray waits for it, which Ray ends the process for after a minute."""

import atexit
import socket
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from visavis.cluster import session as sessions
from visavis.cluster.session import RaySession
from visavis.errors import ClusterError


def ray(head: str, never: threading.Event) -> Any:
    """What answers in Ray's place; all of it that needs the head waits."""

    def waits(*_: object, **__: object) -> object:
        never.wait()
        return [], []

    here = SimpleNamespace(get_node_id=lambda: "here", gcs_address=head)
    errors = [
        "WorkerCrashedError",
        "NodeDiedError",
        "LocalRayletDiedError",
        "OutOfMemoryError",
        "ObjectLostError",
        "RayError",
    ]
    task = SimpleNamespace(remote=waits)
    return SimpleNamespace(
        get_runtime_context=lambda: here,
        remote=lambda _: SimpleNamespace(options=lambda **_: task),
        exceptions=SimpleNamespace(**{name: type(name, (Exception,), {}) for name in errors}),
        **dict.fromkeys(("put", "wait", "get", "cancel", "nodes", "shutdown"), waits),
    )


def test_a_call_of_ray_that_ends_its_thread_ends_the_wait_for_it() -> None:
    def leaves(*_: object) -> object:
        raise SystemExit("Ray left")

    with socket.create_server(("127.0.0.1", 0)) as answering:
        never = threading.Event()
        leaving = ray(f"127.0.0.1:{answering.getsockname()[1]}", never)
        leaving.put = leaves
        with pytest.raises(SystemExit, match="Ray left"):
            RaySession(leaving, "cpu", alone=False).put(b"model")


def test_whatever_ray_waits_in_a_head_that_is_gone_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "_HEAD_SECONDS", 0.05)
    monkeypatch.setattr(sessions, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(atexit, "register", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as free:
        head = f"127.0.0.1:{free.getsockname()[1]}"
    never = threading.Event()
    calls: list[Callable[[RaySession], object]] = [
        lambda session: session.put(b"model"),
        lambda session: session.send("order", []),
        lambda session: session.first(["sent"], 1.0),
        lambda session: session.result("sent"),
        lambda session: session.leave(),
    ]
    for call in calls:
        session = RaySession(ray(head, never), "cpu", alone=False)
        with pytest.raises(ClusterError, match=rf"the head of the Ray cluster at {head} is gone"):
            call(session)
        session.drop(["sent", "another"])  # and nothing more is asked of Ray
        session.leave()
    never.set()
