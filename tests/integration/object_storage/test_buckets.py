"""Requests to a real S3 server: what comes back, and how it ends when it does not answer."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic

import httpx
import pytest
from object_server import PUBLIC, READER, ObjectServer

from visavis.buckets.address import Address
from visavis.buckets.client import Buckets
from visavis.buckets.folders import BucketFolder, Folder, folder_at
from visavis.errors import ObjectStorageError, UsageError

NAMES = ["a.jpg", "a b.jpg", "é.jpg", "q\"uo'te.jpg", "new\nline.jpg", "tab\t.jpg", "pct%20.jpg"]
NAMES += [
    "plus+.jpg",
    "q?x=1&y=2.jpg",
    "hash#1.jpg",
    "sub/x..jpg",
    "sub/a..b.jpg",
    "<&>.jpg",
    "日本.jpg",
]


def test_odd_names_come_back_as_they_were_written(bucket: Folder) -> None:
    for name in NAMES:
        bucket.write(name, name.encode())
    assert sorted(bucket.names()) == sorted(NAMES)
    assert {name: bucket.read(name).decode() for name in NAMES} == {name: name for name in NAMES}


def test_a_file_is_written_whole_opened_anywhere_and_removed(
    bucket: Folder, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 12_000
    (tmp_path / "large").write_bytes(content)
    bucket.write("deep/large", tmp_path / "large")
    with bucket.open("deep/large") as file:
        file.seek(256 * 5_000 + 7)
        assert file.read(2) == bytes([7, 8])
        file.seek(-300_000, 2)
        assert file.read() == content[-300_000:]
        assert file.read() == b""
        bucket.write("deep/large", b"another")
        file.seek(0)
        with pytest.raises(OSError, match="another object took its place"):
            file.read(1)
    assert bucket.read("deep/large") == b"another"
    bucket.remove("deep/large")
    bucket.remove("deep/large")
    assert not bucket.has("deep/large")
    with pytest.raises(FileNotFoundError):
        bucket.read("deep/large")


def test_a_prefix_ends_with_its_slash(bucket: Folder, place: str) -> None:
    bucket.write("shop/a", b"1")
    bucket.write("shop-old/b", b"2")
    bucket.write("shop/", b"")  # what consoles make as a folder
    assert list(BucketFolder(f"{place}/shop").names()) == ["a"]


def test_more_than_a_page_is_listed(bucket: Folder, place: str) -> None:
    names = [f"{number:04}" for number in range(25)]
    for name in names:
        bucket.write(name, b"")
    assert list(BucketFolder(place, Buckets(page=10)).names()) == names


def test_an_object_is_read_up_to_a_bound(bucket: Folder, place: str) -> None:
    bucket.write("large", bytes(10_000))
    bucket.write("empty", b"")
    large, empty = (Address.parse(place).below(name) for name in ("large", "empty"))
    assert Buckets().read(large, 20_000, first=32) == bytes(32)
    assert Buckets().read(empty, 20_000, first=32) == b""
    with pytest.raises(OSError, match=r"larger than 0\.005 MB"):
        Buckets().read(large, 5_000)


def test_a_link_needs_no_key_and_says_nothing_of_the_secret(bucket: Folder, place: str) -> None:
    bucket.write("a b.jpg", b"bytes")
    link = Buckets().link(Address.parse(place).below("a b.jpg"), 60)
    assert httpx.get(link, trust_env=False).content == b"bytes"
    assert "a-secret" not in link


WRONG: Mapping[str, tuple[dict[str, str], str]] = {
    "secret": ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "credentials are refused"),
    "key": ({"AWS_ACCESS_KEY_ID": "nobody"}, "credentials are refused"),
    "no rights": (
        {"AWS_ACCESS_KEY_ID": READER[0], "AWS_SECRET_ACCESS_KEY": READER[1]},
        "may not do this",
    ),
    "no keys": (
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
        "no credentials were found",
    ),
    "profile": ({"AWS_PROFILE": "nobody"}, "set AWS_PROFILE to another"),
    "dead": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "nothing answers there"),
}


@pytest.mark.parametrize("trouble", WRONG)
def test_each_trouble_is_another_sentence(
    trouble: str, bucket: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write("a", b"")
    given, told = WRONG[trouble]
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ObjectStorageError, match=told) as caught:
        list(bucket.names())
    assert "wrong" not in str(caught.value)  # no secret in it


def test_a_public_bucket_is_read_without_keys(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_at(f"s3://{PUBLIC}").write("a", b"for all")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert list(folder_at(f"s3://{PUBLIC}").names()) == ["a"]
    assert folder_at(f"s3://{PUBLIC}").read("a") == b"for all"
    with pytest.raises(ObjectStorageError, match="no credentials were found"):
        folder_at(f"s3://{PUBLIC}").write("b", b"")


def test_a_bucket_that_is_not_there_is_named(server: ObjectServer) -> None:
    with pytest.raises(ObjectStorageError, match=r"s3://not-there .*there is no such bucket"):
        list(BucketFolder("s3://not-there/x").names())


def test_an_endpoint_that_is_no_url_is_a_mistake(
    bucket: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(UsageError, match="the endpoint is no URL"):
        bucket.read("a")


def test_a_stopped_server_ends_in_an_error_and_answers_later(
    server: ObjectServer, bucket: Folder, place: str
) -> None:
    bucket.write("a", b"1")
    hasty = BucketFolder(place, Buckets(timeout=0.5, retries=0))
    asks: list[Callable[[], object]] = [
        lambda: list(hasty.names()),
        lambda: hasty.read("a"),
        lambda: hasty.write("b", b"2"),
    ]
    with server.stopped():
        for ask in asks:
            began = monotonic()
            with pytest.raises(ObjectStorageError, match="did not answer in time"):
                ask()
            assert (
                monotonic() - began < 20
            )  # half a second, and half for whether all of the bucket is silent
    assert hasty.read("a") == b"1"


@pytest.fixture
def not_s3() -> Iterator[str]:
    """The URL of a server that speaks of other things."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html><body>Welcome<br></body></html>")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as other:
        thread = Thread(target=other.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{other.server_address[1]}"
        other.shutdown()
        thread.join()


def test_what_does_not_speak_s3_is_told_from_what_does(
    not_s3: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", not_s3)
    with pytest.raises(ObjectStorageError, match="is it an S3 server"):
        list(BucketFolder("s3://some-bucket").names())
