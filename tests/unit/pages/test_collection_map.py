"""The page of a map: one sound file, strict, small enough, with what the index says in it."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.pages.collection_map import check_map_path, map_data, side_for, write_map

Draw = Callable[..., Path]
HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def index(index: ImageIndex, draw: Draw, tmp_path: Path) -> ImageIndex:
    rows = ["id,image,kind,price,title"]
    for number in range(12):
        colour = (200, 10 + number, 10) if number % 2 else (10, 10 + number, 200)
        path = draw(f"{number}.png", colour, mark=number, side=24 + 8 * (number % 2))
        kind = "red" if number % 2 else "blue"
        rows.append(f'n{number},{path},{kind},{number / 2},"{HOSTILE if number == 3 else kind}"')
    (tmp_path / "c.csv").write_text("\n".join(rows))
    index.add(tmp_path / "c.csv")
    return index


def unpacked(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_data_is_that_of_the_map_in_the_order_of_the_tiles(index: ImageIndex) -> None:
    made = index.map()
    data = map_data(made, 64)
    shape = json.loads(json.dumps(data.shape))
    ids = [record.id for record in data.records]
    assert shape["ids"] == ids
    assert sorted(ids) == sorted(record.id for record in made.records)
    places = unpacked(shape["places"], "<u2").reshape(-1, 2) / 65535
    assert places == pytest.approx(np.array([made.position(id) for id in ids]), abs=1e-4)
    levels = unpacked(shape["levels"], "u1")
    assert (np.diff(levels.astype(int)) >= 0).all()
    neighbours = unpacked(shape["neighbours"], "<i4").reshape(12, shape["wide"])
    for row, id in enumerate(ids):
        expected = made.neighbours[made.rows[id]]
        assert [ids[other] for other in neighbours[row]] == [
            made.records[other].id for other in expected
        ]
    fields = {field["name"]: field for field in shape["fields"]}
    prices = unpacked(fields["price"]["numbers"], "<f8")
    assert prices.tolist() == [float(str(record.fields["price"])) for record in data.records]
    codes = unpacked(fields["kind"]["codes"], "<i4")
    assert [fields["kind"]["values"][code] for code in codes] == [
        record.fields["kind"] for record in data.records
    ]


def test_hidden_fields_are_not_in_it(index: ImageIndex) -> None:
    data = map_data(index.map(), 64, {"price", "title"}, neighbours=False)
    assert {field["name"] for field in data.shape["fields"]} == {"kind"}
    assert "neighbours" not in data.shape
    assert HOSTILE not in json.dumps(data.shape)


def test_the_file_is_whole_strict_and_says_nothing_of_this_machine(
    index: ImageIndex, tmp_path: Path
) -> None:
    path = tmp_path / "map.html"
    written = write_map(path, index.map(), f"Title {HOSTILE}", 2)
    page = path.read_text("utf-8")
    assert (written.pictures, written.missing, written.bytes) == (12, 0, path.stat().st_size)
    assert HOSTILE not in page
    assert str(tmp_path) not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert "unsafe" not in policy
    assert policy.startswith("default-src &#39;none&#39;")
    for tag in ("script", "style"):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"sha256-{digest}" in policy.replace("&#43;", "+")
    [data] = re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert HOSTILE in json.loads(data)["titles"]
    assert not list(tmp_path.glob(".*partial"))


def test_pictures_that_are_gone_are_counted(index: ImageIndex, tmp_path: Path) -> None:
    made = index.map()
    for number in (2, 5):
        (tmp_path / f"{number}.png").unlink()
    assert write_map(tmp_path / "map.html", made, "Map", 2).missing == 2


def test_places_that_will_not_do_are_refused_first(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("mine")
    with pytest.raises(UsageError, match="replace it with --force"):
        check_map_path(tmp_path / "a.html", force=False)
    check_map_path(tmp_path / "a.html", force=True)
    with pytest.raises(UsageError, match=r"must end in \.html"):
        check_map_path(tmp_path / "a.png", force=False)
    with pytest.raises(UsageError, match="there is no folder"):
        check_map_path(tmp_path / "none" / "a.html", force=False)


def test_pictures_are_as_large_as_twenty_megabytes_allow() -> None:
    assert side_for(280) == 160
    assert side_for(5_000) >= 64
    assert side_for(1_000_000) == 32
