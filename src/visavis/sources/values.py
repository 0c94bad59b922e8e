"""The values of typed files (JSON Lines, Parquet) as fields, and what has to be said of them."""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection
from importlib import import_module
from typing import Any

from visavis.filters import as_label
from visavis.sources.cells import LARGEST
from visavis.sources.dates import Dates, no_dates
from visavis.types import FieldValue

_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


class TypedColumns:
    """Turns rows of typed values into fields, and counts what cannot be one.

    Args:
        file: The file's name, for the notes.
        text_columns: The columns whose values stay text, whatever they are.
    """

    def __init__(self, file: str, text_columns: Collection[str]) -> None:
        self._file = file
        self._text_columns = text_columns
        self._endless: Counter[str] = Counter()
        self._binary: Counter[str] = Counter()
        self._texts: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()
        self._shown: dict[str, str] = {}
        self._dates: defaultdict[str, Dates] = defaultdict(no_dates)

    def fields(self, found: dict[str, Any]) -> dict[str, FieldValue]:
        """The fields of one row; empty values are left out."""
        values: dict[str, FieldValue] = {}
        for name, value in found.items():
            kept = self._value(name, value)
            if kept is None or kept == "" or not name:
                continue
            if name in self._text_columns:
                kept = str(kept).lower() if isinstance(kept, bool) else as_label(kept)
            elif isinstance(kept, str):
                self._texts[name] += 1
                self._shown.setdefault(name, kept)
                self._dates[name].add(kept)
            else:
                self._numbers[name] += 1
            values[_text(name)] = kept
        return values

    def notes(self) -> list[str]:
        """What was left out, and what may be meant otherwise: one sentence for each column."""
        what = {
            "NaN or infinite, which no number is": self._endless,
            "binary data, which no field can hold": self._binary,
        }
        remarks = [
            f"{self._file}: {count:,} value{'s' * (count > 1)} in the column {_text(name)!r} "
            f"{'are' if count > 1 else 'is'} {kind}; left out"
            for kind, counts in what.items()
            for name, count in counts.items()
        ]
        remarks += [
            f"{self._file}: the column {_text(name)!r} holds texts ({count:,}, such as "
            f"{self._shown[name][:40]!r}) beside numbers or true and false "
            f"({self._numbers[name]:,}); filters compare numbers with numbers alone"
            for name, count in self._texts.items()
            if self._numbers[name]
        ]
        for name, dates in self._dates.items():
            odd = dates.odd if dates.cells * 2 > self._texts[name] else ""
            odd = dates.short if dates.short_cells * 2 > self._texts[name] else odd
            if odd:
                remarks.append(
                    f"{self._file}: the column {_text(name)!r} holds dates such as {odd!r}, "
                    "which stay text; write dates as 2024-05-31"
                )
        return remarks

    def _value(self, name: str, value: Any) -> FieldValue | None:
        """Scalars as they are, dates as ISO, nested values as JSON."""
        match value:
            case None | bool():
                return value
            case int():
                return value if -LARGEST <= value < LARGEST else str(value)
            case float():
                if math.isfinite(value):
                    return value
                self._endless[name] += 1
                return None
            case str():
                return _text(value).strip()
            case bytes():
                self._binary[name] += 1
                return None
            case list() | dict() | tuple():
                return self._packed(name, value) if value else None
        plain = _plain(value)
        return plain if isinstance(plain, str) else self._value(name, plain)

    def _packed(self, name: str, value: Any) -> str:
        def default(part: object) -> str | float | int | None:
            if isinstance(part, bytes):
                self._binary[name] += 1
                return None
            return _plain(part)

        def constant(found: re.Match[str]) -> str:
            if found[0].startswith('"'):
                return found[0]
            self._endless[name] += 1
            return "null"

        packed = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=default)
        return _text(_CONSTANT.sub(constant, packed) if _CONSTANT.search(packed) else packed)


def _plain(value: object) -> str | float | int:
    import datetime
    from decimal import Decimal

    if isinstance(value, datetime.date | datetime.datetime | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent  # a letter, of NaN
        return int(value) if exponent == 0 else float(value)
    return str(value)


def _text(value: str) -> str:
    """Text that is valid UTF-8: JSON can smuggle half characters in, SQLite takes none."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


# ----- columns of Arrow


def column_values(column: Any) -> list[Any]:
    """The values of a column of Arrow, as a list.

    Nanoseconds are cut to microseconds, and times in a zone that this machine does not know are in
    UTC. What Python cannot hold, such as a year beyond 9999, is the text that Arrow makes of it.
    """
    arrow = import_module("pyarrow")
    kind = _readable(arrow, column.type)
    if kind != column.type:
        column = column.cast(kind, safe=False)
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        values = [_scalar(arrow, scalar) for scalar in column]
    return values


def _readable(arrow: Any, kind: Any) -> Any:
    """The nearest type whose values Python has."""
    types = arrow.types
    if types.is_timestamp(kind):
        return arrow.timestamp(_unit(kind), _zone(arrow, kind.tz))
    if types.is_time64(kind):
        return arrow.time64("us")
    if types.is_duration(kind):
        return arrow.duration(_unit(kind))
    if types.is_list(kind):
        return arrow.list_(_readable(arrow, kind.value_type))
    if types.is_struct(kind):
        return arrow.struct([(part.name, _readable(arrow, part.type)) for part in kind])
    return kind


def _unit(kind: Any) -> str:
    return "us" if kind.unit == "ns" else str(kind.unit)


def _zone(arrow: Any, name: str | None) -> str | None:
    """The zone, or UTC where there is no database of them, as on Windows."""
    if name is None:
        return None
    try:
        arrow.lib.string_to_tzinfo(name)
    except Exception:  # of several kinds, by what is installed
        return "UTC"
    return name


def _scalar(arrow: Any, scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return bytes(scalar.as_buffer()).decode("utf-8", "replace")
    except (ValueError, OverflowError):
        return scalar.cast(arrow.string()).as_py()
