"""Adding and removing over HTTP, with a key that may write."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from served import Clients, KeyFile, picture
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex
from visavis.store.sqlite.lock import writer_lock

COUNT = 56


def _uploads(index: Path) -> list[Path]:
    return [path for path in (index / "uploads").rglob("*") if path.is_file()]


def _add(client: TestClient, data: bytes, **texts: str) -> dict[str, Any]:
    answer = client.post("/v1/images", files={"image": ("../../evil.php", data)}, data=texts)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_uploaded_picture_is_found_shown_and_filtered_at_once(
    writer: TestClient, fresh_index: Path
) -> None:
    data = picture()
    told = _add(writer, data, id="red", fields='{"category": "signs", "price": 3.5, "new": true}')
    assert told["added"] == 1
    assert told["ids"] == ["red"]
    shape = writer.get("/v1/images/red").json()
    assert shape["fields"] == {"category": "signs", "new": True, "price": 3.5}
    assert (shape["width"], shape["height"], shape["size"]) == (64, 48, len(data))
    assert writer.get(shape["file"]).content == data
    best = writer.post("/v1/search", files={"image": ("x", data)}).json()["results"][0]
    assert best["id"] == "red"
    assert writer.get("/v1/images?where=category=signs").json()["total"] == 1
    (kept,) = _uploads(fresh_index)
    assert "evil" not in str(kept)


def test_the_same_upload_twice_is_one_record_and_one_file(
    writer: TestClient, fresh_index: Path
) -> None:
    first = _add(writer, picture())
    second = _add(writer, picture())
    assert first["ids"] == second["ids"]
    assert (first["added"], second["added"], second["unchanged"]) == (1, 0, 1)
    assert writer.get("/v1/info").json()["records"] == COUNT + 1
    assert len(_uploads(fresh_index)) == 1
    assert writer.get(f"/v1/images/{second['ids'][0]}/file").content == picture()


def test_a_number_that_no_index_can_hold_stays_text_as_in_catalogues(writer: TestClient) -> None:
    endless = "9" * 400
    _add(writer, picture(), id="large", fields=f'{{"weight": {endless}, "height": {2**63 - 1}}}')
    assert writer.get("/v1/images/large").json()["fields"] == {
        "weight": endless,
        "height": 2**63 - 1,
    }
    assert "Infinity" not in writer.get("/v1/fields").text  # which is no JSON
    for name in ("weight", "height"):
        answer = writer.get("/v1/images/large/similar", params={"group_by": name})
        assert answer.status_code == 200


def test_an_id_that_is_there_is_replaced_with_its_fields(
    writer: TestClient, fresh_index: Path
) -> None:
    _add(writer, picture(), id="sign", fields='{"price": 1}')
    _add(writer, picture(), id="sign", fields='{"price": 2}')
    assert writer.get("/v1/images/sign").json()["fields"] == {"price": 2}
    blue = picture((20, 20, 220))
    _add(writer, blue, id="sign")
    assert writer.get("/v1/images/sign/file").content == blue
    assert len(_uploads(fresh_index)) == 1


def test_removing_takes_the_upload_along_and_no_other_picture(
    writer: TestClient, fresh_index: Path, drawn: Path
) -> None:
    _add(writer, picture(), id="a/file")
    assert writer.delete("/v1/images/a%2Ffile").json() == {"removed": 1}
    assert _uploads(fresh_index) == []
    assert writer.delete("/v1/images/mug-01-front").json() == {"removed": 1}
    assert (drawn / "images" / "mug-01-front.jpg").exists()
    assert writer.get("/v1/images/mug-01-front").status_code == 404
    assert writer.delete("/v1/images/mug-01-front").status_code == 404


def test_removing_by_filter_needs_a_filter(writer: TestClient, fresh_index: Path) -> None:
    _add(writer, picture(), fields='{"category": "mug"}')
    assert writer.delete("/v1/images").status_code == 422
    assert writer.delete("/v1/images?where=nothing=1").status_code == 422
    assert writer.delete("/v1/images?where=category=mug").json() == {"removed": 5}
    assert writer.get("/v1/info").json()["records"] == COUNT - 4
    assert _uploads(fresh_index) == []


@pytest.mark.parametrize(
    ("data", "status", "told"),
    [
        (b"", 422, "empty"),
        (b"hello", 422, "not a picture"),
        (b"%PDF-1.7 ...........", 415, "PDF"),
        (picture()[:300], 422, "truncated"),
    ],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing_behind(
    writer: TestClient, fresh_index: Path, data: bytes, status: int, told: str
) -> None:
    answer = writer.post("/v1/images", files={"image": ("a.jpg", data)})
    assert answer.status_code == status
    assert told in answer.json()["error"]["message"]
    assert str(fresh_index) not in answer.text
    assert not (fresh_index / "uploads").exists()
    search = writer.post("/v1/search", files={"image": ("a.jpg", data)})
    assert search.status_code == status


@pytest.mark.parametrize(
    "texts",
    [
        {"fields": "no json"},
        {"fields": "[]"},
        {"fields": '{"a": {"b": 1}}'},
        {"fields": '{"a": NaN}'},
        {"id": "x" * 2000},
        {"name": "x"},
    ],
)
def test_fields_and_ids_that_make_no_sense_are_422(
    writer: TestClient, texts: dict[str, str]
) -> None:
    answer = writer.post("/v1/images", files={"image": ("a.jpg", picture())}, data=texts)
    assert answer.status_code == 422


def test_exactly_one_picture_is_added_at_a_time(writer: TestClient) -> None:
    files = [("image", ("a", picture())), ("image", ("b", picture()))]
    assert writer.post("/v1/images", files=files).status_code == 422
    assert writer.post("/v1/images", data={"id": "x"}, files={}).status_code == 415
    assert writer.post("/v1/images", json={}).status_code == 415


def test_lines_of_addresses_need_leave_and_keep_to_the_public_internet(
    clients: Clients, fresh_index: Path, keys: KeyFile
) -> None:
    lines = [
        {"url": "http://127.0.0.1:9/a.jpg", "id": "a", "fields": {"price": 1}},
        {"url": "http://[::1]/b.jpg"},
        {"url": "http://169.254.169.254/latest/meta-data/"},
    ]
    body = "\n".join(json.dumps(line) for line in lines)
    headers = keys.writer | {"Content-Type": "application/x-ndjson"}
    closed = clients(fresh_index, key_file=keys.path, headers=headers)
    assert closed.post("/v1/images", content=body).status_code == 403
    allowed = clients(fresh_index, key_file=keys.path, headers=headers, allow_urls=True)
    shape = allowed.post("/v1/images", content=body).json()
    assert (shape["added"], shape["ids"]) == (0, [])
    assert len(shape["failed"]) == 3
    assert all("not on the public internet" in failure["reason"] for failure in shape["failed"])
    assert allowed.post("/v1/images", content='{"url": "file:///etc/passwd"}').status_code == 422
    assert allowed.post("/v1/images", content="").status_code == 422


def test_a_locked_index_says_to_come_back(
    clients: Clients, fresh_index: Path, keys: KeyFile
) -> None:
    writer = clients(fresh_index, headers=keys.writer, key_file=keys.path, lock_seconds=0.2)
    with writer_lock(fresh_index):
        answer = writer.delete("/v1/images/mug-01-front")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert str(fresh_index) not in answer.text
    assert writer.delete("/v1/images/mug-01-front").status_code == 200


def test_what_was_uploaded_survives_a_rebuild_and_can_be_removed_as_a_source(
    writer: TestClient, fresh_index: Path
) -> None:
    _add(writer, picture(), id="red")
    with ImageIndex.open(fresh_index) as index:
        index.rebuild()
        assert index.get("red").fields == {}
        assert index.remove(source="api") == 1
    assert writer.get("/v1/images/red").status_code == 404


def test_an_id_with_a_nul_is_refused(writer: TestClient) -> None:
    answer = writer.post(
        "/v1/images", files={"image": ("x.png", picture())}, data={"id": "a\0b", "fields": "{}"}
    )
    assert answer.status_code == 422
    assert "NUL" in answer.json()["error"]["message"]


def test_a_record_that_gets_another_picture_keeps_its_fields_also_those_that_are_hidden(
    clients: Clients, fresh_index: Path, keys: KeyFile
) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Nikon", "D70"
    Image.new("RGB", (64, 48), "red").save(out := BytesIO(), "JPEG", exif=exif)
    fields = '{"price": 3, "cost": 2, "ean": 9007199254740993}'
    writer = clients(
        fresh_index, headers=keys.writer, key_file=keys.path, hidden=frozenset(("cost",))
    )
    _add(writer, out.getvalue(), id="sign", fields=fields)
    assert writer.get("/v1/images/sign").json()["fields"]["camera"] == "Nikon D70"
    _add(writer, picture((20, 20, 220)), id="sign")
    with ImageIndex.open(fresh_index) as index:
        assert index.get("sign").fields == {"price": 3, "cost": 2, "ean": 9007199254740993}
    _add(writer, picture(), id="sign", fields="{}")
    with ImageIndex.open(fresh_index) as index:
        assert index.get("sign").fields == {}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ('{"a": null}', "a: Input should be a valid boolean, a valid integer, "),
        ('{"a": [[1]]}', "a: a list of a field holds texts, numbers, true and false"),
        ('{"a": [1e999]}', "a: a list of a field holds texts, numbers, true and false"),
        ('{"bool": {}}', "bool: Input should be a valid boolean, a valid integer, "),
        ('{"a": NaN}', "a: Input should be a finite number"),
        (f'{{"a": "{"x" * 100_001}"}}', "a: String should have at most 100000 characters"),
    ],
)
def test_a_field_of_no_kind_is_told_in_one_sentence(
    writer: TestClient, fields: str, told: str
) -> None:
    files = {"image": ("x.png", picture())}
    answer = writer.post("/v1/images", files=files, data={"fields": fields})
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert message.startswith(told)
    assert "function" not in message
    assert ";" not in message


def test_a_list_is_several_values(writer: TestClient) -> None:
    huge = "9" * 400
    sent = f'{{"tags": ["Hund, gro\u00df", "dog"], "sizes": [3, 4.5], "odd": [{huge}]}}'
    _add(writer, picture(), id="sign", fields=sent)
    fields = writer.get("/v1/images/sign").json()["fields"]
    odd = f"[{huge}]"
    assert fields == {"tags": '["Hund, gro\u00df","dog"]', "sizes": "[3,4.5]", "odd": odd}
    for where in ("tags=dog", "sizes>4", f"odd={huge}"):
        found = writer.get("/v1/images", params={"where": where}).json()["images"]
        assert [record["id"] for record in found] == ["sign"]


def test_an_id_that_is_no_base64_is_none(writer: TestClient) -> None:
    _add(writer, picture(), id="..")
    assert writer.get("/v1/images/~Li4").status_code == 200
    for key in ("~L!i4", "~Li4%3D%3D%3D%3Dx", "~%20Li4"):
        assert writer.delete(f"/v1/images/{key}").status_code == 404
    assert writer.get("/v1/images/~Li4").status_code == 200
