"""POST /v1/subjects: the same as in the library, within the limits of all pictures."""

import base64
import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pasted import pasted, plain
from PIL import Image
from served import Clients, KeyFile, picture
from shop_classifier import write_shop_classifier
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex
from visavis.server.edge.limits import RateLimiter


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index by the built-in model of one picture, two.png. Not to be changed."""
    folder = tmp_path_factory.mktemp("seen")
    (folder / "photos").mkdir()
    things = pasted(plain(), (1, 0.06, 0.1, 0.42), (5, 0.6, 0.5, 0.42))
    Image.fromarray(things.pixels).save(folder / "photos" / "two.png")
    with ImageIndex.create(folder / "seen.index") as index:
        index.add(folder / "photos")
    return folder / "seen.index"


@pytest.fixture
def scene(seen: Path) -> bytes:
    return (seen.parent / "photos" / "two.png").read_bytes()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("path", ["/v1/subjects", "/v1/tag"])
def test_what_is_made_of_a_record_for_one_client_is_paid_by_that_client(
    clients: Clients,
    seen: Path,
    drawn: Path,
    tmp_path: Path,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is kept nowhere: asked again, it is made again."""
    index, id = seen, "two.png"
    if path == "/v1/tag":  # of classes, which are told by the picture and not by the vector
        index, id = tmp_path / "kinds.index", "mug-01-front"
        with ImageIndex.create(index, write_shop_classifier(tmp_path / "kinds", drawn)) as made:
            made.add(drawn / "catalogue.csv")
    paid: list[float] = []
    monkeypatch.setattr(RateLimiter, "charge", lambda self, client, seconds: paid.append(seconds))
    client = clients(index)
    client.post(path, json={"id": id})
    paid.clear()
    answer = client.post(path, json={"id": id})
    assert sum(paid) > answer.json()["took_ms"] / 1000 / 4  # it may have waited for the processor


def test_an_upload_a_record_and_the_library_have_the_same_subjects(
    clients: Clients, seen: Path, scene: bytes
) -> None:
    client = clients(seen)
    assert client.get("/v1/info").json()["subjects"] is True
    with ImageIndex.open(seen) as index:
        expected = [one.to_dict() for one in index.subjects.of(scene)]
    assert len(expected) == 2
    sent = client.post("/v1/subjects", files={"image": ("a.png", scene)})
    for answer in (
        sent,
        client.post("/v1/subjects", json={"image": encoded(scene)}),
        client.post("/v1/subjects", json={"id": "two.png"}),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.json()["subjects"] == expected
    box = json.dumps({"terms": [{"upload": 0, "box": expected[0]["box"]}]})
    found = client.post("/v1/search", files={"image": ("a.png", scene)}, data={"query": box})
    assert found.json()["results"]


def test_a_picture_of_nothing_has_none(clients: Clients, seen: Path) -> None:
    flat = client_answer(clients(seen), {"image": encoded(picture())})
    assert flat["subjects"] == []


def client_answer(client: TestClient, asked: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/subjects", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_model_without_a_map_says_so_and_proposes_nothing(
    client: TestClient, scene: bytes
) -> None:
    assert client.get("/v1/info").json()["subjects"] is False
    assert client_answer(client, {"image": encoded(scene)})["subjects"] == []
    assert client_answer(client, {"id": "mug-01-front"})["subjects"] == []


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({}, 422, "exactly one of"),
        ({"id": "two.png", "image": "b"}, 422, "exactly one of"),
        ({"id": "two.png", "box": [0, 0, 1, 1]}, 422, "box"),
        ({"id": "nobody"}, 404, "nobody"),
        ({"image": "***"}, 422, "base64"),
        ({"image": encoded(b"no picture at all")}, 422, "not a picture"),
        ({"url": "http://127.0.0.1:1/a.jpg"}, 403, "fetches no URLs"),
    ],
)
def test_what_makes_no_sense_is_refused_and_says_why(
    clients: Clients, seen: Path, asked: dict[str, Any], status: int, told: str
) -> None:
    answer = clients(seen).post("/v1/subjects", json=asked)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]["message"]


def test_the_limits_are_those_of_all_pictures(clients: Clients, seen: Path, scene: bytes) -> None:
    sent = {"image": ("a.png", scene)}
    for limit in ({"max_pixels": 3000}, {"max_query_pixels": 3000}, {"max_upload_bytes": 100}):
        assert clients(seen, **limit).post("/v1/subjects", files=sent).status_code == 413
    bomb = BytesIO()
    Image.new("RGB", (9000, 9000)).save(bomb, "PNG")
    answer = clients(seen, max_pixels=10**8).post("/v1/subjects", files={"image": bomb.getvalue()})
    assert answer.status_code in (413, 422), answer.text


def test_a_key_that_reads_is_enough(clients: Clients, seen: Path, keys: KeyFile) -> None:
    client = clients(seen, key_file=keys.path)
    asked = {"id": "two.png"}
    assert client.post("/v1/subjects", json=asked).status_code == 401
    assert client.post("/v1/subjects", json=asked, headers=keys.reader).status_code == 200


def test_a_record_whose_picture_is_gone_is_404(
    clients: Clients, seen: Path, tmp_path: Path
) -> None:
    shutil.copytree(seen.parent / "photos", tmp_path / "photos")
    with ImageIndex.create(tmp_path / "own.index") as index:
        index.add(tmp_path / "photos")
    client = clients(tmp_path / "own.index")
    (tmp_path / "photos" / "two.png").write_bytes(b"no picture any more")
    assert client.post("/v1/subjects", json={"id": "two.png"}).status_code == 404
    (tmp_path / "photos" / "two.png").unlink()
    answer = client.post("/v1/subjects", json={"id": "two.png"})
    assert answer.status_code == 404
    assert str(tmp_path) not in answer.text
