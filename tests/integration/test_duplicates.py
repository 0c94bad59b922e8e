"""Duplicates: found among drawn pictures of which the truth is known, planned, moved, put back."""

import hashlib
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from pictures import shapes as scene
from PIL import Image, ImageOps

from visavis import ImageIndex
from visavis.errors import FilterError, UsageError
from visavis.server.api.request_source import RequestSource

Cli = Callable[..., Any]

ORIGINALS = 24
EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "small": lambda picture: picture.resize((160, 120)),
    "tiny": lambda picture: picture.resize((80, 60)),
    "grey": ImageOps.grayscale,
    "jpeg": lambda picture: picture,
}


def original(name: str) -> str:
    """Of which original a file is a copy: the number that its name begins with."""
    return Path(name).name[:2]


def draw_tree(folder: Path) -> None:
    """24 originals; of two in three a copy each, and of some a byte twin in another folder."""
    (folder / "copies").mkdir(parents=True)
    for seed in range(ORIGINALS):
        picture, path = scene(seed), folder / f"{seed:02}.jpg"
        picture.save(path, quality=92)
        os.utime(path, (1_000_000 + seed, 1_000_000 + seed))
        if seed % 3:
            name = list(EDITS)[seed % len(EDITS)]
            copy = folder / "copies" / f"{seed:02}-{name}.jpg"
            EDITS[name](picture).save(copy, quality=15 if name == "jpeg" else 80)
        if seed % 5 == 0:
            shutil.copy(path, folder / "copies" / f"{seed:02}-twin.jpg")


def truth(folder: Path) -> set[frozenset[str]]:
    """The groups that there are, by ids."""
    groups: dict[str, set[str]] = {}
    for path in folder.rglob("*.jpg"):
        groups.setdefault(original(path.name), set()).add(path.relative_to(folder).as_posix())
    return {frozenset(group) for group in groups.values() if len(group) > 1}


def bytes_of(folder: Path) -> dict[str, tuple[bytes, float]]:
    """Every file with its content and its time."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def drawn_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pictures/ and pictures.index, by the built-in model. Not to be changed."""
    place = tmp_path_factory.mktemp("duplicates")
    draw_tree(place / "pictures")
    with ImageIndex.create(place / "pictures.index") as index:
        index.add(place / "pictures")
    return place


@pytest.fixture
def place(drawn_tree: Path, tmp_path: Path, plug_in: None) -> Path:
    """A copy of the drawn tree and an index of it by mean colours, to be changed."""
    shutil.copytree(drawn_tree / "pictures", tmp_path / "pictures")
    with ImageIndex.create(tmp_path / "pictures.index", "fake") as index:
        index.add(tmp_path / "pictures")
    return tmp_path


@pytest.fixture
def command(cli: Cli, place: Path) -> Cli:
    return lambda *arguments: cli("duplicates", *arguments, "--index", place / "pictures.index")


def found_in(index: ImageIndex, **options: Any) -> set[frozenset[str]]:
    report = index.duplicates.find(**options)
    return {frozenset(record.id for record in group.records) for group in report.groups}


def test_exactly_the_true_groups_are_found(drawn_tree: Path) -> None:
    with ImageIndex.open(drawn_tree / "pictures.index") as index:
        assert found_in(index) == truth(drawn_tree / "pictures")


def test_a_second_scan_reads_no_file(place: Path) -> None:
    with ImageIndex.open(place / "pictures.index") as index:
        first = index.duplicates.find()
        shutil.rmtree(place / "pictures")
        again = index.duplicates.find()
    assert again.read == 0
    assert again.groups == first.groups


def test_another_relation_needs_no_files_either(place: Path) -> None:
    with ImageIndex.open(place / "pictures.index") as index:
        index.duplicates.find()
        exact = index.duplicates.find("exact")
    assert exact.read == 0
    names = {frozenset(original(record.id) for record in group.records) for group in exact.groups}
    assert names == {frozenset({f"{seed:02}"}) for seed in range(0, ORIGINALS, 5)}
    assert {group.relation for group in exact.groups} == {"exact"}


def test_the_same_pixels_in_another_format_are_exact(tmp_path: Path) -> None:
    scene(3).save(tmp_path / "lossy.jpg")
    with Image.open(tmp_path / "lossy.jpg") as picture:
        picture.save(tmp_path / "lossless.png")
        picture.resize((310, 230)).save(tmp_path / "smaller.png")
    with ImageIndex.create(tmp_path / "i") as index:
        index.add(tmp_path)
        assert found_in(index, relation="exact") == {frozenset({"lossy.jpg", "lossless.png"})}


def test_duplicates_have_to_share_a_folder_where_that_is_asked(place: Path) -> None:
    shutil.copy(place / "pictures" / "03.jpg", place / "pictures" / "03-again.jpg")
    with ImageIndex.open(place / "pictures.index") as index:
        index.add(place / "pictures")
        assert found_in(index, within="folder") == {
            frozenset({"03.jpg", "03-again.jpg"}),
            frozenset({"copies/05-tiny.jpg", "copies/05-twin.jpg"}),
            frozenset({"copies/10-grey.jpg", "copies/10-twin.jpg"}),
            frozenset({"copies/20-small.jpg", "copies/20-twin.jpg"}),
        }
        with pytest.raises(FilterError, match="no record has a field 'shelf'"):
            index.duplicates.find(within="shelf")


def test_a_filter_leaves_records_out(drawn_tree: Path) -> None:
    with ImageIndex.open(drawn_tree / "pictures.index") as index:
        report = index.duplicates.find(where="width>=320")
    assert report.scanned < 40
    assert all(record.width >= 320 for group in report.groups for record in group.records)


def test_a_filter_that_nothing_passes_is_told(command: Cli) -> None:
    ran = command("--where", "id=nobody", "--keep", "largest", "--plan", "plan.json")
    assert ran.err.splitlines()[0] == "note: no record passes the filter id=nobody"
    assert ran.err.splitlines()[-1] == "wrote plan.json; it moves no file"


def test_what_is_only_alike_is_no_duplicate(drawn_tree: Path) -> None:
    with (
        ImageIndex.open(drawn_tree / "pictures.index") as index,
        pytest.raises(UsageError, match="exact, near_duplicate or variant, not similar"),
    ):
        index.duplicates.find("similar")


def test_decisions_are_kept_and_followed(command: Cli, place: Path) -> None:
    assert command("--decide", "01.jpg", "copies/01-tiny.jpg", "not-related").code == 0
    assert command("--decide", "02.jpg", "copies/02-grey.jpg", "alternate").code == 0
    assert command("--decide", "04.jpg", "07.jpg", "same").code == 0
    found = json.loads(command("--json").out)
    groups = [{record["id"] for record in group["records"]} for group in found["groups"]]
    assert not any(group & {"01.jpg", "02.jpg"} for group in groups)
    assert any({"04.jpg", "07.jpg"} <= group for group in groups)
    assert command("--decide", "01.jpg", "copies/01-tiny.jpg", "undecided").code == 0
    found = json.loads(command("--json").out)
    assert any(
        {record["id"] for record in group["records"]} == {"01.jpg", "copies/01-tiny.jpg"}
        for group in found["groups"]
    )


def test_a_decision_needs_images_and_a_known_word(command: Cli, place: Path) -> None:
    assert command("--decide", "01.jpg", "nothing.jpg", "same").code == 2
    odd = command("--decide", "01.jpg", "02.jpg", "cousins")
    assert odd.code == 2
    assert "better, same, alternate, not-related, undecided" in odd.err
    by_path = command("--decide", place / "pictures" / "01.jpg", "02.jpg", "not-related")
    assert by_path.code == 0


def plan_of(command: Cli, place: Path, *keep: str) -> Any:
    options = [word for rule in keep for word in ("--keep", rule)]
    ran = command(*options, "--plan", place / "plan.json")
    assert ran.code == 0, ran.err
    return json.loads((place / "plan.json").read_text())


def test_rules_settle_most_groups_and_none_wrongly(command: Cli, place: Path) -> None:
    """Wrong is a plan that lets an original go, unless its bytes stay elsewhere."""
    pictures = place / "pictures"
    plan = plan_of(command, place, "largest", "oldest")
    groups = {file["group"] for file in plan["files"]}
    settled = groups - {file["group"] for file in plan["files"] if file["action"] == "leave"}
    assert len(settled) >= 0.8 * len(groups)
    assert len(groups) == len(truth(pictures))
    digests = {
        hashlib.sha256((pictures / f"{seed:02}.jpg").read_bytes()).hexdigest()
        for seed in range(ORIGINALS)
    }
    for file in plan["files"]:
        if file["action"] == "keep":
            assert file["sha256"] in digests
        if file["action"] == "move":
            assert original(file["path"]) == original(file["copy_of"])
            assert file["copy_of"] in {kept["path"] for kept in plan["files"]}


def test_a_place_to_keep_where_no_copy_lies_is_named(command: Cli) -> None:
    mistyped = command("--keep", "path:Copies/*,largest")
    assert "none of the copies lies at 'Copies/*,largest'" in mistyped.err
    assert "give each rule its own --keep" in mistyped.err
    assert "none of the copies" not in command("--keep", "path:copies/*").err


def test_apply_and_undo_leave_the_tree_as_it_was(command: Cli, place: Path) -> None:
    before = bytes_of(place / "pictures")
    plan = plan_of(command, place, "largest", "oldest")
    moved = {Path(file["path"]) for file in plan["files"] if file["action"] == "move"}
    assert len(moved) > 10
    assert bytes_of(place / "pictures") == before  # a plan moves nothing
    applied = command("--apply", place / "plan.json")
    assert applied.code == 0, applied.err
    assert not any(path.exists() for path in moved)
    assert len(bytes_of(place / "pictures")) == len(before) - len(moved)
    with ImageIndex.open(place / "pictures.index") as index:
        assert len(index) == len(before) - len(moved)
        assert not index.duplicates.find().groups
    undone = command("--undo", place / "plan.json")
    assert undone.code == 0, undone.err
    assert bytes_of(place / "pictures") == before
    assert not list(place.glob(".*-duplicates"))
    with ImageIndex.open(place / "pictures.index") as index:
        index.add(place / "pictures")
        assert found_in(index) == truth(place / "pictures")


def test_thumbnails_leave_with_the_records_of_moved_files(place: Path) -> None:
    """But those of contents that another record still has stay."""
    with ImageIndex.open(place / "pictures.index") as index:
        thumbnails = index.shelf.thumbnails
        for record in index.records():
            thumbnails.made((place / "pictures" / record.id).read_bytes(), 160, 10**6)
        digests = {record.sha256 for record in index.records()}
        index.duplicates.plan(index.duplicates.find(), ["largest,oldest"]).write(place / "plan")
        assert index.duplicates.apply(place / "plan").done
        left = {record.sha256 for record in index.records()}
        kept = {digest for digest in digests if thumbnails.kept(digest, 160)}
    assert kept == left
    assert left < digests


def test_a_framed_copy_is_larger_and_not_kept_for_it(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    scene(3).save(tmp_path / "original.jpg")
    ImageOps.expand(scene(3), 25, "white").save(tmp_path / "framed.jpg")
    with ImageIndex.create(tmp_path / "i") as index:
        index.add(tmp_path)
        report = index.duplicates.find()
        assert len(report.groups) == 1
        plan = index.duplicates.plan(report, ["largest"])
    assert {file.action for file in plan.files} == {"leave"}


def test_a_rebuild_makes_the_signatures_that_an_older_index_lacks(place: Path) -> None:
    with ImageIndex.open(place / "pictures.index") as index:
        found = found_in(index)
        with sqlite3.connect(place / "pictures.index" / "index.sqlite") as database:
            database.execute("DELETE FROM signatures")
        report = index.duplicates.find()
        assert len(report.groups) < len(found)
        assert "--refresh" in report.notes[0]
        index.rebuild()
        again = index.duplicates.find()
        assert {frozenset(one.id for one in group.records) for group in again.groups} == found
        assert again.notes == ()


def test_what_has_changed_since_is_skipped_and_named(command: Cli, place: Path) -> None:
    plan = plan_of(command, place, "largest", "oldest")
    moves = [file for file in plan["files"] if file["action"] == "move"]
    changed, orphan = moves[0], moves[1]
    Path(changed["path"]).write_bytes(b"x" * changed["size"])
    Path(orphan["copy_of"]).unlink()
    applied = command("--apply", place / "plan.json", "--to", place / "away", "--json")
    assert applied.code == 4
    shape = json.loads(applied.out)
    assert shape["moved"] == len(moves) - len(shape["skipped"])
    reasons = {skipped["path"]: skipped["reason"] for skipped in shape["skipped"]}
    assert reasons[changed["path"]] == "it has changed since the plan was made"
    assert "which is kept: there is no such file" in reasons[orphan["path"]]
    assert Path(changed["path"]).exists()
    assert Path(orphan["path"]).exists()


def test_a_plan_of_another_index_is_refused(cli: Cli, command: Cli, place: Path) -> None:
    plan_of(command, place, "largest")
    with ImageIndex.create(place / "other.index", "fake") as other:
        other.add(place / "pictures")
    for option in ("--apply", "--undo"):
        ran = cli("duplicates", option, place / "plan.json", "--index", place / "other.index")
        assert ran.code == 2
        assert "the plan was made from another index" in ran.err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"visavis_plan": 2}', '{"visavis_plan": 1}'])
def test_what_is_no_plan_is_refused(command: Cli, place: Path, text: str) -> None:
    (place / "plan.json").write_text(text)
    ran = command("--apply", place / "plan.json")
    assert ran.code == 2
    assert "this is no plan of visavis" in ran.err


def test_a_run_that_was_stopped_is_finished_or_undone(command: Cli, place: Path) -> None:
    before = bytes_of(place / "pictures")
    plan_of(command, place, "largest", "oldest")
    assert command("--apply", place / "plan.json", "--to", place / "away").code == 0
    moved = len(bytes_of(place / "away"))
    back = next(path for path in (place / "away").rglob("*.jpg"))
    here = Path("/", *back.relative_to(place / "away").parts)
    here.parent.mkdir(parents=True, exist_ok=True)
    back.rename(here)
    assert command("--apply", place / "plan.json").code == 0
    assert len(bytes_of(place / "away")) == moved
    assert command("--undo", place / "plan.json").code == 0
    assert bytes_of(place / "pictures") == before


def test_what_came_to_the_old_place_is_never_overwritten(command: Cli, place: Path) -> None:
    plan = plan_of(command, place, "largest", "oldest")
    path = Path(next(file["path"] for file in plan["files"] if file["action"] == "move"))
    command("--apply", place / "plan.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"something new")
    undone = command("--undo", place / "plan.json")
    assert undone.code == 4
    assert f"skipped {path}: another file is at {path}" in undone.err
    assert path.read_bytes() == b"something new"


def test_other_disks_work(command: Cli, place: Path, tiny_disk: Callable[[str], Path]) -> None:
    before = bytes_of(place / "pictures")
    plan_of(command, place, "largest", "oldest")
    disk = tiny_disk("8m")
    assert command("--apply", place / "plan.json", "--to", disk).code == 0
    assert len(bytes_of(disk)) > 10
    assert command("--undo", place / "plan.json").code == 0
    assert bytes_of(place / "pictures") == before


def test_a_full_disk_loses_nothing(
    command: Cli, place: Path, tiny_disk: Callable[[str], Path]
) -> None:
    before = bytes_of(place / "pictures")
    plan_of(command, place, "largest", "oldest")
    applied = command("--apply", place / "plan.json", "--to", tiny_disk("40k"))
    assert applied.code == 4
    assert "No space left" in applied.err
    assert command("--undo", place / "plan.json").code == 0
    assert bytes_of(place / "pictures") == before


def test_files_are_not_moved_to_where_they_would_be_indexed_again(
    command: Cli, place: Path
) -> None:
    plan_of(command, place, "largest")
    ran = command("--apply", place / "plan.json", "--to", place / "pictures" / "away")
    assert ran.code == 2
    assert "which is indexed" in ran.err


def test_one_file_under_two_names_is_never_moved(place: Path) -> None:
    """Hard and soft links, and records of a catalogue that name one file."""
    pictures = place / "pictures"
    os.link(pictures / "03.jpg", pictures / "03-hard.jpg")
    (pictures / "06-soft.jpg").symlink_to(pictures / "06.jpg")
    with ImageIndex.open(place / "pictures.index") as index:
        index.add(pictures)
        report = index.duplicates.find()
        for keep in ("path:*-hard.jpg", "path:*-soft.jpg", "largest"):
            plan = index.duplicates.plan(report, [keep])
            moved = {Path(file.path).name for file in plan.files if file.action == "move"}
            assert not moved & {"03.jpg", "03-hard.jpg", "06.jpg", "06-soft.jpg"}


def test_one_file_under_two_names_stays_where_another_copy_is_kept(place: Path) -> None:
    pictures = place / "pictures"
    with Image.open(pictures / "03.jpg") as picture:
        larger = picture.resize((2 * picture.width, 2 * picture.height))
    larger.save(pictures / "03-large.jpg", quality=95)
    (pictures / "03-soft.jpg").symlink_to(pictures / "03.jpg")
    shutil.copy(pictures / "03.jpg", pictures / "03-copy.jpg")
    shutil.copy(pictures / "03.jpg", pictures / "03-hard.jpg")
    os.link(pictures / "03-hard.jpg", pictures / "03-harder.jpg")
    shutil.copy(pictures / "03.jpg", pictures / "03-row.jpg")
    (place / "rows.csv").write_text("id,image\nrow,pictures/03-row.jpg\n")
    with ImageIndex.open(place / "pictures.index") as index:
        index.add(pictures)
        index.add(place / "rows.csv")
        plan = index.duplicates.plan(index.duplicates.find(), ["largest"])
    planned = {file.id: file.action for file in plan.files if original(file.path) == "03"}
    assert planned == {
        "03-large.jpg": "keep",
        "03-copy.jpg": "move",
        **dict.fromkeys(("03.jpg", "03-soft.jpg", "03-hard.jpg", "03-harder.jpg"), "leave"),
        **dict.fromkeys(("03-row.jpg", "row"), "leave"),
    }


def test_a_plan_that_was_carried_out_is_not_written_over(command: Cli, place: Path) -> None:
    before = bytes_of(place / "pictures")
    plan_of(command, place, "largest")
    plan_of(command, place, "largest")  # nothing has moved yet
    assert command("--apply", place / "plan.json").code in (0, 4)
    again = command("--keep", "largest", "--plan", place / "plan.json")
    assert again.code == 2
    assert "--undo needs it" in again.err
    assert command("--undo", place / "plan.json").code == 0
    assert bytes_of(place / "pictures") == before
    plan_of(command, place, "largest")


def test_uploaded_pictures_stay_as_nothing_would_bring_them_back(place: Path) -> None:
    stream = BytesIO()
    with Image.open(place / "pictures" / "03.jpg") as picture:
        picture.resize((160, 120)).save(stream, "JPEG", quality=80)
    data = stream.getvalue()
    with ImageIndex.open(place / "pictures.index") as index:
        entry = index.shelf.uploads.keep(data, "upload", {})
        index.add(RequestSource([entry], lambda _: data))
        plan = index.duplicates.plan(index.duplicates.find(), ["largest"])
        [planned] = [file for file in plan.files if file.id == "upload"]
        assert planned.action == "leave", plan.files
        assert "was uploaded" in planned.reason
        [kept] = [file for file in plan.files if file.group == planned.group][:1]
        edited = replace(planned, action="move", copy_of=kept.path)
        replace(plan, files=(replace(kept, action="keep"), edited)).write(place / "plan.json")
        moved = index.duplicates.apply(place / "plan.json")
        assert [path for path, _ in moved.skipped] == [entry.uri]
        index.compact()
        assert index.get("upload").uri == entry.uri
    assert Path(entry.uri).read_bytes() == data


def test_the_best_by_decision_counts_more_than_rules(command: Cli, place: Path) -> None:
    assert command("--decide", "copies/01-tiny.jpg", "01.jpg", "better").code == 0
    plan = plan_of(command, place, "largest")
    kept = {Path(file["path"]).name: file for file in plan["files"] if file["action"] == "keep"}
    assert kept["01-tiny.jpg"]["reason"] == "decided to be the best"


def test_variants_are_shown_and_never_moved(tmp_path: Path, plug_in: None) -> None:
    pictures = tmp_path / "shop"
    pictures.mkdir()
    red = scene(3)
    light, blue, redness = red.convert("YCbCr").split()
    red.save(pictures / "red.png")
    recoloured = Image.merge("YCbCr", (light, redness, blue)).convert("RGB")
    recoloured.save(pictures / "blue.png")
    red.resize((160, 120)).save(pictures / "red-small.png")
    with ImageIndex.create(tmp_path / "i", "fake") as index:
        index.add(pictures)
        assert found_in(index) == {frozenset({"red.png", "red-small.png"})}
        report = index.duplicates.find("variant")
        plan = index.duplicates.plan(report, ["largest", "path:red*"])
    actions = {file.id: file.action for file in plan.files}
    assert actions == {"red.png": "keep", "red-small.png": "move", "blue.png": "leave"}


@pytest.mark.parametrize("rule", ["largest", "best-quality", "oldest", "newest", "path:*"])
def test_a_plan_of_what_is_away_leaves_all_of_it(place: Path, rule: str) -> None:
    with ImageIndex.open(place / "pictures.index") as index:
        report = index.duplicates.find(read_files=False)
        (place / "pictures").rename(place / "unplugged")
        plan = index.duplicates.plan(report, [rule])
    assert {file.action for file in plan.files} == {"leave"}
    assert plan.count("leave") == sum(len(group.records) for group in report.groups) > 0


def test_a_copy_whose_original_has_gone_is_not_moved(place: Path) -> None:
    with ImageIndex.open(place / "pictures.index") as index:
        report = index.duplicates.find()
        (place / "pictures" / "01.jpg").unlink()
        plan = index.duplicates.plan(report, ["largest"])
    files = {file.id: file for file in plan.files}
    assert files["copies/01-tiny.jpg"].action == "keep"
    assert (files["01.jpg"].action, files["01.jpg"].reason) == (
        "leave",
        "there is no such file; index again",
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--plan", "p.json"], "a plan needs a rule"),
        (["--apply", "p.json", "--undo", "p.json"], "exclude one another"),
        (["--apply", "p.json", "--keep", "largest"], "looks for none"),
        (["--to", "away"], "there is no --apply"),
        (["--json", "--csv"], "exclude one another"),
        (["--keep", "nicest"], "no rule is called 'nicest'"),
        (["--sheet", "out.gif"], "must end in .png or .html"),
        (["--relation", "other"], "exact, near_duplicate or variant"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    command: Cli, arguments: list[str], told: str
) -> None:
    ran = command(*arguments)
    assert ran.code == 2
    assert told in ran.err


def test_csv_json_and_lines_say_the_same(command: Cli, place: Path) -> None:
    import csv

    rows = list(csv.DictReader(command("--csv", "--keep", "largest,oldest").out.splitlines()))
    lines = [line.split("\t") for line in command("--keep", "largest,oldest").out.splitlines()]
    shape = json.loads(command("--json", "--keep", "largest,oldest").out)
    from_json = [
        (str(number), record["id"], record["action"])
        for number, group in enumerate(shape["groups"], 1)
        for record in group["records"]
    ]
    assert [(row["group"], row["id"], row["action"]) for row in rows] == from_json
    assert [(line[0], line[2], line[-1].split(":")[0]) for line in lines] == from_json


def test_a_sheet_shows_every_group(command: Cli, place: Path) -> None:
    assert command("--sheet", place / "sheet.html").code == 0
    page = (place / "sheet.html").read_text()
    assert page.count("<section>") == len(truth(place / "pictures"))


def test_have_tells_what_is_there(cli: Cli, drawn_tree: Path, tmp_path: Path) -> None:
    index = ("--index", drawn_tree / "pictures.index")
    scene(9).resize((200, 150)).save(tmp_path / "small.png")
    scene(99).save(tmp_path / "new.png")
    there = drawn_tree / "pictures" / "05.jpg"
    both = cli("have", tmp_path / "small.png", there, *index)
    assert both.code == 0
    lines = [line.split("\t") for line in both.out.splitlines()]
    assert lines[0][1:] == ["near_duplicate", str(drawn_tree / "pictures" / "09.jpg")]
    assert lines[1][1] == "exact"
    one = cli("have", tmp_path / "small.png", tmp_path / "new.png", *index, "--json")
    assert one.code == 1
    assert [shape["found"] for shape in json.loads(one.out)] == [True, False]
    broken = cli("have", tmp_path / "small.png", tmp_path / "no.png", *index)
    assert broken.code == 2
    assert "no.png: there is no such file" in broken.err
    assert "small.png" in broken.out


def test_have_fetches_a_url_once_and_reads_standard_input(
    cli: Cli, drawn_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ("--index", drawn_tree / "pictures.index")
    scene(9).resize((200, 150)).save(tmp_path / "small.png")
    data, asked = (tmp_path / "small.png").read_bytes(), []

    class Serving(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data if self.path == "/small.png" else b"no picture")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=server.serve_forever).start()
    try:
        at = f"http://127.0.0.1:{server.server_port}"
        told = cli("have", f"{at}/small.png", f"{at}/text.png", *index, "--allow-private")
        had, asked[:] = list(asked), []
        sheet = tmp_path / "sheet.html"
        cli("search", f"{at}/small.png", *index, "--allow-private", "-k", 1, "--sheet", sheet)
    finally:
        server.shutdown()
        server.server_close()
    assert had == ["/small.png", "/text.png"]
    assert sheet.read_text().count("<img") == 2  # what was asked with, and what was found
    assert told.code == 2
    assert told.out.split("\t")[:2] == [f"{at}/small.png", "near_duplicate"]
    assert told.err.startswith(f"error: {at}/text.png: it is not a picture")
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(data)))
    piped = cli("have", "-", *index)
    assert (piped.code, piped.out.split("\t")[:2]) == (0, ["-", "near_duplicate"])


def test_have_says_where_only_a_part_of_a_picture_is_there(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    whole = scene(7).resize((400, 300))
    (tmp_path / "pictures").mkdir()
    whole.crop((60, 45, 340, 255)).save(tmp_path / "pictures" / "crop.png")
    whole.save(tmp_path / "whole.png")
    index = ("--index", tmp_path / "i")
    assert cli("index", tmp_path / "pictures", *index).code == 0
    asked = ("have", tmp_path / "whole.png", *index)
    told = cli(*asked)
    assert told.code == 1
    assert "whole.png shows more than crop.png, which is 49% of it" in told.err
    [shape] = json.loads(cli(*asked, "--json").out)
    assert shape["shown"] == pytest.approx(0.49, abs=0.02)
    whole.resize((200, 150)).save(tmp_path / "pictures" / "small.jpg")
    assert cli("index", tmp_path / "pictures", *index).code == 0
    told = cli(*asked)
    assert told.code == 0
    assert told.out.splitlines()[0].endswith("small.jpg")
    assert "shows more" not in told.err
    assert "shows more" not in cli("have", tmp_path / "pictures" / "crop.png", *index).err
