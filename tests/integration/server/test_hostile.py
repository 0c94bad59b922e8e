"""What a stranger might send."""

import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from PIL import Image
from served import Clients, KeyFile, Serve, picture
from starlette.testclient import TestClient

from visavis.server.api.searching import DEEPEST
from visavis.sources.web import addresses

TRAVERSALS = [
    "/v1/images/..%2f..%2f..%2fetc%2fpasswd/file",
    "/v1/images/%2e%2e%2f%2e%2e%2fetc%2fpasswd/file",
    "/v1/images/%2Fetc%2Fpasswd/file",
    "/v1/images/%2Fetc%2Fpasswd/thumbnail",
    "/v1/images/file:%2F%2F%2Fetc%2Fpasswd/file",
    "/v1/images/..\\..\\windows\\win.ini/file",
    "/v1/images/%00/file",
    "/v1/images/%ff%fe/file",
    "/v1/images//file",
    "/v1/images/mug-01-front/../../../etc/passwd",
    "/ui/../app.py",
    "/ui/..%2fapp.py",
    "/ui/%2e%2e/app.py",
    "/ui//etc/passwd",
    "/ui/....//app.py",
    "/../../../../etc/passwd",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_index(client: TestClient, path: str) -> None:
    client.base_url = type(client.base_url)("http://127.0.0.1:8000")
    request = client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = client.send(request)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "create_app" not in answer.text


def _png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (100_000, 1_001)])
def test_a_picture_bomb_is_refused_by_its_header(
    clients: Clients, keys: KeyFile, fresh_index: Path, size: tuple[int, int]
) -> None:
    client = clients(fresh_index, headers=keys.writer, key_file=keys.path)
    files = {"image": ("bomb.png", _png(*size))}  # it ends early, which only decoding would find
    for path in ("/v1/search", "/v1/images"):
        answer = client.post(path, files=files)
        assert answer.status_code == 413
        assert "megapixels" in answer.json()["error"]["message"]


def _blank(kind: str, width: int, height: int, mode: str = "RGB", **how: Any) -> bytes:
    """A picture of one colour, which takes next to nothing on its way."""
    out = BytesIO()
    Image.new(mode, (width, height)).save(out, kind, **how)
    return out.getvalue()


EMPTY = {
    "webp": _blank("WEBP", 4000, 2500, lossless=True),
    "avif": _blank("AVIF", 4000, 2500),
    "png": _blank("PNG", 5000, 5000, "1"),
    "gif": _blank("GIF", 5000, 5000, "P"),
    "tiff": _blank("TIFF", 5000, 5000, "1", compression="group4"),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_much_picture_in_few_bytes_is_refused_by_its_header(client: TestClient, kind: str) -> None:
    assert len(EMPTY[kind]) < 20_000
    answer = client.post("/v1/search", files={"image": ("a", EMPTY[kind])})
    assert answer.status_code == 422
    assert "almost nothing but one colour" in answer.json()["error"]["message"]


def test_the_pictures_of_a_query_are_weighed_together(clients: Clients) -> None:
    client = clients(max_query_pixels=20_000)
    sent = picture(kind="PNG")  # 64 × 48
    few, many = ([("image", ("a.png", sent))] * count for count in (6, 7))
    assert client.post("/v1/search", files=few).status_code == 200
    answer = client.post("/v1/search", files=many)
    assert answer.status_code == 413
    assert "0.02 a query" in answer.json()["error"]["message"]
    jpeg = [("image", ("a.jpg", picture()))] * 8  # those count a quarter
    assert client.post("/v1/search", files=jpeg).status_code == 200
    one = {"terms": [{"upload": 0, "weight": 1 + n} for n in range(7)]}  # seven times the same
    answer = client.post("/v1/search", files=few[:1], data={"query": json.dumps(one)})
    assert answer.status_code == 413


def test_lookups_and_readiness_do_not_wait_behind_pictures(clients: Clients) -> None:
    client = clients(threads=1, queue=2)
    noise = Image.effect_noise((3000, 3000), 80)
    noise.save(out := BytesIO(), "PNG", compress_level=1)
    files = {"image": ("a.png", out.getvalue())}
    with ThreadPoolExecutor(9) as pool:
        jobs = [pool.submit(client.post, "/v1/search", files=files) for _ in range(9)]
        seen: set[int] = set()
        while not all(job.done() for job in jobs):
            for path in ("/v1/images/mug-01-front", "/readyz", "/v1/info"):
                seen.add(client.get(path).status_code)
    assert {job.result().status_code for job in jobs} <= {200, 503}
    assert seen <= {200}


def test_probes_do_not_wait_behind_searches(clients: Clients) -> None:
    client = clients(threads=2, work_seconds=5.0)
    lookups, over = client.app.state.visavis.lookups, threading.Event()  # type: ignore[attr-defined]
    assert client.portal is not None
    held = [client.portal.start_task_soon(lookups.run, over.wait) for _ in range(40)]
    try:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert client.get(path).status_code == 200
        assert client.get("/v1/info").status_code == 503  # which does wait behind them
    finally:
        over.set()
    for one in held:
        one.exception()


def test_a_body_that_announces_too_much_is_refused_unread(clients: Clients) -> None:
    client = clients(max_upload_bytes=10_000)
    answer = client.post("/v1/search", files={"image": ("a.jpg", b"x" * 10_001)})
    assert answer.status_code == 413
    assert "0.01 MB" in answer.json()["error"]["message"]


def test_a_client_that_sends_everything_before_it_reads_hears_that_it_was_too_much(
    serve: Serve, drawn_index: Path
) -> None:
    served = serve(drawn_index, "--max-upload-mb", "1")
    for length in (20_000_000, 60_000_000):  # more than the sockets between hold
        answer = served.post("/v1/search", files={"image": ("a.jpg", b"x" * length)})
        assert answer.status_code == 413
        assert "larger than 1 MB" in answer.json()["error"]["message"]
    assert served.get("/healthz").status_code == 200


def test_a_body_without_a_length_is_cut_off_as_well(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index, "--max-upload-mb", "0.1")

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 1000

    answer = served.post(
        "/v1/search", content=pieces(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"terms": [{"id": "\\ud800"}]}',
        b'{"terms": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        json.dumps({"terms": [{"id": "x"}] * 1000}).encode(),
        json.dumps({"terms": [{"id": "x" * 10_000}]}).encode(),
        json.dumps({"terms": [{"id": "a"}], "where": ["a=b" * 5000]}).encode(),
        json.dumps({"terms": [{"id": "a"}], "where": ["category=b"] * 100}).encode(),
        json.dumps(dict.fromkeys(map(str, range(60_000)), 1)).encode(),
    ],
)
def test_json_that_is_none_or_too_much_is_422(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_the_longest_filters_and_texts_are_not_too_many_values(client: TestClient) -> None:
    where = ["category!=" + "a," * 490 + "b"] * 20
    query = {"terms": [{"text": "mug " + ":" * 990}] * 8, "where": where, "by": "text"}
    answer = client.post("/v1/search", json=query)
    assert answer.status_code == 200, answer.text


def test_hundreds_of_unwanted_words_are_422(client: TestClient) -> None:
    for count, status in ((32, 200), (33, 422)):
        text = "mug" + "".join(f" -word{n}" for n in range(count))
        query = {"terms": [{"text": text}], "by": "text"}
        answer = client.post("/v1/search", json=query)
        assert answer.status_code == status, answer.text
    assert "33 words with a minus" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=a", b"nothing of it", 400),
        ("multipart/form-data; boundary=a", b"--a\r\nContent-Disposition: form-data\r\n\r\nx", 400),
        ("text/html", b"<p>", 415),
        ("image/jpeg", b"\xff\xd8\xff", 415),
        ("application/x-www-form-urlencoded", b"terms=1", 415),
        ("", b"{}", 415),
        ("multipart/form-data; boundary=a; charset=punycode", b"--a--", 415),
        ("multipart/form-data; charset=utf-8; boundary=a; CharSet=undefined", b"--a--", 415),
    ],
)
def test_bodies_of_other_kinds_are_refused(
    client: TestClient, kind: str, body: bytes, status: int
) -> None:
    answer = client.post("/v1/search", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["error"]["status"] == status


def test_a_form_of_a_thousand_parts_is_refused(client: TestClient) -> None:
    files = [("image", (f"{n}.jpg", b"x")) for n in range(1000)]
    assert client.post("/v1/search", files=files).status_code == 400


@pytest.mark.parametrize(
    "expression",
    [
        "category=x' OR '1'='1",
        "category=x'; DROP TABLE records; --",
        "title~%' UNION SELECT * FROM meta --",
        'ca"tegory=x',
        "category\\=x",
        "price<1e999",
        "price=99999999999999999999999",
        "id=\x00",
    ],
)
def test_a_filter_is_data_and_never_sql(client: TestClient, expression: str) -> None:
    answer = client.get("/v1/images", params={"where": expression})
    assert answer.status_code in (200, 422)
    assert client.get("/v1/images").json()["total"] == 56


def test_script_in_titles_and_names_comes_back_as_data(
    writer: TestClient, fresh_index: Path
) -> None:
    evil = "<img src=x onerror=alert(1)>\"'\r\nSet-Cookie: a=b"
    files = {"image": (evil.replace("\r\n", ""), picture())}
    answer = writer.post(
        "/v1/images", files=files, data={"id": evil, "fields": json.dumps({"title": evil})}
    )
    assert answer.status_code == 200
    shape = writer.get(f"/v1/images/{quote(evil, safe='')}")
    assert shape.headers["content-type"] == "application/json"
    assert shape.json()["fields"]["title"] == evil
    served = writer.get(shape.json()["file"])
    assert served.headers["content-type"] == "image/jpeg"
    assert "set-cookie" not in served.headers
    assert "<" not in served.headers["content-disposition"]


class _Redirector(BaseHTTPRequestHandler):
    """Leads wherever the path says, and counts its visitors."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", unquote(self.path[1:]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8000/v1/info",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://user:pw@127.0.0.1/",
    ],
)
def test_no_private_address_is_fetched_for_a_stranger(clients: Clients, url: str) -> None:
    answer = clients(allow_urls=True).post("/v1/search", json={"terms": [{"url": url}]})
    assert answer.status_code == 422
    assert "not on the public internet" in answer.json()["error"]["message"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/", "http://", "/etc/passwd", ""])
def test_nothing_but_http_is_fetched(clients: Clients, url: str) -> None:
    answer = clients(allow_urls=True).post("/v1/search", json={"terms": [{"url": url}]})
    assert answer.status_code == 422


def test_a_url_out_of_reach_has_the_kind_of_error_that_is_documented(clients: Clients) -> None:
    url = "http://127.0.0.1:9/nobody-listens.jpg"
    client = clients(allow_urls=True, allow_private=True)
    answer = client.post("/v1/search", json={"terms": [{"url": url}]})
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "FetchError")


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/", "http://[::1]:9/", "file:///etc/passwd", "ftp://x"]
)
def test_a_redirect_leads_to_no_private_address_either(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """The first address passes as public here; what it leads to is looked at again."""
    plain = addresses.is_public
    monkeypatch.setattr(
        addresses, "is_public", lambda address: str(address) == "127.0.0.1" or plain(address)
    )
    with HTTPServer(("127.0.0.1", 0), _Redirector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/{quote(target, safe='')}"
        answer = clients(allow_urls=True).post("/v1/search", json={"terms": [{"url": url}]})
        server.shutdown()
    assert answer.status_code == 422
    told = answer.json()["error"]["message"]
    assert "not on the public internet" in told or "no http(s) URL" in told


def test_slow_and_broken_connections_do_not_hold_others_up(serve: Serve, drawn_index: Path) -> None:
    served = serve(drawn_index)
    parts = urlsplit(served.address)
    head = (
        f"POST /v1/search HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        "Content-Length: 1000\r\n\r\n{"
    )
    held = []
    for number in range(60):
        connection = socket.create_connection((parts.hostname or "", parts.port or 0))
        connection.sendall(head.encode() if number % 2 else b"GET / HT")
        held.append(connection)
    started = time.monotonic()
    assert served.get("/v1/images/mug-01-front/similar").status_code == 200
    assert time.monotonic() - started < 10  # the others are given up after 15
    for connection in held:
        connection.close()
    assert served.post("/v1/search", json={"terms": [{"id": "mug-01-front"}]}).status_code == 200


def test_a_public_server_ranks_no_deeper_than_it_can_for_anyone(clients: Clients) -> None:
    deep, similar = {"terms": [{"id": "mug-01-front"}]}, "/v1/images/mug-01-front/similar"
    anyone, owner = clients(public=True), clients()
    for offset, status in ((DEEPEST, 200), (DEEPEST + 1, 422)):
        answers = (
            anyone.post("/v1/search", json=deep | {"offset": offset}),
            anyone.get(similar, params={"offset": offset}),
        )
        assert [answer.status_code for answer in answers] == [status, status]
        assert owner.post("/v1/search", json=deep | {"offset": offset}).status_code == 200
    assert "narrow the question with where" in answers[0].json()["error"]["message"]


def test_a_request_with_two_hosts_is_refused(clients: Clients) -> None:
    hosts = [("Host", "localhost"), ("Host", "elsewhere.example")]
    answer = clients(public=True).get("/healthz", headers=hosts)
    assert answer.status_code == 400
    assert "several Host headers" in answer.json()["error"]["message"]


def test_an_origin_that_is_none_is_another_site(clients: Clients) -> None:
    client = clients(public=True)
    for origin in ("http://[", "null", "elsewhere"):
        answer = client.post("/v1/search", json={}, headers={"Origin": origin})
        assert answer.status_code == 403
