"""Pictures in a bucket over HTTP: as files of the machine are, and never for strangers' asking."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
import pytest
from object_server import ObjectServer
from PIL import Image
from served import BASE, picture
from starlette.testclient import TestClient

from visavis.buckets.folders import Folder
from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.server.app import create_app
from visavis.server.edge.keys import new_key
from visavis.server.options import ServerOptions

Clients = Callable[..., TestClient]
IDS = ["a b.jpg", "sub/ü.jpg"]


def photograph() -> bytes:
    """A picture that says which camera it was taken with."""
    exif = Image.Exif()
    exif[0x0110] = "Secret camera"
    out = BytesIO()
    Image.new("RGB", (64, 48), (200, 40, 40)).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture
def shop(bucket: Folder, place: str, tmp_path: Path) -> Path:
    """An index of two pictures in a bucket."""
    bucket.write(IDS[0], photograph())
    bucket.write(IDS[1], picture((40, 40, 200)))
    folder = tmp_path / "shop.index"
    with ImageIndex.create(folder, "classic") as index:
        assert index.add(place).added == 2
    return folder


@pytest.fixture
def clients(shop: Path) -> Iterator[Clients]:
    with ExitStack() as stack:

        def made(headers: Any = None, **options: Any) -> TestClient:
            app = create_app(ServerOptions(shop, rate=0, threads=2, **options))
            client = TestClient(app, base_url=BASE, headers=headers, follow_redirects=False)
            return stack.enter_context(client)

        yield made


@pytest.mark.parametrize("id", IDS)
def test_thumbnails_and_files_are_as_those_of_this_machine(clients: Clients, id: str) -> None:
    client = clients()
    shape = client.get(f"/v1/images/{id.replace('/', '%2F')}").json()
    assert "s3://" not in json.dumps(shape)
    small = client.get(shape["thumbnail"])
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    assert "immutable" in small.headers["cache-control"]
    file = client.get(shape["file"])
    assert (file.status_code, file.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-disposition"].startswith("inline; filename")
    assert file.headers["x-content-type-options"] == "nosniff"
    assert Image.open(BytesIO(file.content)).size == (64, 48)
    assert b"Secret camera" not in file.content
    tag = {"If-None-Match": file.headers["etag"]}
    assert client.get(shape["file"], headers=tag).status_code == 304


def test_the_map_shows_them(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    client = clients()
    for _ in range(600):
        if "X-Map-Version" in (answer := client.get("/map/data")).headers:
            break
        sleep(0.05)
    version = answer.headers["X-Map-Version"]
    with monkeypatch.context() as dead:
        dead.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert client.get(f"/map/tiles/{version}/0").status_code == 503  # and no grey one is kept
    with Image.open(BytesIO(client.get(f"/map/tiles/{version}/0").content)) as tile:
        pixels = np.asarray(tile.convert("RGB"))
    cells = [pixels[48, 48 + 96 * at] for at in range(2)]
    assert {int(colour.argmax()) for colour in cells} == {0, 2}  # the red one, the blue one


def test_metadata_is_kept_on_demand(clients: Clients) -> None:
    file = clients(keep_metadata=True).get("/v1/images/a%20b.jpg/file")
    assert file.content == photograph()


def test_a_signed_link_leads_to_the_object(clients: Clients) -> None:
    answer = clients(keep_metadata=True, signed_links=True).get("/v1/images/a%20b.jpg/file")
    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    link = answer.headers["location"]
    assert "a-secret" not in link
    assert httpx.get(link, trust_env=False).content == photograph()


def test_signed_links_do_not_go_with_hidden_metadata(shop: Path) -> None:
    with pytest.raises(UsageError, match="--keep-metadata"):
        ServerOptions(shop, signed_links=True)


def test_a_picture_that_has_gone_changed_or_grown_is_told(clients: Clients, bucket: Folder) -> None:
    client = clients(max_upload_bytes=100_000)
    bucket.remove(IDS[0])
    for what in ("file", "thumbnail"):
        answer = client.get(f"/v1/images/a%20b.jpg/{what}")
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "PictureGoneError")
        assert "there is no such object" in answer.text
    bucket.write(IDS[0], b"no picture")
    assert "no picture any more" in client.get("/v1/images/a%20b.jpg/file").text
    bucket.write(IDS[0], bytes(200_000))
    assert "larger than 0.1 MB" in client.get("/v1/images/a%20b.jpg/file").text


def test_a_stopped_storage_holds_up_its_own_pictures_alone(
    clients: Clients, server: ObjectServer
) -> None:
    client = clients(work_seconds=1.0)
    with server.stopped():
        began = monotonic()
        answer = client.get("/v1/images/a%20b.jpg/file")
        assert answer.status_code == 503
        assert monotonic() - began < 30
        assert server.endpoint not in answer.text
        assert client.get("/v1/images/a%20b.jpg/similar").status_code == 200
        assert client.get("/readyz").status_code == 200


def test_a_dead_storage_is_no_lost_picture(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    answer = clients().get("/v1/images/a%20b.jpg/file")
    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "ObjectStorageError"
    assert "127.0.0.1" not in answer.text


def test_no_request_names_an_object(clients: Clients, place: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    headers = {"Authorization": f"Bearer {new_key(keys, 'all', ['read', 'write'])}"}
    client = clients(headers, key_file=keys, allow_urls=True, allow_private=True)
    named = f"{place}/{IDS[0]}"
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/v1/search", {"json": {"terms": [{"url": named}]}}),
        ("/v1/search", {"json": {"terms": [{"image": named}]}}),
        ("/v1/tag", {"json": {"url": named}}),
        (
            "/v1/images",
            {
                "content": json.dumps({"url": named}),
                "headers": {"content-type": "application/x-ndjson"},
            },
        ),
    ]
    for path, body in asked:
        answer = client.post(path, **body)
        assert answer.status_code == 422, (path, answer.text)
    found = client.post("/v1/search", json={"terms": [{"text": named}]})
    assert found.status_code in (200, 422)  # words, to which the model says that it reads none
    assert len(client.get("/v1/images").json()["images"]) == 2
