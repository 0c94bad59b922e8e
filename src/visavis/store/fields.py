"""Records' fields as stores keep and compare them."""

import json
import math

from visavis.filters import normal
from visavis.types import Fields, FieldValue

TAGS = "tags"
"""The field of tags that visavis itself writes to records: `tags~dog` filters by it."""


def as_text(fields: Fields) -> str | None:
    """Fields as JSON in their order, None for none; the same fields give the same text.

    Texts are in the form in which filters compare them. Numbers that are not finite are left out:
    JSON has none, and SQLite would refuse to look into any record's fields.
    """
    kept = as_kept(fields)
    if not kept:
        return None
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def as_kept(fields: Fields) -> dict[str, FieldValue]:
    """Fields as a store gives them back."""
    return {
        normal(name): normal(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if not _endless(value)
    }


def _endless(value: FieldValue) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def kept_tags(fields: str | None) -> dict[str, FieldValue]:
    """The tags among fields that `as_text` wrote."""
    found = json.loads(fields).get(TAGS) if fields else None
    return {TAGS: found} if isinstance(found, str) else {}
