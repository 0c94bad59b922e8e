"""Some paths of a folder get the names that a walk over the whole of it gives them."""

import os
import random
from pathlib import Path

import pytest
from PIL import Image

from visavis.errors import SourceError
from visavis.sources.folder import FolderSource
from visavis.sources.part import FolderPart
from visavis.types import Entry, Failure

FOLDERS = ["", "a", "a/b", "a.d", ".hidden", "node_modules", "left out", "z"]
NAMES = ["1.jpg", "2.JPEG", "3.txt", "plain", ".4.jpg", "5.jpg.part", "6.jpg?w=9", "7.jpg~"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folders and files of all kinds, with links out of it, into it and to nothing."""
    for root in (tmp_path / "photos", tmp_path / "outside"):
        for below in FOLDERS:
            (root / below).mkdir(parents=True, exist_ok=True)
            for name in NAMES:
                with (root / below / name).open("wb") as file:
                    Image.new("RGB", (4, 4), "red").save(file, "JPEG")
    photos = tmp_path / "photos"
    (photos / "a" / "inner").symlink_to(photos / "z")
    (photos / "out").symlink_to(tmp_path / "outside")
    (photos / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    return photos


def named(source: FolderSource) -> dict[str, Entry | Failure]:
    return {item.uri: item for item in source.entries()}


def test_a_part_is_named_as_the_whole_names_it(folder: Path) -> None:
    exclude = ["left out", "a/b/1.jpg"]
    whole = named(FolderSource(folder, exclude))
    assert len(whole) > 30
    walked = os.walk(folder, followlinks=True)
    paths = [f"{at}/{name}" for at, folders, names in walked for name in names + folders]
    chance = random.Random(3)
    for count in (1, 2, 5, 20, len(paths)):
        chosen = chance.sample(paths, count)
        for uri, item in named(FolderPart(folder, chosen, exclude)).items():
            assert whole[uri] == item
    assert named(FolderPart(folder, paths, exclude)) == whole
    for uri, item in whole.items():
        assert named(FolderPart(folder, [uri], exclude)) == {uri: item}


def test_a_part_below_an_indexed_folder_has_its_ids(folder: Path) -> None:
    part = FolderPart(folder / "a", [str(folder / "a/b/1.jpg"), str(folder / "a/b")])
    whole = part.within(str(folder))
    assert whole.names == ["a/b"]
    ids = {item.id for item in whole.entries() if isinstance(item, Entry)}
    below = FolderSource(folder / "a" / "b", within=folder)
    assert ids == {item.id for item in below.entries() if isinstance(item, Entry)}
    assert "a/b/1.jpg" in ids


def test_a_link_to_a_folder_inside_leads_to_the_same_names(folder: Path) -> None:
    part = FolderPart(folder, [str(folder / "a/inner/1.jpg")])
    assert part.names == ["z/1.jpg"]


def test_only_what_may_be_gone_can_leave(folder: Path) -> None:
    assert not FolderPart(folder, [str(folder / "z/1.jpg")]).prunes
    assert FolderPart(folder, [str(folder / "z/gone.jpg")]).prunes
    assert FolderPart(folder, [str(folder / "z")]).prunes
    assert FolderPart(folder, [str(folder), str(folder.parent / "x.jpg")]).names == []


def test_an_emptied_or_missing_whole_is_an_error(folder: Path) -> None:
    part = FolderPart(folder, [str(folder / "z/gone.jpg")])
    part.check()
    folder.rename(folder.parent / "away")
    with pytest.raises(SourceError, match="not there now"):
        part.check()
    folder.mkdir()
    with pytest.raises(SourceError, match="nothing is there"):
        part.check()


def test_what_is_being_written_is_left_for_later(folder: Path) -> None:
    young = str(folder / "z/1.jpg")
    found = named(FolderPart(folder, [str(folder / "z")], unsettled=[young]))
    assert young not in found
    assert str(folder / "z/2.JPEG") in found
