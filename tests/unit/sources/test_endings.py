"""Pictures with odd endings are taken by their content; other kinds are counted."""

from pathlib import Path

import pytest
from PIL import Image

from visavis.sources.base import Noting
from visavis.sources.folder import FolderSource
from visavis.types import Entry

ODD = ["a.jpg?w=200", "b.jpg_large", "c.jpeg~", "d.jpg (1)", "e.png.1", "f.webp;v=2", "g.JPG@2x"]
KNOWN = ["h.apng", "i.dib", "j.pjpeg", "k.jif", "l.pjp", "m.MPO", "n.insp", "plain"]


def names(source: FolderSource) -> set[str]:
    return {found.id for found in source.entries() if isinstance(found, Entry)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*ODD, *KNOWN):
        with (tmp_path / name).open("wb") as file:
            Image.new("RGB", (9, 9), "red").save(file, "JPEG")
    return tmp_path


def test_pictures_with_odd_endings_are_taken_by_their_content(folder: Path) -> None:
    (folder / "a.jpg.xmp").write_text("<x:xmpmeta/>")
    (folder / "b.jpg.json").write_text("{}")
    (folder / "c.txt").write_text("jpg")
    assert names(FolderSource(folder)) == {*ODD, *KNOWN}


def test_kinds_that_are_left_out_are_counted(folder: Path) -> None:
    for name in ("1.psd", "2.PSD", "deep.er.psd", "x.svg", "notes.txt", "Makefile"):
        (folder / name).write_bytes(b"8BPS" + bytes(60))
    source = FolderSource(folder)
    assert isinstance(source, Noting)
    assert source.notes() == []
    for _ in range(2):
        names(source)
        assert source.notes() == [
            f"{folder}: left out 3 .psd, 1 .svg: visavis reads no files of these kinds"
        ]
    for name in ("a.tar", "photos.zip", "photos.2024.tar.gz", "log.gz"):
        (folder / name).write_bytes(bytes(60))
    names(source)
    [note] = source.notes()
    counts = note.removeprefix(f"{folder}: left out ").partition(":")[0]
    assert {*counts.split(", ")} == {"3 .psd", "1 .svg", "1 .tar", "1 .zip", "1 .tar.gz"}
    source = FolderSource(folder, exclude=["*.psd", "*.PSD", "*.svg", "*.tar*", "*.zip"])
    names(source)
    assert not any("left out" in note for note in source.notes())
