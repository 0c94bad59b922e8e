"""Several sources, and what must never be taken for a deletion."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from listed import Listed, address
from taking_in import BLUE, GREEN, RED, Draw, Run, catalogue, counts, png, records

from visavis.errors import SourceError
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
from visavis.sources.part import FolderPart
from visavis.sources.paths import PathList
from visavis.store.sqlite.store import SqliteStore
from visavis.types import Failure

# -- what must never be taken for a deletion -------------------------------------------------------


def test_a_missing_root_is_refused_and_nothing_is_removed(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    run(FolderSource(photos))
    source = FolderSource(photos)
    photos.rename(photos.with_name("unplugged"))
    with pytest.raises(SourceError, match="no such folder"):
        run(source)
    assert store.info().records == 3


def test_an_empty_root_is_refused_and_nothing_is_removed(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    run(FolderSource(photos))
    shutil.rmtree(photos)
    photos.mkdir()
    with pytest.raises(SourceError, match=r"nothing is there now.*3 records.*remove --source"):
        run(FolderSource(photos))
    assert store.info().records == 3


def test_an_empty_folder_that_never_had_records_is_fine(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = run(FolderSource(tmp_path / "empty"))
    assert counts(report) == (0, 0, 0, 0, 0)
    assert report.notes == [f"{tmp_path / 'empty'}: there is no picture in it"]
    assert run(FolderPart(tmp_path / "empty", [])).notes == []


def test_a_folder_that_cannot_be_listed_keeps_its_records(store: SqliteStore, run: Run) -> None:
    """Not a real folder: there is none that root may not list."""
    red, blue = ("red.png", png(RED)), ("sub/blue.png", png(BLUE))
    run(Listed([red, blue], uri="/pictures", kind="folder"))
    source = Listed([red], uri="/pictures", kind="folder")
    source.failures = [Failure("/pictures/sub", "it may not be read; check its permissions")]
    assert counts(run(source)) == (0, 1, 0, 0, 1)
    assert set(records(store)) == {"red.png", "sub/blue.png"}
    assert counts(run(Listed([red], uri="/pictures", kind="folder"))) == (0, 1, 0, 1, 0)


def test_a_catalogue_whose_pictures_are_away_keeps_its_records(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    rows: list[dict[str, object]] = [
        {"id": "r", "image": "photos/red.png"},
        {"id": "b", "image": "photos/sub/blue.png"},
    ]
    path = catalogue(photos.parent, rows)
    run(CatalogueSource(path))
    photos.rename(photos.with_name("unplugged"))
    report = run(CatalogueSource(path))
    assert counts(report) == (0, 0, 0, 0, 2)
    assert set(records(store)) == {"r", "b"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("all.csv", "id,image\nr,red.png\ng\n"),  # a row with too few cells
        ("all.csv", "id,image\nr,red.png\ng,green.png,too,many\n"),
        ("all.csv", 'id,image,name\nr,red.png,"open\ng,green.png,closed"\n'),
        ("all.csv", "id,image\nr,red.png\ng,gone.png\n"),
        ("all.csv", "id,image\nr,red.png\ng,ftp://x/green.png\n"),
        ("all.jsonl", '{"id": "r", "image": "red.png"}\n{"id": "g", "image": \n'),
    ],
)
def test_a_bad_row_keeps_its_own_record_and_no_other(
    store: SqliteStore, run: Run, photos: Path, name: str, text: str
) -> None:
    ids = {"r": "red.png", "g": "green.png", "b": "sub/blue.png"}
    rows: list[dict[str, object]] = [{"id": id, "image": image} for id, image in ids.items()]
    if name.endswith("csv"):
        catalogue(photos, rows)
    else:
        (photos / name).write_text("\n".join(json.dumps(row) for row in rows))
    run(CatalogueSource(photos / name))
    (photos / name).write_text(text)
    report = run(CatalogueSource(photos / name))
    assert (report.removed, len(report.failed)) == (1, len(report.failed))
    assert report.failed
    assert {"g"} <= set(records(store)) <= {"r", "g"}


def test_a_row_without_a_picture_stops_nothing(store: SqliteStore, run: Run, photos: Path) -> None:
    path = catalogue(photos, [{"id": "r", "image": "red.png"}, {"id": "g", "image": "green.png"}])
    run(CatalogueSource(path))
    path.write_text("id,image\nr,red.png\nn,\n")
    assert counts(run(CatalogueSource(path))) == (0, 1, 0, 1, 1)
    assert set(records(store)) == {"r"}


@pytest.mark.parametrize(
    "text",
    [
        'id,image,name\nr,red.png,"open\ng,green.png,x\nb,sub/blue.png,y\n',  # to the very end
        'id,image,name\nr,red.png,"open\ng,green.png,x\nb,sub/blue.png,"y"\n',  # to the next one
        'id,image,name\nr,"red.png,x\ng,green.png,x\nb,"sub/blue.png",y\n',
    ],
)
def test_a_quote_that_is_not_closed_takes_no_row_away(
    store: SqliteStore, run: Run, photos: Path, text: str
) -> None:
    rows = {"r": "red.png", "g": "green.png", "b": "sub/blue.png"}
    path = catalogue(photos, [{"id": id, "image": image} for id, image in rows.items()])
    run(CatalogueSource(path))
    path.write_text(text)
    with pytest.raises(SourceError, match=r"lines 2 to 4 .*quote"):
        run(CatalogueSource(path))
    assert set(records(store)) == set(rows)


def test_a_text_of_several_lines_is_no_open_quote(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    path = photos / "all.csv"
    path.write_text(
        'id,image,name\nr,red.png,"Shoes:\nred, blue, green"\ng,green.png,"5"" wide\n\nnew"\n'
    )
    assert counts(run(CatalogueSource(path))) == (2, 0, 0, 0, 0)
    assert store.get("r").fields == {"name": "Shoes:\nred, blue, green"}


def test_a_list_of_paths_never_removes(store: SqliteStore, run: Run, photos: Path) -> None:
    run(PathList([str(photos / "red.png"), str(photos / "green.png")]))
    assert counts(run(PathList([str(photos / "red.png")]))) == (0, 1, 0, 0, 0)
    assert counts(run(PathList([]))) == (0, 0, 0, 0, 0)
    assert store.info().records == 2


def test_one_source_does_not_prune_another(
    store: SqliteStore, run: Run, photos: Path, draw: Draw
) -> None:
    run(FolderSource(photos))
    other = draw("other/yellow.png", (200, 200, 0)).parent
    run(FolderSource(other))
    (photos / "red.png").unlink()
    assert counts(run(FolderSource(photos))) == (0, 2, 0, 1, 0)
    assert set(records(store)) == {"green.png", "sub/blue.png", "other/yellow.png"}


# -- several sources, the same ids -----------------------------------------------------------------


def test_two_folders_with_the_same_file_names_do_not_collide(
    store: SqliteStore, run: Run, draw: Draw
) -> None:
    first = draw("a/photos/x.png", RED).parent
    second = draw("b/photos/x.png", BLUE).parent
    third = draw("c/photos/x.png", GREEN).parent
    for _ in range(2):
        for folder in (first, second, third):
            report = run(FolderSource(folder))
            assert report.notes == []
    assert counts(report) == (0, 1, 0, 0, 0)
    held = records(store)
    assert {record.uri for record in held.values()} == {
        str(folder / "x.png") for folder in (first, second, third)
    }
    assert set(held) == {"x.png", "photos/x.png", "photos-2/x.png"}


def test_an_id_that_another_source_has_goes_over_once_and_is_told(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    first = catalogue(photos, [{"id": "x", "image": "red.png"}], "first.csv")
    second = catalogue(photos, [{"id": "x", "image": "red.png"}], "second.csv")
    run(CatalogueSource(first))
    report = run(CatalogueSource(second))
    assert "another source's" in report.notes[0]
    again = run(CatalogueSource(second))
    assert (again.notes, counts(again)) == ([], (0, 1, 0, 0, 0))
    assert store.sweep(store.source("catalogue", str(second)).number).count() == 1


def duplicates(folder: Path, draw: Draw) -> Path:
    for at, colour in enumerate((RED, GREEN, BLUE)):
        draw(f"photos/{at}.png", colour, mark=at)
    rows: list[dict[str, object]] = [
        {"id": "x", "image": "photos/0.png", "turn": 0},
        {"id": "y", "image": "photos/1.png", "turn": 0},
        {"id": "x", "image": "photos/2.png", "turn": 1},
    ]
    return catalogue(folder, rows)


def test_a_folder_takes_no_record_from_a_catalogue_that_names_the_same_file(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    """Its fields would be lost."""
    table = catalogue(photos, [{"image": "red.png", "price": "5"}])
    run(CatalogueSource(table))
    (kept,) = records(store).values()
    report = run(FolderSource(photos))
    (refused,) = report.failed
    assert "remove --source" in refused.reason
    assert records(store)[kept.id] == kept
    assert kept.fields["price"] == 5


def test_the_first_of_a_repeated_id_counts_and_a_second_run_has_nothing_to_do(
    store: SqliteStore, run: Run, tmp_path: Path, draw: Draw
) -> None:
    path = duplicates(tmp_path, draw)
    for expected in ((2, 0, 0, 0, 0), (0, 2, 0, 0, 0)):
        report = run(CatalogueSource(path))
        assert counts(report) == expected
        [note] = report.notes
        assert "the first of an id counts (x)" in note
        assert store.get("x").uri.endswith("0.png")
        assert store.get("x").fields == {"turn": 0}


def test_hundreds_of_duplicates_leave_the_first_of_each(store: SqliteStore, run: Run) -> None:
    random = np.random.default_rng(9)
    images = [(f"id{random.integers(120)}", png(RED, at)) for at in range(300)]
    expected = dict(reversed(images))
    for turn in range(2):
        assert run(Listed(images)).added == (0 if turn else len(expected))
        held = records(store)
        assert set(held) == set(expected)
        for id, data in expected.items():
            assert held[id].uri == address(id, data)


def test_an_id_with_a_nul_is_one_line_in_the_report(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(RED))
    table = tmp_path / "all.jsonl"
    table.write_text('{"id": "a\\u0000b", "image": "a.png"}\n{"id": "c", "image": "a.png"}\n')
    report = run(CatalogueSource(table))
    assert (report.added, len(report.failed)) == (1, 1)
    assert "NUL" in report.failed[0].reason
