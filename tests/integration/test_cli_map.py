"""`visavis map`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visavis.image_index import ImageIndex
from visavis.store.base import Change

Cli = Callable[..., Any]


@pytest.fixture
def own_index(drawn_index: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drawn_index, tmp_path / "shop.index"))


def test_a_map_is_made_kept_and_written(cli: Cli, own_index: Path, tmp_path: Path) -> None:
    done = cli("map", "--index", own_index, "--out", tmp_path / "map.html")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "a map of 56 pictures, laid out"
    assert lines[1].startswith("regions: ")
    assert lines[2].startswith(f"{tmp_path / 'map.html'}: ")
    assert "Map of shop" in (tmp_path / "map.html").read_text("utf-8")
    again = json.loads(cli("map", "--index", own_index, "--json").out)
    assert (again["records"], again["fresh"], again["notes"]) == (56, False, [])
    assert {"name", "field", "records"} == set(again["regions"][0])


def test_what_is_there_stays_without_force(cli: Cli, own_index: Path, tmp_path: Path) -> None:
    (tmp_path / "map.html").write_text("mine")
    ask = ("map", "--index", own_index, "--out", tmp_path / "map.html")
    done = cli(*ask)
    assert (done.code, done.out) == (2, "")
    assert "replace it with --force" in done.err
    assert (tmp_path / "map.html").read_text() == "mine"
    made = json.loads(cli(*ask, "--force", "--title", "My shop", "--json").out)
    assert made["path"] == str(tmp_path / "map.html")
    assert made["bytes"] == (tmp_path / "map.html").stat().st_size
    assert "<title>My shop</title>" in (tmp_path / "map.html").read_text("utf-8")


def test_what_is_hidden_and_where_photos_were_taken_stays_out(
    cli: Cli, own_index: Path, tmp_path: Path
) -> None:
    with ImageIndex.open(own_index) as index:
        one = next(index.records())
        fields = {**one.fields, "latitude": 46.123456}
        change = Change(one.id, one.size, one.modified, one.uri, fields)
        with index.writing():
            index.store.update([change])
    ask = ("map", "--index", own_index, "--out", tmp_path / "m.html", "--force")
    assert cli(*ask, "--hide", "category").code == 0
    page = (tmp_path / "m.html").read_text("utf-8")
    assert '"name":"latitude"' not in page
    assert '"category"' not in page
    assert cli(*ask, "--show-gps").code == 0
    page = (tmp_path / "m.html").read_text("utf-8")
    assert '"name":"latitude"' in page
    assert '"category"' in page


def test_to_hide_a_field_that_is_none_is_refused_before_anything_is_written(
    cli: Cli, own_index: Path, tmp_path: Path
) -> None:
    page = tmp_path / "m.html"
    done = cli("map", "--index", own_index, "--out", page, "--hide", "categories")
    assert (done.code, page.exists()) == (2, False)
    assert "--hide categories: no record has such a field; there are category, " in done.err
    assert cli("map", "--index", own_index, "--out", page, "--hide", "latitude").code == 0


def test_pictures_that_are_gone_are_reported(cli: Cli, drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn / "images", tmp_path / "photos")
    place = tmp_path / "p.index"
    assert cli("index", tmp_path / "photos", "--index", place, "--model", "classic").code == 0
    shutil.rmtree(tmp_path / "photos")
    done = cli("map", "--index", place, "--out", tmp_path / "m.html")
    assert done.code == 0
    assert "56 of 56 pictures could not be read" in done.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--out", "map.png"), "must end in .html"),
        (("--title", "x"), "need --out"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_wrong_options_are_refused(cli: Cli, own_index: Path, given: Any, said: str) -> None:
    done = cli("map", "--index", own_index, *given)
    assert done.code == 2
    assert said in done.err


def test_an_empty_index_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    place = tmp_path / "e.index"
    cli("index", tmp_path / "none", "--index", place, "--model", "classic")
    done = cli("map", "--index", place)
    assert done.code in (2, 3)
    assert "Traceback" not in done.err
