import json
from pathlib import Path

import pytest
from labelled import draw_labelled, write_catalogue

from visavis.errors import SourceError, UsageError
from visavis.sources.base import open_source
from visavis.training.data.samples import data_hash, label_numbers, named


def test_the_folders_of_a_folder_are_labels(tmp_path: Path) -> None:
    draw_labelled(tmp_path, labels=3, each=2)
    found = named(open_source(tmp_path), "folder")
    assert [sample.label for sample in found.samples] == [f"label-{n // 2}" for n in range(6)]
    assert not found.failed


def test_a_column_of_a_catalogue_is_the_label(tmp_path: Path) -> None:
    catalogue = write_catalogue(draw_labelled(tmp_path, labels=2, each=2))
    found = named(open_source(catalogue), "label")
    assert [sample.entry.id for sample in found.samples][:2] == ["label-0/0", "label-0/1"]
    assert {sample.label for sample in found.samples} == {"label-0", "label-1"}


def test_pictures_without_a_label_are_left_out_and_told(tmp_path: Path) -> None:
    draw_labelled(tmp_path, labels=2, each=2)
    (tmp_path / "label-0" / "0.png").rename(tmp_path / "loose.png")
    found = named(open_source(tmp_path), "folder")
    assert len(found.samples) == 3
    assert found.notes == ["1 pictures were left out: they have no 'folder'"]


def test_labels_that_look_like_one_are_noted(tmp_path: Path) -> None:
    draw_labelled(tmp_path, labels=3, each=2)
    (tmp_path / "label-1").rename(tmp_path / "Label-0")
    assert named(open_source(tmp_path), "folder").notes == [
        "labels of 'folder' that differ in case, accents or blanks alone count as others: "
        "'Label-0', 'label-0'"
    ]


def test_labels_that_are_lists_are_noted_where_each_is_taken_for_one(tmp_path: Path) -> None:
    catalogue = write_catalogue(draw_labelled(tmp_path, labels=2, each=2))
    text = catalogue.read_text().replace(",label-0\n", ',"[""dog"", ""beach""]"\n', 1)
    catalogue.write_text(text)
    [note] = named(open_source(catalogue), "label").notes
    assert 'such as \'["dog", "beach"]\'; each such combination is one label' in note
    assert named(open_source(catalogue), "label", lists=True).notes == []


def test_missing_files_of_a_catalogue_are_failures(tmp_path: Path) -> None:
    catalogue = write_catalogue(draw_labelled(tmp_path, labels=2, each=2))
    (tmp_path / "label-1" / "1.png").unlink()
    found = named(open_source(catalogue), "label")
    assert [len(found.samples), len(found.failed)] == [3, 1]


def test_a_nul_in_an_id_or_a_label_is_a_failure_before_any_picture_is_read(tmp_path: Path) -> None:
    draw_labelled(tmp_path, labels=1, each=1)
    rows = [("a\0b", "cup"), ("c", "cu\0p"), ("d", "cup")]
    (tmp_path / "all.jsonl").write_text(
        "".join(
            json.dumps({"id": id, "image": "label-0/0.png", "kind": kind}) + "\n"
            for id, kind in rows
        )
    )
    found = named(open_source(tmp_path / "all.jsonl"), "kind")
    assert [sample.entry.id for sample in found.samples] == ["d"]
    assert [failure.reason for failure in found.failed] == [
        "its id 'a\\x00b' holds a NUL character",
        "its label 'cu\\x00p' holds a NUL character",
    ]


def test_a_wrong_field_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    catalogue = write_catalogue(draw_labelled(tmp_path, labels=2, each=2))
    with pytest.raises(UsageError, match="no picture has a field 'lable'; did you mean 'label'"):
        named(open_source(catalogue), "lable")


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no picture in it to train on"):
        named(open_source(tmp_path), None)


def test_labels_get_numbers_by_name() -> None:
    assert label_numbers(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]


def test_the_hash_knows_contents_and_labels_and_no_places(tmp_path: Path) -> None:
    places = [draw_labelled(tmp_path / name, labels=2, each=2) for name in ("one", "two")]
    one, two = (named(open_source(place), "folder").samples for place in places)
    assert data_hash(one, "abcd") == data_hash(two, "abcd")
    assert data_hash(one, "abcd") != data_hash(one, "abce")
    assert data_hash(one, "abcd") != data_hash(named(open_source(places[0]), None).samples, "abcd")
