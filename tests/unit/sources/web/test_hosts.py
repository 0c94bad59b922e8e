"""A host that is gone is not waited for a hundred thousand times."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from visavis.errors import FetchError
from visavis.sources.web.deadline import Deadline, TooLateError
from visavis.sources.web.fetch import Fetcher
from visavis.sources.web.hosts import Hosts

PATIENCE = 2.0


class Hanger:
    """A server that hangs up on everybody, and counts them."""

    def __init__(self) -> None:
        self.callers = 0
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        self._listener.settimeout(0.05)
        while not self._ended.is_set():
            with suppress(OSError):
                line, _ = self._listener.accept()
                with line:
                    self.callers += 1
                    line.settimeout(5)
                    line.recv(4096)
                    line.sendall(self.answer)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Hanger]:
    made = Hanger()
    yield made
    made.close()


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    made = Fetcher(allow_private=True, retries=0, keep=False, patience=PATIENCE)
    yield made
    made.close()


def test_a_host_that_stays_silent_is_left_alone_but_for_a_try_now_and_then(
    server: Hanger, fetcher: Fetcher
) -> None:
    for number in range(8):
        with pytest.raises(FetchError, match="the connection failed"):
            fetcher.fetch(f"{server.url}/{number}.png")
    time.sleep(PATIENCE)
    with pytest.raises(FetchError, match="the connection failed"):
        fetcher.fetch(f"{server.url}/try.png")
    assert server.callers == 9
    for number in range(10):
        with pytest.raises(FetchError, match=r"has answered nothing for 2 seconds.*run this again"):
            fetcher.fetch(f"{server.url}/{number}.png")
    assert server.callers == 9

    server.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    time.sleep(PATIENCE)  # then it is tried again, and is found to be back
    for number in range(5):
        with pytest.raises(FetchError, match="404"):
            fetcher.fetch(f"{server.url}/{number}.png")
    assert server.callers == 14


def test_an_answer_in_between_counts_whatever_it_was() -> None:
    hosts = Hosts(4, Deadline(), patience=0.01)
    for _ in range(7):
        hosts.was_silent("a.example")
    hosts.answered("a.example")
    hosts.was_silent("a.example")
    time.sleep(0.02)
    for _ in range(3):
        with hosts.turn("a.example", "a.example"):
            pass


def test_one_host_is_no_reason_to_leave_another_alone() -> None:
    hosts = Hosts(4, Deadline(), patience=0.01)
    for _ in range(9):
        hosts.was_silent("a.example:8000")
    time.sleep(0.02)
    for server in ("a.example", "b.example", "a.example:8000"):  # the last is the try
        with hosts.turn(server.partition(":")[0], server):
            pass


def test_turns_are_of_a_host_whatever_its_ports() -> None:
    deadline = Deadline()
    hosts = Hosts(2, deadline, patience=60)
    with hosts.turn("a.example", "a.example:1"), hosts.turn("a.example", "a.example:2"):
        with (
            deadline.until(time.monotonic() + 0.05),
            pytest.raises(TooLateError),
            hosts.turn("a.example", "a.example:3"),
        ):
            pass
        with hosts.turn("b.example", "b.example"):
            pass
