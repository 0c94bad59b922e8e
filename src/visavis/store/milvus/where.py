"""Filters, resolved by visavis.filters, as expressions of Milvus.

What Milvus 2.3 cannot express (text within text, items of lists, dates among other texts, times in
zones) is checked on this side: the expression then passes more than the filter, and `rest` is what
is left to check.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

from visavis.filters import LATITUDE, Circle, Span, TypedCondition, TypedFilter, Value
from visavis.store.milvus.client import quoted
from visavis.store.milvus.layout import Layout
from visavis.store.milvus.rows import key_of

_NOTHING = 'id < ""'
_ANYTHING = 'id >= ""'
_LAST = chr(0x10FFFF)


class Expression(NamedTuple):
    """What is asked of the server, and what it leaves to check."""

    text: str
    """Nothing: everything passes."""
    rest: TypedFilter | None = None


def compile_filter(where: TypedFilter | None, layout: Layout) -> Expression:
    """A filter for the server, as far as it goes."""
    conditions = where.conditions if where is not None else ()
    parts: list[str] = []
    rest: list[TypedCondition] = []
    for condition in conditions:
        if condition.around is not None:
            rest.append(condition)
            parts.append(_band(condition.around))
            continue
        whole = condition.containing is None and not condition.several
        exact = whole and not any(map(_is_beyond, condition.spans))
        if not exact:
            rest.append(condition)
        if exact or (not condition.negated and whole):
            parts.append(_compiled(_widened(condition), layout))
    return Expression(both(*parts), TypedFilter(tuple(rest)) if rest else None)


def _is_beyond(span: Span) -> bool:
    return span.dates or span.times is not None


def _widened(condition: TypedCondition) -> TypedCondition:
    """The same, but of times the days around them: a zone takes at most a day away."""
    spans = [
        span if span.times is None else Span(_day(span.low, -1), _day(span.high, 1))
        for span in condition.spans
    ]
    return replace(condition, spans=tuple(spans))


def _day(end: Value | None, days: int) -> str | None:
    """The day before or after one, as values begin that are later or earlier than it."""
    try:
        day = date.fromisoformat(str(end)[:10]) + timedelta(days=days)
    except (ValueError, OverflowError):  # a month, a year; or none
        return None
    return day.isoformat() + "~" * (days > 0)


def both(*expressions: str) -> str:
    """An expression in which each of these holds; empty ones always do."""
    named = [part for part in expressions if part]
    return " and ".join(f"({part})" for part in named) if len(named) > 1 else "".join(named)


def named(column: str, values: Sequence[str]) -> str:
    """Rows whose text column has one of some values."""
    return f"{column} in [{', '.join(map(quoted, values))}]"


def below(prefix: str) -> str:
    """Rows whose id begins so; nothing for all ids."""
    if not prefix:
        return ""
    last = prefix.rstrip(_LAST)[-1:]
    if not last:
        return f"id >= {quoted(prefix)}"
    after = 0xE000 if ord(last) == 0xD7FF else ord(last) + 1  # no half of a surrogate pair
    end = prefix.rstrip(_LAST)[:-1] + chr(after)
    return f"id >= {quoted(prefix)} and id < {quoted(end)}"


def _compiled(condition: TypedCondition, layout: Layout) -> str:
    declared = _is_declared(condition, layout)
    column = layout.column(condition.field) if declared else _column(condition)
    parts = [_any_of(column, condition.any_of)] if condition.any_of else []
    parts += [_within(column, span) for span in condition.spans]
    parts += [f"not ({_has_something(column)})"] if condition.empty else []
    text = " or ".join(f"({part})" for part in parts) or _NOTHING
    if declared:
        text = f"{layout.presence(condition.field)} == true and ({text})"
    return f"not ({text})" if condition.negated else text


def _has_something(column: str) -> str:
    """A text with letters, or a number; no comparison holds where there is no value."""
    return f'{column} > "" or {column} >= {-sys.float_info.max!r}'


def _is_declared(condition: TypedCondition, layout: Layout) -> bool:
    """Whether the field's own column can say: it has all values of the kind that is asked for."""
    if condition.empty:
        return False
    kind = layout.declared.get(condition.field) if condition.own else None
    ends = [end for span in condition.spans for end in span[:2] if end is not None]
    asked = [*condition.any_of, *ends]
    if kind == "text":
        return all(isinstance(value, str) for value in asked)
    # The column has 64-bit floats: from there on neighbouring integers are one to them.
    return (
        kind == "number"
        and bool(asked)
        and all(not isinstance(value, str) and abs(value) < 2**53 for value in asked)
    )


def _band(place: Circle) -> str:
    """The latitudes that a circle reaches."""
    column = f"fields[{quoted(LATITUDE)}]"
    low, high = place.latitude - place.degrees, place.latitude + place.degrees
    return f"{column} >= {low!r} and {column} <= {high!r}"


def _column(condition: TypedCondition) -> str:
    if condition.own:
        return f"fields[{quoted(key_of(condition.field))}]"
    return condition.field


def _any_of(column: str, values: Sequence[Value]) -> str:
    """One of some values; Milvus takes lists of one type alone."""
    texts = [quoted(value) for value in values if isinstance(value, str)]
    others = [_number(value) for value in values if not isinstance(value, str)]
    parts = [f"{column} == {number}" for number in others]
    if texts:
        parts.append(f"{column} in [{', '.join(texts)}]")
    return " or ".join(parts)


def _within(column: str, span: Span) -> str:
    parts = []
    if span.low is not None:
        parts.append(f"{column} >{'=' * span.with_low} {_written(span.low)}")
    if span.high is not None:
        parts.append(f"{column} <{'=' * span.with_high} {_written(span.high)}")
    return " and ".join(parts) or _ANYTHING


def _written(value: Value) -> str:
    return quoted(value) if isinstance(value, str) else _number(value)


def _number(value: int | float) -> str:
    """A number as Milvus reads it: its integers have 64 bits."""
    return repr(float(value)) if abs(value) >= 2**63 else repr(value)
