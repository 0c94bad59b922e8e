"""A catalogue: a table whose rows name images and say things about them."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from visavis.buckets.address import Address, is_object
from visavis.buckets.client import READERS
from visavis.disk import Spelling
from visavis.errors import SourceError, UsageError
from visavis.images.files import path_text, read_file, stat_file
from visavis.sources.objects.reading import read_object
from visavis.sources.paths import local_name
from visavis.sources.tables import Row, open_table
from visavis.sources.web.fetch import Fetcher, is_url
from visavis.types import Entry, Failure, Fields, FieldValue

IMAGE_COLUMNS = (
    *("image", "path", "file", "filename", "image_path", "image_url"),
    *("image_src", "image_link", "images"),  # as shops export them
    "url",
)
"""Columns that are taken for the images' names when none is given, the first that exists."""

_LONGEST = 200  # letters of a cell in a message: some hold a picture in base64
_SAMPLE = 1000  # rows that decide whether this is a catalogue of URLs

_SEVERAL = re.compile(r"[,;|\n]|\s(?=https?://)")
_BEFORE_ANOTHER = re.compile(r"\s*[,;|\n]\s*(?=(?:\w+:)?//|www\.)|\s+(?=https?://)")
_BETWEEN = re.compile(r"\s*[,;|\n]\s*")
_ENDING = re.compile(r"\.\w{2,5}$")
_NO_SCHEME = re.compile(r"(//|www\.)[^/\s]+\.[^/\s]+/", re.IGNORECASE)


class CatalogueSource:
    """The images that the rows of a CSV, TSV, JSON Lines or Parquet file name, in their order.

    The image cell is a path (relative to the catalogue's folder, or absolute), a file:// or an
    http(s) URL, or the s3:// or gs:// address of an object; of several, the first is taken. The id
    is the cell of `id_column`, else of a column named "id", else the image's. All others are typed
    fields; empty cells are left out. Rows without an image, ragged rows and missing files are
    failures, and the rest goes on. A duplicate id is handed on as it is: who keeps the records
    decides which one wins.

    Raises SourceError when the catalogue or one of the columns is not there or cannot be read, and
    ExtraMissingError when Parquet support is not installed.
    """

    kind = "catalogue"
    prunes = True
    owns_ids = True
    has_fields = True
    lists_missing = True

    def __init__(
        self,
        path: str | Path,
        *,
        image_column: str | None = None,
        id_column: str | None = None,
        allow_private: bool = False,
        refresh: bool = False,
        cache: Path | None = None,
    ) -> None:
        self._path = Path(os.path.realpath(path))
        self.uri = path_text(str(self._path))
        self._table = open_table(self._path)
        columns = self._table.columns
        self._image_column = self._find_image_column(image_column, columns)
        if self._image_column in self._table.of_bytes:
            raise SourceError(
                f"{self.uri}: the column {self._image_column!r} holds pictures themselves, and not "
                "their names; write them to files, and index the folder or name the files there"
            )
        self._id_column = self._find_id_column(id_column, columns)
        self._text_columns = {self._image_column, self._id_column or self._image_column}
        self._fetcher = Fetcher(allow_private=allow_private, refresh=refresh, cache=cache)
        self._readers: int | None = None
        self._spelling, self._misspelled, self._such_as = Spelling(), 0, ""
        self._several, self._of_several = 0, ""

    @property
    def readers(self) -> int:
        """32 when one of the first thousand rows names an http(s) URL, 16 for s3://, else 4."""
        if self._readers is None:
            rows = islice(self._table.rows(self._table.columns), _SAMPLE)  # as text: no typing yet
            cells = [str(row.values.get(self._image_column, "")) for row in rows]
            some = READERS if any(map(is_object, cells)) else 4
            self._readers = 32 if any(map(_on_web, cells)) else some
        return self._readers

    def entries(self) -> Iterator[Entry | Failure]:
        """The rows as images; files are looked up, URLs are not."""
        self._spelling, self._misspelled, self._several = Spelling(), 0, 0
        for row in self._table.rows(self._text_columns):
            yield self._entry(row)

    def notes(self) -> Sequence[str]:
        """How the columns were read that can be read in several ways, and odd paths."""
        notes = list(self._table.notes)
        if self._misspelled:
            paths = f"{self._misspelled} paths are" if self._misspelled > 1 else "a path is"
            notes.append(
                f"{self._path.name}: {paths} spelled otherwise than the file (capitals, accents), "
                f"such as {self._such_as}; the file was taken"
            )
        if self._several:
            cells = f"{self._several} cells name" if self._several > 1 else "a cell names"
            notes.append(
                f"{self._path.name}: {cells} several images, such as {_shortened(self._of_several)}"
                "; the first was taken (give the others rows of their own, to find them as well)"
            )
        return notes

    def read(self, entry: Entry) -> bytes:
        """The bytes of an image; raises ImageUnreadableError or FetchError."""
        if is_object(entry.uri):
            return read_object(entry.uri)
        if is_url(entry.uri):
            return self._fetcher.fetch(entry.uri)
        return read_file(entry.uri)

    def close(self) -> None:
        """Close connections that are still open."""
        self._fetcher.close()

    def _entry(self, row: Row) -> Entry | Failure:
        here = f"{self.uri}#row={row.number}"  # the notation of RFC 7111
        if row.problem is not None:
            return Failure(here, row.problem, row.texts)
        values: dict[str, FieldValue] = row.values
        cell = self._chosen(str(values.pop(self._image_column, "")))
        id = (
            cell
            if self._id_column in (None, self._image_column)
            else values.pop(self._id_column, "")
        )
        if not cell:
            return Failure(here, f"the cell in column {self._image_column!r} is empty")
        if not id:
            return Failure(here, f"the cell in column {self._id_column!r} is empty")
        if is_object(cell):
            return _object(str(id), cell, values, here)
        if is_url(cell):
            return Entry(str(id), cell, -1, 0.0, values)
        path = self._local(cell)
        if path is None:
            reason = f"{_shortened(cell)} is a URL of a kind that visavis cannot read"
            return Failure(here, reason, (str(id),))
        status = stat_file(path)
        if isinstance(status, str) and _NO_SCHEME.match(cell):
            return Entry(str(id), f"https://{cell.removeprefix('//')}", -1, 0.0, values)
        if isinstance(status, str) and (other := self._spelling.find(path)) not in (None, path):
            path, status = other, stat_file(other)
            self._such_as = cell if not self._misspelled else self._such_as
            self._misspelled += 1
        if isinstance(status, str):
            reason = f"{status} (row {row.number} of {self._path.name})"
            return Failure(path_text(path), reason, (str(id),))
        return Entry(str(id), path_text(path), status.st_size, status.st_mtime, values)

    def _chosen(self, cell: str) -> str:
        """The image that a cell names, of several the first."""
        if not _SEVERAL.search(cell) and not cell.startswith("["):
            return cell
        if not _on_web(cell) and (path := self._local(cell)) and os.path.lexists(path):
            return cell
        names = _names(cell)
        if len(names) > 1:
            self._of_several = cell if not self._several else self._of_several
            self._several += 1
        return names[0]

    def _local(self, cell: str) -> str | None:
        """The absolute path that a cell means; None for a URL that is no file's."""
        given, cell = cell, local_name(cell)
        if cell == given and "://" in cell:
            return None
        path = os.path.normpath(os.path.join(self._path.parent, cell))  # noqa: PTH118
        if "\\" in cell and os.sep == "/" and not os.path.lexists(path):
            return self._local(cell.replace("\\", "/"))  # as Windows writes paths
        return path

    def _find_image_column(self, given: str | None, columns: tuple[str, ...]) -> str:
        if given is not None:
            return self._column(given, columns)
        found = next(filter(None, (_named(name, columns) for name in IMAGE_COLUMNS)), None)
        # A catalogue without a single row has no columns in JSON Lines; it names no images.
        if found is None and columns:
            raise SourceError(
                f"{self.uri}: which column names the images? Say it with --image-column; "
                f"it has {', '.join(columns)}"
            )
        return found or IMAGE_COLUMNS[0]

    def _find_id_column(self, given: str | None, columns: tuple[str, ...]) -> str | None:
        return _named("id", columns) if given is None else self._column(given, columns)

    def _column(self, name: str, columns: tuple[str, ...]) -> str:
        found = _named(name, columns)
        if columns and found is None:
            raise SourceError(
                f"{self.uri}: no column is named {name!r}; it has {', '.join(columns)}"
            )
        return found or name


def _names(cell: str) -> list[str]:
    """What a cell names: one image, or several as shops and lists of JSON have them; not empty."""
    if cell.startswith("["):
        try:
            items = json.loads(cell)
        except (ValueError, RecursionError):
            return [cell]
        return [item for item in items if isinstance(item, str) and item] or [cell]
    if _on_web(cell) or is_object(cell):  # whose addresses may have any sign in them
        names = _BEFORE_ANOTHER.split(cell)
        return [name.rstrip(",;| \n") or cell for name in names] if len(names) > 1 else [cell]
    names = [name for name in _BETWEEN.split(cell) if name]
    return names if len(names) > 1 and all(map(_ENDING.search, names)) else [cell]


def _on_web(cell: str) -> bool:
    return is_url(cell) or _NO_SCHEME.match(cell) is not None


def _shortened(cell: str) -> str:
    return cell if len(cell) <= _LONGEST else f"{cell[:_LONGEST]}…"


def _object(id: str, cell: str, values: Fields, here: str) -> Entry | Failure:
    """As for a URL: what is known is not asked for again."""
    try:
        return Entry(id, str(Address.parse(cell)), -1, 0.0, values)
    except UsageError as error:
        return Failure(here, str(error), (id,))


def _named(name: str, columns: tuple[str, ...]) -> str | None:
    """The column of a name: as it is written, else in any case, `Image URL` for `image_url`."""
    if name in columns:
        return name
    wanted = _plain(name)
    return next((column for column in columns if _plain(column) == wanted), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
