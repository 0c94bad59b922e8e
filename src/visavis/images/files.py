"""Files on disk: names that always fit into UTF-8, and bytes with errors that say what to do.

File names are bytes on most systems and need not be UTF-8, while ids and uris travel through
SQLite and JSON, which want text. So a uri holds a path *as text*: bytes that are not UTF-8 are
written `\\xNN`, and a backslash before an x is itself written `\\x5c`, which makes the way back
exact. `path_text` goes one way, `local_path` the other; for nearly all names both change nothing.
"""

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from visavis.errors import ImageUnreadableError

RAW_SUFFIXES = (
    *(".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".dng", ".raf", ".rw2", ".rwl", ".orf"),
    *(".pef", ".srw", ".3fr", ".iiq", ".erf"),
)
"""Camera raw files, of which the preview is taken."""

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".apng", ".webp"),
    *(".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif", ".avifs", ".heic", ".heif", ".hif"),
    *(".mpo", ".jps", ".insp", ".jxl"),
    *RAW_SUFFIXES,
)
"""Endings of files that are offered without looking inside; the content decides later."""

MAX_FILE_BYTES = 1 << 30
"""Larger files are refused unread: 100 megapixels of uncompressed 16-bit RGB are 600 MB."""

_TO_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def path_text(path: str) -> str:
    """A path (or a part of one) as text that is valid UTF-8 and can be turned back exactly.

    It has forward slashes on every system, so that on Windows no separator looks like an escape.
    """
    if os.sep != "/":
        path = path.replace(os.sep, "/")
    if "\\x" not in path:
        if path.isascii():
            return path
        try:
            path.encode()
        except UnicodeEncodeError:
            pass
        else:
            return path
    return os.fsencode(path).replace(b"\\x", b"\\x5cx").decode("utf-8", "backslashreplace")


def local_path(uri: str) -> Path:
    """The file that a record's or entry's `uri` names on this machine."""
    return Path(_file_name(uri))


def _file_name(uri: str) -> str:
    if "\\x" not in uri:
        return uri
    raw = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), uri.encode())
    return os.fsdecode(raw)


def read_file(uri: str) -> bytes:
    """The bytes of a local file; raises ImageUnreadableError with what is wrong with it."""
    try:
        with open(_file_name(uri), "rb") as file:  # noqa: PTH123 - pathlib costs more than reading
            if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                raise ImageUnreadableError(uri, "it is larger than 1 GiB; no picture needs that")
            return file.read()
    except (OSError, ValueError) as error:
        raise ImageUnreadableError(uri, why_not(error)) from error


def open_file(uri: str) -> BinaryIO:
    """A regular local file, open to be read; raises ImageUnreadableError.

    Never waits: opening a pipe that nobody writes to would. What is read from it stays the same
    file when another one is put in its place.
    """
    found = stat_file(_file_name(uri))
    if isinstance(found, str):
        raise ImageUnreadableError(uri, found)
    try:
        # Not to wait even if a pipe has come there since.
        descriptor = os.open(_file_name(uri), _TO_READ)
    except (OSError, ValueError) as error:
        raise ImageUnreadableError(uri, why_not(error)) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
        os.close(descriptor)
        raise ImageUnreadableError(uri, "it is no regular file of at most 1 GiB")
    return os.fdopen(descriptor, "rb")


def stat_file(path: str) -> os.stat_result | str:
    """Size and time of a regular file, or the reason why it is none."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:
        return why_not(error)
    return found if stat.S_ISREG(found.st_mode) else what_instead(found.st_mode)


def what_instead(mode: int) -> str:
    """Why something that is no regular file is refused."""
    if stat.S_ISDIR(mode):
        return "it is a folder; add it as a separate source"
    return "it is no regular file but a device, a pipe or a socket"


def why_not(error: OSError | ValueError) -> str:
    """An operating system's refusal in plain words."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "there is no such file"
        case PermissionError():
            return "it may not be read; check its permissions"
        case IsADirectoryError():
            return "it is a folder, not a file"
        case OSError():
            return f"it cannot be read ({error.strerror or error})"
        case _:
            return f"its name is no file name ({error})"
