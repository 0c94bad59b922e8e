"""What may have been meant by a filter that no record passes."""

import difflib
import re
from collections.abc import Mapping, Sequence

from visavis.errors import StoreUnsupportedError
from visavis.filters import folded, is_date, values_of
from visavis.store.base import VectorStore
from visavis.store.capabilities import faceted, has_facets
from visavis.types import Condition, Filter, Range

_VALUES = 1_000  # of a field, the commonest, that are looked at
_RECORDS = 200_000  # above these, counting values takes too long for a hint
_TRIED = 3  # values of a condition that are looked at: each is compared with all the others
_LONGEST = 100  # letters of one of these
_NEAR = 0.8
_SHOWN = 40  # letters of a value


def hint(where: Filter, store: VectorStore) -> str:
    """A clause to put behind the reason, or nothing; for the first condition that it fits."""
    if not has_facets(store) or store.count(None) > _RECORDS:
        return ""
    kinds = store.fields()
    for condition in where.conditions:
        kind = kinds.get(condition.field)
        if kind not in ("text", "mixed", "list") or condition.operator in ("!=", "~"):
            continue
        if store.count(Filter((condition,))):
            continue
        no_dates = f"; no {condition.field} is a date such as 2024-05-31"
        if _asks_dates(condition):
            return no_dates
        if condition.operator == "=":
            meant = _meant(condition, store)
            return meant or (no_dates if kind == "text" and _is_a_date(condition) else "")
    return ""


def _is_a_date(condition: Condition) -> bool:
    return not condition.quoted and any(is_date(str(value)) for value in condition.values)


def _asks_dates(condition: Condition) -> bool:
    ends = [
        end
        for value in condition.values
        for end in ((value.low, value.high) if isinstance(value, Range) else (value,))
        if isinstance(value, Range) or condition.operator != "="
    ]
    return not condition.quoted and any(is_date(str(end)) for end in ends if end is not None)


def _meant(condition: Condition, store: VectorStore) -> str:
    try:
        held = faceted(store).browse.values(condition.field, _VALUES)
    except StoreUnsupportedError:  # too many records for that store
        return ""
    items = (item for value, _ in held for item in values_of(condition.field, value))
    names = {folded(str(item)): str(item) for item in items}
    for value in condition.values[:_TRIED]:
        text = str(value)[:_LONGEST]
        parts = [part.strip() for part in re.split(r"[|;]", text)]
        if len(parts) > 1 and (known := [names[p] for p in map(folded, parts) if p in names]):
            return _did_you_mean(condition, known)
        if "*" in text and (plain := text.strip("*")) and "*" not in plain:
            return f"; * has no meaning of its own: {condition.field}~{plain} finds parts"
        wanted = folded(text.strip("'"))
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=_NEAR)
        if near:
            return _did_you_mean(condition, [names[near[0]]])
        if longer := _within(wanted, names):
            value = f'"{text}"' if "," in text else text
            return f"; {condition.field}~{value} finds it in longer values, such as {longer!r}"
    return ""


def _within(wanted: str, names: Mapping[str, str]) -> str | None:
    """A value that holds what is wanted among other things: a list of tags, a title."""
    whole = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")
    found = (value for name, value in names.items() if wanted and whole.search(name))
    return next(found, "")[:_SHOWN] or None


def _did_you_mean(condition: Condition, values: Sequence[str]) -> str:
    quoted = (f'"{value}"' if "," in value or '"' in value else value for value in values)
    return f"; did you mean {condition.field}={','.join(quoted)}?"
