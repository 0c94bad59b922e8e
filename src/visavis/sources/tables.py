"""Rows of CSV, TSV, JSON Lines and Parquet files as text cells and typed fields."""

import codecs
import contextlib
import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from visavis.errors import ExtraMissingError, SourceError
from visavis.sources.cells import Column, Reader, as_shown, preferred_style
from visavis.sources.endings import CATALOGUE_SUFFIXES
from visavis.sources.values import TypedColumns, column_values
from visavis.types import FieldValue

_BYTES = re.compile(r"(\w+_)?binary|struct<bytes: (large_)?binary")  # types of files themselves
_SAMPLE = 1000  # rows of a JSON Lines file that are looked at to learn its columns


class Row(NamedTuple):
    """One row: its number as a spreadsheet shows it, and its values or what is wrong with it."""

    number: int
    values: dict[str, FieldValue]
    problem: str | None = None
    texts: tuple[str, ...] = ()
    """What stands in a row that cannot be read; its id may be among it."""


class Table(Protocol):
    """A file of rows with named columns; `rows` starts over each time it is called."""

    columns: tuple[str, ...]
    of_bytes: frozenset[str]  # columns that hold files themselves, and not their names

    @property
    def notes(self) -> Sequence[str]:
        """How cells were read that could be read in several ways, as of the last `rows`."""
        ...

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        """Rows in order; `text_columns` stay text, whatever they look like; empty cells are absent.

        Raises SourceError when the file itself cannot be read.
        """
        ...


def open_table(path: Path) -> Table:
    """The table in a file, by its suffix; raises SourceError when it cannot be opened."""
    match path.suffix.lower():
        case ".csv":
            return _CsvTable(path, None)
        case ".tsv":
            return _CsvTable(path, "\t")
        case ".jsonl" | ".ndjson":
            return _JsonLinesTable(path)
        case ".parquet":
            return _ParquetTable(path)
        case _:
            raise SourceError(f"{path}: a catalogue ends in {', '.join(CATALOGUE_SUFFIXES)}")


# ----- CSV and TSV


class _CsvTable:
    """A first pass finds what all cells of a column have in common, a second one hands out rows."""

    of_bytes: frozenset[str] = frozenset()

    def __init__(self, path: Path, delimiter: str | None) -> None:
        self._path = path
        self._encoding = _encoding(path)
        with _readable(path), path.open(encoding=self._encoding, newline="") as file:
            first = file.readline()
            stated = _STATED.fullmatch(first)  # Excel's own word on the delimiter
            self._skipped = int(stated is not None)
            beginning = list(islice(file if stated else chain([first], file), _LOOKED_AT))
        if stated is not None:
            delimiter = stated[1]
        self._delimiter = delimiter or _delimiter(beginning)
        self.columns: tuple[str, ...] = ()
        self.columns = tuple(next(self._raw(), (0, [], ""))[1])
        self.notes: list[str] = []
        _check_columns(self.columns, path)

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        readers = self._readers(text_columns)
        for number, cells, trouble in islice(self._raw(), 1, None):
            problem = trouble or self._problem(cells)
            if problem is not None:
                yield Row(number, {}, problem, self._texts(cells))
                continue
            values = {
                name: reader(cell)
                for name, reader, cell in zip(self.columns, readers, cells, strict=True)
                if cell and name
            }
            yield Row(number, values)

    def _as_wide(self, cells: list[str]) -> list[str]:
        """A row without the empty cells that some programs write behind the last column."""
        wide = len(self.columns)
        return cells[:wide] if wide and not any(cells[wide:]) else cells

    def _problem(self, cells: list[str]) -> str | None:
        """Why the cells cannot be taken for a row, if so."""
        if len(cells) != len(self.columns):
            has = f"{len(cells)} cell{'s' * (len(cells) > 1)}"
            return f"the row has {has}, the first row has {len(self.columns)}"
        if any(self._holds_rows(cell) for cell in cells):
            return "a cell holds what looks like further rows; look for a quote that is not closed"
        return None

    def _holds_rows(self, cell: str) -> bool:
        """Whether all lines of a cell but its first look like rows, not like prose."""
        if "\n" not in cell:
            return False
        mark, lines = self._delimiter, cell.split("\n")[1:]
        return len(self.columns) > 2 and all(
            line.count(mark) == len(self.columns) - 1 and f"{mark} " not in line for line in lines
        )

    def _texts(self, cells: list[str]) -> tuple[str, ...]:
        lines = (line for cell in cells for line in cell.split("\n"))
        return tuple(part.strip() for line in lines for part in line.split(self._delimiter))

    def _readers(self, text_columns: Collection[str]) -> list[Reader]:
        """How each column's cells are read; what is to be said of them is noted."""
        seen = {at: Column() for at, name in enumerate(self.columns) if name not in text_columns}
        for _, cells, trouble in islice(self._raw(), 1, None) if seen else ():
            if len(cells) == len(self.columns) and not trouble:
                for at, column in seen.items():
                    if cells[at]:
                        column.add(cells[at])
        preferred, certain = preferred_style(seen.values(), self._delimiter)
        readers: list[Reader] = [str] * len(self.columns)
        self.notes = []
        for at, column in seen.items():
            readers[at], remark = column.read_as(preferred, certain)
            remark = remark if self.columns[at] else column.nameless(at)
            if remark:
                self.notes.append(f"{self._path.name}: the column {self.columns[at]!r} {remark}")
        return readers

    def _raw(self) -> Iterator[tuple[int, list[str], str]]:
        """Numbered rows of stripped cells and what is wrong with their quotes, the header first.

        Blank lines are left out.
        """
        with _readable(self._path), self._path.open(encoding=self._encoding, newline="") as file:
            lines: list[str] = []  # of the row in hand
            rest = islice(file, self._skipped, None)
            reader = csv.reader(
                _kept(rest, lines), delimiter=self._delimiter, skipinitialspace=True
            )
            start = 1 + self._skipped
            try:
                for number, cells in enumerate(reader, start=1):
                    if len(lines) > 1:
                        list(csv.reader(lines, delimiter=self._delimiter, strict=True))
                    trouble = ""
                    if len(lines) == 1 and _DOUBTFUL.search(lines[0]):
                        cells, trouble = _unquoted(lines[0], cells, self._delimiter)
                    if cells:
                        yield number, self._as_wide([as_shown(cell) for cell in cells]), trouble
                    start += len(lines)
                    lines.clear()
            except csv.Error as error:
                # Most often a missing quote made one cell of many rows. Going on would lose those
                # rows and prune their records.
                raise SourceError(
                    f"{self._path}: the row in lines {start} to {start + len(lines) - 1} cannot be "
                    f"read as CSV ({error}); {_ADVICE}"
                ) from error


_ADVICE = "look for a missing quote, or for a cell of more than 131,072 characters"
"""The limit is that of Python's `csv`."""
_DOUBTFUL = re.compile(r'[^,;|\t"\s] *" *[^,;|\t"\s]|\\"')
"""A quote amid text: a cell may end there that should not."""
_ESCAPED = re.compile(r'\\(["\\])')
"""Other backslashes stay: they part the folders of Windows."""
_GAP = re.compile(r'"[ \t]+(?=[,;|\t]|$)')


def _doubled(escaped: re.Match[str]) -> str:
    return '""' if escaped[1] == '"' else escaped[1]


def _unquoted(line: str, cells: list[str], delimiter: str) -> tuple[list[str], str]:
    """The cells of a line with quotes, as `csv` gives them, and what is wrong with it, if anything.

    Some programs write a quote within quotes as \\" in place of "".
    """
    tidy = _GAP.sub('"', line.rstrip("\r\n"))  # blanks between a quote and the mark do no harm
    for text in (tidy, _ESCAPED.sub(_doubled, tidy)):
        try:
            [found] = csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True)
        except csv.Error:
            continue
        return (cells if text is tidy else found), ""
    return cells, 'a quote stands within quotes; write two there: "a 5"" pipe"'


def _kept(file: Iterable[str], lines: list[str]) -> Iterator[str]:
    """The lines of a file, each noted as it is handed out."""
    for line in file:
        lines.append(line)
        yield line


_STATED = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_NO_MARK = "\x1f"  # of a table of one column, whose cells may hold commas: URLs
_LOOKED_AT = 20  # lines that show the delimiter


def _delimiter(lines: Sequence[str]) -> str:
    """The mark that cuts most lines into as many cells as the first one, and into most cells."""

    def fit(mark: str) -> tuple[float, int]:
        counts: list[int] = []
        with contextlib.suppress(csv.Error):  # reported with its place when the rows are read
            counts.extend(len(cells) for cells in csv.reader(lines, delimiter=mark) if cells)
        if not counts or counts[0] < 2:
            return 0.0, 0
        return counts.count(counts[0]) / len(counts), counts[0]

    best = max(",;\t|", key=fit)
    return best if fit(best)[1] else _NO_MARK


def _encoding(path: Path) -> str:
    """UTF-8, or UTF-16 by its byte order mark, as Excel's "Unicode text" has it, or its zeros."""
    with _readable(path), path.open("rb") as file:
        mark = file.read(2)
    if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if len(mark) == 2 and 0 in mark and any(mark):
        return "utf-16-le" if mark[1] == 0 else "utf-16-be"
    return "utf-8-sig"


# ----- JSON Lines


_JSON_SCALAR = re.compile(r'[^\s"{}\[\],:\\]+')  # of a line that is no JSON: ids and the like


class _BadLine(NamedTuple):
    problem: str
    texts: tuple[str, ...]


class _JsonLinesTable:
    of_bytes: frozenset[str] = frozenset()

    def __init__(self, path: Path) -> None:
        self._path = path
        self.notes: list[str] = []
        self._encoding = _encoding(path)
        self._refuse_list()
        names: dict[str, None] = {}
        for _, found in islice(self._objects(), _SAMPLE):
            names |= dict.fromkeys(found if isinstance(found, dict) else ())
        self.columns = tuple(names)

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        typed = TypedColumns(self._path.name, text_columns)
        for number, found in self._objects():
            if isinstance(found, dict):
                yield Row(number, typed.fields(found))
            else:
                yield Row(number, {}, found.problem, found.texts)
        self.notes = typed.notes()

    def _refuse_list(self) -> None:
        """Raise SourceError for one JSON list: some of its lines may even be objects."""
        with _readable(self._path), self._path.open(encoding=self._encoding) as file:
            first = next(filter(None, map(str.strip, file)), "")
        if first.startswith("["):
            name = self._path.name
            raise SourceError(
                f"{self._path}: it is a list in JSON, not an object a line; make it so: "
                f"jq -c '.[]' {name} > lines-{name}"
            )

    def _objects(self) -> Iterator[tuple[int, "dict[str, Any] | _BadLine"]]:
        """Each line's object, or what is wrong with the line."""
        with _readable(self._path), self._path.open(encoding=self._encoding) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError) as error:
                    reason = f"the line is not valid JSON ({error})"
                    yield number, _BadLine(reason, tuple(_JSON_SCALAR.findall(line)))
                    continue
                bad = _BadLine("the line is no JSON object", ())
                yield number, _trimmed(found) if isinstance(found, dict) else bad


# ----- Parquet


class _ParquetTable:
    def __init__(self, path: Path) -> None:
        try:
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise ExtraMissingError("reading Parquet", "parquet") from error
        self._path = path
        self.notes: list[str] = []
        self._open: Callable[[Path], Any] = pyarrow.parquet.ParquetFile
        with _readable(path), self._open(path) as file:
            names: list[str] = file.schema_arrow.names
            held = [it.name.strip() for it in file.schema_arrow if _BYTES.match(str(it.type))]
        _check_columns(names, path)
        self.columns = tuple(_trimmed(dict.fromkeys(names)))
        self.of_bytes = frozenset(held)

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        number, typed = 0, TypedColumns(self._path.name, text_columns)
        with _readable(self._path), self._open(self._path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for values in zip(*map(column_values, batch.columns), strict=True):
                    number += 1
                    found = dict(zip(batch.schema.names, values, strict=True))
                    yield Row(number, typed.fields(_trimmed(found)))
        self.notes = typed.notes()


# ----- shared by all


def _trimmed(row: dict[str, Any]) -> dict[str, Any]:
    """A row with names without blanks around them, as in CSV; such as what came behind `, ` in one.

    A name that the row has without them as well stays.
    """
    return {name if (plain := name.strip()) in row else plain: row[name] for name in row}


def _check_columns(columns: Iterable[str], path: Path) -> None:
    seen: set[str] = set()
    for name in columns:
        if name and name in seen:
            raise SourceError(f"{path}: two columns are named {name!r}; rename one of them")
        seen.add(name)


class _readable:
    """Turn what goes wrong while a catalogue is read into a SourceError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, UnicodeError) and _encoding(self._path).startswith("utf-16"):
            raise SourceError(f"{self._path}: it is not valid UTF-16; save it as UTF-8") from error
        if isinstance(error, UnicodeDecodeError):
            raise SourceError(f"{self._path}: {_where_not_utf8(self._path)}") from error
        if isinstance(error, OSError):
            raise SourceError(
                f"{self._path}: the catalogue cannot be read ({error.strerror or error})"
            ) from error
        if isinstance(error, ValueError) and type(error).__module__.startswith("pyarrow"):
            raise SourceError(f"{self._path}: it is not a valid Parquet file ({error})") from error


def _is_office(head: bytes) -> bool:
    """Whether a file of these first bytes is of an office, such as an Excel file."""
    return head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def _where_not_utf8(path: Path) -> str:
    with path.open("rb") as file:
        if _is_office(file.read(8)):
            return "it is a spreadsheet, whatever its name says; save the sheet as CSV (UTF-8)"
        file.seek(0)
        if file.read(2) == b"\x1f\x8b":
            return "it is packed (gzip); unpack it"
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return (
                    f"line {number} is not UTF-8 (byte {error.start + 1} of the line is "
                    f"0x{line[error.start]:02x}); save the catalogue as UTF-8"
                )
    return "it is not UTF-8; save the catalogue as UTF-8"
