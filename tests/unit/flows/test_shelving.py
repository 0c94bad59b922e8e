"""Uploads and thumbnails of an index whose files lie elsewhere, also of one that is no folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dict_store import DictStore, Kept
from served import picture
from visavis_fake import FakeEmbedder

from visavis.errors import StoreError, StoreUnsupportedError
from visavis.image_index import ImageIndex
from visavis.server.api.request_source import RequestSource
from visavis.store.base import ModelFacts

Holder = Callable[..., ImageIndex]


@pytest.fixture(params=["folder", "dict"])
def hold(request: pytest.FixtureRequest, tmp_path: Path, plug_in: None) -> Holder:
    """Opens an empty index: in a folder, or in a store that can no more than the contract says."""
    fake = FakeEmbedder()
    ImageIndex.create(tmp_path / "an.index", "fake").close()
    kept = Kept(ModelFacts(fake.name, fake.ref, fake.fingerprint, fake.dim))

    def held(**options: Path) -> ImageIndex:
        if request.param == "folder":
            return ImageIndex.open(tmp_path / "an.index", **options)  # type: ignore[arg-type]
        return ImageIndex(DictStore("memory://pictures", kept), **options)  # type: ignore[arg-type]

    return held


def _upload(index: ImageIndex, id: str, data: bytes) -> Path:
    """Take a picture in as the server does, make a thumbnail of it, and say where it was put."""
    with index.writing():
        entry = index.shelf.uploads.keep(data, id, {})
        index.add(RequestSource([entry], lambda _: data))
    assert index.shelf.thumbnails.made(data, 160, 1_000_000)[1] == index.get(id).sha256
    return Path(entry.uri)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in {".jpg", ".webp"}]


def test_pictures_and_thumbnails_lie_on_the_shelf_and_leave_it(
    hold: Holder, tmp_path: Path
) -> None:
    with hold(files=tmp_path / "shelf") as index:
        first = _upload(index, "first", picture((200, 10, 10)))
        second = _upload(index, "second", picture((10, 10, 200)))
        assert first.is_relative_to(tmp_path / "shelf")
        assert len(_files(tmp_path / "shelf")) == 4
        assert _files(tmp_path / "an.index") == []
        index.compact()
        assert len(_files(tmp_path / "shelf")) == 4, "all are needed"
        index.remove("first")
        assert index.shelf.thumbnails.kept(index.get("second").sha256, 160)
        assert len(_files(tmp_path / "shelf")) == 3, "its thumbnail went along"
        index.compact()
        assert not first.exists()
        assert second.exists()


def test_other_files_in_the_folder_stay(hold: Holder, tmp_path: Path) -> None:
    for name in ("thumbnails/my-cat.webp", "uploads/ours.jpg", "mine.txt"):
        path = tmp_path / "shelf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    with hold(files=tmp_path / "shelf") as index:
        _upload(index, "x", picture())
        index.remove("x")
        index.compact()
    assert len(_files(tmp_path / "shelf")) == 2
    assert (tmp_path / "shelf" / "mine.txt").exists()


def test_the_folder_of_another_index_is_refused(hold: Holder, tmp_path: Path) -> None:
    with ImageIndex.create(tmp_path / "other.index", "fake", files=tmp_path / "taken") as other:
        kept = _upload(other, "x", picture())
    for folder, why in [("taken", "keeps the files of .*other.index"), ("other.index", "an index")]:
        with hold(files=tmp_path / folder) as index:
            with pytest.raises(StoreError, match=why):
                index.compact()
            with pytest.raises(StoreError, match=why):
                _ = index.shelf
    assert kept.exists()


def test_a_place_that_cannot_be_written_is_told(hold: Holder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        hold(files=tmp_path / "file" / "shelf") as index,
        pytest.raises(StoreError, match="cannot be kept there"),
    ):
        _ = index.shelf


def test_a_store_that_is_no_folder_has_no_shelf_of_its_own(tmp_path: Path, plug_in: None) -> None:
    kept = Kept(ModelFacts("fake", "fake", FakeEmbedder().fingerprint, 3))
    with ImageIndex(DictStore("memory://pictures", kept)) as index:
        with pytest.raises(StoreUnsupportedError, match=r"memory://pictures: .*files="):
            _ = index.shelf
        index.compact()  # there is nothing to tidy up


def test_the_index_remembers_its_shelf(index: ImageIndex, tmp_path: Path) -> None:
    with ImageIndex.open(index.path, files=tmp_path / "shelf") as served:
        kept = _upload(served, "x", picture())
    with ImageIndex.open(index.path) as later:  # as `visavis remove` and `visavis compact` do
        later.remove("x")
        assert _files(tmp_path / "shelf") == [kept]
        later.compact()
    assert _files(tmp_path / "shelf") == []


def test_what_an_earlier_folder_has_still_belongs_to_the_index(
    index: ImageIndex, tmp_path: Path
) -> None:
    places = []
    for number, folder in enumerate([index.path, tmp_path / "one", tmp_path / "two", index.path]):
        with ImageIndex.open(index.path, files=folder) as served:
            places.append(_upload(served, f"r{number}", picture((60 * number, 9, 9))))
            assert places[-1].is_relative_to(folder)
    with ImageIndex.open(index.path) as later:
        assert later.shelf.folder == index.path
        assert all(later.shelf.uploads.owns(str(place)) for place in places)
        later.remove("r0", "r1", "r2")
        later.compact()
        assert [place.exists() for place in places] == [False, False, False, True]
    assert [len(_files(tmp_path / name)) for name in ("one", "two", "an.index")] == [0, 0, 2]


def test_a_shelf_that_is_away_is_told_before_anything_is_removed(
    index: ImageIndex, tmp_path: Path
) -> None:
    with ImageIndex.open(index.path, files=tmp_path / "disk") as served:
        _upload(served, "x", picture())
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    (tmp_path / "disk").mkdir()
    for given in (None, tmp_path / "disk"):
        with ImageIndex.open(index.path, files=given) as later:
            with pytest.raises(StoreError, match="away; mount it again"):
                later.remove("x")
            assert "x" in later
    (tmp_path / "disk").rmdir()
    (tmp_path / "unmounted").rename(tmp_path / "disk")
    with ImageIndex.open(index.path) as later:
        assert later.remove("x") == 1


def test_a_copy_of_an_index_leaves_the_uploads_alone(index: ImageIndex, tmp_path: Path) -> None:
    with ImageIndex.open(index.path, files=tmp_path / "shelf") as served:
        kept = _upload(served, "x", picture())
    shutil.copytree(index.path, tmp_path / "copy.index")
    with ImageIndex.open(tmp_path / "copy.index") as copy:
        assert len(copy.search("id:x").matches) == 1
        with pytest.raises(StoreError, match="keeps the files of"):
            copy.remove("x")
    assert kept.exists()
