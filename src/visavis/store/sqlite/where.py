"""Filters, resolved by visavis.filters, as SQL over the `records` table."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from visavis.filters import (
    COMMA_SEPARATED,
    LATITUDE,
    LONGITUDE,
    Circle,
    Reading,
    Span,
    TypedCondition,
    TypedFilter,
    Value,
)
from visavis.types import FieldValue

_DATES = "[0-9][0-9][0-9][0-9]-[0-9][0-9]*"
_TIMES = f"{_DATES[:-1]}-[0-9][0-9][T ]*"
_LOOKED_FOR = 4  # texts that are looked for before a list is read; many cost more than reading it
_PLAIN_NAME = re.compile(r"[\w .:/-]+")


def compile_filter(where: TypedFilter) -> tuple[str, list[FieldValue]]:
    """SQL for a WHERE clause over `records`, and its parameters."""
    parts: list[str] = []
    parameters: list[FieldValue] = []
    for condition in dict.fromkeys(where.conditions):
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


def in_order(name: str, own: bool) -> str:
    """The SQL that a field is ordered by: times by when they are, whatever their zones."""
    value = column(name, own)
    return f"CASE WHEN {value} GLOB '{_TIMES}' THEN moment({value}, 'instant') ELSE {value} END"


def apart(place: Circle) -> tuple[str, list[FieldValue]]:
    """SQL for the kilometres from a place to a record's, and its parameters."""
    latitude, longitude = field_expression(LATITUDE), field_expression(LONGITUDE)
    return f"distance({latitude}, {longitude}, ?, ?)", [place.latitude, place.longitude]


def _compiled(condition: TypedCondition) -> tuple[str, list[FieldValue]]:
    if condition.around is not None:
        return _around(condition.around)
    expression = column(condition.field, condition.own)
    parts: list[str] = []
    parameters: list[FieldValue] = []
    if condition.any_of or not condition.spans:
        parts.append(f"{expression} IN ({','.join('?' * len(condition.any_of))})")
        parameters += map(bound, condition.any_of)
    for kind, spans in _merged(condition.spans).items():
        sql, values = _within(expression, kind, spans)
        parts.append(sql)
        parameters += values
    if condition.several and condition.containing is None:
        sql, asked = _has_item(expression, condition)
        parts.append(sql)
        parameters += asked
    if condition.containing is not None:
        sql, needles = _contains(expression, condition.containing)
        parts, parameters = [sql], [*needles]
    sql, beside = " OR ".join(parts), f"{expression} IS NULL OR "
    if condition.negated:
        sql = f"NOT ({sql})"
        beside = f"{expression} IS NOT NULL AND " if condition.empty else beside
        return beside + sql, parameters
    return (beside + sql if condition.empty else sql), parameters


def _has_item(expression: str, condition: TypedCondition) -> tuple[str, list[FieldValue]]:
    """Whether an item of a list is what is looked for; an index on the field leads to JSON's."""
    begins = f"{expression} >= '[' AND {expression} < '\\'"
    if condition.field in COMMA_SEPARATED:
        begins = "1"
    has, values = "1", list[FieldValue]()
    texts = [value for value in condition.any_of if isinstance(value, str)]
    if len(texts) == len(condition.any_of) <= _LOOKED_FOR and not condition.spans:
        # Most records are passed over in a twentieth of the time. JSON may escape any letter.
        has = " OR ".join([*[f"instr({expression}, ?)"] * len(texts), f"instr({expression}, '\\')"])
        values += texts
    asked = json.dumps([condition.any_of, condition.spans])
    sql = f"({begins} AND ({has}) AND has_item({expression}, ?, ?))"
    return sql, [*values, condition.field, asked]


def _around(place: Circle) -> tuple[str, list[FieldValue]]:
    """A band of latitudes first, which an index may answer, then the distance."""
    sql, values = apart(place)
    band: list[FieldValue] = [place.latitude - place.degrees, place.latitude + place.degrees]
    between = f"{field_expression(LATITUDE)} BETWEEN ? AND ?"
    return f"{between} AND {sql} <= ?", [*band, *values, place.km]


class _Kind(NamedTuple):
    """What the values of some spans are."""

    texts: bool
    dates: bool
    times: Reading | None


def _within(expression: str, kind: _Kind, spans: Sequence[Span]) -> tuple[str, list[FieldValue]]:
    """Whether a value lies in one of some spans of a kind, which are apart and in their order."""
    compared = f"moment({expression}, '{kind.times}')" if kind.times else expression
    test, values = _test(compared, spans)
    # SQLite sorts every text above every number, so the types are kept apart.
    types = "'text'" if kind.texts else "'integer','real'"
    parts = [f"typeof({expression}) IN ({types})", test]
    if kind.dates:
        parts.insert(1, f"{expression} GLOB '{_DATES}'")
    return f"({' AND '.join(parts)})", values


def _test(expression: str, spans: Sequence[Span]) -> tuple[str, list[FieldValue]]:
    """Halving: of three hundred ranges, a value is compared with the ends of nine."""
    if len(spans) > 1:
        middle = len(spans) // 2
        low = spans[middle].low
        assert low is not None  # of the first span alone, as they are apart
        left, less = _test(expression, spans[:middle])
        right, more = _test(expression, spans[middle:])
        way = ">" + "=" * spans[middle].with_low
        sql = f"CASE WHEN {expression} {way} ? THEN {right} ELSE {left} END"
        return sql, [bound(low), *more, *less]
    [span] = spans
    ends = [
        (end, operator + "=" * included)
        for end, operator, included in (
            (span.low, ">", span.with_low),
            (span.high, "<", span.with_high),
        )
        if end is not None
    ]
    test = " AND ".join(f"{expression} {way} ?" for _, way in ends)
    return test or "1", [bound(end) for end, _ in ends]  # of a half and the other: all values


def _merged(spans: Iterable[Span]) -> dict[_Kind, list[Span]]:
    """The same values in as few spans as can be, apart and in their order, for each kind."""
    kinds: dict[_Kind, list[Span]] = {}
    for span in spans:
        kinds.setdefault(_Kind(_of_texts(span), span.dates, span.times), []).append(span)
    return {kind: _joined(sorted(of_kind, key=_begin)) for kind, of_kind in kinds.items()}


def _joined(spans: Sequence[Span]) -> list[Span]:
    apart = [spans[0]]
    for span in spans[1:]:
        last = apart[-1]
        if not _reaches(last, span):
            apart.append(span)
        elif _end(last) < _end(span):
            apart[-1] = last._replace(high=span.high, with_high=span.with_high)
    return apart


def _reaches(one: Span, other: Span) -> bool:
    """Whether nothing lies between the end of one span and the beginning of another."""
    if one.high is None or other.low is None:
        return True
    if one.high == other.low:
        return one.with_high or other.with_low
    return bool(_begin(other)[1] < _end(one)[1])


def _of_texts(span: Span) -> bool:
    return isinstance(span.high if span.low is None else span.low, str)


def _begin(span: Span) -> tuple[Any, ...]:
    return (0,) if span.low is None else (1, span.low, not span.with_low)


def _end(span: Span) -> tuple[Any, ...]:
    return (2,) if span.high is None else (1, span.high, span.with_high)


def _contains(expression: str, needle: str) -> tuple[str, list[str]]:
    """Texts of ASCII alone, which are most, are left to SQLite: it folds their case by itself.

    They have as many bytes as letters, which takes SQLite a tenth of what looking for others does.
    """
    odd = f"length(CAST({expression} AS BLOB)) > length({expression})"
    slow = f"{odd} AND instr(folded({expression}), ?) > 0"
    if not needle.isascii():
        return slow, [needle]
    escaped = re.sub(r"([%_\\])", r"\\\1", needle)
    quick = f"{expression} LIKE ? ESCAPE '\\'"
    return f"{quick} OR ({slow})", [f"%{escaped}%", needle]


def bound(value: Value) -> FieldValue:
    """A value as SQLite takes it: its integers have 64 bits."""
    return float(value) if isinstance(value, int) and abs(value) >= 2**63 else value
