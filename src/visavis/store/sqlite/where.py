"""Filters, resolved by visavis.filters, as SQL over the `records` table."""

import re

from visavis.filters import Span, TypedCondition, TypedFilter, Value
from visavis.types import FieldValue

_DATES = "[0-9][0-9][0-9][0-9]-[0-9][0-9]*"
_NOT_ASCII = "*[^\x01-\x7f]*"
_PLAIN_NAME = re.compile(r"[\w .:/-]+")


def compile_filter(where: TypedFilter) -> tuple[str, list[FieldValue]]:
    """SQL for a WHERE clause over `records`, and its parameters."""
    parts: list[str] = []
    parameters: list[FieldValue] = []
    for condition in where.conditions:
        sql, values = _compiled(condition)
        parts.append(f"({sql})")
        parameters += values
    return " AND ".join(parts) or "1", parameters


def column(name: str, own: bool) -> str:
    """The SQL that reads a field, or else what every record has."""
    return field_expression(name) if own else name


def field_expression(name: str) -> str:
    """The SQL that reads a field; the same text is used for the index on it."""
    if _PLAIN_NAME.fullmatch(name):
        return f"json_extract(fields, '$.\"{name}\"')"
    literal = name.replace("'", "''")
    return f"(SELECT value FROM json_each(fields) WHERE key = '{literal}')"


def _compiled(condition: TypedCondition) -> tuple[str, list[FieldValue]]:
    expression = column(condition.field, condition.own)
    parts: list[str] = []
    parameters: list[FieldValue] = []
    if condition.any_of or not condition.spans:
        parts.append(f"{expression} IN ({','.join('?' * len(condition.any_of))})")
        parameters += map(_bound, condition.any_of)
    for span in condition.spans:
        sql, values = _within(expression, span)
        parts.append(sql)
        parameters += values
    if condition.containing is not None:
        sql, needles = _contains(expression, condition.containing)
        parts, parameters = [sql], [*needles]
    sql = " OR ".join(parts)
    return (f"{expression} IS NULL OR NOT ({sql})" if condition.negated else sql), parameters


def _within(expression: str, span: Span) -> tuple[str, list[FieldValue]]:
    ends = [
        (end, operator + "=" * included)
        for end, operator, included in (
            (span.low, ">", span.with_low),
            (span.high, "<", span.with_high),
        )
        if end is not None
    ]
    parts = [f"{expression} {operator} ?" for _, operator in ends]
    # SQLite sorts every text above every number, so the types are kept apart.
    types = "'text'" if isinstance(ends[0][0], str) else "'integer','real'"
    parts.append(f"typeof({expression}) IN ({types})")
    if span.dates:
        parts.append(f"{expression} GLOB '{_DATES}'")
    return f"({' AND '.join(parts)})", [_bound(end) for end, _ in ends]


def _contains(expression: str, needle: str) -> tuple[str, list[str]]:
    """Texts of ASCII alone, which are most, are left to SQLite: it folds their case by itself."""
    slow = f"instr(folded({expression}), ?) > 0"
    if not needle.isascii():
        return slow, [needle]
    escaped = re.sub(r"([%_\\])", r"\\\1", needle)
    quick = f"{expression} LIKE ? ESCAPE '\\'"
    return f"{quick} OR ({expression} GLOB ? AND {slow})", [f"%{escaped}%", _NOT_ASCII, needle]


def _bound(value: Value) -> FieldValue:
    """A value as SQLite takes it: its integers have 64 bits."""
    return float(value) if isinstance(value, int) and abs(value) >= 2**63 else value
