"""The language of filters: expressions as people write them, read without knowing the fields."""

import re
from collections.abc import Iterable, Sequence

from visavis.errors import FilterError
from visavis.filters.moments import ZONE
from visavis.types import Condition, FieldValue, Filter, Operator, Range

OPERATORS: tuple[Operator, ...] = ("=", "!=", "<", "<=", ">", ">=", "~")
_CLOCK = rf"[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]+)?)?{ZONE}?"
DATE = rf"[0-9]{{4}}-[0-9]{{2}}(?:-[0-9]{{2}}(?:{_CLOCK})?)?"
"""A month, a day, or a time of a day, as ISO 8601 writes them, or a database."""

# Possessive (*+, ++): a thousand spaces without an operator would take seconds to give up on.
_EXPRESSION = re.compile(
    r'\s*+(?:"(?P<quoted>(?:[^"]|"")+)"\s*+|(?P<field>[^=!<>~]++))'
    r"(?P<operator>[=!<>~]+)(?P<values>.*)",
    re.DOTALL,
)
_MEANT = {"==": "=", "===": "=", "=>": ">=", "=<": "<=", "<>": "!=", "=~": "~", "~=": "~"}
_NOTHING = '""'
_QUOTED = r'"((?:[^"]|"")*)"'
_VALUE = re.compile(rf'\s*(?:{_QUOTED}|([^",][^,]*|))\s*(,|\Z)')
_NEXT = re.compile(r"(?:\s(?:and|or)\s|&&|\|\||[;,])\s*([^\W\d][\w .-]*[<>=!~]+.*)", re.I)
"""A second expression in what should be a value."""

_END = rf"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|{DATE}"
_RANGE = re.compile(rf"({_END})?\s*\.\.\s*({_END})?")


def parse(expression: str) -> Condition:
    """Read one expression.

    >>> parse("brand=a,b")
    Condition(field='brand', operator='=', values=('a', 'b'), quoted=False)

    Raises FilterError when it is none.
    """
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        raise FilterError(
            f"the filter {expression!r} is not understood; write FIELD=VALUE, "
            "or one of != < <= > >= ~ for ="
        )
    field = (found["field"] or "").rstrip() or _unquoted(found["quoted"])
    text = found["values"].strip()
    operator = _operator(expression, field, found["operator"], text)
    if not text:
        raise FilterError(f"the filter {expression!r} lacks a value after {operator!r}")
    if operator in ("=", "!="):
        return Condition(field, operator, *_values(expression, text))
    if quoted := re.fullmatch(_QUOTED, text):
        return Condition(field, operator, (_unquoted(quoted[1]),), quoted=True)
    _check_value(expression, text)
    return Condition(field, operator, (text,))


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


def described(where: Filter | Sequence[Condition] | None) -> str:
    """A filter as people write it, for messages."""
    conditions = where.conditions if isinstance(where, Filter) else where or ()
    return " and ".join(
        f"{spelled(c.field)}{c.operator}{','.join(str(value) or _NOTHING for value in c.values)}"
        for c in conditions
    )


def spelled(field: str) -> str:
    """A field as an expression names it: in quotes where it holds an operator."""
    doubled = field.replace('"', '""')
    return f'"{doubled}"' if set(field) & set("=!<>~") else field


def _operator(expression: str, field: str, written: str, text: str) -> Operator:
    for operator in OPERATORS:
        if operator == written:
            return operator
    meant = _MEANT.get(written)
    hint = (
        f"did you mean {field + meant + text!r}?"
        if meant
        else 'write = != < <= > >= or ~, and quote a value that begins so: title="<3"'
    )
    raise FilterError(f"the filter {expression!r} has the unknown operator {written!r}; {hint}")


def _values(expression: str, text: str) -> tuple[tuple[FieldValue | Range, ...], bool]:
    """The values between commas, and whether they are all in quotes."""
    values: list[FieldValue | Range] = []
    all_quoted, more, at = True, True, 0
    while more:
        found = _VALUE.match(text, at)
        if found is None:
            raise FilterError(
                f"the filter {expression!r} has a quote that does not close, or text beside "
                'quotes; write FIELD="A, B",C, and "" for a quote within quotes'
            )
        quoted, bare, comma = found.groups()
        all_quoted &= quoted is not None
        if quoted is None:
            _check_value(expression, bare.strip(), "," if at else "")
        values.append(_bare(bare.strip()) if quoted is None else _unquoted(quoted))
        more, at = bool(comma), found.end()
    return tuple(values), all_quoted


def _unquoted(text: str) -> str:
    return text.replace('""', '"')


def _bare(text: str) -> FieldValue | Range:
    ends = _RANGE.fullmatch(text)
    return Range(*ends.groups()) if ends and any(ends.groups()) else text


def _check_value(expression: str, text: str, before: str = "") -> None:
    """Raise FilterError for a value that is most probably something else."""
    if text[:1] in tuple("=<>~"):  # as in `price > =5`
        raise FilterError(
            f"the filter {expression!r} has two operators; quote a value that begins with one: "
            'title="<3"'
        )
    if other := _NEXT.search(before + text):
        raise FilterError(
            f"the filter {expression!r} seems to hold a second one, {other[1]!r}; give each its "
            "own --where (they all have to hold), or quote the value"
        )
