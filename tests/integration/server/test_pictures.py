"""Files and thumbnails: only of records, only from their recorded place, with safe headers."""

import os
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from served import Clients, picture
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex
from visavis.server.edge.limits import RateLimiter
from visavis.sources.web.downloads import Downloads
from visavis.sources.web.fetch import default_cache

FILE = "/v1/images/mug-01-front/file"
THUMBNAIL = "/v1/images/mug-01-front/thumbnail"


@pytest.fixture
def photo_client(clients: Clients, photos: Path, tmp_path: Path) -> TestClient:
    """A client over a folder of photos that the test may change."""
    with ImageIndex.create(tmp_path / "photos.index", "classic") as index:
        assert index.add(photos).added == 8
    return clients(tmp_path / "photos.index")


def test_a_file_is_served_whole_with_its_own_type(client: TestClient, drawn: Path) -> None:
    answer = client.get(FILE)
    assert answer.content == (drawn / "images" / "mug-01-front.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == 'inline; filename="mug-01-front.jpg"'
    assert answer.headers["cache-control"] == "public, no-cache"  # the link names no version
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=a-b", "bytes=", "bytes=-", "lines=1-2", "bytes=0-" + "9" * 5_000]
)
def test_a_range_that_is_none_is_as_if_it_were_not_there(client: TestClient, asked: str) -> None:
    answer = client.get(FILE, headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.content == client.get(FILE).content


def test_a_part_of_a_file_can_be_asked_for(client: TestClient, drawn: Path) -> None:
    answer = client.get(FILE, headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.content == (drawn / "images" / "mug-01-front.jpg").read_bytes()[10:20]


def test_a_part_that_a_file_does_not_have_is_an_error_like_others(client: TestClient) -> None:
    path = "/v1/images/mug-01-front/file"
    size = len(client.get(path).content)
    answer = client.get(path, headers={"Range": f"bytes={size}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    error = answer.json()["error"]
    assert (error["type"], error["status"]) == ("NoSuchPartError", 416)
    assert f"{size} bytes" in error["message"]


@pytest.mark.parametrize("path", [FILE, THUMBNAIL])
def test_what_the_browser_has_is_not_sent_again(client: TestClient, path: str) -> None:
    etag = client.get(path).headers["etag"]
    again = client.get(path, headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == etag
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("side", [160, 320, 640])
def test_a_thumbnail_fits_its_side(client: TestClient, side: int) -> None:
    answer = client.get(f"{THUMBNAIL}?side={side}")
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(BytesIO(answer.content)) as image:
        assert max(image.size) == min(side, 320)  # never enlarged


def test_other_sides_are_refused(client: TestClient) -> None:
    answer = client.get(f"{THUMBNAIL}?side=100000")
    assert answer.status_code == 422
    assert "160, 320 or 640" in answer.json()["error"]["message"]


def test_a_thumbnail_is_made_once_and_outlives_its_picture(
    photo_client: TestClient, photos: Path
) -> None:
    first = photo_client.get("/v1/images/mug-01-front.jpg/thumbnail")
    (photos / "mug-01-front.jpg").unlink()
    assert photo_client.get("/v1/images/mug-01-front.jpg/thumbnail").content == first.content
    gone = photo_client.get("/v1/images/mug-01-front.jpg/file")
    assert gone.status_code == 404
    assert "there is no such file" in gone.json()["error"]["message"]
    assert str(photos) not in gone.text


def test_the_thumbnail_of_a_picture_that_changed_is_never_the_old_one(
    photo_client: TestClient, photos: Path, tmp_path: Path
) -> None:
    before = photo_client.get("/v1/images/mug-01-front.jpg/thumbnail")
    shutil.copy(photos / "lamp-01-front.jpg", photos / "mug-01-front.jpg")
    with ImageIndex.open(tmp_path / "photos.index") as index:
        index.add(photos)
    after = photo_client.get("/v1/images/mug-01-front.jpg/thumbnail")
    assert after.content != before.content
    assert after.content == photo_client.get("/v1/images/lamp-01-front.jpg/thumbnail").content


def test_a_file_that_changed_since_is_asked_about_each_time(
    photo_client: TestClient, photos: Path
) -> None:
    (photos / "mug-01-front.jpg").write_bytes(picture(kind="PNG"))
    answer = photo_client.get("/v1/images/mug-01-front.jpg/file")
    assert answer.headers["cache-control"] == "public, no-cache"
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'inline; filename="mug-01-front.jpg.png"'


@pytest.mark.parametrize(
    "content", [b"<html><script>alert(1)</script></html>", b"<svg onload='alert(1)'/>", b""]
)
def test_a_file_that_is_no_picture_any_more_is_not_served(
    photo_client: TestClient, photos: Path, content: bytes
) -> None:
    (photos / "mug-01-front.jpg").write_bytes(content)
    assert photo_client.get("/v1/images/mug-01-front.jpg/file").status_code == 404
    assert photo_client.get("/v1/images/mug-01-front.jpg/thumbnail").status_code == 404


def test_a_pipe_in_the_place_of_a_picture_holds_nobody_up(
    photo_client: TestClient, photos: Path
) -> None:
    (photos / "mug-01-front.jpg").unlink()
    os.mkfifo(photos / "mug-01-front.jpg")
    assert photo_client.get("/v1/images/mug-01-front.jpg/file").status_code == 404
    assert photo_client.get("/v1/images/mug-01-front.jpg/thumbnail").status_code == 404


def test_thumbnails_are_made_although_the_folder_cannot_be_written(
    clients: Clients, fresh_index: Path
) -> None:
    shutil.rmtree(fresh_index / "thumbnails", ignore_errors=True)
    (fresh_index / "thumbnails").write_text("a file where the folder should be")
    assert clients(fresh_index).get(THUMBNAIL).status_code == 200


def test_a_record_with_an_address_leads_there_and_shows_the_kept_copy(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    address = "https://shop.example/a.png"
    Downloads(default_cache()).put(address, picture(kind="PNG"), {})
    with ImageIndex.create(tmp_path / "own.index", "classic") as index:
        assert index.add(address).added == 1
    client = clients(tmp_path / "own.index")
    (shape,) = client.get("/v1/images").json()["images"]
    assert shape["uri"] == address
    answer = client.get(shape["file"])
    assert (answer.status_code, answer.headers["location"]) == (307, address)
    assert client.get(shape["thumbnail"]).status_code == 200
    shutil.rmtree(tmp_path / "cache")
    assert client.get(shape["thumbnail"]).status_code == 200  # made once
    assert client.get(f"{shape['thumbnail']}&side=640").status_code == 404


def test_the_password_in_a_records_address_is_for_the_server_alone(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    address = "https://ann:se@cret@shop.example/a.png?size=@2"
    Downloads(default_cache()).put(address, picture(kind="PNG"), {})
    (tmp_path / "shop.csv").write_text(f"id,image\nmug,{address}\n")
    with ImageIndex.create(tmp_path / "own.index", "classic") as index:
        assert index.add(tmp_path / "shop.csv").added == 1
    client = clients(tmp_path / "own.index")
    shown = client.get("/v1/images/mug").json()
    assert shown["uri"] == "https://shop.example/a.png?size=@2"
    assert client.get(shown["file"]).headers["location"] == shown["uri"]
    for path in ("/v1/images", "/v1/images/random", "/v1/images/mug/similar", "/v1/duplicates"):
        assert "cret" not in client.get(path).text


def test_head_tells_the_same_without_the_picture(client: TestClient) -> None:
    answer = client.head(FILE)
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(client.get(FILE).content))


def test_a_thumbnail_that_cannot_be_kept_is_paid_by_who_asks_for_it(
    clients: Clients, fresh_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid: list[float] = []
    monkeypatch.setattr(RateLimiter, "charge", lambda self, client, seconds: paid.append(seconds))
    client = clients(fresh_index, rate=50.0)
    kept = THUMBNAIL
    assert [client.get(kept).status_code for _ in range(2)] == [200, 200]
    shutil.rmtree(fresh_index / "thumbnails")
    (fresh_index / "thumbnails").write_text("no folder can be made here")
    before = len(paid)
    assert [client.get(kept).status_code for _ in range(2)] == [200, 200]
    assert len(paid) == before + 4  # each was looked up, and made
