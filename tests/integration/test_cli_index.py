"""`visavis index`: what it takes, what it reports, and what it refuses."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

REPORT = {"added", "unchanged", "moved", "removed", "tagged", "failed", "notes", "seconds"}


def counts(shape: dict[str, Any]) -> tuple[int, ...]:
    return tuple(shape[name] for name in ("added", "unchanged", "moved", "removed"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["index", ""], "an argument is empty; is a variable not set"),
        (["index", ".", "--index", ""], "an argument behind --index is empty"),
        (["index", ".", "--shards="], "an argument behind --shards is empty"),
        (["list", "-k", ""], "an argument behind -k is empty"),
    ],
)
def test_an_empty_argument_is_not_the_working_folder(
    cli: Cli, tmp_path: Path, arguments: list[str], told: str
) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.err.startswith(f"error: {told}")) == (2, True)
    assert not list(tmp_path.glob("*.index"))


def test_a_folder_is_indexed_and_the_report_says_how_many(cli: Cli, photos: Path) -> None:
    first = cli("index", photos)
    assert first.code == 0
    assert first.out.startswith("8 added, 0 unchanged, 0 moved, 0 removed, 0 skipped in ")
    assert first.out.splitlines()[1] == "8 records in visavis.index, model visavis-s"
    assert first.err == ""
    assert cli("index", photos).out.startswith("0 added, 8 unchanged, 0 moved, 0 removed")


def test_the_json_report_has_the_documented_shape(cli: Cli, photos: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    ran = cli("index", photos, "--json")
    shape = json.loads(ran.out)
    assert set(shape) == REPORT
    assert counts(shape) == (8, 0, 0, 0)
    assert [set(failure) for failure in shape["failed"]] == [{"uri", "reason"}]
    assert shape["failed"][0]["uri"] == str(photos / "broken.jpg")
    assert isinstance(shape["seconds"], float)
    assert ran.err == ""


def test_moved_and_removed_files_are_counted(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    (photos / "new").mkdir()
    (photos / "mug-01-front.jpg").rename(photos / "new" / "mug.jpg")
    (photos / "lamp-01-front.jpg").unlink()
    shape = json.loads(cli("index", photos, "--json").out)
    assert counts(shape) == (0, 6, 1, 1)


def test_a_broken_picture_costs_one_line_and_strict_makes_it_an_exit_code(
    cli: Cli, photos: Path
) -> None:
    (photos / "empty.png").write_bytes(b"")
    ran = cli("index", photos)
    assert ran.code == 0
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith(f"skipped {photos / 'empty.png'}: ")
    assert ran.out.startswith("8 added, 0 unchanged, 0 moved, 0 removed, 1 skipped")
    assert cli("index", photos, "--strict").code == 4


def test_a_catalogue_keeps_its_columns_as_fields(cli: Cli, drawn: Path) -> None:
    assert cli("index", drawn / "catalogue.csv").code == 0
    status = json.loads(cli("status", "--json").out)
    assert status["fields"]["price"] == "number"
    assert status["fields"]["category"] == "text"
    assert "id" not in status["fields"]
    assert "image" not in status["fields"]


def test_columns_of_other_names_are_named(cli: Cli, photos: Path) -> None:
    table = photos.parent / "shop.tsv"
    table.write_text("sku\tpicture\tbrand\nA1\tphotos/mug-01-front.jpg\tacme\n", encoding="utf-8")
    ran = cli("index", table, "--image-column", "picture", "--id-column", "sku")
    assert ran.code == 0
    found = json.loads(cli("search", "id:A1", "--json").out)["results"]
    assert found[0]["fields"] == {"brand": "acme"}


def test_a_catalogue_without_the_column_is_refused_with_the_names_there_are(
    cli: Cli, drawn: Path
) -> None:
    ran = cli("index", drawn / "catalogue.csv", "--image-column", "photo")
    assert ran.code == 2
    assert "photo" in ran.err
    assert "category" in ran.err


def test_a_list_of_paths_is_read_from_standard_input(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(photos / "mug-01-front.jpg"), "", str(photos / "gone.jpg")]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(names) + "\n"))
    shape = json.loads(cli("index", "-", "--json").out)
    assert counts(shape) == (1, 0, 0, 0)
    assert [failure["uri"] for failure in shape["failed"]] == [str(photos / "gone.jpg")]


def test_excluded_files_and_folders_are_left_out(cli: Cli, photos: Path) -> None:
    (photos / "old").mkdir()
    (photos / "mug-01-close.jpg").rename(photos / "old" / "close.jpg")
    shape = json.loads(cli("index", photos, "--exclude", "old", "--exclude", "lamp*", "--json").out)
    assert counts(shape) == (3, 0, 0, 0)


def test_several_sources_make_one_report(cli: Cli, photos: Path, drawn: Path) -> None:
    ran = cli("index", photos, drawn / "images" / "vase-01-front.jpg", "--json")
    assert counts(json.loads(ran.out)) == (9, 0, 0, 0)


def test_rebuild_with_another_model_answers_with_it(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    other = cli("index", photos, "--model", "0.9:classic+0.1:classic")
    assert other.code == 3
    assert "--rebuild" in other.err
    rebuilt = cli("index", "--rebuild", "--model", "0.9:classic+0.1:classic", "--json")
    assert counts(json.loads(rebuilt.out)) == (8, 0, 0, 0)
    assert json.loads(cli("status", "--json").out)["model"] == "0.9:classic+0.1:classic"


def test_rebuild_and_sources_are_reported_together(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    shape = json.loads(cli("index", "--rebuild", photos, "--json").out)
    assert counts(shape) == (8, 8, 0, 0)


def test_a_source_that_is_gone_removes_nothing(cli: Cli, photos: Path) -> None:
    cli("index", photos)
    shutil.rmtree(photos)
    ran = cli("index", photos)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert json.loads(cli("status", "--json").out)["records"] == 8


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--rebuild"),
        (["photos", "--image-column", "path"], "--image-column"),
        (["photos", "--id-column", "path"], "--id-column"),
        (["photos/mug-01-front.jpg", "--id-column", "path"], "--id-column"),
        (["photos/mug-01-front.jpg", "--exclude", "*.png"], "--exclude"),
        (["photos", "--jobs", "0"], "--jobs"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    cli: Cli, photos: Path, arguments: list[str], named: str
) -> None:
    ran = cli("index", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert named in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not Path("visavis.index").exists()


def test_the_index_comes_from_flag_environment_project_file_and_user_file_in_that_order(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Path("home/config/visavis")
    config.mkdir(parents=True)
    (config / "config.toml").write_text('index = "user.index"\n')
    cli("index", photos)
    assert Path("user.index").is_dir()
    Path("visavis.toml").write_text('index = "project.index"\n')
    cli("index", photos)
    assert Path("project.index").is_dir()
    monkeypatch.setenv("VISAVIS_INDEX", "environment.index")
    cli("index", photos)
    assert Path("environment.index").is_dir()
    cli("index", photos, "--index", "flag.index")
    assert Path("flag.index").is_dir()


def test_a_setting_that_does_not_exist_is_refused(cli: Cli, photos: Path) -> None:
    Path("visavis.toml").write_text('indexx = "a"\n')
    ran = cli("index", photos)
    assert ran.code == 2
    assert "visavis.toml" in ran.err
    assert "indexx" in ran.err


def test_a_picture_above_the_cap_is_skipped(cli: Cli, photos: Path) -> None:
    ran = cli("index", photos, "--max-megapixels", "0.05")
    assert ran.out.startswith("0 added")
    assert "8 skipped" in ran.out
    assert "--max-megapixels" in ran.err
