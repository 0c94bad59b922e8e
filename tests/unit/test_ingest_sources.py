"""Several sources, and what must never be taken for a deletion."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from listed import Listed, address
from taking_in import BLUE, GREEN, RED, Draw, Run, catalogue, counts, png, records

from visavis.errors import SourceError
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
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
    assert counts(run(FolderSource(tmp_path / "empty"))) == (0, 0, 0, 0, 0)


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


def test_a_catalogue_with_a_ragged_row_removes_nothing_and_says_why(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    path = catalogue(photos, [{"id": "r", "image": "red.png"}, {"id": "g", "image": "green.png"}])
    run(CatalogueSource(path))
    path.write_text("id,image\nr,red.png\ng\n")
    report = run(CatalogueSource(path))
    assert counts(report) == (0, 1, 0, 0, 1)
    assert "nothing was removed" in report.notes[0]
    assert set(records(store)) == {"r", "g"}
    path.write_text("id,image\nr,red.png\n")
    assert counts(run(CatalogueSource(path))) == (0, 1, 0, 1, 0)


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


def test_of_a_duplicate_id_the_last_wins_and_it_is_told(
    store: SqliteStore, run: Run, tmp_path: Path, draw: Draw
) -> None:
    report = run(CatalogueSource(duplicates(tmp_path, draw)))
    assert [note for note in report.notes if "x: the id occurs more than once" in note]
    assert store.get("x").uri.endswith("2.png")
    assert store.vector("x").argmax() == 2
    assert store.info().records == 2


def test_a_duplicate_id_stays_the_last_ones_on_later_runs(
    store: SqliteStore, run: Run, tmp_path: Path, draw: Draw
) -> None:
    path = duplicates(tmp_path, draw)
    for _ in range(3):
        report = run(CatalogueSource(path))
        assert len(report.notes) == 1
        assert store.get("x").uri.endswith("2.png")
        assert store.get("x").fields == {"turn": 1}
        assert store.info().records == 2
        assert report.failed == []


def test_a_duplicate_whose_content_is_known_does_not_overtake(store: SqliteStore, run: Run) -> None:
    known, new = png(RED, 1), png(BLUE, 2)
    run(Listed([("old", known)]))
    run(Listed([("old", known), ("x", known), ("x", new)]))
    assert store.vector("x").argmax() == 2
    run(Listed([("old", known), ("z", png(GREEN, 3)), ("z", known)]))
    assert store.vector("z").argmax() == 0


def test_hundreds_of_duplicates_leave_the_last_of_each(store: SqliteStore, run: Run) -> None:
    random = np.random.default_rng(9)
    images = [(f"id{random.integers(120)}", png(RED, at)) for at in range(300)]
    expected = dict(images)
    for _ in range(2):
        run(Listed(images))
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
