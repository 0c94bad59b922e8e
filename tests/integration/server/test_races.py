"""Reading, replacing and removing the same records at one time, through several workers."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from served import Clients, KeyFile, Serve, picture
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex

SECONDS = 2.0
LINES = {"Content-Type": "application/x-ndjson"}


def _uploads(index: Path) -> set[Path]:
    return {path for path in (index / "uploads").rglob("*") if path.is_file()}


def _named(index: Path) -> set[Path]:
    """The uploads that records name."""
    with ImageIndex.open(index) as opened:
        uris = [record.uri for record in opened]
    return {Path(uri) for uri in uris if "/uploads/" in uri}


@pytest.fixture
def workers(clients: Clients, fresh_index: Path, keys: KeyFile) -> list[TestClient]:
    """Two applications over one index, as two workers are."""
    return [clients(fresh_index, headers=keys.writer, key_file=keys.path) for _ in range(2)]


def _until(end: float, work: Callable[[int], None]) -> None:
    number = 0
    while time.monotonic() < end:
        work(number)
        number += 1


def _together(*works: Callable[[int], None]) -> None:
    """Do all of it again and again, each on a thread, for a while."""
    end = time.monotonic() + SECONDS
    with ThreadPoolExecutor(len(works)) as pool:
        for job in [pool.submit(_until, end, work) for work in works]:
            job.result()


def _upload(client: TestClient, data: bytes, id: str = "x") -> int:
    files = {"image": ("a.jpg", data)}
    return client.post("/v1/images", files=files, data={"id": id}).status_code


def test_a_picture_that_is_replaced_and_removed_is_whole_or_not_there(
    workers: list[TestClient], fresh_index: Path
) -> None:
    versions = [picture(mark=mark) for mark in range(5)]
    seen: list[int] = []

    def read(_: int) -> None:
        for path in ("file", "thumbnail"):
            answer = workers[0].get(f"/v1/images/x/{path}")
            seen.append(answer.status_code)
            assert answer.status_code in (200, 404)
            assert path == "thumbnail" or answer.status_code == 404 or answer.content in versions

    def replace(number: int) -> None:
        assert _upload(workers[1], versions[number % 5]) == 200
        if number % 4 == 3:
            assert workers[1].delete("/v1/images/x").status_code == 200

    _together(read, read, replace)
    assert set(seen) == {200, 404}
    assert _uploads(fresh_index) == _named(fresh_index)


def test_a_file_that_is_removed_while_it_is_sent_arrives_whole(
    serve: Serve, fresh_index: Path, keys: KeyFile
) -> None:
    served = serve(fresh_index, "--api-key-file", str(keys.path))
    data = picture() + os.urandom(20_000_000)
    files = {"image": ("a.jpg", data)}
    assert served.post("/v1/images", files=files, data={"id": "x"}, headers=keys.writer).is_success
    address = f"{served.address}/v1/images/x"
    with httpx.stream("GET", f"{address}/file", headers=keys.reader, trust_env=False) as answer:
        pieces = answer.iter_bytes(100_000)
        got = next(pieces)
        assert httpx.delete(address, headers=keys.writer, trust_env=False).status_code == 200
        assert not _uploads(fresh_index)
        got += b"".join(pieces)
    assert got == data
    assert served.get("/v1/images/x/file", headers=keys.reader).status_code == 404


def test_two_workers_that_change_one_record_leave_no_file_behind(
    workers: list[TestClient], fresh_index: Path
) -> None:
    def change(worker: TestClient) -> Callable[[int], None]:
        def work(number: int) -> None:
            assert _upload(worker, picture(mark=number % 7), f"x{number % 2}") == 200
            if number % 3 == 2:
                assert worker.delete(f"/v1/images/x{number % 2}").status_code in (200, 404)

        return work

    _together(*map(change, workers))
    assert _uploads(fresh_index) == _named(fresh_index)


def test_compacting_deletes_uploads_that_no_record_names_and_no_others(
    writer: TestClient, fresh_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _upload(writer, picture(), "kept") == 200
    (kept,) = _uploads(fresh_index)
    orphan = kept.parent / f"{'0' * 32}.jpg"
    half = kept.parent / f".{'1' * 32}.png"
    notes = kept.parent / "notes.txt"  # not ours
    for path in (orphan, half, notes):
        path.write_bytes(b"x")
    (tmp_path / "link.index").symlink_to(fresh_index)
    monkeypatch.chdir(tmp_path)
    for spelled in (fresh_index, Path(fresh_index.name), Path("link.index")):
        with ImageIndex.open(spelled) as index:
            index.compact()
        assert _uploads(fresh_index) == {kept, notes}
    assert writer.get("/v1/images/kept/file").content == picture()


class Door(NamedTuple):
    """Of what a shop has below /closed: it is handed out once the door is open."""

    knocked: threading.Event
    opened: threading.Event


class _Shop(BaseHTTPRequestHandler):
    """Answers each picture after the seconds that its path says, or when the door is open."""

    def __init__(self, door: Door, *given: Any) -> None:
        self.door = door
        super().__init__(*given)

    def do_GET(self) -> None:
        kind = self.path[1:].partition("/")[0]
        if kind == "closed":
            self.door.knocked.set()
            self.door.opened.wait(30)
        with suppress(ValueError):
            time.sleep(float(kind))
        answers = {"text": b"hello", "cut": picture()[:300]}
        data = answers.get(kind, picture(mark=len(self.path)))
        self.send_response(404 if kind == "none" else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def door() -> Door:
    """The door of the shop, closed."""
    return Door(threading.Event(), threading.Event())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: Door) -> Iterator[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Shop, door)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _body(*lines: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, lines))


def test_others_can_write_while_pictures_are_downloaded(
    clients: Clients, fresh_index: Path, keys: KeyFile, shop: str, door: Door
) -> None:
    options = {"key_file": keys.path, "allow_urls": True, "allow_private": True}
    one, two = (clients(fresh_index, headers=keys.writer, **options) for _ in range(2))
    body = _body(*({"url": f"{shop}/closed/{n}" + "x" * n, "id": f"slow-{n}"} for n in range(3)))
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(one.post, "/v1/images", content=body, headers=LINES)
        assert door.knocked.wait(20)
        for client in (one, two):  # also the same worker
            assert _upload(client, picture(mark=99), "quick") == 200
        assert not adding.done()
        door.opened.set()
        told = adding.result().json()
    assert told["ids"] == ["slow-0", "slow-1", "slow-2"]
    assert one.get("/v1/images/slow-1/thumbnail").status_code == 200


def test_what_cannot_be_had_is_told_line_by_line_and_nothing_else_is_lost(
    clients: Clients, fresh_index: Path, keys: KeyFile, shop: str
) -> None:
    options = {"key_file": keys.path, "allow_urls": True, "allow_private": True}
    client = clients(fresh_index, headers=keys.writer, max_pixels=3000, **options)
    kinds = ["text", "cut", "none", "big"]
    body = _body(*({"url": f"{shop}/{kind}", "id": kind} for kind in kinds))
    told = client.post("/v1/images", content=body, headers=LINES).json()
    reasons = {failure["uri"].rpartition("/")[2]: failure["reason"] for failure in told["failed"]}
    assert sorted(reasons) == sorted(kinds)
    assert "not a picture" in reasons["text"]
    assert "404" in reasons["none"]
    assert "this server takes 0.003" in reasons["big"]
    assert not any("--" in reason for reason in reasons.values())
    assert (told["added"], told["ids"]) == (0, [])


def test_a_stop_does_not_wait_for_other_peoples_servers(
    serve: Serve, drawn_index: Path, shop: str
) -> None:
    served = serve(drawn_index, "--allow-urls", "--allow-private")
    query = {"terms": [{"url": f"{shop}/20/a"}]}
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(served.post, "/v1/search", json=query)
        time.sleep(1)
        started = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - started < 10
        assert asking.result().status_code == 422


def test_an_address_that_takes_too_long_frees_its_thread(clients: Clients, shop: str) -> None:
    client = clients(allow_urls=True, allow_private=True, work_seconds=2.0)
    query = {"terms": [{"url": f"{shop}/20/a"}]}
    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(client.post, "/v1/search", json=query) for _ in range(16)]
        answers = [job.result() for job in jobs]
    assert {answer.status_code for answer in answers} <= {422, 503}
    assert time.monotonic() - started < 10
    good = client.post("/v1/search", json={"terms": [{"url": f"{shop}/0/b"}]})
    assert good.status_code == 200


def test_one_client_cannot_hold_all_threads_that_download(clients: Clients, shop: str) -> None:
    client = clients(allow_urls=True, allow_private=True, work_seconds=4.0, rate=50.0, burst=200.0)
    query = {"terms": [{"url": f"{shop}/20/a"}]}
    with ThreadPoolExecutor(20) as pool:
        jobs = [pool.submit(client.post, "/v1/search", json=query) for _ in range(20)]
        statuses = Counter(job.result().status_code for job in jobs)
    assert statuses.keys() == {422, 429}
    assert statuses[422] < 8  # of eight threads, whatever the pace at which they come
    good = client.post("/v1/search", json={"terms": [{"url": f"{shop}/0/b"}]})
    assert good.status_code == 200
