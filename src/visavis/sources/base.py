"""Where images come from: one protocol, and the door that picks the right source."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypedDict, Unpack, runtime_checkable

from visavis.buckets.address import Address, is_object
from visavis.errors import FetchError, SourceError
from visavis.images.files import IMAGE_SUFFIXES, read_file
from visavis.images.sniff import sniff
from visavis.sources.endings import ARCHIVES, CATALOGUE_SUFFIXES
from visavis.sources.folder import MISSING_ADVICE, FolderSource
from visavis.sources.objects.reading import read_object
from visavis.sources.objects.source import BucketSource
from visavis.sources.paths import PathList, local_name
from visavis.sources.web.fetch import Fetcher, fetched, is_url
from visavis.types import Entry, Failure, only_known


class Source(Protocol):
    """A place that names images lazily and hands out their bytes.

    What a run may do with its records, it says itself: the four properties after `uri`.
    """

    @property
    def kind(self) -> str:
        """What people call such a source: folder, catalogue, list …; nothing depends on it."""
        ...

    @property
    def uri(self) -> str:
        """The same for the same source on every run: an absolute path, or "list"."""
        ...

    @property
    def prunes(self) -> bool:
        """Whether a record whose image is no longer named here leaves the index."""
        ...

    @property
    def owns_ids(self) -> bool:
        """Whether ids are the source's own: a record of another source that has one goes over.

        Otherwise they are paths below `uri`, which the index sets apart from other sources' paths.
        """
        ...

    @property
    def has_fields(self) -> bool:
        """Whether it says things of images that may change without a change of the picture."""
        ...

    @property
    def lists_missing(self) -> bool:
        """Whether it names images that are not there: a row without its file is still a row."""
        ...

    @property
    def readers(self) -> int:
        """How many `read` calls at once do good: few for disks, many for URLs."""
        ...

    def entries(self) -> Iterator[Entry | Failure]:
        """Name the images, lazily and cheaply; no picture is opened."""
        ...

    def read(self, entry: Entry) -> bytes:
        """The bytes of one image; raises ImageError; may be called from many threads."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Noting(Protocol):
    """A source that has something to say of what it read, such as the kinds of files left out."""

    def notes(self) -> Sequence[str]:
        """Sentences about the last walk over the entries, once it has ended."""
        ...


class SourceOptions(TypedDict, total=False):
    """What some sources need to know; each may be left out."""

    image_column: str | None
    """The catalogue's column that holds path or URL; None: found by its name and content."""
    id_column: str | None
    """The catalogue's column that holds the id."""
    exclude: Sequence[str]
    """Globs of a folder's files and folders to leave out."""
    allow_private: bool
    """Whether URLs in private networks may be fetched."""
    refresh: bool
    """Whether what seems unchanged is read again, and URLs are asked again."""
    downloads: Path | None
    """Where downloaded pictures are kept; None: the user's cache."""


_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")


def open_source(location: str | Path, **options: Unpack[SourceOptions]) -> Source:
    """The source at a location: a folder, a catalogue, one picture, or one http(s) URL.

    A catalogue is a .csv, .tsv, .jsonl, .ndjson or .parquet file; `s3://bucket/prefix` and gs://
    name pictures in object storage. Options that a source has no use for are ignored.

    Raises SourceError when nothing is there or it is none of these.
    """
    web = _web(options)
    if location == "":  # as a path it would be the working folder
        raise SourceError("the name of what is to be read is empty; is a variable not set?")
    if isinstance(location, str) and is_object(location):
        return _of_objects(location, options.get("exclude", ()))
    if isinstance(location, str) and is_url(location):
        _refuse_far_catalogue(location, re.split("[?#]", location)[0], "have URLs")
        return PathList([location], **web)
    path = Path(local_name(location) if isinstance(location, str) else location)
    if path.is_file() and path.suffix.lower() in CATALOGUE_SUFFIXES:
        from visavis.sources.catalogue import CatalogueSource  # searching starts without

        return CatalogueSource(
            path,
            image_column=options.get("image_column"),
            id_column=options.get("id_column"),
            **web,
        )
    if path.is_file():
        _check_is_picture(path)
        return PathList([str(path)])
    if not path.is_dir():
        raise SourceError(f"{path}: there is no such file or folder; {MISSING_ADVICE}")
    return FolderSource(path, options.get("exclude", ()))


def _of_objects(location: str, exclude: Sequence[str]) -> Source:
    key = Address.parse(location).key.lower()
    _refuse_far_catalogue(location, key, "name s3:// objects")
    if key.endswith(IMAGE_SUFFIXES):
        return PathList([location])
    return BucketSource(location, exclude)


def _refuse_far_catalogue(location: str, name: str, may: str) -> None:
    if name.lower().endswith(CATALOGUE_SUFFIXES):
        raise SourceError(
            f"{location}: catalogues are read from files of this machine, and may {may} in their "
            "cells; copy it here first"
        )


Location = str | Path | Source | list[str] | list[Path]
"""A folder, a catalogue, a picture, a URL; a source; or a list of pictures and URLs."""


def as_source(location: Location, **options: Unpack[SourceOptions]) -> Source:
    """The source that a location means; a source is handed back as it is. See `open_source`."""
    only_known(options, SourceOptions)
    if isinstance(location, list):
        return PathList([os.fspath(one) for one in location], **_web(options))
    if not isinstance(location, str | Path):
        if not hasattr(location, "entries"):
            raise TypeError(
                "what is read is a folder, a catalogue, a picture, a URL, a list of them or a "
                f"Source, not {location!r}"
            )
        return location
    return open_source(location, **options)


class _Web(TypedDict):
    allow_private: bool
    refresh: bool
    cache: Path | None


def _web(options: SourceOptions) -> _Web:
    only_known(options, SourceOptions)
    return _Web(
        allow_private=options.get("allow_private", False),
        refresh=options.get("refresh", False),
        cache=options.get("downloads"),
    )


def read_anywhere(uri: str, fetcher: Fetcher) -> bytes:
    """The bytes at a record's URI: on this machine, on the web, or in object storage.

    Raises ImageError, and ObjectStorageError where no object can be read.
    """
    if is_object(uri):
        return read_object(uri)
    return fetcher.fetch(uri) if is_url(uri) else read_file(uri)


def read_to_show(uri: str, fetcher: Fetcher) -> bytes:
    """What `read_anywhere` does; of a URL that may not be asked now, what was downloaded before."""
    try:
        return read_anywhere(uri, fetcher)
    except FetchError:
        kept = fetcher.kept(uri)
        if kept is None:
            raise
        return kept


def at_url(uri: str, *, allow_private: bool) -> bytes:
    """The bytes at a URL that a question of this machine's user names; never a stranger's.

    Raises as `read_anywhere`.
    """
    return read_object(uri) if is_object(uri) else fetched(uri, allow_private)


def is_remote(uri: str) -> bool:
    """Whether what is at a record's URI is no file of this machine."""
    return is_url(uri) or is_object(uri)


def _check_is_picture(path: Path) -> None:
    if path.name.lower().endswith(IMAGE_SUFFIXES):
        return
    try:
        with path.open("rb") as file:
            known = sniff(file.read(32)) is not None
    except OSError as error:
        raise SourceError(f"{path}: it cannot be read ({error.strerror})") from error
    if not known and path.suffix.lower() in _SPREADSHEETS:
        raise SourceError(f"{path}: spreadsheets are not read; save the sheet as CSV (UTF-8)")
    if not known and path.name.lower().endswith(ARCHIVES):
        raise SourceError(f"{path}: it is an archive; unpack it into a folder and name that")
    if not known and path.suffix.lower() == ".json":
        raise SourceError(
            f"{path}: catalogues in JSON have an object a line and end in .jsonl; of a list make "
            f"one so: jq -c '.[]' {path.name} > {path.stem}.jsonl"
        )
    if not known:
        raise SourceError(
            f"{path}: it is neither a folder, a picture nor a catalogue "
            f"({', '.join(CATALOGUE_SUFFIXES)}); pipe a list of paths in to index many files"
        )
