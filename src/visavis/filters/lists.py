"""Fields that hold several values: JSON lists, and what visavis itself writes with commas between.

Stores keep them as the texts that they are. A filter takes each item for a value of its own, and
so do the counts of a field's values.
"""

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

TAGS = "tags"
"""The field of tags that visavis itself writes to records: `tags=dog` filters by it."""

CONCEPTS = "concepts"
"""The field of concepts that visavis writes to records: `concepts=mugs` filters by it."""

PARTED = frozenset((TAGS, CONCEPTS))
"""Fields in which commas part the values, whoever has written them."""

Item = int | float | str

_COMMA = re.compile(r"\s*,\s*")


def items_of(name: str, value: object) -> tuple[Item, ...] | None:
    """The values in a field's value, each once; None: it is a single one.

    >>> items_of("sizes", "[38, 39]")
    (38, 39)
    >>> items_of("tags", "mug, tea cup")
    ('mug', 'tea cup')
    >>> items_of("title", "mug, tea cup")
    """
    if not isinstance(value, str):
        return None
    if value[:1] == "[" and value[-1:] == "]" and (found := _json_list(value)) is not None:
        return found
    if name not in PARTED:
        return None
    return tuple(dict.fromkeys(part for part in _COMMA.split(value.strip()) if part))


@lru_cache(maxsize=4096)  # sizes and the like: few lists, of many records
def _json_list(text: str) -> tuple[Item, ...] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # a text that begins with a bracket
        return None
    if any(isinstance(one, list | dict) for one in found):
        return None
    items = (_item(one) for one in found)
    return tuple(dict.fromkeys(one for one in items if one is not None))


def _item(value: object) -> Item | None:
    """An item as stores keep a value of a field; nothing for what is none."""
    if isinstance(value, str):
        text = value if value.isascii() else unicodedata.normalize("NFC", value)
        return text or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return int(value) if isinstance(value, int) else None  # true and false are 1 and 0


def counted_apart(name: str, value: Item) -> Sequence[Item]:
    """What a record with this value is counted under."""
    items = items_of(name, value)
    return (value,) if items is None else items
