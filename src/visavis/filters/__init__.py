"""Filters over the records' fields: `category=shoes`, `price<50`, `brand=a,b`, `title~lamp`.

    =   any of the values            brand=acme,umbra     price=5..15
    !=  none of the values           brand!=acme     (records without the field pass)
    <  <=  >  >=                     price<50        (numbers, or dates and texts in their order)
    ~   contains, whatever the case  title~lamp      (and accents: title~creme)

`nearby=48.8584,2.2945,500m` passes records at most so far from a place, by latitude and longitude.

Of a list each item is a value: `tags=dog` passes a record whose tags are "dog, beach".

A value that holds a comma, or looks like something else than it is, is quoted: `brand="A, B"`.
Besides the catalogue's own fields there are `id`, `width`, `height`, `size` (bytes) and `modified`
(seconds since the epoch).

`parse` reads the language, `resolve` decides what the values mean for the kinds of the fields; a
store turns the outcome into its own language, and finds out which records pass.
"""

from visavis.filters.holding import has_one, holds
from visavis.filters.labels import alike_note, list_note
from visavis.filters.language import Where, as_filter, described, parse, parse_all
from visavis.filters.lists import COMMA_SEPARATED, CONCEPTS, TAGS, items_of, values_of
from visavis.filters.moments import Reading, moment
from visavis.filters.nearby import LATITUDE, LONGITUDE, NEARBY, Circle, distance
from visavis.filters.typed import (
    ATTRIBUTES,
    Span,
    TypedCondition,
    TypedFilter,
    Value,
    as_label,
    as_number,
    check_field,
    folded,
    is_date,
    kinds_of,
    normal,
    resolve,
    widened,
)

__all__ = [
    "ATTRIBUTES",
    "COMMA_SEPARATED",
    "CONCEPTS",
    "LATITUDE",
    "LONGITUDE",
    "NEARBY",
    "TAGS",
    "Circle",
    "Reading",
    "Span",
    "TypedCondition",
    "TypedFilter",
    "Value",
    "Where",
    "alike_note",
    "as_filter",
    "as_label",
    "as_number",
    "check_field",
    "described",
    "distance",
    "folded",
    "has_one",
    "holds",
    "is_date",
    "items_of",
    "kinds_of",
    "list_note",
    "moment",
    "normal",
    "parse",
    "parse_all",
    "resolve",
    "values_of",
    "widened",
]
