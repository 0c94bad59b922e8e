"""Which source a location opens, and lists of paths and addresses."""

import io
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from visavis.errors import ImageUnreadableError, SourceError
from visavis.sources.base import Source, as_source, open_source
from visavis.sources.catalogue import CatalogueSource
from visavis.sources.folder import FolderSource
from visavis.sources.paths import PathList, piped_names
from visavis.types import Entry, Failure


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, "PNG")
    return out.getvalue()


def test_a_location_opens_the_source_that_fits_it(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"x")
    (tmp_path / "photo").write_bytes(picture())
    (tmp_path / "shop.csv").write_text("path,price\nx.jpg,5\n")
    kinds: dict[str | Path, type] = {
        tmp_path: FolderSource,
        str(tmp_path): FolderSource,
        tmp_path / "shop.csv": CatalogueSource,
        tmp_path / "x.jpg": PathList,
        tmp_path / "photo": PathList,
        "https://example.com/x.jpg": PathList,
    }
    for location, kind in kinds.items():
        source: Source = open_source(location)
        assert isinstance(source, kind)
        source.close()


def test_what_is_no_source_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SourceError, match=r"neither a folder.*\.parquet"):
        open_source(tmp_path / "notes.txt")
    with pytest.raises(SourceError, match="no such file or folder"):
        open_source(tmp_path / "nothing")
    (tmp_path / "photos.Tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(SourceError, match="it is an archive; unpack it"):
        open_source(tmp_path / "photos.Tar.gz")
    (tmp_path / "shop.XLSX").write_bytes(b"PK\x03\x04")
    with pytest.raises(SourceError, match="save the sheet as CSV"):
        open_source(tmp_path / "shop.XLSX")
    for place in ("https://example.com/shop.CSV?raw=1", "s3://bucket/shop.csv"):
        with pytest.raises(SourceError, match=r"catalogues are read from files.*copy it here"):
            open_source(place)


def test_an_empty_name_is_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="empty; is a variable not set"):
        open_source("")
    assert open_source(".").uri == str(tmp_path)


def test_a_list_may_hold_paths_and_what_is_no_location_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    [entry] = as_source([tmp_path / "a.jpg"]).entries()
    assert entry.uri == str(tmp_path / "a.jpg")
    for wrong in (None, 5, b"a.jpg", (str(tmp_path),)):
        with pytest.raises(TypeError, match="what is read is a folder, a catalogue"):
            as_source(wrong)  # type: ignore[arg-type]


def test_sources_say_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("path\nx.jpg\n")
    told = [
        (source.kind, source.uri, source.prunes, source.readers)
        for source in (
            open_source(tmp_path),
            open_source(tmp_path / "shop.csv"),
            open_source("https://example.com/x.jpg"),
            PathList(iter(["x.jpg"])),
        )
    ]
    assert told == [
        ("folder", str(tmp_path), True, 4),
        ("catalogue", str(tmp_path / "shop.csv"), True, 4),
        ("list", "list", False, 32),
        ("list", "list", False, 4),
    ]


def test_a_list_keeps_its_order_and_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"12")
    (tmp_path / "b b.jpg").write_bytes(b"123")
    (tmp_path / "folder").mkdir()
    lines = ["b b.jpg\n", "\n", "./a.jpg\r\n", "gone.jpg", "folder", "https://host/c.jpg\n", "\0x"]
    source = PathList(lines)
    found = list(source.entries())
    status = (tmp_path / "b b.jpg").stat()
    here = tmp_path.as_posix()
    assert found[0] == Entry(f"{here}/b b.jpg", f"{here}/b b.jpg", 3, status.st_mtime, {})
    assert isinstance(found[1], Entry)
    assert found[1].id == f"{here}/a.jpg"
    assert source.read(found[1]) == b"12"
    assert found[2] == Failure(f"{here}/gone.jpg", "there is no such file")
    assert found[3] == Failure(f"{here}/folder", "it is a folder; add it as a separate source")
    assert found[4] == Entry("https://host/c.jpg", "https://host/c.jpg", -1, 0.0, {})
    assert isinstance(found[5], Failure)
    assert "no file name" in found[5].reason
    source.close()


def test_a_list_may_be_a_stream(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12")

    def endless() -> Iterator[str]:
        while True:
            yield str(tmp_path / "a.jpg")

    entries = PathList(endless()).entries()
    assert [type(next(entries)) for _ in range(3)] == [Entry] * 3


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_piped_name_that_is_not_utf8_can_be_read(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    try:
        Path(os.fsdecode(raw)).write_bytes(b"data")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    source = PathList([os.fsdecode(raw)])
    (entry,) = source.entries()
    assert isinstance(entry, Entry)
    assert entry.id.endswith(r"/caf\xe9.jpg")
    assert source.read(entry) == b"data"


def test_a_file_that_left_the_list_meanwhile_is_an_image_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"12")
    source = PathList([str(path)])
    (entry,) = source.entries()
    path.unlink()
    assert isinstance(entry, Entry)
    with pytest.raises(ImageUnreadableError, match=r"a\.jpg: there is no such file"):
        source.read(entry)


@pytest.mark.parametrize(
    ("piped", "names"),
    [
        (b"a.jpg\nb c.jpg\r\n\n", ["a.jpg", "b c.jpg"]),
        (b"a.jpg\0two\nlines.jpg\0", ["a.jpg", "two\nlines.jpg"]),
        (b"a.jpg\0b.jpg", ["a.jpg", "b.jpg"]),
        (b"\xe9.jpg\0", [os.fsdecode(b"\xe9.jpg")]),
        (b"x" * 300 + b"/a.jpg\0" + b"y" * 100_000 + b"\0z.jpg\0", ["x" * 300 + "/a.jpg", "z.jpg"]),
        (b"", []),
    ],
)
def test_a_pipe_gives_a_name_on_each_line_or_ended_by_nul(piped: bytes, names: list[str]) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(piped)), "utf-8", "surrogateescape")
    found = [name.strip("\r\n") for name in piped_names(stream) if len(name) < 99_999]
    assert [name for name in found if name] == names


def test_a_pipe_that_begins_with_lines_is_split_at_nuls_as_well() -> None:
    assert list(piped_names(io.StringIO("a.jpg\nb.jpg\0c.jpg\n"))) == [
        "a.jpg\n",
        "b.jpg",
        "c.jpg\n",
    ]


def test_file_urls_are_read_as_the_paths_that_they_name(tmp_path: Path) -> None:
    folder = tmp_path / "my photos"
    folder.mkdir()
    (folder / "ü 100%.jpg").write_bytes(b"x")
    url = folder.as_uri()
    assert open_source(url).uri == folder.as_posix()
    for source in (open_source(f"{url}/%C3%BC%20100%25.jpg"), PathList([f"{url}/ü%20100%25.jpg"])):
        [entry] = source.entries()
        assert isinstance(entry, Entry)
        assert entry.uri == (folder / "ü 100%.jpg").as_posix()
    with pytest.raises(SourceError, match="there is no such file"):
        open_source("file://other-machine/photos")


def test_a_name_with_a_nul_is_reported() -> None:
    [failure] = PathList(["x/a\0x/b.jpg"]).entries()
    assert isinstance(failure, Failure)
    assert "no file name" in failure.reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_a_list_is_read_as_windows_writes_it(encoding: str) -> None:
    data = io.BytesIO("grün.jpg\r\nb.jpg\r\n".encode(encoding))
    stream = io.TextIOWrapper(io.BufferedReader(data), "utf-8")
    assert [name.strip("\r\n") for name in piped_names(stream)] == ["grün.jpg", "b.jpg"]


def test_a_list_in_json_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text("[]")
    with pytest.raises(SourceError, match=r"jq -c '\.\[\]' shop\.json > shop\.jsonl"):
        open_source(tmp_path / "shop.json")
