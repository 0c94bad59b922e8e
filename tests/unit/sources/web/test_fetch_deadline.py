"""Downloads from servers that draw them out: they end in time, and at once when nobody waits."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from visavis.errors import FetchError
from visavis.sources.web import fetch
from visavis.sources.web.fetch import Fetcher

Story = Callable[[socket.socket], None]
Server = Callable[[Story], str]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    """Starts servers that tell a story to whoever connects; gives their addresses."""
    with ExitStack() as stack:
        ended = threading.Event()
        threads: list[threading.Thread] = []

        def tell(story: Story, line: socket.socket) -> None:
            with line, suppress(OSError):
                line.settimeout(10)
                story(line)

        def started(story: Story) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(0.1)

            def serve() -> None:
                while not ended.is_set():
                    with suppress(TimeoutError):
                        line, _ = listener.accept()
                        threads.append(threading.Thread(target=tell, args=(story, line)))
                        threads[-1].start()

            threads.append(threading.Thread(target=serve))
            threads[-1].start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/x.png"

        yield started
        ended.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Fetcher]:
    made = Fetcher(cache=tmp_path / "cache", allow_private=True, backoff=0.01, retries=0)
    yield made
    made.close()


def drip(data: bytes) -> Story:
    """A byte now and then, for as long as somebody listens."""

    def story(line: socket.socket) -> None:
        line.recv(65536)
        for byte in data:
            line.sendall(bytes([byte]))
            time.sleep(0.05)

    return story


def silence(line: socket.socket) -> None:
    while line.recv(65536):
        pass


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 1000, HEAD + b"\r\n" + b"x" * 1000],
    ids=["head", "body"],
)
def test_a_server_that_drips_is_given_up_in_time(
    server: Server, fetcher: Fetcher, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server(drip(data))
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"did not arrive within 0\.6 seconds"):
        fetcher.fetch(url, seconds=0.6)
    monkeypatch.setattr(fetch, "DEADLINE", 0.4)  # a bound also for those who would wait for ever
    with pytest.raises(FetchError, match=r"did not arrive within 0\.4 seconds"):
        fetcher.fetch(url)
    assert time.monotonic() - started < 20  # the whole answer takes 50 seconds and more


def test_redirects_do_not_begin_the_time_anew(server: Server, fetcher: Fetcher) -> None:
    def story(line: socket.socket) -> None:
        line.recv(65536)
        time.sleep(0.3)
        line.sendall(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(FetchError, match=r"did not arrive within 0\.7 seconds"):
        fetcher.fetch(server(story), seconds=0.7)  # no single one of them takes that long


def test_further_tries_do_not_begin_the_callers_time_anew(server: Server, tmp_path: Path) -> None:
    def story(line: socket.socket) -> None:
        line.recv(65536)
        line.sendall(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

    fetcher = Fetcher(cache=tmp_path, allow_private=True, backoff=0.5, retries=50)
    with pytest.raises(FetchError, match=r"did not arrive within 0\.7 seconds"):
        fetcher.fetch(server(story), seconds=0.7)
    fetcher.close()


def _full(stack: ExitStack) -> str:
    """An address that takes no further connection, and does not refuse it either."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(4):
        line = stack.enter_context(socket.socket())
        line.setblocking(False)
        line.connect_ex(listener.getsockname())
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize("where", ["connecting", "head", "tls", "turn", "name"])
def test_closing_ends_whatever_a_download_is_waiting_for(
    server: Server, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetcher = Fetcher(cache=tmp_path, allow_private=True, per_host=1)
    told: list[str] = []

    def work(url: str) -> None:
        try:
            fetcher.fetch(url)
        except FetchError as error:
            told.append(str(error))

    with ExitStack() as stack:
        never = threading.Event()
        stack.callback(never.set)
        url = _full(stack) if where == "connecting" else server(silence)
        if where == "tls":
            url = url.replace("http:", "https:")
        if where == "name":
            url = "http://slow.example/"
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.wait(30))
        count = 3 if where == "turn" else 1
        threads = [threading.Thread(target=work, args=(url,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        started = time.monotonic()
        fetcher.close()
        for thread in threads:
            thread.join(10)
        assert time.monotonic() - started < 10  # what they wait for takes half a minute and more
    assert len(told) == count
    assert all("stopped" in text for text in told)
    fetcher.close()  # once more changes nothing


def test_a_name_that_is_not_resolved_in_time_is_given_up(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.wait(30))
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"0\.3 seconds"):
        fetcher.fetch("http://slow.example/", seconds=0.3)
    assert time.monotonic() - started < 10
    never.set()


def test_what_is_not_to_be_kept_is_not(server: Server, tmp_path: Path) -> None:
    asked: list[int] = []

    def story(line: socket.socket) -> None:
        asked.append(1)
        line.recv(65536)
        data = picture()
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)

    fetcher = Fetcher(cache=tmp_path, allow_private=True, keep=False)
    url = server(story)
    for _ in range(2):
        assert fetcher.fetch(url) == picture()
    fetcher.close()
    assert not list(tmp_path.rglob("*"))
    assert len(asked) == 2


def test_strangers_do_not_hear_where_a_name_leads(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [(socket.AF_INET, 1, 6, "", ("10.11.12.13", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    told = []
    for strangers in (True, False):
        fetcher = Fetcher(cache=tmp_path, for_strangers=strangers)
        with pytest.raises(FetchError, match="not on the public internet") as caught:
            fetcher.fetch("http://inside.example/")
        fetcher.close()
        told.append(str(caught.value))
    assert "10.11.12.13" not in told[0]
    assert "--" not in told[0]
    assert "10.11.12.13" in told[1]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_that_is_trusted_opens_and_another_does_not(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = "-x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 -subj /CN=here"
    files = [
        "-keyout",
        str(key),
        "-out",
        str(certificate),
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    command = ["openssl", "req", *options.split(), *files]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    data = picture() + b"x" * 3_000_000

    def story(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as wrapped:
            for _ in range(2):  # on one connection
                wrapped.recv(65536)
                wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)

    url = server(story).replace("http:", "https:")
    for trusted in (True, False):
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        else:
            monkeypatch.delenv("SSL_CERT_FILE")
        fetcher = Fetcher(cache=tmp_path, allow_private=True, retries=0, keep=False)
        if trusted:
            assert fetcher.fetch(url) == data
            assert fetcher.fetch(url) == data
        else:
            with pytest.raises(FetchError, match="certificate is not trusted"):
                fetcher.fetch(url)
        fetcher.close()
