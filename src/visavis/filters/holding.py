"""Whether a filter holds for a record: for stores whose server cannot say."""

import re
from collections.abc import Sequence
from typing import Any

from visavis.filters.lists import items_of
from visavis.filters.moments import moment
from visavis.filters.nearby import LATITUDE, LONGITUDE, Circle, distance
from visavis.filters.typed import ATTRIBUTES, Span, TypedCondition, TypedFilter, Value, folded
from visavis.types import FieldValue, ImageRecord

_DATE = re.compile("[0-9]{4}-[0-9]{2}")


def holds(where: TypedFilter, record: ImageRecord) -> bool:
    """Whether a record passes a filter; its fields are in NFC, as stores keep them."""
    return all(
        _holds(condition, record) if condition.around is None else _near(condition.around, record)
        for condition in where.conditions
    )


def _near(place: Circle, record: ImageRecord) -> bool:
    latitude, longitude = record.fields.get(LATITUDE), record.fields.get(LONGITUDE)
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return False
    return distance(place.latitude, place.longitude, latitude, longitude) <= place.km


def _holds(condition: TypedCondition, record: ImageRecord) -> bool:
    name = condition.field
    held = record.fields.get(name)
    if not condition.own and name in ATTRIBUTES:
        held = getattr(record, name)
    if held is None:
        return condition.negated != condition.empty
    if condition.containing is not None:
        return _contains(held, condition.containing)
    items = items_of(name, held) if condition.several else None
    found = has_one([held, *(items or ())], frozenset(condition.any_of), condition.spans)
    return condition.negated != found


def has_one(held: Sequence[FieldValue], any_of: frozenset[Value], spans: Sequence[Span]) -> bool:
    """Whether one of the values that a field holds is, or lies within, what is looked for."""
    # A text is never equal to a number, and 1 is 1.0 is true.
    return not any_of.isdisjoint(held) or any(_within(one, span) for span in spans for one in held)


def _within(held: Any, span: Span) -> bool:
    low: Any = span.low
    high: Any = span.high
    if isinstance(held, str) != isinstance(high if low is None else low, str):
        return False
    if span.dates and not _DATE.match(held):
        return False
    if span.times is not None:
        held = moment(held, span.times)
    above = low is None or held > low or (span.with_low and held == low)
    return above and (high is None or held < high or (span.with_high and held == high))


def _contains(held: FieldValue, needle: str) -> bool:
    text = str(int(held)) if isinstance(held, bool) else str(held)
    return needle in folded(text)
