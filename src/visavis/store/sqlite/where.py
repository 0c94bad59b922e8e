"""Filters (visavis.filters) as SQL over the `records` table."""

import re
from collections.abc import Callable, Collection, Mapping

from visavis.errors import FilterError
from visavis.filters import described
from visavis.types import Condition, FieldValue, Filter, Operator

ATTRIBUTES = ("id", "width", "height", "size", "modified")
"""Columns of every record that can be filtered on, unless a field of that name exists."""

_LONGEST_NEEDLE = 1000
_ORDERED = ("<", "<=", ">", ">=")
_PLAIN_NAME = re.compile(r"[\w .:/-]+")
_WHOLE = re.compile(r"[+-]?\d{1,300}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def compile_filter(where: Filter, known: Mapping[str, str]) -> tuple[str, list[FieldValue]]:
    """SQL for a WHERE clause over `records`, and its parameters.

    `known` are the names of the fields that some record has, with their types (`text`, `number` or
    `mixed`). Raises FilterError for other names, and where numbers are compared with a text.
    """
    parts: list[str] = []
    parameters: list[FieldValue] = []
    for condition in where.conditions:
        expression = column(condition.field, known)
        if condition.operator in _ORDERED:
            _check_comparable(condition, known)
        sql, values = _COMPILERS[condition.operator](expression, condition)
        parts.append(f"({sql})")
        parameters += values
    return " AND ".join(parts) or "1", parameters


def field_expression(name: str) -> str:
    """The SQL that reads a field; the same text is used for the index on it."""
    if _PLAIN_NAME.fullmatch(name):
        return f"json_extract(fields, '$.\"{name}\"')"
    literal = name.replace("'", "''")
    return f"(SELECT value FROM json_each(fields) WHERE key = '{literal}')"


def _check_comparable(condition: Condition, known: Mapping[str, str]) -> None:
    name, value = condition.field, condition.values[0]
    kind = known.get(name) or ("text" if name == "id" else "number")
    if kind == "number" and _number(value) is None:
        raise FilterError(
            f"the filter {described([condition])!r} compares numbers with {value!r}, which is "
            f"none; every {name} is a number"
        )


def column(name: str, known: Collection[str]) -> str:
    """The SQL that reads a field, or what every record has. Raises FilterError for other names."""
    if name in known:
        return field_expression(name)
    if name in ATTRIBUTES:
        return name
    names = sorted({*known, *ATTRIBUTES})
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "fields: " + ", ".join(names)
    raise FilterError(f"no record has a field {name!r}; {hint}")


def _number(value: FieldValue) -> int | float | None:
    """The value as a number when it is one, or is written like one."""
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            value = int(value)
        elif _NUMBER.fullmatch(value):
            value = float(value)
        else:
            return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return int(value) if abs(value) < 2**63 else float(value)  # SQLite's integers have 64 bits


def _alternatives(value: FieldValue) -> list[FieldValue]:
    """A value as it may have been stored: text, number or (as JSON reads it) 1 and 0."""
    forms: list[FieldValue] = [str(value)]
    number = _number(value)
    if number is not None:
        forms.append(number)
    if str(value).lower() in ("true", "false"):
        forms.append(int(str(value).lower() == "true"))
    return forms


def _as_text(value: FieldValue) -> list[FieldValue]:
    return [str(value)]


def _any_of(column: str, condition: Condition) -> tuple[str, list[FieldValue]]:
    # Ids are texts: SQLite would take the number 1000 for the id 1000, and 1e3 is that number.
    forms_of = _as_text if column == "id" else _alternatives
    forms = [form for value in condition.values for form in forms_of(value)]
    return f"{column} IN ({','.join('?' * len(forms))})", forms


def _none_of(column: str, condition: Condition) -> tuple[str, list[FieldValue]]:
    sql, forms = _any_of(column, condition)
    return f"{column} IS NULL OR NOT {sql}", forms


def _compared(column: str, condition: Condition) -> tuple[str, list[FieldValue]]:
    value = condition.values[0]
    number = None if column == "id" else _number(value)
    # SQLite sorts every text above every number, so the types are kept apart.
    types, bound = ("'integer','real'", number) if number is not None else ("'text'", value)
    return f"{column} {condition.operator} ? AND typeof({column}) IN ({types})", [bound]


def _contains(column: str, condition: Condition) -> tuple[str, list[FieldValue]]:
    needle = str(condition.values[0])
    if len(needle) > _LONGEST_NEEDLE:
        raise FilterError(f"a filter with ~ takes at most {_LONGEST_NEEDLE} letters")
    if not needle.isascii():  # SQLite folds the case of ASCII alone
        return f"instr(casefold({column}), ?) > 0", [needle.casefold()]
    escaped = re.sub(r"([%_\\])", r"\\\1", needle)
    return f"{column} LIKE ? ESCAPE '\\'", [f"%{escaped}%"]


_Compiler = Callable[[str, Condition], tuple[str, list[FieldValue]]]
_COMPILERS: dict[Operator, _Compiler] = {
    "=": _any_of,
    "!=": _none_of,
    "<": _compared,
    "<=": _compared,
    ">": _compared,
    ">=": _compared,
    "~": _contains,
}
