"""POST /v1/search with anywhere: where in records' pictures a picture lies, and they in it."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pictures import overlap, part, scene
from PIL import Image
from served import Clients
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex
from visavis.server.api import searching
from visavis.types import RGB

BOX = (0.55, 0.1, 0.9, 0.45)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of eight scenes that keeps their parts."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(8):
        Image.fromarray(scene(seed)).save(folder / f"{seed}.png")
    made = tmp_path_factory.mktemp("index")
    with ImageIndex.create(made, jobs=2) as index:
        index.aspects.begin("parts")
        index.add(folder)
    return made


def asked(client: TestClient, pixels: RGB, **query: object) -> dict[str, object]:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    data = {"query": json.dumps(query)}
    answer = client.post("/v1/search", files={"image": ("a.png", file.getvalue())}, data=data)
    assert answer.status_code == 200, answer.text
    shape: dict[str, object] = answer.json()
    return shape


def test_a_crop_is_found_with_its_box_and_a_collage_with_places_in_it(
    clients: Clients, place: Path
) -> None:
    client = clients(place)
    shape = asked(client, part(scene(3), BOX), anywhere=True, limit=2)
    assert (shape["anywhere"], shape["verdict"]) == (True, "near_duplicate")
    best = shape["results"][0]  # type: ignore[index]
    assert (best["id"], best["verified"]) == ("3.png", True)
    assert overlap(best["box"], BOX) > 0.8
    assert "query_box" not in best
    pair = asked(client, np.hstack([scene(1), scene(2)]), anywhere=True, limit=2)
    places = {one["id"]: one["query_box"] for one in pair["results"]}  # type: ignore[attr-defined]
    assert overlap(places["1.png"], (0, 0, 0.5, 1)) > 0.8
    assert overlap(places["2.png"], (0.5, 0, 1, 1)) > 0.8


def test_answers_of_whole_pictures_say_nothing_of_parts(clients: Clients, place: Path) -> None:
    shape = asked(clients(place), scene(3))
    assert "anywhere" not in shape
    assert "box" not in shape["results"][0]  # type: ignore[index]


def test_words_cannot_be_looked_for_anywhere(clients: Clients, place: Path) -> None:
    answer = clients(place).post("/v1/search", json={"terms": [{"text": "mug"}], "anywhere": True})
    assert answer.status_code == 422
    assert "only one picture or record" in answer.json()["error"]["message"]


def test_on_a_public_server_questions_read_less_of_the_files(
    clients: Clients, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "READ_FOR_ANYONE", 1_000)
    crop = part(scene(3), BOX)
    assert asked(clients(place, public=True), crop, anywhere=True)["verdict"] != "near_duplicate"
    assert asked(clients(place), crop, anywhere=True)["verdict"] == "near_duplicate"
