"""`visavis concept`, and concepts among the terms of `visavis search`."""

import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from visavis.cli.main import run
from visavis.image_index import ImageIndex


@pytest.fixture
def shop(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of sixteen drawn pictures, the one that commands use."""
    with ImageIndex.create(tmp_path / "shop.index", "classic") as index:
        index.add(gallery)
    monkeypatch.setenv("VISAVIS_INDEX", str(tmp_path / "shop.index"))
    return tmp_path / "shop.index"


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert run(list(arguments)) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_a_concept_is_marked_searched_shown_and_removed(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mugs = ("mug-01-front", "id:mug-01-close")
    assert said(capsys, "concept", "mark", "mugs", *mugs)[0] == "mugs: 2 yes, 0 no (2 new)\n"
    said(capsys, "concept", "mark", "mugs", "lamp-01-front", "--no")
    out, _ = said(capsys, "search", "concept:mugs", "-k", "2")
    assert {line.split("\t")[1] for line in out.splitlines()} == {"mug-01-front", "mug-01-close"}
    out, err = said(capsys, "concept", "show", "mugs")
    assert out == "yes\tmug-01-front\nyes\tmug-01-close\nno\tlamp-01-front\n"
    assert err.startswith("mugs: 2 yes, 1 no; such from a score of 0.")
    shape = json.loads(said(capsys, "concept", "show", "mugs", "--json")[0])
    assert shape["marks"][2] == {"id": "lamp-01-front", "good": False, "here": True}
    assert 0 < shape["similar_from"] < 1
    assert said(capsys, "concept", "list")[0] == "mugs\t2 yes\t1 no\n"
    listed = json.loads(said(capsys, "concept", "list", "--json")[0])
    assert listed == {"concepts": [{"name": "mugs", "yes": 2, "no": 1}]}
    assert said(capsys, "concept", "unmark", "mugs", "lamp-01-front")[0] == "mugs: 2 yes, 0 no\n"
    assert said(capsys, "concept", "remove", "mugs")[0] == "removed mugs: 2 yes, 0 no\n"
    assert "no concepts yet" in said(capsys, "concept", "list")[1]


def test_it_is_said_that_records_keep_the_name_of_a_concept_that_is_removed(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "note: records keep the name until the next: visavis concept tag\n"
    said(capsys, "concept", "mark", "mug", "mug-01-front")
    said(capsys, "concept", "mark", "lamp", "lamp-01-front")
    said(capsys, "concept", "tag")
    said(capsys, "concept", "mark", "mu", "mug-01-front")  # a part of a name that is written
    assert said(capsys, "concept", "remove", "mu")[1] == ""
    assert said(capsys, "concept", "remove", "mug")[1] == note
    assert "mug" in said(capsys, "list", "--where", "concepts=mug")[0]
    said(capsys, "concept", "tag")
    assert said(capsys, "list", "--where", "concepts=mug")[0] == ""


def test_tagging_names_the_concepts_that_it_passes_over(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "concept", "mark", "concept:mug", "mug-01-front")  # the name as in questions
    said(capsys, "concept", "mark", "odd", "mug-01-front", "--no")
    said(capsys, "concept", "mark", "empty", "mug-01-front")
    said(capsys, "concept", "unmark", "empty", "mug-01-front")
    out, err = said(capsys, "concept", "tag")
    assert out.endswith(" records changed\n")
    mark = "mark some pictures with: visavis concept mark"
    assert err.splitlines() == [
        f"note: nothing is marked as 'empty' yet; {mark} 'empty' ID",
        f"note: nothing is marked as 'odd' yet, only what is not; {mark} 'odd' ID",
    ]
    assert "mug" in said(capsys, "list", "--where", "concepts=mug")[0]


def test_an_indexing_run_tells_of_new_pictures_without_concepts_or_tags_them(
    shop: Path, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = "note: the new pictures have no concepts yet; --tag-concepts gives them some"
    said(capsys, "concept", "mark", "mug", "mug-01-front")
    photos = tmp_path / "photos"
    photos.mkdir()
    mug = gallery.parent / "images" / "mug-01-front.jpg"
    shutil.copy(mug, photos / "again.jpg")
    assert missing not in said(capsys, "index", str(photos))[1]  # nobody has written any
    said(capsys, "concept", "tag")
    Image.open(mug).save(photos / "new.jpg", quality=80)
    assert missing in said(capsys, "index", str(photos))[1].splitlines()
    assert "new.jpg" not in said(capsys, "list", "--where", "concepts=mug")[0]
    _, err = said(capsys, "index", str(photos), "--tag-concepts")
    assert "note: the concepts of 1 record changed" in err.splitlines()
    assert "new.jpg" in said(capsys, "list", "--where", "concepts=mug")[0]
    Image.open(mug).save(photos / "newer.jpg", quality=70)
    shape = json.loads(said(capsys, "index", str(photos), "--tag-concepts", "--json")[0])
    assert shape["notes"] == ["the concepts of 1 record changed"]
    assert said(capsys, "index", "--tag-concepts")[1] == "note: the concepts of 0 records changed\n"


def test_where_nothing_was_taught_that_is_said_and_the_field_stays_the_catalogues(
    shop: Path, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = "note: there are no concepts yet; make one with: visavis concept mark NAME ID..."
    assert none in said(capsys, "index", "--tag-concepts")[1].splitlines()
    assert said(capsys, "concept", "tag") == ("0 records changed\n", f"{none}\n")
    table = tmp_path / "more.csv"
    table.write_text(f"id,image,concepts\nmore,{gallery.parent}/images/mug-01-front.jpg,mine\n")
    said(capsys, "index", str(table))
    assert "more" in said(capsys, "list", "--where", "concepts=mine")[0]
    new = tmp_path / "new.jpg"
    Image.open(gallery.parent / "images" / "mug-01-front.jpg").save(new, quality=80)
    _, err = said(capsys, "index", str(new), "--tag-concepts", code=2)
    assert "have a field 'concepts' of their own" in err
    assert "new.jpg" not in said(capsys, "list")[0]  # said before any work was done


def test_the_filter_for_a_concept_passes_no_other_of_which_the_name_is_a_part(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = {"lamp": "lamp-01-front", "lamp shade": "mug-01-front", "mug": "mug-01-front"}
    for name, id in marks.items():
        said(capsys, "concept", "mark", name, id)
    assert said(capsys, "concept", "tag")[1] == ""
    for name, id in marks.items():
        passed = said(capsys, "list", "--where", f"concepts={name}")[0]
        assert (id in passed, len(passed.splitlines())) == (True, 1)


def test_ids_come_from_standard_input_and_turned_marks_are_said(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said(capsys, "concept", "mark", "mugs", "mug-01-front")
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeffmug-01-front\r\n\nlamp-01-front\n"))
    out, err = said(capsys, "concept", "mark", "mugs", "-", "--no")
    assert out == "mugs: 0 yes, 2 no (1 new)\n"
    assert err == "note: the last mark counts; mug-01-front had the opposite before\n"
    assert "nothing is marked as 'mugs' yet" in said(capsys, "concept", "show", "mugs")[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("search", "concept:nothing"), "no concept is called 'nothing'"),
        (("search", "concept:a,b"), "a concept's name holds no ','"),
        (("search", "concept:"), "a concept's name has 1 to 100 characters"),
        (("concept", "mark", "mugs", "no such id"), "no record has the id 'no such id'"),
        (("concept", "mark", "mugs"), "Missing argument"),
        (("watch", ".", "--alert", "concept:nothing"), "no concept is called 'nothing'"),
        (("watch", ".", "--alert", "mugs"), "an alert waits for a concept"),
        (("watch", ".", "--alert-command", "true"), "are for --alert concept:NAME"),
        (("watch", ".", "--alert-webhook", "http://a.example/"), "are for --alert concept:NAME"),
        (("concept", "unmark", "nothing", "mug-01-front"), "no concept is called 'nothing'"),
        (("concept", "remove", "nothing"), "no concept is called 'nothing'"),
        (("concept", "show", "nothing"), "no concept is called 'nothing'"),
    ],
)
def test_bad_input_is_one_sentence(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    out, err = said(capsys, *arguments, code=2)
    assert not out
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_contact_sheet_names_the_concept(
    shop: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said(capsys, "concept", "mark", "mugs", "mug-01-front")
    said(capsys, "search", "concept:mugs", "--sheet", str(tmp_path / "sheet.html"))
    assert "mugs" in (tmp_path / "sheet.html").read_text(encoding="utf-8")
