"""A list of paths and URLs: given one by one, or read from a pipe."""

import codecs
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from io import BufferedReader, TextIOWrapper
from pathlib import Path, PurePath
from typing import TextIO
from urllib.parse import unquote, urlsplit

from visavis.buckets.address import is_object
from visavis.buckets.client import READERS
from visavis.images.files import path_text, read_file, stat_file
from visavis.sources.objects.reading import read_object
from visavis.sources.web.fetch import Fetcher, is_url
from visavis.types import Entry, Failure

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BLOCK = 65_536  # bytes of a stream that are asked for at once


def piped_names(stream: TextIO) -> Iterator[str]:
    """The names that come through a pipe: a line each, or each ended by NUL.

    `find -print0` and `visavis search --print0` write NULs; line breaks are a part of names then.
    """
    binary = getattr(stream, "buffer", None)
    if isinstance(binary, BufferedReader) and binary.peek(2)[:2] in _UTF_16:
        stream = TextIOWrapper(binary, "utf-16")  # as PowerShell writes lists
        binary = None
    if not isinstance(binary, BufferedReader) or b"\0" not in binary.peek(_BLOCK):
        for number, line in enumerate(stream):
            yield from (line if number else line.removeprefix("\ufeff")).split("\0")
        return
    rest = b""
    while block := binary.read1(_BLOCK):
        *whole, rest = (rest + block).split(b"\0")
        yield from map(os.fsdecode, whole)
    yield os.fsdecode(rest)


class PathList:
    """The pictures that a list names, in its order; the list may be a stream that never ends.

    A picture's id is its absolute path with forward slashes and without links to folders, or its
    URL (http, https, s3, gs). Blank lines are skipped. `allow_private`, `refresh` and `cache` are
    for URLs of the web, as in `Fetcher`.
    """

    kind = "list"
    uri = "list"
    prunes = False
    owns_ids = True
    has_fields = False
    lists_missing = False

    def __init__(
        self,
        paths: Iterable[str],
        *,
        allow_private: bool = False,
        refresh: bool = False,
        cache: Path | None = None,
    ) -> None:
        self._paths = paths
        self._fetcher = Fetcher(allow_private=allow_private, refresh=refresh, cache=cache)
        # A stream cannot be looked at before it is read, and disks dislike many readers.
        given = paths if isinstance(paths, Sequence) else ()
        self.readers = (
            32 if any(map(is_url, given)) else READERS if any(map(is_object, given)) else 4
        )

    def entries(self) -> Iterator[Entry | Failure]:
        """The pictures of the list; files are looked up, URLs are not."""
        for line in self._paths:
            text = line.strip("\r\n")
            if text.strip():
                yield _entry(text)

    def read(self, entry: Entry) -> bytes:
        """The bytes of a picture; raises ImageUnreadableError or FetchError."""
        if is_object(entry.uri):
            return read_object(entry.uri)
        if is_url(entry.uri):
            return self._fetcher.fetch(entry.uri)
        return read_file(entry.uri)

    def close(self) -> None:
        """Close connections that are still open."""
        self._fetcher.close()


def local_name(text: str) -> str:
    """The path that a file: URL of this machine names; what is none of these, as it is.

    >>> local_name("file:///photos/a%20b.jpg"), local_name("a%20b.jpg"), local_name("file://nas/a")
    ('/photos/a b.jpg', 'a%20b.jpg', 'file://nas/a')
    """
    if text[:7].lower() != "file://":
        return text
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        return text
    if os.name != "nt":
        return unquote(parts.path, errors="surrogateescape")
    from urllib.request import url2pathname  # HTTP, TLS and mail: 10 ms of every start

    return url2pathname(parts.path)


@lru_cache(1024)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _entry(text: str) -> Entry | Failure:
    if "\0" in text:  # which the folder's real path cannot be asked for
        return Failure(text, str(stat_file(text)))
    if is_url(text) or is_object(text):
        return Entry(text, text, -1, 0.0, {})
    folder, name = os.path.split(os.path.abspath(local_name(text)))  # noqa: PTH100 - no a/../b
    path = os.path.join(_real(folder), name)  # noqa: PTH118 - one file, one id, by whatever link
    status = stat_file(path)
    uri = path_text(path)
    if isinstance(status, str):
        return Failure(uri, status)
    return Entry(PurePath(uri).as_posix(), uri, status.st_size, status.st_mtime, {})
