"""Photos know when and where they were taken: in the index, on the command line, over HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from visavis.image_index import ImageIndex
from visavis.store.base import Change
from visavis.store.capabilities import faceted

Cli = Callable[..., Any]

DATES = {
    "a.jpg": "2019:05:31 23:59:59",
    "b.jpg": "2019:06:01 00:00:00",
    "c.jpg": "2021:03:04 05:06:07",
}


def exif(date: str) -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Model] = "Canon EOS 5D"
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
    made.get_ifd(ExifTags.IFD.GPSInfo).update(
        {1: "N", 2: (48.5, 0.0, 0.0), 3: "E", 4: (11.25, 0.0, 0.0)}
    )
    return made


@pytest.fixture
def shots(tmp_path: Path, home: Any) -> Path:
    """Three dated photos, and one that says nothing."""
    folder = tmp_path / "shots"
    folder.mkdir()
    for number, (name, date) in enumerate(DATES.items()):
        Image.new("RGB", (40, 30), (200, 80 * number, 10)).save(folder / name, exif=exif(date))
    Image.new("RGB", (40, 30), (10, 10, 200)).save(folder / "d.jpg")
    return folder


def ids(cli: Cli, *where: str) -> list[str]:
    asked = [part for expression in where for part in ("--where", expression)]
    lines = cli("search", "id:d.jpg", *asked, "--jsonl").out.splitlines()
    return sorted(json.loads(line)["id"] for line in lines)


def test_photos_are_found_by_when_and_with_what_they_were_taken(cli: Cli, shots: Path) -> None:
    assert cli("index", shots, "--model", "classic").code == 0
    assert ids(cli, "taken>=2019-06") == ["b.jpg", "c.jpg"]
    assert ids(cli, "taken=2019") == ["a.jpg", "b.jpg"]
    assert ids(cli, "taken=2019-05-31..2019-06-01", "camera~eos") == ["a.jpg", "b.jpg"]
    assert ids(cli, "latitude=48..49", "longitude<11.3") == ["a.jpg", "b.jpg", "c.jpg"]
    with ImageIndex.open("visavis.index") as index:
        assert index.get("b.jpg").fields == {
            "taken": "2019-06-01T00:00:00",
            "camera": "Canon EOS 5D",
            "latitude": 48.5,
            "longitude": 11.25,
        }
        assert index.get("d.jpg").fields == {}
        newest, _ = faceted(index.store).browse.page(2, sort="-taken")
        assert [record.id for record in newest] == ["c.jpg", "b.jpg"]
    again = cli("index", shots)
    assert again.out.startswith("0 added, 4 unchanged")


def test_no_picture_is_found_by_the_words_of_its_camera(cli: Cli, shots: Path) -> None:
    cli("index", shots, "--model", "classic")
    assert cli("search", "canon", "--by", "text").out == ""


def test_the_catalogues_own_columns_count(cli: Cli, shots: Path) -> None:
    rows = ["image,taken,price", "a.jpg,1999-01-01,5", "b.jpg,,6", "d.jpg,,7"]
    (shots / "list.csv").write_text("\n".join(rows))
    cli("index", shots / "list.csv", "--model", "classic")

    def taken() -> list[Any]:
        with ImageIndex.open("visavis.index") as index:
            return [record.fields.get("taken") for record in index]

    assert taken() == ["1999-01-01", "2019-06-01T00:00:00", None]
    rows[1] = "a.jpg,1999-01-01,55"
    (shots / "list.csv").write_text("\n".join(rows))
    assert cli("index", shots / "list.csv").out.startswith("0 added, 3 unchanged")
    assert taken() == ["1999-01-01", "2019-06-01T00:00:00", None]
    with ImageIndex.open("visavis.index") as index:
        assert [record.fields["price"] for record in index] == [55, 6, 7]
        assert index.get("b.jpg").fields["camera"] == "Canon EOS 5D"


def test_copies_know_it_as_well(cli: Cli, shots: Path) -> None:
    cli("index", shots, "--model", "classic")
    (shots / "z.jpg").write_bytes((shots / "b.jpg").read_bytes())
    cli("index", shots)
    with ImageIndex.open("visavis.index") as index:
        assert index.get("z.jpg").fields == index.get("b.jpg").fields


def test_an_older_index_learns_it_from_headers_alone(cli: Cli, shots: Path) -> None:
    cli("index", shots, "--model", "classic")
    with ImageIndex.open("visavis.index") as index:  # as an older version left it
        before = list(index.records())
        index.store.update([Change(r.id, r.size, r.modified, r.uri, {}) for r in before])
        vectors = index.vectors()
    whole = (shots / "c.jpg").read_bytes()
    (shots / "c.jpg").write_bytes(whole[: whole.index(b"\xff\xda")])  # no pixels at all
    (shots / "a.jpg").unlink()
    done = cli("index", "--metadata")
    assert done.out.startswith("0 added, 1 unchanged, 0 moved, 0 removed, 1 skipped")
    assert "2 records changed by what their pictures say" in done.err
    assert "a.jpg: " in done.err
    with ImageIndex.open("visavis.index") as index:
        after = {record.id: record.fields for record in index}
        assert after["a.jpg"] == {}
        for record in before[1:]:
            assert after[record.id] == record.fields
        assert (index.vectors() == vectors).all()
    assert "0 records changed" in cli("index", "--metadata").err


def test_places_are_private_over_http_unless_allowed(cli: Cli, shots: Path, clients: Any) -> None:
    cli("index", shots, "--model", "classic")
    place = Path("visavis.index").absolute()
    client = clients(place)
    shown = client.get("/v1/images/b.jpg").json()
    assert set(shown["fields"]) == {"taken", "camera"}
    near = "/v1/images?where=nearby=48.5,11.25&sort=nearby"
    for asked in ("/v1/images?where=latitude>1", "/v1/images?sort=latitude", near):
        assert client.get(asked).status_code == 422
    assert "latitude" not in client.get("/v1/fields").text
    for asked in ("latitud", "nothing"):
        refused = client.get(f"/v1/images?where={asked}>1").json()["error"]["message"]
        assert refused == f"no record has a field '{asked}'"
    found = client.post("/v1/search", json={"terms": [{"text": "d"}], "by": "text"})
    assert found.status_code == 200, "hidden numbers do not end the search of texts"
    allowed = clients(place, hidden=frozenset())
    assert allowed.get("/v1/images/b.jpg").json()["fields"]["latitude"] == 48.5
    assert allowed.get(near).json()["total"] == 3
