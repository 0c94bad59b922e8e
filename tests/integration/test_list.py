"""`visavis list`, and the order of what is found."""

import json
from pathlib import Path

import pytest
from tests.integration.conftest import Cli

from visavis.image_index import ImageIndex


@pytest.fixture
def indexed(cli: Cli, drawn_index: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("VISAVIS_INDEX", str(drawn_index))
    return cli


def _prices(lines: str) -> list[float]:
    return [json.loads(line)["fields"]["price"] for line in lines.splitlines()]


def test_records_are_listed_by_filters_in_an_order(indexed: Cli, drawn_index: Path) -> None:
    with ImageIndex.open(drawn_index) as index:
        cheap = [r for r in index.records() if float(r.fields["price"]) < 50]
        down = [r.id for r in index.records("price<50", sort="-price")]
    expected = sorted(float(r.fields["price"]) for r in cheap)
    done = indexed("list", "--where", "price<50", "--sort", "price", "-k", 100, "--jsonl")
    assert _prices(done.out) == expected
    done = indexed(
        "list", "--where", "price<50", "--sort", "-price", "-k", 3, "--offset", 1, "--json"
    )
    shape = json.loads(done.out)
    assert shape["total"] == len(cheap)
    assert [image["id"] for image in shape["images"]] == down[1:4]
    paths = indexed("list", "--where", "price<50", "-k", 2, "--files").out.splitlines()
    assert [Path(path).is_file() for path in paths] == [True, True]
    assert paths == [r.uri for r in cheap[:2]]


def test_a_list_says_why_it_is_empty_or_cut(indexed: Cli, drawn_index: Path) -> None:
    with ImageIndex.open(drawn_index) as index:
        count = len(index)
    for shape in ("--files", "--json", "--jsonl"):
        none = indexed("list", "--where", "category=Mug", shape)
        assert none.code == 0
        assert none.err == "no record passes the filter category=Mug; did you mean category=mug?\n"
    assert indexed("list", "--offset", 9999).err.startswith("no more records at offset 9999")
    assert indexed("list").err == f"note: 10 of {count} records; -k N lists more\n"
    assert indexed("list", "-k", 3).err == ""
    assert indexed("list", "-k", 9999).err == ""


def test_results_are_ordered_by_a_field(indexed: Cli) -> None:
    found = indexed("search", "id:mug-01-front", "-k", 12, "--jsonl").out
    asked = ["search", "id:mug-01-front", "-k", 12, "--jsonl", "--sort"]
    up = indexed(*asked, "price").out
    assert sorted(found.splitlines()) == sorted(up.splitlines())
    assert _prices(up) == sorted(_prices(found))
    assert _prices(indexed(*asked, "-price").out) == sorted(_prices(found), reverse=True)
    ids = [json.loads(line)["id"] for line in indexed(*asked, "-id").out.splitlines()]
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "id:mug-01-front", "--sort", "prise"),
        ("list", "--sort", "prise"),
        ("list", "--where", "prise<5"),
    ],
)
def test_an_unknown_field_is_an_error(indexed: Cli, arguments: tuple[str, ...]) -> None:
    done = indexed(*arguments)
    assert done.code == 2
    assert "did you mean 'price'?" in done.err


def test_a_place_without_places_is_an_error(indexed: Cli) -> None:
    done = indexed("list", "--where", "nearby=48.8,2.3")
    assert done.code == 2
    assert "no record has a latitude and a longitude" in done.err
    assert indexed("list", "--json", "--files").code == 2


def test_times_are_ordered_and_compared_across_their_zones(
    cli: Cli, drawn_index: Path, tmp_path: Path
) -> None:
    with ImageIndex.open(drawn_index) as index:
        picture = next(iter(index.records()))
    whens = ["2024-05-01T10:00:00+02:00", "2024-05-01T09:00:00Z", "2024-05-01 05:30:00-04:30"]
    rows = [f"{at},{picture.uri},{when}" for at, when in enumerate(whens)]
    table = tmp_path / "posts.csv"
    table.write_text("\n".join(["id,image,when", *reversed(rows)]))
    here = ("--index", tmp_path / "posts.index")
    cli("index", table, *here)
    for asked in (["list"], ["search", "id:0"]):
        for sort, ids in (("when", "012"), ("-when", "210")):
            found = cli(*asked, *here, "--sort", sort, "--jsonl").out
            assert "".join(json.loads(line)["id"] for line in found.splitlines()) == ids
    later = cli("list", *here, "--where", "when>2024-05-01T10:30+02:00", "--jsonl").out
    assert sorted(json.loads(line)["id"] for line in later.splitlines()) == ["1", "2"]
