"""One picture, one record: folders in one another, disks that come back elsewhere, lists."""

import os
import shutil
from pathlib import Path

import pytest
from taking_in import BLUE, GREEN, RED, Draw, Run, catalogue, counts, records

from visavis.errors import LargeRemovalError, SourceError
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
from visavis.sources.paths import PathList
from visavis.store.sqlite.store import SqliteStore


@pytest.fixture
def photos(draw: Draw) -> Path:
    """Two pictures, one of them in a folder."""
    draw("photos/2024/b.png", BLUE)
    return draw("photos/a.png", RED).parent


def found(store: SqliteStore) -> dict[str, str]:
    """Ids and the files that they are of, all of which are there."""
    held = {id: record.uri for id, record in records(store).items()}
    assert all(Path(uri).is_file() for uri in held.values())
    return held


def test_a_folder_in_an_indexed_one_is_a_part_of_it(
    store: SqliteStore, run: Run, photos: Path, draw: Draw
) -> None:
    run(FolderSource(photos))
    draw("photos/2024/c.png", GREEN)
    (photos / "a.png").unlink()  # not what this run is about
    assert counts(run(FolderSource(photos / "2024"))) == (1, 1, 0, 0, 0)
    assert set(records(store)) == {"a.png", "2024/b.png", "2024/c.png"}
    assert [info.uri for info in store.info().sources] == [str(photos)]
    (photos / "2024" / "c.png").unlink()
    assert counts(run(FolderSource(photos / "2024"))) == (0, 1, 0, 1, 0)
    assert counts(run(FolderSource(photos))) == (0, 1, 0, 1, 0)
    assert store.get("2024/b.png").fields == {"folder": "2024"}


def test_a_folder_around_indexed_ones_takes_them_in(
    store: SqliteStore, run: Run, photos: Path, draw: Draw
) -> None:
    draw("photos/2023/old/b.png", GREEN)
    run(FolderSource(photos / "2024"))
    run(FolderSource(photos / "2023"))
    assert set(records(store)) == {"b.png", "2023/old/b.png"}
    report = run(FolderSource(photos))
    assert counts(report) == (1, 2, 0, 0, 0)
    assert len(report.notes) == 2
    assert set(found(store)) == {"a.png", "2024/b.png", "2023/old/b.png"}
    assert store.get("2023/old/b.png").fields == {"folder": "2023/old"}
    assert store.get("2024/b.png").fields == {"folder": "2024"}
    assert counts(run(FolderSource(photos))) == (0, 3, 0, 0, 0)
    store.check()


@pytest.mark.parametrize("link", [False, True])
def test_a_file_of_an_indexed_folder_is_the_folders(
    store: SqliteStore, run: Run, photos: Path, draw: Draw, link: bool
) -> None:
    run(FolderSource(photos))
    (photos.parent / "link").symlink_to(photos)
    named = photos.parent / "link" if link else photos
    assert counts(run(PathList([str(named / "a.png")]))) == (0, 1, 0, 0, 0)
    draw("photos/2024/b.png", GREEN, mark=3)
    assert counts(run(PathList([str(named / "2024" / "b.png")]))) == (1, 0, 0, 0, 0)
    assert set(found(store)) == {"a.png", "2024/b.png"}
    assert store.get("2024/b.png").fields == {"folder": "2024"}
    assert counts(run(FolderSource(photos))) == (0, 2, 0, 0, 0)


def test_a_folder_takes_in_what_a_list_has_of_it(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    run(PathList([str(photos / "a.png")]))
    assert counts(run(FolderSource(photos))) == (1, 0, 1, 0, 0)
    assert set(found(store)) == {"a.png", "2024/b.png"}
    assert counts(run(FolderSource(photos))) == (0, 2, 0, 0, 0)


def test_a_disk_that_comes_back_elsewhere_is_the_same(
    store: SqliteStore, run: Run, photos: Path, draw: Draw
) -> None:
    other = draw("other/x.png", GREEN).parent
    run(FolderSource(other))
    run(FolderSource(photos))
    ids = set(records(store))
    for name in ("mount", "renamed"):
        moved = photos.parent / name
        (photos if name == "mount" else photos.parent / "mount").rename(moved)
        photos.mkdir(exist_ok=True)  # its old mount point, with nothing in it
        report = run(FolderSource(moved))
        assert counts(report) == (0, 2, 0, 0, 0)
        assert "are now found there" in report.notes[0]
        assert set(found(store)) == ids
    assert len(store.info().sources) == 2


def test_a_folder_that_is_mounted_twice_is_one(
    store: SqliteStore, run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(FolderSource(photos))
    again = photos.parent / "again"
    again.symlink_to(photos)
    monkeypatch.setattr("os.path.realpath", os.path.abspath)  # as a mount is no link
    assert FolderSource(again).uri == str(again)
    assert counts(run(FolderSource(again))) == (0, 2, 0, 0, 0)
    assert [info.uri for info in store.info().sources] == [str(photos)]


def test_a_list_has_a_file_once_by_whatever_link(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    (photos.parent / "link").symlink_to(photos)
    run(PathList([str(photos / "a.png")]))
    assert counts(run(PathList([str(photos.parent / "link" / "a.png")]))) == (0, 1, 0, 0, 0)


def test_a_copy_of_a_folder_that_is_there_is_a_folder_of_its_own(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    run(FolderSource(photos))
    shutil.copytree(photos, photos.parent / "copy")
    run(FolderSource(photos.parent / "copy"))
    assert len(found(store)) == 4


def test_another_folder_does_not_inherit_and_the_lost_one_is_named(
    store: SqliteStore, run: Run, photos: Path, draw: Draw
) -> None:
    run(FolderSource(photos))
    photos.rename(photos.parent / "away")
    report = run(FolderSource(draw("other/x.png", GREEN).parent))
    assert [note for note in report.notes if str(photos) in note and "not there now" in note]
    assert len(records(store)) == 3


def test_a_renamed_catalogue_keeps_its_records(store: SqliteStore, run: Run, photos: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "r", "image": "a.png"},
        {"id": "b", "image": "2024/b.png"},
    ]
    path = catalogue(photos, rows)
    run(CatalogueSource(path))
    path = path.rename(photos / "new.csv")
    assert counts(run(CatalogueSource(path))) == (0, 2, 0, 0, 0)
    path.write_text("id,image\nr,a.png\n")
    assert counts(run(CatalogueSource(path))) == (0, 1, 0, 1, 0)
    assert [(info.uri, info.records) for info in store.info().sources] == [(str(path), 1)]


def test_a_list_after_its_folder_was_renamed_has_each_picture_once(
    store: SqliteStore, run: Run, photos: Path
) -> None:
    names = ["a.png", "2024/b.png"]
    run(PathList([str(photos / name) for name in names]))
    moved = photos.rename(photos.parent / "moved")
    report = run(PathList([str(moved / name) for name in names]))
    assert counts(report) == (0, 0, 2, 0, 0)
    assert len(found(store)) == 2


# -- more than a tenth -----------------------------------------------------------------------------


@pytest.fixture
def many(draw: Draw) -> Path:
    """Thirty pictures."""
    for at in range(30):
        draw(f"many/{at:02}.png", RED, mark=at)
    return draw("many/sub/x.png", BLUE).parent.parent


def test_more_than_a_tenth_leaves_only_when_that_is_meant(
    store: SqliteStore, run: Run, many: Path, draw: Draw
) -> None:
    run(FolderSource(many))
    for at in range(4):
        (many / f"{at:02}.png").unlink()
    draw("many/new.png", GREEN)
    (many / "29.png").rename(many / "moved.png")
    with pytest.raises(LargeRemovalError, match=r"4 of its 31 records .*--yes"):
        run(FolderSource(many))
    assert {"00.png", "new.png", "moved.png"} <= set(records(store))
    assert "29.png" not in records(store)
    report = run(FolderSource(many), remove_many=True)
    assert counts(report) == (0, 28, 0, 4, 0)


def test_up_to_a_tenth_leaves(run: Run, many: Path) -> None:
    run(FolderSource(many))
    for at in range(3):
        (many / f"{at:02}.png").unlink()
    assert counts(run(FolderSource(many))) == (0, 28, 0, 3, 0)


@pytest.mark.parametrize("empty", ["folder", "link"])
def test_what_a_mount_point_had_stays_until_it_is_said_to_be_gone(
    store: SqliteStore, run: Run, many: Path, tmp_path: Path, empty: str
) -> None:
    if empty == "link":
        (many / "sub").rename(tmp_path / "disk")
        (many / "sub").symlink_to(tmp_path / "disk")
    run(FolderSource(many))
    shutil.move(tmp_path / "disk" if empty == "link" else many / "sub", tmp_path / "away")
    if empty == "folder":
        (many / "sub").mkdir()
    for _ in range(2):
        report = run(FolderSource(many))
        assert counts(report) == (0, 30, 0, 0, 1)
        assert report.failed[0].uri == str(many / "sub")
        assert "sub/x.png" in records(store)
    if empty == "folder":
        assert counts(run(FolderSource(many), remove_many=True)) == (0, 30, 0, 1, 0)


def test_an_empty_source_is_refused_even_so(run: Run, many: Path) -> None:
    run(FolderSource(many))
    shutil.rmtree(many)
    many.mkdir()
    with pytest.raises(SourceError, match="nothing is there now"):
        run(FolderSource(many), remove_many=True)


def test_how_the_last_run_went_is_remembered(store: SqliteStore, run: Run, many: Path) -> None:
    (many / "broken.png").write_bytes(b"no picture")
    before = store.info().sources
    run(FolderSource(many))
    [info] = store.info().sources
    assert before == ()
    assert info.run is not None
    assert (info.records, info.run.skipped, info.run.refused) == (31, 1, None)
    assert info.run.ended is not None
    assert info.run.began <= info.run.ended
    for at in range(9):
        (many / f"{at:02}.png").unlink()
    with pytest.raises(LargeRemovalError):
        run(FolderSource(many))
    run_after = store.info().sources[0].run
    assert run_after is not None
    assert "9 of its 31" in (run_after.refused or "")
