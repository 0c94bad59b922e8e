"""Connections that send little, take little, or are too many, without a proxy in front."""

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visavis.image_index import ImageIndex
from visavis.server.options import ServerOptions
from visavis.server.running import Server, configured

Bare = Callable[..., int]
Connect = Callable[..., socket.socket]

GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
POST = (
    b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{"
)


@pytest.fixture
def bare(drawn_index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bare]:
    """Starts servers with some options on threads; gives their ports."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    with ExitStack() as stack:

        def started(index: Path | None = None, unread: int = 0, **options: Any) -> int:
            listener = socket.create_server(("127.0.0.1", 0))
            if unread:  # as `visavis serve` does it, with a minute
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread)
            chosen = ServerOptions(index or drawn_index, rate=0, threads=2, **options)
            server = Server(configured(chosen))
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            stack.callback(thread.join)
            stack.callback(setattr, server, "should_exit", True)
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            return int(listener.getsockname()[1])

        yield started


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens connections to a port, sends some bytes, and closes them after the test."""
    with ExitStack() as stack:

        def opened(
            port: int, data: bytes = b"", source: str = "127.0.0.1", room: int = 0
        ) -> socket.socket:
            line = stack.enter_context(socket.socket())
            if room:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            line.bind((source, 0))
            line.settimeout(10)
            line.connect(("127.0.0.1", port))
            line.sendall(data)
            return line

        yield opened


def _rest(line: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := line.recv(65536):
            found += piece
    return found


def _is_well(line: socket.socket) -> bool:
    """Takes the answer to GET."""
    found = b""
    while not found.endswith(b'{"status":"ok"}'):
        piece = line.recv(65536)
        if not piece:
            return False
        found += piece
    return found.startswith(b"HTTP/1.1 200 OK")


def test_a_head_that_does_not_end_is_given_up_however_it_comes(
    bare: Bare, connect: Connect
) -> None:
    port = bare(head_seconds=0.5)
    started = time.monotonic()
    half = connect(port, b"GET / HTTP/1.1\r\nHost: 127")
    silent = connect(port)
    drip = connect(port, b"G")
    again = connect(port, GET)
    assert _is_well(again)
    again.sendall(b"GET /heal")
    for piece in (b"E", b"T", b" ", b"/"):
        time.sleep(0.1)
        drip.sendall(piece)
    for line in (half, silent, drip, again):
        assert _rest(line) == b""
    assert time.monotonic() - started < 10  # without the option it takes 15


def test_a_head_in_time_is_answered_also_in_pieces(bare: Bare, connect: Connect) -> None:
    line = connect(bare(head_seconds=2), GET[:10])
    for piece in (GET[10:20], GET[20:] + GET[:9]):
        time.sleep(0.1)
        line.sendall(piece)
    assert _is_well(line)
    line.sendall(GET[9:])
    assert _is_well(line)


def test_a_body_that_drips_on_after_its_answer_is_cut(bare: Bare, connect: Connect) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    line = connect(bare(head_seconds=0.5), head)
    assert _is_well(line)
    cut = False
    for _ in range(100):
        try:
            line.sendall(b"x")
        except OSError:
            cut = True
            break
        time.sleep(0.05)
    assert cut


def test_two_thousand_half_open_connections_keep_nobody_out(bare: Bare, connect: Connect) -> None:
    port = bare(head_seconds=1)
    for _ in range(2000):
        connect(port, b"GET / HT")
    for _ in range(3):
        assert _is_well(connect(port, GET))


def test_a_head_without_end_is_cut_before_it_fills_the_memory(bare: Bare, connect: Connect) -> None:
    line = connect(bare(), b"GET / HTTP/1.1\r\n")
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 100_000:
            line.sendall(b"X-%d: %s\r\n" % (sent, b"x" * 1000))
            sent += 1
    assert sent < 100_000


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/x.y\r\n\r\n", b"\0" * 99999],
)
def test_what_is_no_http_is_refused(bare: Bare, connect: Connect, data: bytes) -> None:
    port = bare()
    line = connect(port)
    with contextlib.suppress(OSError):
        line.sendall(data + b"\r\n\r\n")
    answer = _rest(line)
    if len(data) < 1000:  # else it is closed while it still sends
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert _is_well(connect(port, GET))


def test_a_refused_connect_is_no_error_of_the_server(
    bare: Bare, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    line = connect(bare(), b"CONNECT a:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert _rest(line).startswith(b"HTTP/1.1 400 ")
    assert not [record for record in caplog.records if record.exc_info]


@pytest.fixture
def large(drawn_index: Path, tmp_path: Path) -> Path:
    """An index with a picture of some megabytes, whose id is `noise.bmp`."""
    (tmp_path / "pictures").mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "pictures" / "noise.bmp")
    index = Path(shutil.copytree(drawn_index, tmp_path / "large.index"))
    with ImageIndex.open(index) as opened:
        opened.add(tmp_path / "pictures")
    return index


MUCH = b"GET /v1/images/noise.bmp/file HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux sees to it")
def test_a_client_that_takes_nothing_of_its_answer_is_left(
    bare: Bare, connect: Connect, large: Path
) -> None:
    port = bare(large, unread=1000)
    line = connect(port, MUCH, room=4096)
    time.sleep(4)
    assert len(_rest(line)) < 12_000_000


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(
    bare: Bare, connect: Connect, large: Path
) -> None:
    port = bare(large, unread=1000)
    line = connect(port, MUCH, room=65536)
    taken, started = 0, time.monotonic()
    while taken < 12_000_054:
        piece = line.recv(200_000)
        assert piece
        taken += len(piece)
        time.sleep(0.02)
    assert time.monotonic() - started > 1
