"""Files and folders that are whole or not there, files that a user named, and where caches lie."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unicodedata import normalize

from visavis.errors import UsageError


def cache_home(part: str) -> Path:
    """$XDG_CACHE_HOME/visavis/PART, or the same in ~/.cache; it can be deleted at any time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "visavis" / part


def reason(error: BaseException) -> str:
    """Why a file cannot be read or written, for a sentence that names it: no number, no path."""
    match error:
        case OSError() if error.strerror:
            return error.strerror
        case UnicodeDecodeError():
            return "it is no text in UTF-8"
        case RecursionError():
            return "it is nested too deeply"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or another in its place, at once or not at all; its folder is made if need be.

    Whoever has the old one open keeps it. Raises OSError, and then leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-{os.urandom(4).hex()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A place for a file, which gets the name `path` only when the block has come to its end.

    A file of that name stays until then, and for good when the block fails. Raises OSError.
    """
    partial = path.with_name(f".{path.name}-{os.urandom(4).hex()}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A place for a folder, which gets the name `path` only when the block has come to its end.

    A folder that has that name already makes room then, not before. Raises OSError.
    """
    home = path.absolute().parent
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=home) as scratch:
        made = Path(scratch) / "new"
        yield made
        if path.exists():
            path.rename(Path(scratch) / "old")
        made.rename(path)


def is_full(error: BaseException) -> bool:
    """Whether something could not be written for want of room: of the disk, a user, a process."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full


def check_place(path: Path, what: str) -> None:
    """Raise UsageError when no such file can be written there; before any work is done."""
    folder = path.absolute().parent
    if not folder.is_dir():
        reason = f"there is no folder {path.parent}"
    elif path.is_dir():
        reason = "it is a folder"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        reason = "it may not be written to"
    else:
        return
    raise UsageError(f"cannot write the {what} {path}: {reason}; name another file")


def write_named(path: Path, what: str, content: bytes) -> None:
    """Write a file whose place was named by hand; raises UsageError when it cannot be written.

    What a file of that name holds stays until then. Where a link leads is written to.
    """
    place = Path(os.path.realpath(path))
    try:
        if place.exists() and not (place.is_file() and os.access(place.parent, os.W_OK)):
            place.write_bytes(content)  # a pipe, or a file that alone may be written to
            return
        with new_file(place) as partial:
            partial.write_bytes(content)
            if place.exists():
                shutil.copymode(place, partial)
    except OSError as error:
        raise UsageError(
            f"cannot write the {what} {path}: {reason(error)}; name another file"
        ) from error


class Spelling:
    """Finds files by names that are spelled otherwise, in capitals or in the letters of accents.

    Some systems take no notice of either, and lists that were written there lead nowhere elsewhere.
    Each folder is looked through once.
    """

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, str]] = {}

    def find(self, path: str) -> str | None:
        """The one file that a path means which leads nowhere; None where none or several do."""
        found, *parts = Path(path).parts
        for part in parts:
            there = os.path.join(found, part)  # noqa: PTH118 - names need not be UTF-8
            if not os.path.lexists(there):
                name = self._names(found).get(_spelled_alike(part))
                if not name:
                    return None
                there = os.path.join(found, name)  # noqa: PTH118
            found = there
        return found

    def _names(self, folder: str) -> dict[str, str]:
        """The names in a folder; an empty text where two are spelled alike."""
        if folder not in self._folders:
            names: dict[str, str] = {}
            with suppress(OSError):
                for name in os.listdir(folder):  # noqa: PTH208
                    plain = _spelled_alike(name)
                    names[plain] = "" if plain in names else name
            self._folders[folder] = names
        return self._folders[folder]


def _spelled_alike(name: str) -> str:
    return name.lower() if name.isascii() else normalize("NFC", name).casefold()
