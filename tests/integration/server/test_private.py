"""What is not told: hidden fields, where a picture was taken, pictures that were removed."""

import json
import resource
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from served import Clients, KeyFile, Serve, picture
from starlette.testclient import TestClient


def test_a_hidden_field_is_shown_nowhere(clients: Clients) -> None:
    client = clients(hidden=frozenset(("price", "colour")))
    texts = [
        client.get("/v1/images/mug-01-front").text,
        client.get("/v1/images").text,
        client.get("/v1/images/random").text,
        client.get("/v1/images/mug-01-front/similar").text,
        client.post("/v1/search", json={"terms": [{"id": "mug-01-front"}]}).text,
        client.get("/v1/fields").text,
    ]
    for text in texts:
        assert "category" in text
        assert '"price"' not in text
        assert '"colour"' not in text
    for asked in ({"where": "price<50"}, {"where": "colur=red"}, {"sort": "-price"}):
        answer = client.get("/v1/images", params=asked)
        assert answer.status_code == 422
        assert "did you mean" not in answer.text
        assert "fields:" not in answer.text
    groups = {"terms": [{"id": "mug-01-front"}], "group_by": "colour"}
    assert client.post("/v1/search", json=groups).status_code == 422
    query = {"terms": [{"text": "coral"}], "by": "text"}
    assert client.post("/v1/search", json=query).status_code == 403


def test_a_hidden_field_is_hidden_however_its_accents_are_typed(
    clients: Clients, fresh_index: Path, keys: KeyFile
) -> None:
    one, apart = "caf\u00e9", "cafe\u0301"
    for hidden in (one, apart):
        options = {"key_file": keys.path, "hidden": frozenset((hidden,))}
        client = clients(fresh_index, headers=keys.writer, **options)
        sent = {"id": "x", "fields": json.dumps({apart: "latte"})}
        added = client.post("/v1/images", files={"image": ("a.jpg", picture())}, data=sent)
        assert added.is_success
        assert "latte" not in client.get("/v1/images/x").text
        for name in (one, apart):
            assert client.get("/v1/images", params={"where": f"{name}=latte"}).status_code == 422
            assert client.get("/v1/images", params={"sort": f"-{name}"}).status_code == 422
            assert client.delete("/v1/images", params={"where": f"{name}=latte"}).status_code == 422
            similar = client.get("/v1/images/x/similar", params={"group_by": name})
            assert similar.status_code == 422
        assert client.get("/v1/images/x").is_success


def test_where_a_picture_was_taken_is_not_served(
    clients: Clients, fresh_index: Path, keys: KeyFile
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.5)})
    Image.new("RGB", (40, 30), (9, 90, 200)).save(out := BytesIO(), "JPEG", exif=exif)
    options = {"key_file": keys.path, "public": True}
    client = clients(fresh_index, **options)
    files = {"image": ("a.jpg", out.getvalue())}
    assert client.post("/v1/images", files=files, data={"id": "x"}, headers=keys.writer).is_success
    file = client.get("/v1/images/x/file")
    assert b"Secret" not in file.content
    with Image.open(BytesIO(file.content)) as image:
        assert not image.getexif().get_ifd(0x8825)
    kept = clients(fresh_index, keep_metadata=True, **options)
    assert kept.get("/v1/images/x/file").content == out.getvalue()


def test_a_link_names_its_version_and_lasts_as_long(writer: TestClient) -> None:
    def put(red: int) -> str:
        files = {"image": ("a.jpg", picture((red, 40, 40)))}
        assert writer.post("/v1/images", files=files, data={"id": "x"}).is_success
        return str(writer.get("/v1/images/x").json()["thumbnail"])

    old = put(200)
    assert writer.get(old).headers["cache-control"] == "private, max-age=31536000, immutable"
    new = put(20)
    assert new != old
    assert writer.get(old).headers["cache-control"] == "private, no-cache"
    plain = writer.get("/v1/images/x/thumbnail")
    assert plain.headers["cache-control"] == "private, no-cache"
    assert plain.content == writer.get(new).content
    file = writer.get("/v1/images/x").json()["file"]
    assert "immutable" in writer.get(file).headers["cache-control"]


def test_thumbnails_go_with_their_records(writer: TestClient, fresh_index: Path) -> None:
    for id in ("x", "y"):
        files = {"image": ("a.jpg", picture(mark=7))}
        assert writer.post("/v1/images", files=files, data={"id": id}).is_success
        assert writer.get(f"/v1/images/{id}/thumbnail?side=160").is_success

    def kept() -> int:
        return len(list((fresh_index / "thumbnails").rglob("*.webp")))

    before = kept()
    writer.delete("/v1/images/x")
    assert kept() == before  # another record has the same picture
    files = {"image": ("a.jpg", picture((9, 9, 90)))}
    assert writer.post("/v1/images", files=files, data={"id": "y"}).is_success  # it is replaced
    assert kept() == before - 1
    assert writer.get("/v1/images/y/thumbnail?side=160").is_success
    writer.delete("/v1/images/y")
    assert kept() == before - 1


@pytest.mark.parametrize("id", [".", "..", "random", "~Li4", "a/b", "%2e", " ", "ü/ß?#"])
def test_every_id_has_a_link(writer: TestClient, id: str) -> None:
    files = {"image": ("a.jpg", picture())}
    assert writer.post("/v1/images", files=files, data={"id": id}).json()["ids"] == [id]
    shapes = writer.get("/v1/images", params={"limit": 500}).json()["images"]
    [shape] = [shape for shape in shapes if shape["id"] == id]
    assert writer.get(shape["file"]).content == picture()
    assert writer.get(shape["thumbnail"]).status_code == 200
    record = shape["file"].partition("/file?")[0]
    assert writer.get(record).json()["id"] == id
    assert writer.delete(record).json() == {"removed": 1}


def test_a_full_disk_is_507_and_leaves_nothing(
    serve: Serve, fresh_index: Path, keys: KeyFile
) -> None:
    served = serve(fresh_index, "--api-key-file", str(keys.path))
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    for more in (20_000, 2_000_000):  # as it is kept, and already as it comes
        files = {"image": ("a.png", picture(kind="PNG") + bytes(more))}
        answer = served.post("/v1/images", files=files, data={"id": "x"}, headers=keys.writer)
        assert answer.status_code == 507
        assert answer.json()["error"]["type"] == "StorageFullError"
        assert str(fresh_index) not in answer.text
    assert not [path for path in (fresh_index / "uploads").rglob("*") if path.is_file()]
    document = json.loads(served.get("/openapi.json").text)
    assert "507" in document["paths"]["/v1/images"]["post"]["responses"]
