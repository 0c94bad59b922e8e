"""Filters over the records' fields: `category=shoes`, `price<50`, `brand=a,b`, `title~lamp`.

    =   any of the values            brand=acme,umbra
    !=  none of the values           brand!=acme     (records without the field pass)
    <  <=  >  >=                     price<50        (numbers, or text such as 2024-05-01)
    ~   contains, whatever the case  title~lamp

A value that holds a comma is quoted: `brand="Dolce, Gabbana"`. Besides the catalogue's own fields
there are `id`, `width`, `height`, `size` (bytes) and `modified` (seconds since the epoch).

This is the language alone: which records pass is for a store to find out.
"""

import csv
import re
from collections.abc import Iterable, Sequence

from visavis.errors import FilterError
from visavis.types import Condition, Filter, Operator

_EXPRESSION = re.compile(
    r"\s*(?P<field>[^=!<>~]+?)\s*(?P<operator><=|>=|!=|=|<|>|~)(?P<values>.*)", re.DOTALL
)


def parse(expression: str) -> Condition:
    """Read one expression.

    >>> parse("brand=a,b")
    Condition(field='brand', operator='=', values=('a', 'b'))

    Raises FilterError when it is none.
    """
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        raise FilterError(
            f"the filter {expression!r} is not understood; write FIELD=VALUE, "
            "or one of != < <= > >= ~ for ="
        )
    operator: Operator = found["operator"]  # type: ignore[assignment]
    several = operator in ("=", "!=")
    text = found["values"].strip()
    values = _split(text) if several else [text]
    if not text:
        raise FilterError(f"the filter {expression!r} lacks a value after {operator!r}")
    return Condition(found["field"], operator, tuple(values))


def parse_all(expressions: Iterable[str]) -> Filter | None:
    """One filter in which every expression has to hold; None when there are none."""
    conditions = tuple(parse(expression) for expression in expressions)
    return Filter(conditions) if conditions else None


Where = Filter | str | Iterable[str] | None
"""A filter, or expressions such as "price<50" that all have to hold."""


def as_filter(where: Where) -> Filter | None:
    """A filter from whatever people give; None: everything passes. Raises FilterError."""
    if where is None or isinstance(where, Filter):
        return where
    return parse_all([where] if isinstance(where, str) else where)


def _split(text: str) -> list[str]:
    try:
        row = next(csv.reader([text], skipinitialspace=True, strict=True), [""])
    except (csv.Error, StopIteration) as error:
        raise FilterError(f"the values {text!r} are not understood: {error}") from error
    return [value.strip() for value in row]


def described(where: Filter | Sequence[Condition] | None) -> str:
    """A filter as people write it, for messages."""
    conditions = where.conditions if isinstance(where, Filter) else where or ()
    return " and ".join(f"{c.field}{c.operator}{','.join(map(str, c.values))}" for c in conditions)
