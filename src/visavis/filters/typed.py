"""What a filter means for the kinds of fields that there are, in a form that any store can take."""

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple

from visavis.errors import FilterError
from visavis.filters.language import DATE, OPERATORS, described, spelled
from visavis.filters.lists import items_of
from visavis.filters.moments import Reading, has_time, has_zone, moment, prefix
from visavis.filters.nearby import NEARBY, Circle, circle
from visavis.types import Condition, Fields, FieldValue, Filter, Kind, Range

ATTRIBUTES: Mapping[str, Kind] = {
    "id": "text",
    "width": "number",
    "height": "number",
    "size": "number",
    "modified": "number",
}
"""What every record can be filtered on, unless there is a field of that name."""

_LONGEST_NEEDLE = 1000
_MOST_OF_LISTS = 8  # conditions and ranges: each of these takes microseconds a record
_WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO = re.compile(DATE)
_LIKE_A_NUMBER = re.compile(r"[\W_]*[0-9]")  # $50, 12,50, 5 kg
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = re.compile(r"[0-9]{4}")
_ACCENTS = re.compile("[\u0300-\u036f]")  # on the letters of Latin, Greek and Cyrillic
_TO_ITS_END = "~"  # sorts behind all that can follow in a date: 2024-05~ is the end of May
_LETTERS = {"number": frozenset("0123456789.eE+-"), "date": frozenset("0123456789-:.TZUC+ ")}

Value = int | float | str
"""As a store keeps it; true and false are 1 and 0."""


class Span(NamedTuple):
    """Values in their order, numbers among numbers or texts among texts (by code points)."""

    low: Value | None
    high: Value | None
    with_low: bool = True
    with_high: bool = True
    dates: bool = False
    """Only texts that are dates: a span between dates, of a field with other texts as well."""
    times: Reading | None = None
    """A span between times of days, as `moment` reads the values; None: values as they are."""


@dataclass(frozen=True, slots=True)
class TypedCondition:
    """What a field's value has to be: one of some values, within a span, or with a text in it.

    A number equals numbers alone, and a text texts alone.
    """

    field: str
    own: bool
    """Whether it is a field of the records, and not one of ATTRIBUTES."""
    several: bool = False
    """Whether texts of the field may be lists, any item of which may be what is looked for."""
    any_of: tuple[Value, ...] = ()
    spans: tuple[Span, ...] = ()
    containing: str | None = None
    """Text as `folded` gives it, which a field's folded text holds; a number counts as written."""
    around: Circle | None = None
    """A place that latitude and longitude are near to; `field` is not one then."""
    empty: bool = False
    """Whether records without the field pass, too, and those in which it is an empty text."""
    negated: bool = False
    """Turned round: the records that do not pass, such as those without the field."""


@dataclass(frozen=True, slots=True)
class TypedFilter:
    """Conditions that all have to hold, with their types decided; texts are in NFC."""

    conditions: tuple[TypedCondition, ...]


def resolve(where: Filter, kinds: Mapping[str, Kind]) -> TypedFilter:
    """What a filter means for records whose fields are of these kinds.

    Raises FilterError for a field that no record has, and for a comparison that the field's kind
    rules out, such as numbers with a text.
    """
    conditions = tuple(_resolved(condition, kinds) for condition in where.conditions)
    within = [one for one in conditions if one.several and one.containing is None]
    if max(len(within), *(len(one.spans) for one in within), 0) > _MOST_OF_LISTS:
        raise FilterError(
            f"a filter takes at most {_MOST_OF_LISTS} conditions on fields of lists, such as "
            f"{within[0].field!r}, and as many ranges in each: their items are looked at one by one"
        )
    return TypedFilter(conditions)


def kind_of(name: str, value: FieldValue) -> Kind:
    """The kind of a single value of a field."""
    if not isinstance(value, str):
        return "number"
    if items_of(name, value) is not None:
        return "list"
    return "date" if value[:1].isdigit() and _ISO.fullmatch(value) else "text"


def kinds_of(fields: Iterable[Fields]) -> dict[str, Kind]:
    """The names of some records' fields, with their kinds."""
    kinds: dict[str, Kind] = {}
    for named in fields:
        for name, value in named.items():
            known = kinds.get(name)
            if known != "list":
                kind = kind_of(name, value)
                kinds[name] = kind if known is None else widened(known, kind)
    return kinds


def widened(one: Kind, other: Kind) -> Kind:
    """The kind of a field that has values of two kinds; with some lists, it is one of lists."""
    if one == other:
        return one
    if "list" in (one, other):
        return "list"
    return "text" if {one, other} == {"date", "text"} else "mixed"


def normal(text: str) -> str:
    """Text in the one form that is compared: é as one letter, however it was typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """Text without case and accents, as ~ compares it: Crème is creme, Straße strasse.

    Letters that are no letter with a mark stay (ø, ł), and so do the marks of other writings.
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def as_number(value: FieldValue) -> int | float | None:
    """The value as a number when it is one, or is written like one."""
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            return int(value)
        value = float(value) if _NUMBER.fullmatch(value) else math.nan
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return int(value)


def as_label(value: FieldValue) -> str:
    """A value as the name of a group; 3 is 3.0, as tools write whole numbers beside gaps."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _resolved(condition: Condition, kinds: Mapping[str, Kind]) -> TypedCondition:
    name, operator, values = normal(condition.field), condition.operator, condition.values
    if name == NEARBY and name not in kinds:
        return TypedCondition(name, own=False, around=circle(condition, kinds))
    asked = _Asked(condition, check_field(name, kinds))
    if name == "modified" and name not in kinds:
        asked.refuse_years()
    typed = partial(TypedCondition, name, name in kinds, asked.kind == "list")
    if operator in ("=", "!="):
        meant = [form for value in values for form in asked.forms(value)]
        return typed(
            any_of=tuple(form for form in meant if not isinstance(form, Span)),
            spans=tuple(form for form in meant if isinstance(form, Span)),
            empty="" in values,
            negated=operator == "!=",
        )
    if operator not in OPERATORS or len(values) != 1 or isinstance(values[0], Range):
        raise FilterError(
            f"the filter {described([condition])!r} is not understood; = and != take several "
            "values and ranges, < <= > >= and ~ take one value, and there are no others"
        )
    if operator == "~":
        return typed(containing=asked.needle(str(values[0])))
    return typed(spans=(asked.side(values[0]),))


def check_field(name: str, kinds: Mapping[str, Kind]) -> Kind:
    """The kind of a field or an attribute. Raises FilterError for any other name."""
    kind = kinds.get(name) or ATTRIBUTES.get(name)
    if kind is not None:
        return kind
    names = sorted({*kinds, *ATTRIBUTES})
    folded = {other.casefold(): other for other in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=3)
    suggested = " or ".join(repr(folded[other]) for other in near)
    hint = f"did you mean {suggested}?" if near else "fields: " + ", ".join(names)
    odd = [other for other in names if other.startswith(name) and spelled(other) != other]
    hint += f"; quote a name that holds an operator: {spelled(odd[0])}=VALUE" if odd else ""
    raise FilterError(f"no record has a field {name!r}; {hint}")


def is_date(text: str) -> bool:
    """Whether a text is a date as ISO 8601 has it, a month or a year."""
    return bool(_YEAR.fullmatch(text)) or (bool(_ISO.fullmatch(text)) and _is_day(text))


def _is_day(text: str) -> bool:
    """Whether the calendar has a date's month and day, and a day its time: not the 31st of June."""
    try:
        date.fromisoformat(f"{text[:10]}-01"[:10])
    except ValueError:
        return False
    hour, minute = text[11:13], text[14:16]  # of 2024-05-01T12:30
    return not hour or (int(minute) < 60 and (int(hour), int(minute)) <= (24, 0))


def _as_date(text: str) -> str | None:
    """The text when it is a date, or a year."""
    return text if is_date(text) else None


def _looks_like(text: str) -> str:
    return "is no date of the calendar" if _ISO.fullmatch(text) else "looks like a number"


def _timed(span: Span) -> Span:
    """A span between dates, its ends as times are compared where one says at what time."""
    ends = [str(end).removesuffix(_TO_ITS_END) for end in span[:2] if end is not None]
    if not any(map(has_time, ends)):
        return span
    reading: Reading = "instant" if any(map(has_zone, ends)) else "clock"
    return span._replace(
        low=_read(span.low, reading), high=_read(span.high, reading), times=reading
    )


def _read(end: Value | None, reading: Reading) -> Value | None:
    if not isinstance(end, str):
        return end
    if end.endswith(_TO_ITS_END):
        return prefix(end.removesuffix(_TO_ITS_END), reading) + _TO_ITS_END
    return moment(end, reading)


class _Asked(NamedTuple):
    """A condition, and the kind of the field that it is about."""

    condition: Condition
    kind: Kind

    def refuse_years(self) -> None:
        """Raise FilterError where seconds since 1970 are compared with a year: all are later."""
        for value in self.condition.values:
            for end in (value.low, value.high) if isinstance(value, Range) else (value,):
                if end is not None and _YEAR.fullmatch(str(end)):
                    raise self._wrong(
                        f"compares seconds with {end!r}, which seems to be a year",
                        "a number of seconds since 1970, such as 1704067200 for 2024-01-01",
                    )

    def forms(self, value: FieldValue | Range) -> Sequence[Value | Span]:
        """What equals a value: itself, or all within a range, a day, a month or a year."""
        if isinstance(value, Range):
            return [self._between(value)]
        if value == "":
            return ["", "[]"] if self.kind == "list" else [""]
        text, number = normal(str(value)), as_number(value)
        if number is None and text.lower() in ("true", "false"):
            number = int(text.lower() == "true")
        if self.kind == "number":
            return [self._number(value) if number is None else number]
        if self.kind == "date":
            date = self._date(value)
            return [_timed(Span(date, date + _TO_ITS_END))]
        if self.condition.field == "id":  # is kept as it was written
            return list(dict.fromkeys((str(value), text, unicodedata.normalize("NFD", text))))
        return [text] if self.kind == "text" or number is None else [text, number]

    def side(self, value: FieldValue) -> Span:
        """What is smaller or greater than a value."""
        match self.condition.operator:
            case "<":
                return self._span(None, self._end(value), with_high=False)
            case "<=":
                return self._span(None, self._last(value))
            case ">":
                return self._span(self._after(value), None, with_low=False)
        return self._span(self._end(value), None)

    def needle(self, text: str) -> str:
        """What to look for within values."""
        if len(text) > _LONGEST_NEEDLE:
            raise FilterError(f"a filter with ~ takes at most {_LONGEST_NEEDLE} letters")
        letters = _LETTERS.get(self.kind)
        if letters is not None and not set(text) <= letters:
            raise self._wrong(f"looks for {text!r} in {self.kind}s", f"a {self.kind}")
        return folded(text) or normal(text)  # an accent by itself is looked for as such

    def _between(self, ends: Range) -> Span:
        if ends.low is None and ends.high is None:
            raise FilterError(f"a range of {self.condition.field!r} has neither beginning nor end")
        low = None if ends.low is None else self._end(ends.low)
        high = None if ends.high is None else self._last(ends.high)
        if low is not None and high is not None and isinstance(low, str) != isinstance(high, str):
            raise FilterError(f"the range {ends} goes from a number to a text")
        span = self._span(low, high)
        both = [end for end in span[:2] if end is not None]
        if sorted(both) != both:
            raise FilterError(f"the range {ends} ends before it begins")
        return span

    def _span(
        self,
        low: Value | None,
        high: Value | None,
        *,
        with_low: bool = True,
        with_high: bool = True,
    ) -> Span:
        """Values in between: dates where the end is one, and no text that merely sorts there."""
        end = low if high is None else high
        mixes = self.kind in ("text", "mixed", "list") and not self.condition.quoted
        dates = mixes and isinstance(end, str) and bool(_as_date(end.removesuffix(_TO_ITS_END)))
        span = Span(low, high, with_low, with_high, dates)
        return _timed(span) if dates or self.kind == "date" else span

    def _end(self, value: FieldValue) -> Value:
        """A value to compare with, as the field may hold it."""
        text, number = normal(str(value)), as_number(value)
        if self.kind == "number":
            return self._number(value)
        if self.condition.quoted:
            return text
        if self.kind == "date":
            return self._date(value)
        if number is not None and self.kind in ("mixed", "list"):
            return number
        if number is None and (_as_date(text) or not _LIKE_A_NUMBER.match(text)):
            return text
        kind = "text" if self.kind == "text" else "a number, such as 12.5, or text"
        raise self._wrong(
            f"compares texts with {text!r}, which {_looks_like(text)}",
            f'{kind}; put quotes around what is to be compared as text: "{text}"',
        )

    def _after(self, value: FieldValue) -> Value:
        """What is greater lies behind this: a day's end, and a month's or a year's beginning.

        As ISO dates sort: 2024-05-01 is more than 2024, and its own noon is no later day.
        """
        return self._last(value) if _DAY.fullmatch(str(value)) else self._end(value)

    def _last(self, value: FieldValue) -> Value:
        """The same for an end that is included: the end of the day, month or year."""
        end = self._end(value)
        if self.condition.quoted and self.kind != "date":
            return end
        return end + _TO_ITS_END if isinstance(end, str) and _as_date(end) else end

    def _number(self, value: FieldValue) -> int | float:
        number = as_number(value)
        if number is not None:
            return number
        like_one = _LIKE_A_NUMBER.match(str(value)) and not _as_date(str(value))
        hint = "; write it without a unit and with a point: 12.5" if like_one else ""
        raise self._wrong(
            f"compares numbers with {value!r}, which is not a number", f"a number{hint}"
        )

    def _date(self, value: FieldValue) -> str:
        date = _as_date(str(value))
        if date is not None:
            return date
        raise self._wrong(
            f"compares dates with {value!r}, which is not a date",
            "a date: write 2024-05-01, 2024-05 or 2024",
        )

    def _wrong(self, does: str, kind: str) -> FilterError:
        written, field = described([self.condition]), self.condition.field
        return FilterError(f"the filter {written!r} {does}; every {field} is {kind}")
