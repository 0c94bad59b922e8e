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

COMMA_SEPARATED = frozenset((TAGS, CONCEPTS))
"""Fields in which commas part the values, whoever has written them."""

Item = int | float | str

_SHORT = 200  # letters of a list that is worth remembering
_LARGEST = 2**63  # whole numbers from there on are texts, as elsewhere in catalogues
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
    if value[:1] == "[" and value[-1:] == "]":
        read = _kept_list if len(value) <= _SHORT else _json_list
        if (found := read(value)) is not None:
            return found
    if name not in COMMA_SEPARATED:
        return None
    return tuple(dict.fromkeys(part for part in _COMMA.split(value.strip()) if part))


def _json_list(text: str) -> tuple[Item, ...] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # a text that begins with a bracket
        return None
    if any(isinstance(one, list | dict) for one in found):
        return None
    items = (_item(one) for one in found)
    return tuple(dict.fromkeys(one for one in items if one is not None))


_kept_list = lru_cache(maxsize=4096)(_json_list)  # sizes and the like: few lists, of many records


def _item(value: object) -> Item | None:
    """An item as stores keep a value of a field; nothing for what is none."""
    if isinstance(value, str):
        text = value if value.isascii() else unicodedata.normalize("NFC", value)
        return text or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, int):
        return None
    return int(value) if abs(value) < _LARGEST else str(value)  # true and false are 1 and 0


def values_of(name: str, value: Item) -> Sequence[Item]:
    """The values that a field's value comes to: the items of a list, else itself alone."""
    items = items_of(name, value)
    return (value,) if items is None else items
