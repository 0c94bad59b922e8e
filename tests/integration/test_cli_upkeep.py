"""`visavis status`, `remove`, `compact`, `doctor`, `demo`."""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visavis import __version__
from visavis.embedders.registry import builtin_folder

Cli = Callable[..., Any]

STATUS = {
    "records",
    "model",
    "model_ref",
    "fingerprint",
    "dim",
    "bytes",
    "approximate",
    "pending",
    "sources",
    "fields",
}


def test_status_has_the_documented_json_shape(cli: Cli, drawn: Path, drawn_index: Path) -> None:
    shape = json.loads(cli("status", "--index", drawn_index, "--json").out)
    assert set(shape) == STATUS
    assert (shape["records"], shape["model"], shape["dim"]) == (56, "classic", 384)
    on_disk = sum(file.stat().st_size for file in drawn_index.rglob("*") if file.is_file())
    assert on_disk <= shape["bytes"] <= on_disk + 65536  # while it is open SQLite keeps a file more
    [source] = shape["sources"]
    assert (source["uri"], source["kind"]) == (str(drawn / "catalogue.csv"), "catalogue")
    assert (source["records"], source["skipped"], source["problems"]) == (56, 0, [])
    assert 0 <= time.time() - source["last_run"] < 86_400
    assert (shape["approximate"], shape["pending"]) == (False, 0)


def test_status_tells_people_the_same(cli: Cli, drawn: Path, drawn_index: Path) -> None:
    lines = cli("status", "--index", drawn_index).out.splitlines()
    told = dict(line.split(maxsplit=1) for line in lines)
    assert told["records"] == "56"
    assert told["model"] == "classic (384 dimensions)"
    assert told["source"].startswith(f"{drawn / 'catalogue.csv'}: 56 records, last run 20")
    assert "price (number)" in told["fields"]


def test_status_says_what_is_wrong_with_a_source(cli: Cli, photos: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"")
    cli("index", photos)
    assert "8 records, last run" in cli("status").out
    assert "1 skipped" in cli("status").out
    photos.rename(photos.with_name("away"))
    assert "not there now, 1 skipped" in cli("status").out
    assert cli("index", photos).code == 2
    [source] = json.loads(cli("status", "--json").out)["sources"]
    assert source["problems"] == ["not there now", "1 skipped"]


def test_records_are_removed_by_id_and_by_filter(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    assert cli("remove", "mug-01-front.jpg").out == "removed 1 record\n"
    assert json.loads(cli("remove", "--where", "id~lamp", "--json").out) == {"removed": 4}
    assert json.loads(cli("status", "--json").out)["records"] == 3
    nothing = cli("remove", "--where", "id~nowhere")
    assert nothing.out == "removed 0 records\n"
    assert "no record passes the filter id~nowhere" in nothing.err
    assert len(list(photos.iterdir())) == 8


def test_a_source_is_removed_with_its_records(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    assert cli("remove", "--source", photos).out == "removed 8 records\n"
    assert json.loads(cli("status", "--json").out)["sources"] == []


def test_a_source_may_be_named_by_its_url(cli: Cli, photos: Path) -> None:
    url = photos.as_uri()
    assert cli("index", url).out.startswith("8 added")
    assert cli("index", photos).out.startswith("0 added, 8 unchanged")
    assert cli("watch", f"{url}-gone").err.count("there is no such file or folder") == 1
    assert cli("remove", "--source", url).out == "removed 8 records\n"


def test_an_unknown_id_is_refused_and_a_sources_path_is_recognised(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    ran = cli("remove", "mug.jpg", "mug-01-front.jpg")
    assert (ran.code, ran.out) == (2, "")
    assert "no record has the id 'mug.jpg'" in ran.err
    assert "--source" in cli("remove", photos).err
    assert cli("remove", "mug.jpg", "mug-01-front.jpg", "--missing-ok").out == "removed 1 record\n"
    assert "none was given" in cli("remove", "--missing-ok", "--source", photos).err


def test_remove_without_saying_what_is_refused(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    ran = cli("remove")
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1


def test_compact_gives_space_back(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    assert cli("compact").out.startswith("no errors; ")
    assert set(json.loads(cli("compact", "--json").out)) == {"bytes_before", "bytes"}


def test_a_damaged_index_is_exit_code_3_with_advice(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    for file in Path("visavis.index").glob("index.sqlite*"):
        file.write_bytes(b"no database at all " * 500)
    ran = cli("status")
    assert (ran.code, ran.out) == (3, "")
    assert "visavis.index" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_an_index_of_a_newer_version_is_exit_code_3(cli: Cli, photos: Path) -> None:
    import sqlite3

    cli("index", photos)
    with sqlite3.connect("visavis.index/index.sqlite") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    ran = cli("status")
    assert (ran.code, ran.out) == (3, "")
    assert "newer" in ran.err


def test_the_doctor_names_versions_formats_and_the_index(cli: Cli, drawn_index: Path) -> None:
    ran = cli("doctor", "--index", drawn_index, "--json")
    assert ran.code == 0
    found = {line["name"]: line["value"] for line in json.loads(ran.out)}
    assert found["visavis"] == __version__
    assert "cpu" in found["devices"].split(", ")
    assert found["index"] == f"{drawn_index}: no errors, 56 records"
    assert "numpy" in cli("doctor").out


def test_the_doctor_finds_the_model_of_an_index_gone_or_changed(
    cli: Cli, photos: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(builtin_folder() / "visavis-s", tmp_path / "mine"))
    assert cli("index", photos, "--model", model).code == 0
    fit = cli("doctor", "--json")
    assert {"name": "its model", "value": "visavis-s", "good": True} in json.loads(fit.out)
    spec = model / "model.json"
    facts = json.loads(spec.read_text())
    facts["preprocess"]["interpolation"] = "nearest"
    spec.write_text(json.dumps(facts))
    changed = cli("doctor")
    assert changed.code == 3
    assert "! its model" in changed.out
    assert "has changed since it made this index" in changed.out
    spec.unlink()
    gone = cli("doctor")
    assert gone.code == 3
    assert "that made this index is gone" in gone.out


def test_the_doctor_finds_a_damaged_index(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    Path("visavis.index/index.sqlite").write_bytes(b"no database at all " * 500)
    ran = cli("doctor")
    assert ran.code == 3
    assert "! index" in ran.out


def test_the_demo_works_on_ones_own_pictures(cli: Cli, photos: Path) -> None:
    ran = cli("demo", photos, "--out", "shown")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"indexed 8 pictures of {photos} in ")
    with Image.open("shown/sheet.png") as sheet:
        assert sheet.width > 600
    assert "data:image/" in Path("shown/sheet.html").read_text(encoding="utf-8")
    [made] = Path("shown").glob("*.index")
    assert cli("search", "id:mug-01-front.jpg", "--index", made).code == 0


def test_the_demo_of_another_folder_shows_that_folder(cli: Cli, photos: Path) -> None:
    cli("demo", photos, "--out", "shown")
    other = Path("other")
    other.mkdir()
    Image.new("RGB", (40, 40), "teal").save(other / "teal.png")
    Image.new("RGB", (40, 40), "navy").save(other / "navy.png")
    ran = cli("demo", other, "--out", "shown")
    assert ran.out.startswith("indexed 2 pictures of other in ")
    assert "teal.png" in ran.out


def test_the_demo_makes_vectors_of_an_older_version_again(cli: Cli, photos: Path) -> None:
    cli("demo", photos, "--out", "shown")
    [made] = Path("shown").glob("*.index")
    with closing(sqlite3.connect(made / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE meta SET value='older' WHERE key='fingerprint'")
    assert cli("index", photos, "--index", made).code == 3
    ran = cli("demo", photos, "--out", "shown")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"indexed 8 pictures of {photos} in ")
    assert cli("index", photos, "--index", made).code == 0


def test_the_demo_of_an_empty_folder_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = cli("demo", "empty", "--out", "shown")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


def test_help_is_there_for_every_command(cli: Cli) -> None:
    names = ["index", "search", "status", "remove", "compact", "doctor", "demo", "models"]
    general = cli("--help")
    assert general.code == 0
    for name in names:
        assert f"  {name} " in general.out
        assert cli(name, "--help").code == 0
    assert "..." not in general.out.split("Commands:")[1]
    assert cli().out == general.out
    assert cli("--version").out == f"visavis {__version__}\n"


@pytest.mark.parametrize("arguments", [["searchh"], ["search"], ["models"], ["status", "--jsn"]])
def test_a_mistyped_command_gets_one_sentence_and_the_place_of_help(
    cli: Cli, arguments: list[str]
) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert "--help" in ran.err
