"""Where a site is put: only what visavis wrote there before is ever replaced."""

import gzip
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visavis import __version__
from visavis.disk import check_place, is_full, new_folder
from visavis.errors import StorageFullError, UsageError

MANIFEST = "visavis-site.json.gz"
"""Names all files of a site but itself."""
_PLAIN_MANIFEST = "visavis-site.json"
"""The same, as it was before it was packed."""

PAGE = "index.html"
MARK = b'<meta name="generator" content="visavis">'
_HEAD = 1 << 13  # bytes of a page in which the mark is


def checked(out: Path, *, force: bool) -> Path:
    """The folder behind a name. Raises UsageError where no site may be put; before any work."""
    place = Path(os.path.realpath(out))
    if place.exists() and not place.is_dir():
        raise UsageError(f"{out}: it is a file; name a folder for the site")
    if place.exists() and any(place.iterdir()):
        if _own(place) is None:
            raise UsageError(
                f"{out}: it has files, and none of them says that visavis made a site there; "
                "name a new folder"
            )
        if not force:
            raise UsageError(f"{out}: a site is there already; replace it with --force")
    return place


def checked_file(out: Path, *, force: bool) -> Path:
    """The file behind a name. Raises UsageError where no site may be put; before any work."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out}: a site in one file is an HTML file; give a name like site.html")
    check_place(out, "site")
    place = Path(os.path.realpath(out))
    if place.exists():
        with place.open("rb") as file:
            if MARK not in file.read(_HEAD):
                raise UsageError(f"{out}: it is a file that visavis did not make; name a new one")
        if not force:
            raise UsageError(f"{out}: a site is there already; replace it with --force")
    return place


@contextmanager
def replacing_file(out: Path) -> Iterator[Path]:
    """A folder to build in, whose file PAGE takes the place of `out` at the end of the block."""
    with (
        _told(out),
        tempfile.TemporaryDirectory(prefix=".making-", dir=out.parent) as scratch,
    ):
        yield Path(scratch)
        (Path(scratch) / PAGE).replace(out)


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A folder to build in, which takes the place of `out` when the block has come to its end.

    Files in `out` that are not the old site's are kept. Raises UsageError, StorageFullError.
    """
    with _told(out), new_folder(out) as making:
        making.mkdir()
        yield making
        _keep_others(out, making)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """What the system refuses, in a sentence."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageFullError(f"{out}: no space left for the site; nothing changed") from error
        where = error.filename or out
        raise UsageError(f"cannot write the site: {where}: {error.strerror or error}") from error


def note_files(making: Path) -> int:
    """Write down which files a site consists of; returns how many bytes they have."""
    files = sorted(path for path in making.rglob("*") if path.is_file())
    names = [path.relative_to(making).as_posix() for path in files]
    noted = json.dumps({"made_by": f"visavis {__version__}", "files": names}, indent=0)
    packed = gzip.compress(noted.encode("utf-8"), mtime=0)
    (making / MANIFEST).write_bytes(packed)
    return sum(path.stat().st_size for path in files)


def _own(place: Path) -> set[str] | None:
    """The files that visavis wrote there; None: it wrote no site."""
    for name in (MANIFEST, _PLAIN_MANIFEST):
        try:
            data = (place / name).read_bytes()
            noted = json.loads(gzip.decompress(data) if name == MANIFEST else data)
            return {str(file) for file in noted["files"]} | {name}
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
            continue
    return None


def _keep_others(out: Path, making: Path) -> None:
    """What others put beside the old site (a CNAME, a .git) is linked, or copied, to the new one.

    Raises UsageError where the new site has a file of that name.
    """
    own = (_own(out) or set()) if out.is_dir() else set()
    for folder, inner, files in os.walk(out):
        links = [name for name in inner if Path(folder, name).is_symlink()]
        if not inner and not files:  # such as Git has them
            (making / Path(folder).relative_to(out)).mkdir(parents=True, exist_ok=True)
        for name in (*files, *links):
            path = Path(folder, name)
            inside = path.relative_to(out)
            if inside.as_posix() in own:
                continue
            target = making / inside
            if os.path.lexists(target):
                raise UsageError(f"{path}: it is not of the old site, and the new one has its name")
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(path, target)


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:  # another disk, or a file system without links
        shutil.copy2(path, target, follow_symlinks=False)
