"""Downloads, against a real server on this machine."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from visavis.errors import FetchError
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.web.downloads import Downloads
from visavis.sources.web.fetch import Fetcher, default_cache, fetched, is_url
from visavis.types import Entry


def picture(colour: str = "red") -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


PICTURE, OTHER = picture(), picture("blue")


class Server(ThreadingHTTPServer):
    """Counts what is asked of it; what it answers depends on the path."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.lock = threading.Lock()
        self.busy = 0
        self.busiest = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, path: str) -> int:
        return self.asked.count(path)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked.append(self.path)
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        try:
            self.answer(self.path)
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def answer(self, path: str) -> None:
        kind, _, rest = path[1:].partition("/")
        special = getattr(self, f"on_{kind}", None)
        if special is None:
            self.reply(200, PICTURE)
        else:
            special(rest, self.server.count(path))

    def on_tagged(self, rest: str, seen: int) -> None:
        """Another picture from the third time on; `rest` is what is said of how long one holds."""
        tag = '"old"' if seen < 3 else '"new"'
        headers = {"ETag": tag, "Cache-Control": rest.replace("+", "=")}
        if self.headers.get("If-None-Match") == tag:
            self.reply(304, b"", more=headers)
        else:
            self.reply(200, PICTURE if seen < 3 else OTHER, more=headers)

    def on_dated(self, rest: str, seen: int) -> None:
        when = formatdate(1_000_000_000, usegmt=True)
        headers = {"Last-Modified": when, "Expires": formatdate(0, usegmt=True)}
        if self.headers.get("If-Modified-Since") == when:
            self.reply(304, b"", more=headers)
        else:
            self.reply(200, PICTURE, more=headers)

    def on_slow(self, rest: str, seen: int) -> None:
        time.sleep(0.05)
        self.reply(200, PICTURE)

    def on_flaky(self, rest: str, seen: int) -> None:
        if seen > 2:
            self.reply(200, PICTURE)
        else:
            self.reply(int(rest))

    def on_later(self, rest: str, seen: int) -> None:
        wait = rest if rest.isdigit() else formatdate(time.time() + 2, usegmt=True)
        if seen > 1:
            self.reply(200, PICTURE)
        else:
            self.reply(429, retry_after=wait)

    def on_status(self, rest: str, seen: int) -> None:
        self.reply(int(rest))

    def on_hop(self, rest: str, seen: int) -> None:
        self.reply(302, location=f"/hop/{int(rest) - 1}" if int(rest) else "/x.png")

    def on_to(self, rest: str, seen: int) -> None:
        self.reply(302, location=rest)

    def on_big(self, rest: str, seen: int) -> None:
        self.reply(200, b"x" * 200_000)

    def on_zip(self, rest: str, seen: int) -> None:
        self.reply(200, gzip.compress(b"x" * 5_000_000), encoding="gzip")

    def on_packed(self, rest: str, seen: int) -> None:
        self.reply(200, gzip.compress(PICTURE), encoding="gzip")

    def on_twice(self, rest: str, seen: int) -> None:
        self.reply(200, gzip.compress(gzip.compress(PICTURE)), encoding="gzip, gzip")

    def on_page(self, rest: str, seen: int) -> None:
        self.reply(200, b"<html>please log in</html>")

    def on_cut(self, rest: str, seen: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"short")
        self.close_connection = True

    def on_endless(self, rest: str, seen: int) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        for _ in range(10_000):
            if not self.write(b"x" * 10_000):
                return

    def reply(
        self,
        status: int,
        body: bytes = b"",
        location: str = "",
        retry_after: str = "",
        encoding: str = "",
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (
            ("Location", location),
            ("Retry-After", retry_after),
            ("Content-Encoding", encoding),
            *(more or {}).items(),
        ):
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.write(body)

    def write(self, body: bytes) -> bool:
        try:
            self.wfile.write(body)
        except OSError:  # the client has heard enough
            return False
        return True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Fetcher]:
    made = Fetcher(cache=tmp_path / "cache", allow_private=True, backoff=0.01, max_bytes=100_000)
    yield made
    made.close()


def test_a_picture_is_downloaded_once_and_kept(
    server: Server, fetcher: Fetcher, tmp_path: Path
) -> None:
    url = f"{server.url}/x.png"
    assert fetcher.fetch(url) == PICTURE
    assert fetcher.fetch(url) == PICTURE
    later = Fetcher(cache=tmp_path / "cache")  # another run, which may not even ask this host
    assert later.fetch(url) == PICTURE
    later.close()
    assert server.asked == ["/x.png"]
    kept = sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert kept[0].read_bytes() == PICTURE
    assert [len(path.stem) for path in kept] == [64, 64]  # and what is known of it beside it


def test_what_is_no_picture_is_not_kept(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    for _ in range(2):
        assert b"log in" in fetcher.fetch(f"{server.url}/page")
    assert server.count("/page") == 2


@pytest.mark.parametrize(
    ("stated", "refresh", "asked"),
    [
        ("max-age+600", False, 1),
        ("", False, 1),  # it says nothing: a day
        ("max-age+0", False, 4),
        ("no-cache", False, 4),
        ("no-store", False, 4),
        ("max-age+600", True, 4),
    ],
)
def test_what_is_kept_is_asked_for_again_when_its_time_is_over(
    server: Server, tmp_path: Path, stated: str, refresh: bool, asked: int
) -> None:
    fetcher = Fetcher(cache=tmp_path, allow_private=True, refresh=refresh)
    url = f"{server.url}/tagged/{stated}"
    found = [fetcher.fetch(url) for _ in range(4)]
    fetcher.close()
    assert server.count(f"/tagged/{stated}") == asked
    assert found == ([PICTURE, PICTURE, OTHER, OTHER] if asked == 4 else [PICTURE] * 4)


def test_the_url_of_a_query_is_fetched_anew(server: Server) -> None:
    url = f"{server.url}/tagged/max-age+600"
    assert [fetched(url, allow_private=True) for _ in range(3)] == [PICTURE, PICTURE, OTHER]


def test_a_date_is_asked_with_where_there_is_no_tag(server: Server, tmp_path: Path) -> None:
    fetcher = Fetcher(cache=tmp_path, allow_private=True)
    assert [fetcher.fetch(f"{server.url}/dated/x") for _ in range(3)] == [PICTURE] * 3
    fetcher.close()
    assert server.count("/dated/x") == 3


def test_while_a_server_is_out_of_reach_what_is_kept_will_do(tmp_path: Path) -> None:
    there = Server()
    threading.Thread(target=there.serve_forever, daemon=True).start()
    url = f"{there.url}/tagged/no-cache"
    fetcher = Fetcher(cache=tmp_path, allow_private=True, retries=0)
    assert fetcher.fetch(url) == PICTURE
    there.shutdown()
    there.server_close()
    assert fetcher.fetch(url) == PICTURE
    fetcher.close()
    strict = Fetcher(cache=tmp_path, allow_private=True, retries=0, refresh=True)
    with pytest.raises(FetchError):
        strict.fetch(url)
    strict.close()


def test_bytes_that_are_not_those_of_the_tag_are_asked_for_whole(
    server: Server, tmp_path: Path
) -> None:
    url = f"{server.url}/tagged/no-cache"
    fetcher = Fetcher(cache=tmp_path, allow_private=True)
    fetcher.fetch(url)
    Downloads(tmp_path).path(url).write_bytes(OTHER)
    assert fetcher.fetch(url) == PICTURE
    fetcher.close()


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    fetcher = Fetcher(cache=tmp_path / "file", allow_private=True)
    assert fetcher.fetch(f"{server.url}/x.png") == PICTURE
    fetcher.close()


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(server: Server, fetcher: Fetcher, status: int) -> None:
    assert fetcher.fetch(f"{server.url}/flaky/{status}") == PICTURE
    assert server.count(f"/flaky/{status}") == 3


def test_a_server_that_stays_broken_is_given_up_on(server: Server, fetcher: Fetcher) -> None:
    with pytest.raises(FetchError, match="answered 502 Bad Gateway; tried 4 times") as caught:
        fetcher.fetch(f"{server.url}/status/502")
    assert server.count("/status/502") == 4
    assert caught.value.uri == f"{server.url}/status/502"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_a_refusal_is_not_asked_again(server: Server, fetcher: Fetcher, status: int) -> None:
    with pytest.raises(FetchError, match=f"the server answered {status}"):
        fetcher.fetch(f"{server.url}/status/{status}")
    assert server.count(f"/status/{status}") == 1


@pytest.mark.parametrize("wait", ["1", "date"])
def test_retry_after_is_respected(server: Server, fetcher: Fetcher, wait: str) -> None:
    start = time.monotonic()
    assert fetcher.fetch(f"{server.url}/later/{wait}") == PICTURE
    assert 0.9 < time.monotonic() - start < 5


def test_a_server_that_wants_to_wait_for_hours_is_given_up_on(
    server: Server, fetcher: Fetcher
) -> None:
    with pytest.raises(FetchError, match="429 Too Many Requests; tried once"):
        fetcher.fetch(f"{server.url}/later/7200")


def test_a_broken_connection_is_tried_again(server: Server, fetcher: Fetcher) -> None:
    with pytest.raises(FetchError, match=r"the connection failed.*tried 4 times"):
        fetcher.fetch(f"{server.url}/cut")
    assert server.count("/cut") == 4


def test_nobody_listening_is_an_error_of_one_sentence(fetcher: Fetcher) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchError, match="the connection failed"):
        fetcher.fetch(f"http://127.0.0.1:{port}/x.png")


@pytest.mark.parametrize("path", ["big", "endless", "zip"])
def test_the_size_cap_holds_while_the_answer_arrives(
    server: Server, fetcher: Fetcher, path: str
) -> None:
    with pytest.raises(FetchError, match=r"larger than 0\.1 MB"):
        fetcher.fetch(f"{server.url}/{path}")
    assert server.count(f"/{path}") == 1


def test_what_a_server_packed_is_unpacked_once(server: Server, fetcher: Fetcher) -> None:
    assert fetcher.fetch(f"{server.url}/packed") == PICTURE
    with pytest.raises(FetchError, match="packed as 'gzip, gzip', which it was not asked for"):
        fetcher.fetch(f"{server.url}/twice")


def test_redirects_are_followed_five_times_and_no_more(server: Server, fetcher: Fetcher) -> None:
    assert fetcher.fetch(f"{server.url}/hop/4") == PICTURE
    with pytest.raises(FetchError, match="redirected more than 5 times"):
        fetcher.fetch(f"{server.url}/hop/9")


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://h/x.png", "data:image/png,x", "http://[::1"]
)
def test_a_redirect_out_of_the_web_is_refused(
    server: Server, fetcher: Fetcher, target: str
) -> None:
    with pytest.raises(FetchError, match=r"no http|an invalid|cannot be downloaded"):
        fetcher.fetch(f"{server.url}/to/{target}")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "[::1]",
     "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "100.64.0.1", "[fe80::1]"],
)  # fmt: skip
def test_private_addresses_are_refused_however_they_are_written(
    server: Server, tmp_path: Path, host: str
) -> None:
    fetcher = Fetcher(cache=tmp_path, backoff=0.01, retries=0)
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(f"http://{host}:{server.server_port}/x.png")
    fetcher.close()
    assert "--allow-private" in caught.value.reason
    assert server.asked == []


def test_a_redirect_to_a_private_address_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first host counts as public here, as a server on the internet would; the second does not.
    from visavis.sources.web import addresses

    real = addresses.is_public
    monkeypatch.setattr(addresses, "is_public", lambda ip: str(ip) == "127.0.0.1" or real(ip))
    fetcher = Fetcher(cache=tmp_path, backoff=0.01)
    assert fetcher.fetch(f"{server.url}/x.png") == PICTURE
    with pytest.raises(FetchError, match=r"169\.254\.169\.254 is not on the public internet"):
        fetcher.fetch(f"{server.url}/to/http://169.254.169.254/meta")
    fetcher.close()


def test_one_host_is_asked_a_few_things_at_once(server: Server, tmp_path: Path) -> None:
    fetcher = Fetcher(cache=tmp_path, allow_private=True, per_host=3)
    threads = [
        threading.Thread(target=fetcher.fetch, args=(f"{server.url}/slow/{number}",))
        for number in range(18)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fetcher.close()
    assert len(server.asked) == 18
    assert server.busiest in (2, 3)


def test_closing_stops_those_who_wait(server: Server, tmp_path: Path) -> None:
    fetcher = Fetcher(cache=tmp_path, allow_private=True, backoff=50)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            fetcher.fetch(f"{server.url}/status/500")
        except FetchError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not server.asked:
        time.sleep(0.01)
    fetcher.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(caught) == 1
    with pytest.raises(FetchError, match="closed"):
        fetcher.fetch(f"{server.url}/x.png")


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://[::1",
        "http:///x",
        "http://h:99999/",
        "http://0177.0.0.1/",
        "https://\ud800/",
        "http://a b/",
    ],
)
def test_addresses_that_make_no_sense_are_fetch_errors(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(FetchError):
        fetcher.fetch(url)


def test_a_proxy_of_the_environment_is_not_used(
    server: Server, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert fetcher.fetch(f"{server.url}/x.png") == PICTURE


def test_the_cache_has_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "visavis" / "downloads"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "visavis" / "downloads"


def test_addresses_are_told_from_paths() -> None:
    assert is_url("http://h/x.jpg")
    assert is_url("HTTPS://h/x.jpg")
    for text in ("x.jpg", "/http/x.jpg", "file:///x.jpg", "http:/x.jpg", "ftp://h/x"):
        assert not is_url(text)


def test_a_catalogue_of_addresses_is_downloaded(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(f"id,image_url,price\n7,{server.url}/x.png,5\n")
    for _ in range(2):
        source = CatalogueSource(path, allow_private=True, cache=tmp_path / "cache")
        (entry,) = source.entries()
        assert entry == Entry("7", f"{server.url}/x.png", -1, 0.0, {"price": 5})
        assert source.read(entry) == PICTURE
        source.close()
    assert server.asked == ["/x.png"]
