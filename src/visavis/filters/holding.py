"""Whether a filter holds for a record: for stores whose server cannot say."""

import re
from typing import Any

from visavis.filters.moments import moment
from visavis.filters.nearby import LATITUDE, LONGITUDE, Circle, distance
from visavis.filters.typed import ATTRIBUTES, Span, TypedCondition, TypedFilter, folded
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
    found = any(_same(held, value) for value in condition.any_of)
    return condition.negated != (found or any(_within(held, span) for span in condition.spans))


def _same(held: FieldValue, value: FieldValue) -> bool:
    return isinstance(held, str) == isinstance(value, str) and held == value


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
