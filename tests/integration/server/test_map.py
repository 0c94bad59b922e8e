"""The page of the map, its data and its tiles."""

import json
import shutil
import time
from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served import Clients, KeyFile
from starlette.testclient import TestClient

from visavis.image_index import ImageIndex
from visavis.server.api import mapping
from visavis.server.mapping.budget import Budget


def map_of(client: TestClient, **headers: str) -> tuple[dict[str, Any], str]:
    """The map once it is made, and its version."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        response = client.get("/map/data", headers=headers)
        assert response.status_code == 200, response.text
        shape: dict[str, Any] = response.json()
        if "ids" in shape:
            return shape, response.headers["x-map-version"]
        assert shape["ready"] is False
        time.sleep(0.1)
    raise AssertionError("the map was not made")


def test_the_map_is_packed_once_for_all_who_ask(client: TestClient) -> None:
    plain, version = map_of(client, **{"Accept-Encoding": "identity"})
    packed, same = map_of(client, **{"Accept-Encoding": "gzip"})
    assert (packed, same) == (plain, version)
    answers = [
        client.get("/map/data", headers={"Accept-Encoding": kind}) for kind in ("gzip", "identity")
    ]
    assert [answer.headers.get("content-encoding") for answer in answers] == ["gzip", None]
    assert [answer.headers["vary"] for answer in answers] == ["Accept-Encoding"] * 2
    lengths = [int(answer.headers["content-length"]) for answer in answers]
    assert lengths[0] < lengths[1] / 2


def test_the_page_has_its_map_and_its_tiles(client: TestClient, drawn_index: Path) -> None:
    page = client.get("/map")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert client.get("/ui/map/page.js").status_code == 200
    assert client.get("/ui/map/tokens.css").status_code == 200
    shape, version = map_of(client)
    with ImageIndex.open(drawn_index) as index:
        assert sorted(shape["ids"]) == sorted(record.id for record in index)
    tile = client.get(f"/map/tiles/{version}/0")
    assert tile.headers["content-type"] == "image/webp"
    assert "immutable" in tile.headers["cache-control"]
    with Image.open(BytesIO(tile.content)) as picture:
        assert picture.size == (10 * shape["side"], 6 * shape["side"])
    assert client.get(f"/map/tiles/{version}/0").content == tile.content
    for wrong in (f"{version}/1", f"{version}/-1", "older/0"):
        assert client.get(f"/map/tiles/{wrong}").status_code == 404
    again = client.get("/map/data", headers={"If-None-Match": f'"{version}"'})
    assert again.status_code == 304


def test_hidden_fields_stay_hidden(clients: Clients, fresh_index: Path) -> None:
    client = clients(fresh_index, hidden=frozenset({"category", "price"}))
    shape, _ = map_of(client)
    names = {field["name"] for field in shape["fields"]}
    assert "colour" in names
    assert not names & {"category", "price"}
    assert not {region["field"] for region in shape["regions"]} & {"category", "price"}


def test_the_map_follows_the_index_and_a_reading_server_writes_none(
    clients: Clients, fresh_index: Path
) -> None:
    client = clients(fresh_index)
    shape, version = map_of(client)
    gone = shape["ids"][0]
    with ImageIndex.open(fresh_index) as index:
        assert index.store.evidence.noted("map-1") is None  # type: ignore[attr-defined]
        index.remove(gone)
    client.app.state.visavis.maps._made = None  # type: ignore[attr-defined]  # its time is over
    later, newer = map_of(client)
    assert newer != version
    assert gone not in later["ids"]


def test_pictures_that_are_gone_leave_a_plain_place(
    clients: Clients, fresh_index: Path, tmp_path: Path
) -> None:
    with ImageIndex.open(fresh_index) as index:
        ids = [record.id for record in index]
        index.remove(*ids[1:])
        index.add(str(_picture(tmp_path)))
    (tmp_path / "lost.png").unlink()
    client = clients(fresh_index)
    shape, version = map_of(client)
    assert len(shape["ids"]) == 2
    tile = client.get(f"/map/tiles/{version}/0")
    assert tile.status_code == 200


def test_a_tile_comes_in_parts_where_all_at_once_would_take_too_long(
    clients: Clients, fresh_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "Budget", partial(Budget, most=1e-9))  # a picture at a time
    shutil.rmtree(fresh_index / "thumbnails", ignore_errors=True)
    client = clients(fresh_index)
    shape, version = map_of(client)
    missing = []
    while "X-Missing" in (tile := client.get(f"/map/tiles/{version}/0")).headers:
        assert tile.headers["cache-control"] == "no-store"
        missing.append(int(tile.headers["X-Missing"]))
        assert len(missing) < 100
    assert len(shape["ids"]) - missing[0] in (1, 2)  # two that are the same are made as one
    assert all(later < earlier for earlier, later in pairwise(missing))
    assert "immutable" in tile.headers["cache-control"]
    whole = clients(fresh_index)
    _, version = map_of(whole)
    at_once = whole.get(f"/map/tiles/{version}/0")
    assert "X-Missing" not in at_once.headers  # all were made small before
    assert at_once.content == tile.content


def test_where_no_thumbnail_can_be_kept_a_tile_comes_whole(
    clients: Clients, fresh_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "Budget", partial(Budget, most=1e-9))
    shutil.rmtree(fresh_index / "thumbnails", ignore_errors=True)
    (fresh_index / "thumbnails").write_text("no folder")
    client = clients(fresh_index)
    _, version = map_of(client)
    tile = client.get(f"/map/tiles/{version}/0")
    assert "immutable" in tile.headers["cache-control"]
    with Image.open(BytesIO(tile.content)) as picture:
        assert np.asarray(picture).std() > 10


def _picture(folder: Path) -> Path:
    Image.new("RGB", (60, 40), (250, 0, 0)).save(folder / "lost.png")
    return folder / "lost.png"


def test_an_empty_index_has_no_map(clients: Clients, tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "e.index", "classic"):
        pass
    answer = clients(tmp_path / "e.index").get("/map/data")
    assert answer.status_code == 422
    assert "nothing to map" in answer.json()["error"]["message"]


def test_the_data_needs_the_key_that_pictures_need(
    clients: Clients, fresh_index: Path, keys: KeyFile
) -> None:
    client = clients(fresh_index, key_file=keys.path)
    assert client.get("/map").status_code == 200
    assert client.get("/map/data").status_code == 401
    assert client.get("/map/tiles/a/0").status_code == 401
    shape, version = map_of(client, **keys.reader)
    assert json.dumps(shape["ids"])
    tile = client.get(f"/map/tiles/{version}/0", headers=keys.reader)
    assert "private" in tile.headers["cache-control"]
