"""Uploaded pictures in a bucket: they come, are shown, and go with their records."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from object_server import ObjectServer
from served import BASE, picture
from starlette.testclient import TestClient

from visavis.buckets.folders import Folder
from visavis.errors import ObjectStorageError, StoreError
from visavis.image_index import ImageIndex
from visavis.server.app import create_app
from visavis.server.edge.keys import new_key
from visavis.server.options import ServerOptions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ImageIndex.create(tmp_path / "an.index", "classic").close()
    return tmp_path / "an.index"


@pytest.fixture
def writer(folder: Path, place: str, tmp_path: Path) -> Iterator[TestClient]:
    """A client that may write, of a server whose shelf is the bucket."""
    keys = tmp_path / "keys"
    headers = {"Authorization": f"Bearer {new_key(keys, 'all', ['read', 'write'])}"}
    options = ServerOptions(
        folder, files=f"{place}/shelf/", key_file=keys, rate=0, threads=2, work_seconds=4.0
    )
    with ExitStack() as stack:
        client = TestClient(create_app(options), base_url=BASE, headers=headers)
        yield stack.enter_context(client)


def send(client: TestClient, id: str, data: bytes) -> Any:
    return client.post("/v1/images", files={"image": ("x.jpg", data)}, data={"id": id})


def uploads(bucket: Folder) -> list[str]:
    return [name for name in bucket.names() if name.startswith("shelf/uploads/")]


def test_an_upload_lies_in_the_bucket_and_goes_with_its_record(
    writer: TestClient, bucket: Folder, folder: Path
) -> None:
    first, second = picture((200, 10, 10)), picture((10, 10, 200))
    for id, data in (("one", first), ("two", second), ("one", second)):
        assert send(writer, id, data).status_code == 200
    assert len(uploads(bucket)) == 2  # what was replaced is gone
    assert {bucket.read(name) for name in uploads(bucket)} == {second}
    assert writer.get("/v1/images/one/thumbnail").status_code == 200
    assert writer.get("/v1/images/one/file").status_code == 200
    assert list(folder.rglob("*.webp"))  # thumbnails are at hand
    assert writer.delete("/v1/images/one").json() == {"removed": 1}
    assert len(uploads(bucket)) == 1
    assert writer.delete("/v1/images", params={"where": "id=two"}).json() == {"removed": 1}
    assert uploads(bucket) == []


def test_the_index_remembers_its_bucket_and_tidies_it_up(
    writer: TestClient, bucket: Folder, folder: Path
) -> None:
    assert send(writer, "one", picture()).status_code == 200
    left_over = "shelf/uploads/00/" + "0" * 32 + ".jpg"
    bucket.write(left_over, b"of a server that was killed")
    with ImageIndex.open(folder) as index:
        index.compact()
        assert len(uploads(bucket)) == 1
        assert left_over not in uploads(bucket)
        index.remove("one")
        index.compact()
    assert uploads(bucket) == []


def test_a_bucket_of_another_index_is_refused(
    writer: TestClient, place: str, tmp_path: Path
) -> None:
    assert send(writer, "one", picture()).status_code == 200
    other = tmp_path / "other.index"
    ImageIndex.create(other, "classic").close()
    with (
        ImageIndex.open(other, files=f"{place}/shelf") as index,
        pytest.raises(StoreError, match="it keeps the files of"),
    ):
        index.shelf.uploads.check()


def test_while_the_storage_is_away_an_upload_is_refused_and_nothing_is_lost(
    writer: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(writer, "one", picture()).status_code == 200
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    refused = send(writer, "two", picture((10, 10, 200)))
    assert (refused.status_code, refused.json()["error"]["type"]) == (503, "ObjectStorageError")
    assert writer.get("/v1/images/one").status_code == 200
    with ImageIndex.open(folder) as index:
        assert [record.id for record in index.records()] == ["one"]


def test_a_bucket_that_cannot_be_asked_is_told_when_the_server_starts(
    folder: Path, place: str, monkeypatch: pytest.MonkeyPatch, server: ObjectServer
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with (
        ImageIndex.open(folder, files=place) as index,
        pytest.raises(ObjectStorageError, match="credentials are refused"),
    ):
        index.shelf.uploads.check()
    assert not (folder / "files.txt").exists()
