"""Rows of CSV, TSV, JSON Lines and Parquet files as text cells and typed fields."""

import csv
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from visavis.errors import ExtraMissingError, SourceError
from visavis.types import FieldValue

CATALOGUE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

_LARGEST = 2**63  # integers are kept in 64 bits
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z")
_NUMBER = re.compile(
    r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+|(?<=[0-9])\.)?(?:(?<=[0-9.])[eE][+-]?[0-9]+)?\Z"
)
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

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        """Rows in order; `text_columns` stay text, whatever they look like; empty cells are absent.

        Raises SourceError when the file itself cannot be read.
        """
        ...


def open_table(path: Path) -> Table:
    """The table in a file, told by its suffix; raises SourceError when it cannot be opened."""
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

    def __init__(self, path: Path, delimiter: str | None) -> None:
        self._path = path
        self._delimiter = delimiter or ","
        with _readable(path), path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
        if delimiter is None and "," not in first:  # as spreadsheets write it in much of Europe
            self._delimiter = next((mark for mark in ";\t|" if mark in first), ",")
        self.columns = tuple(next(self._raw(), (0, []))[1])
        _check_columns(self.columns, path)

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        kinds = self._kinds(text_columns)
        converters = [
            (name, _CONVERTERS[kind]) for name, kind in zip(self.columns, kinds, strict=True)
        ]
        for number, cells in islice(self._raw(), 1, None):
            if not cells:
                continue  # a blank line
            problem = self._problem(cells)
            if problem is not None:
                yield Row(number, {}, problem, self._texts(cells))
                continue
            values = {
                name: convert(cell)
                for (name, convert), cell in zip(converters, cells, strict=True)
                if cell and name
            }
            yield Row(number, values)

    def _problem(self, cells: list[str]) -> str | None:
        """Why the cells cannot be taken for a row, if so."""
        if len(cells) != len(self.columns):
            return f"the row has {len(cells)} cells, the first row has {len(self.columns)}"
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

    def _kinds(self, text_columns: Collection[str]) -> list["_Kind"]:
        kinds: list[_Kind] = ["str" if name in text_columns else "empty" for name in self.columns]
        open_columns = [i for i, kind in enumerate(kinds) if kind != "str"]
        if not open_columns:
            return kinds
        for _, cells in islice(self._raw(), 1, None):
            if len(cells) == len(kinds):
                for i in open_columns:
                    if cells[i]:
                        kinds[i] = _widen(kinds[i], cells[i])
                if any(kinds[i] == "str" for i in open_columns):
                    open_columns = [i for i in open_columns if kinds[i] != "str"]
        return kinds

    def _raw(self) -> Iterator[tuple[int, list[str]]]:
        """Numbered rows of stripped cells, the header among them as row 1."""
        with _readable(self._path), self._path.open(encoding="utf-8-sig", newline="") as file:
            lines: list[str] = []  # of the row in hand
            reader = csv.reader(_kept(file, lines), delimiter=self._delimiter)
            start = 1
            try:
                for number, cells in enumerate(reader, start=1):
                    if len(lines) > 1:
                        list(csv.reader(lines, delimiter=self._delimiter, strict=True))
                    yield number, [cell.strip() for cell in cells]
                    start += len(lines)
                    lines.clear()
            except csv.Error as error:
                # Most often a missing quote made one cell of many rows. Going on would lose those
                # rows and prune their records. (The limit of 131,072 characters a cell is csv's.)
                raise SourceError(
                    f"{self._path}: the row that begins in line {start} and ends in line "
                    f"{reader.line_num} cannot be read as CSV ({error}); look for a missing quote"
                ) from error


def _kept(file: Iterable[str], lines: list[str]) -> Iterator[str]:
    """The lines of a file, each noted as it is handed out."""
    for line in file:
        lines.append(line)
        yield line


_Kind = Literal["empty", "int", "float", "bool", "str"]


def _widen(kind: _Kind, cell: str) -> _Kind:
    """The narrowest kind that holds one more cell; numbers written oddly (007, +5) stay text."""
    if kind in ("empty", "int") and _WHOLE.match(cell) and abs(int(cell)) < _LARGEST:
        return "int"
    if kind in ("empty", "int", "float") and _is_number(cell):
        return "float"
    if kind in ("empty", "bool") and cell.lower() in ("true", "false"):
        return "bool"
    return "str"


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.match(cell)) and cell[-1] != "-" and math.isfinite(float(cell))


_CONVERTERS: dict[_Kind, Callable[[str], FieldValue]] = {
    "empty": str,
    "int": int,
    "float": float,
    "bool": lambda cell: cell.lower() == "true",
    "str": str,
}


# ----- JSON Lines


_JSON_SCALAR = re.compile(r'[^\s"{}\[\],:\\]+')  # of a line that is no JSON: ids and the like


class _BadLine(NamedTuple):
    problem: str
    texts: tuple[str, ...]


class _JsonLinesTable:
    def __init__(self, path: Path) -> None:
        self._path = path
        names: dict[str, None] = {}
        for _, found in islice(self._objects(), _SAMPLE):
            names |= dict.fromkeys(found if isinstance(found, dict) else ())
        self.columns = tuple(names)

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        for number, found in self._objects():
            if isinstance(found, dict):
                yield Row(number, _fields(found, text_columns))
            else:
                yield Row(number, {}, found.problem, found.texts)

    def _objects(self) -> Iterator[tuple[int, "dict[str, Any] | _BadLine"]]:
        """Each line's object, or what is wrong with the line."""
        with _readable(self._path), self._path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    found = json.loads(line, parse_constant=lambda _: None)  # NaN counts as null
                except (ValueError, RecursionError) as error:
                    told = f"the line is not valid JSON ({error})"
                    yield number, _BadLine(told, tuple(_JSON_SCALAR.findall(line)))
                    continue
                told = "the line is no JSON object"
                yield number, found if isinstance(found, dict) else _BadLine(told, ())


# ----- Parquet


class _ParquetTable:
    def __init__(self, path: Path) -> None:
        try:
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise ExtraMissingError("reading Parquet", "parquet") from error
        self._path = path
        self._open: Callable[[Path], Any] = pyarrow.parquet.ParquetFile
        with _readable(path), self._open(path) as file:
            self.columns = tuple(file.schema_arrow.names)
        _check_columns(self.columns, path)

    def rows(self, text_columns: Collection[str]) -> Iterator[Row]:
        number = 0
        with _readable(self._path), self._open(self._path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for found in batch.to_pylist():
                    number += 1
                    yield Row(number, _fields(found, text_columns))


# ----- shared by all


def _fields(found: dict[str, Any], text_columns: Collection[str]) -> dict[str, FieldValue]:
    values: dict[str, FieldValue] = {}
    for name, value in found.items():
        kept = _value(value)
        if kept is not None and kept != "" and name:
            values[_text(name)] = str(kept) if name in text_columns else kept
    return values


def _value(value: Any) -> FieldValue | None:
    """A cell of a typed file as a field: scalars as they are, dates as ISO, nested ones as JSON."""
    match value:
        case bool():
            return value
        case int():
            return value if -_LARGEST <= value < _LARGEST else str(value)
        case float():
            return value if math.isfinite(value) else None
        case str():
            return _text(value).strip()
        case None | bytes():
            return None
        case list() | dict() | tuple():
            packed = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
            return _text(packed)
        case _:
            return _plain(value)


def _plain(value: object) -> str | float:
    import datetime
    from decimal import Decimal

    if isinstance(value, datetime.date | datetime.datetime | datetime.time):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)


def _text(value: str) -> str:
    """Text that is valid UTF-8: JSON can smuggle half characters in, SQLite takes none."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


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
        if isinstance(error, UnicodeDecodeError):
            raise SourceError(f"{self._path}: {_where_not_utf8(self._path)}") from error
        if isinstance(error, OSError):
            raise SourceError(
                f"{self._path}: the catalogue cannot be read ({error.strerror or error})"
            ) from error
        if isinstance(error, ValueError) and type(error).__module__.startswith("pyarrow"):
            raise SourceError(f"{self._path}: it is no sound Parquet file ({error})") from error


def _where_not_utf8(path: Path) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return (
                    f"line {number} is not UTF-8 (byte {error.start + 1} of the line is "
                    f"0x{line[error.start]:02x}); save the catalogue as UTF-8"
                )
    return "it is not UTF-8; save the catalogue as UTF-8"
