"""Walking a folder: the same pictures as os.walk finds, and nothing that is not the user's."""

import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from visavis.errors import ImageUnreadableError, SourceError
from visavis.images.files import local_path
from visavis.sources import folder as folder_module
from visavis.sources.folder import FolderSource
from visavis.types import Entry, Failure


def picture(colour: str = "red", format: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new("RGB", (4, 4), colour).save(out, format)
    return out.getvalue()


def write(path: Path, data: bytes = b"data") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def images(source: FolderSource) -> list[Entry]:
    return [found for found in source.entries() if isinstance(found, Entry)]


def failures(source: FolderSource) -> list[Failure]:
    return [found for found in source.entries() if isinstance(found, Failure)]


def ids(source: FolderSource) -> list[str]:
    return [entry.id for entry in images(source)]


def tree(root: Path, names: Iterable[str]) -> FolderSource:
    root.mkdir(exist_ok=True)
    for name in names:
        write(root / name)
    return FolderSource(root)


def test_a_walk_finds_what_os_walk_finds(tmp_path: Path) -> None:
    for number in range(300):
        suffix = (".jpg", ".PNG", ".txt", ".webp", ".mov")[number % 5]
        write(tmp_path / f"a{number % 7}" / f"b{number % 3}" / f"{number}{suffix}", b"x" * number)
    wanted = {}
    for at, _, names in os.walk(tmp_path):
        for name in names:
            if name.lower().endswith((".jpg", ".png", ".webp")):
                path = Path(at) / name
                wanted[path.relative_to(tmp_path).as_posix()] = path
    found = images(FolderSource(tmp_path))
    assert sorted(entry.id for entry in found) == sorted(wanted)
    for entry in found:
        path = wanted[entry.id]
        assert entry.uri == str(path.resolve())
        assert (entry.size, entry.modified) == (path.stat().st_size, path.stat().st_mtime)
        assert entry.fields == {"folder": Path(entry.id).parent.as_posix()}


def test_the_order_is_by_name_and_the_same_each_time(tmp_path: Path) -> None:
    source = tree(tmp_path, ["b/2.jpg", "z.jpg", "a/9.jpg", "b/1.jpg", "a/c/5.jpg", "m.jpg"])
    assert ids(source) == ["m.jpg", "z.jpg", "a/9.jpg", "a/c/5.jpg", "b/1.jpg", "b/2.jpg"]
    assert ids(source) == ids(source)


def test_a_huge_folder_is_walked_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_CHUNK", 7)
    source = tree(tmp_path, [f"{number}.jpg" for number in range(50)] + ["sub/x.jpg"])
    assert sorted(ids(source)) == sorted([f"{number}.jpg" for number in range(50)] + ["sub/x.jpg"])


def test_pictures_at_the_top_have_no_folder_field(tmp_path: Path) -> None:
    entries = images(tree(tmp_path, ["x.jpg", "in/y.jpg"]))
    assert [dict(entry.fields) for entry in entries] == [{}, {"folder": "in"}]


def test_hidden_and_system_folders_are_skipped(tmp_path: Path) -> None:
    skipped = [
        ".hidden.jpg",
        "._resource.jpg",
        ".thumbnails/x.jpg",
        ".git/x.png",
        "@eaDir/x.jpg",
        "a/node_modules/pkg/logo.png",
        "System Volume Information/x.jpg",
        "$RECYCLE.BIN/x.jpg",
        "__MACOSX/x.jpg",
        "lost+found/x.jpg",
    ]
    source = tree(tmp_path, [*skipped, "a/kept.jpg"])
    assert ids(source) == ["a/kept.jpg"]
    assert not failures(source)


def test_other_files_are_passed_over_in_silence(tmp_path: Path) -> None:
    source = tree(tmp_path, ["notes.txt", "film.mp4", "Thumbs.db", "photo.final", "x.jpg"])
    assert ids(source) == ["x.jpg"]
    assert not failures(source)


def test_files_without_a_suffix_count_when_they_hold_a_picture(tmp_path: Path) -> None:
    write(tmp_path / "IMG_0001", picture())
    write(tmp_path / "photo", picture(format="WEBP"))
    write(tmp_path / "Makefile", b"all:\n")
    write(tmp_path / "empty", b"")
    source = FolderSource(tmp_path)
    assert ids(source) == ["IMG_0001", "photo"]
    assert not failures(source)


@pytest.mark.parametrize(
    ("globs", "kept"),
    [
        (["drafts"], ["a/x.jpg", "a/y.png"]),
        (["drafts/"], ["a/x.jpg", "a/y.png"]),
        (["*.png"], ["a/x.jpg", "a/drafts/x.jpg", "drafts/z.jpg"]),
        (["a/drafts"], ["a/x.jpg", "a/y.png", "drafts/z.jpg"]),
        (["./a/*"], ["drafts/z.jpg"]),
        (["**/drafts/*"], ["a/x.jpg", "a/y.png"]),
        (["[x-z].*"], []),
        (["drafts", "*.png"], ["a/x.jpg"]),
        (["X.JPG"], ["a/x.jpg", "a/y.png", "a/drafts/x.jpg", "drafts/z.jpg"]),
    ],
)
def test_exclude_globs_cover_names_paths_and_what_is_below(
    tmp_path: Path, globs: list[str], kept: list[str]
) -> None:
    tree(tmp_path, ["a/x.jpg", "a/y.png", "a/drafts/x.jpg", "drafts/z.jpg"])
    assert ids(FolderSource(tmp_path, exclude=globs)) == kept


def test_links_to_folders_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside / "far.jpg")
    root = tmp_path / "root"
    source = tree(root, ["real/near.jpg"])
    (root / "a-link").symlink_to(outside, target_is_directory=True)
    (root / "again").symlink_to(root / "real", target_is_directory=True)
    (root / "real" / "up").symlink_to(root, target_is_directory=True)
    (outside / "back").symlink_to(root, target_is_directory=True)
    assert ids(source) == ["real/near.jpg", "a-link/far.jpg"]
    assert not failures(source)


@pytest.mark.parametrize("glob", ["private", "private/**", "*/private", "private/deep"])
def test_links_do_not_bring_back_what_is_excluded(tmp_path: Path, glob: str) -> None:
    root = tmp_path / "root"
    tree(root, ["private/deep/x.jpg", "near.jpg"])
    (root / "album").symlink_to(root / "private", target_is_directory=True)
    (root / "best").symlink_to(root / "private" / "deep", target_is_directory=True)
    (root / "one.jpg").symlink_to(root / "private" / "deep" / "x.jpg")
    assert ids(FolderSource(root, exclude=[glob])) == ["near.jpg"]


def test_a_link_to_a_picture_is_a_picture_and_a_broken_one_a_failure(tmp_path: Path) -> None:
    target = write(tmp_path / "elsewhere" / "x.jpg", b"12345")
    root = tmp_path / "root"
    source = tree(root, [])
    (root / "good.jpg").symlink_to(target)
    (root / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (root / "circle.jpg").symlink_to(root / "circle.jpg")
    assert [(entry.id, entry.size) for entry in images(source)] == [("good.jpg", 5)]
    assert [Path(failure.uri).name for failure in failures(source)] == ["broken.jpg", "circle.jpg"]
    assert "leads nowhere" in failures(source)[0].reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such pipes here")
def test_a_pipe_with_a_pictures_name_is_a_failure_and_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    found = failures(FolderSource(tmp_path))
    assert [(Path(failure.uri).name, failure.reason) for failure in found] == [
        ("pipe.jpg", "it is no regular file but a device, a pipe or a socket")
    ]


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may read everything")
def test_an_unreadable_folder_costs_one_line_and_the_walk_goes_on(tmp_path: Path) -> None:
    source = tree(tmp_path, ["closed/x.jpg", "open/y.jpg"])
    (tmp_path / "closed").chmod(0)
    try:
        assert ids(source) == ["open/y.jpg"]
        (failure,) = failures(source)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert failure.uri == str(tmp_path / "closed")
    assert "permissions" in failure.reason


def test_a_folder_that_vanishes_during_the_walk_costs_one_line(tmp_path: Path) -> None:
    source = tree(tmp_path, ["a.jpg", "gone/x.jpg", "stays/y.jpg"])
    walk = source.entries()
    assert next(walk) == images(source)[0]
    (tmp_path / "gone" / "x.jpg").unlink()
    (tmp_path / "gone").rmdir()
    rest = list(walk)
    assert [type(found) for found in rest] == [Failure, Entry]
    assert rest[0].uri == str(tmp_path / "gone")


def test_a_missing_root_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no such folder.*plug in its disk"):
        FolderSource(tmp_path / "none")
    source = tree(tmp_path / "here", [])
    (tmp_path / "here").rmdir()
    with pytest.raises(SourceError, match="no such folder"):
        list(source.entries())


def test_the_same_folder_has_the_same_uri_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path / "photos", ["x.jpg"])
    (tmp_path / "link").symlink_to(tmp_path / "photos", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    names: list[str | Path] = [
        "photos",
        "./photos/",
        "link",
        "photos/../photos",
        tmp_path / "photos",
    ]
    assert {FolderSource(name).uri for name in names} == {str((tmp_path / "photos").resolve())}


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_not_utf8_have_valid_ids_and_can_be_read(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    names = {
        b"caf\xe9.jpg": r"caf\xe9.jpg",
        rb"caf\xe9.jpg": r"caf\x5cxe9.jpg",  # a name that only looks escaped stays another one
        "café.jpg".encode(): "café.jpg",
        rb"back\slash.jpg": r"back\slash.jpg",
        b"d\xff/in.jpg": r"d\xff/in.jpg",
        rb"d\x/y.jpg": r"d\x5cx/y.jpg",
    }
    try:
        Path(os.fsdecode(root + b"/d\xff")).mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    Path(os.fsdecode(root + rb"/d\x")).mkdir()
    for raw in names:
        Path(os.fsdecode(root + b"/" + raw)).write_bytes(raw)
    source = FolderSource(tmp_path)
    entries = images(source)
    assert sorted(entry.id for entry in entries) == sorted(names.values())
    for entry in entries:
        entry.uri.encode()
        assert names[source.read(entry)] == entry.id
        assert local_path(entry.uri).exists()
        for value in entry.fields.values():
            str(value).encode()


def test_reading_says_what_is_wrong(tmp_path: Path) -> None:
    source = tree(tmp_path, ["x.jpg"])
    (entry,) = images(source)
    assert source.read(entry) == b"data"
    (tmp_path / "x.jpg").unlink()
    with pytest.raises(ImageUnreadableError, match="no such file"):
        source.read(entry)
    (tmp_path / "x.jpg").mkdir()
    with pytest.raises(ImageUnreadableError, match="folder"):
        source.read(entry)
    (tmp_path / "x.jpg").rmdir()
    with (tmp_path / "x.jpg").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(ImageUnreadableError, match="larger than 1 GiB"):
        source.read(entry)


@pytest.mark.parametrize(
    "glob",
    [
        "private",
        "private/",
        "./private",
        "private/**",
        "private/*",
        "**/private",
        "**/private/**",
        "*/private/*",
        "priv*",
        "photos/private",
        "./photos/private/",
        "{here}/photos/private",
        "{here}/photos/private/*",
        "{link}/private",
        "photos\\private",
        ".\\photos\\private\\",
        "private/secret.jpg",
        "secret.jpg",
        "../{folder}/photos/private",
    ],
)
def test_a_folder_is_excluded_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, glob: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tree(tmp_path / "photos", ["a.jpg", "privates/b.jpg"])
    write(tmp_path / "photos" / "private" / "secret.jpg", b"1")
    (tmp_path / "link").symlink_to("photos")
    glob = glob.format(here=tmp_path, link=tmp_path / "link", folder=tmp_path.name)
    source = FolderSource("photos", exclude=[glob])
    kept = {"a.jpg"} if glob == "priv*" else {"a.jpg", "privates/b.jpg"}
    assert {entry.id for entry in images(source)} == kept
    assert source.notes() == []


@pytest.mark.parametrize(
    "glob", ["privat", "secret", "/elsewhere/private", "Private", "private/x.jpg"]
)
def test_a_glob_that_finds_nothing_is_told(tmp_path: Path, glob: str) -> None:
    write(tmp_path / "photos" / "private" / "secret.jpg", b"1")
    source = FolderSource(tmp_path / "photos", exclude=["*.gif", glob])
    write(tmp_path / "photos" / "x.gif", b"1")
    assert len(images(source)) == 1
    [note] = source.notes()
    assert repr(glob) in note


def test_a_glob_for_what_lies_in_an_excluded_folder_is_not_told(tmp_path: Path) -> None:
    write(tmp_path / "photos" / "private" / "secret.jpg", b"1")
    source = FolderSource(tmp_path / "photos", exclude=["private", "private/**", "private/secret*"])
    assert images(source) == []
    assert source.notes() == []


def test_a_link_to_a_folder_that_is_gone_is_a_failure_and_an_empty_folder_is_noted(
    tmp_path: Path,
) -> None:
    source = tree(tmp_path / "photos", ["a.jpg"])
    (tmp_path / "photos" / "usb").symlink_to(tmp_path / "nowhere")
    (tmp_path / "photos" / "my.disk").symlink_to(tmp_path / "nowhere")
    (tmp_path / "photos" / "mount").mkdir()
    assert sorted(Path(failure.uri).name for failure in failures(source)) == ["my.disk", "usb"]
    assert source.empty == [str(tmp_path / "photos" / "mount")]


def test_a_part_of_a_folder_has_the_ids_and_fields_of_the_whole(tmp_path: Path) -> None:
    whole = tree(tmp_path / "photos", ["a.jpg", "2024/b.jpg", "2024/may/c.jpg"])
    folder = tmp_path / "photos" / "2024"
    part = FolderSource(folder).within(str(tmp_path / "photos"))
    assert images(part) == [entry for entry in images(whole) if entry.id != "a.jpg"]
    for glob in ("may", "may/c.jpg", "2024/may", f"{folder}/may"):
        without = FolderSource(folder, [glob]).within(str(tmp_path / "photos"))
        assert [entry.id for entry in images(without)] == ["2024/b.jpg"]
        assert without.notes() == []
