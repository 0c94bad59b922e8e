"""Records' fields as stores keep and compare them."""

import json
import math
from collections.abc import Iterable

from visavis.types import Fields, FieldValue

TAGS = "tags"
"""The field of tags that visavis itself writes to records: `tags~dog` filters by it."""


def as_text(fields: Fields) -> str | None:
    """Fields as JSON in their order, None for none; the same fields give the same text.

    Numbers that are not finite are left out: JSON has none, and SQLite would refuse to look into
    any record's fields.
    """
    kept = {name: value for name, value in fields.items() if not _endless(value)}
    if not kept:
        return None
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _endless(value: FieldValue) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def types_of(fields: Iterable[Fields]) -> dict[str, str]:
    """The names of some records' fields, with `text`, `number` or `mixed`."""
    types: dict[str, str] = {}
    for named in fields:
        for name, value in named.items():
            kind = "text" if isinstance(value, str) else "number"
            types[name] = kind if types.get(name, kind) == kind else "mixed"
    return types


def kept_tags(fields: str | None) -> dict[str, FieldValue]:
    """The tags among fields that `as_text` wrote."""
    found = json.loads(fields).get(TAGS) if fields else None
    return {TAGS: found} if isinstance(found, str) else {}
