"""Fields to filter by: each picture's value as a small number, in which a page can look fast."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visavis.filters import values_of
from visavis.types import FieldValue, Kind

_MOST_VALUES = 500
"""Different texts; a field with more is shown, and not chosen from."""
_MOST_NUMBERS = 24
"""Different numbers that are chosen one by one; more are put into ranges."""
_RANGES = 8
_YEAR = 4  # letters at the beginning of a date


@dataclass(frozen=True, slots=True)
class Facet:
    """One field."""

    name: str
    values: list[tuple[str, int]]
    """What can be chosen, and how many pictures have it; () where the field is only shown."""
    codes: NDArray[np.unsignedinteger]
    """(n,): the value of each picture, counted from 1; 0: it has none.

    Of lists all values of the first picture, a 0, those of the second, a 0, and so on.
    """
    lists: bool = False


def text_of(value: FieldValue) -> str:
    """A value as people read it."""
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value}".strip()


def facet(name: str, kind: Kind, values: Sequence[FieldValue | None]) -> Facet:
    """What can be chosen of a field, by the values that the pictures have."""
    if kind == "list":
        return _of_lists(name, values)
    texts = ["" if value is None else text_of(value) for value in values]
    different = len(set(filter(None, texts)))
    if kind == "number" and different > _MOST_NUMBERS:
        return _ranges(name, values)
    if kind == "date" and different > _MOST_NUMBERS:
        texts = [text[:_YEAR] for text in texts]
    counted = Counter(filter(None, texts))
    if len(counted) > _MOST_VALUES:
        return Facet(name, [], np.zeros(len(texts), np.uint8))
    listed = _commonest_first(counted)
    if kind in ("number", "date"):
        listed = sorted(counted.items(), key=lambda one: _as_number(one[0]))
    return _coded(name, listed, texts)


def _of_lists(name: str, values: Sequence[FieldValue | None]) -> Facet:
    """What can be chosen of lists: each of their items."""
    each = [
        [text_of(item) for item in values_of(name, value)] if value is not None else []
        for value in values
    ]
    counted = Counter(text for texts in each for text in texts if text)
    if len(counted) > _MOST_VALUES:
        return Facet(name, [], np.zeros(len(each), np.uint8), lists=True)
    listed = _commonest_first(counted)
    flat = [text for texts in each for text in (*filter(None, texts), "")]
    return replace(_coded(name, listed, flat), lists=True)


def _commonest_first(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def _as_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return 0.0, text


def _coded(name: str, listed: list[tuple[str, int]], texts: Sequence[str]) -> Facet:
    numbers = {text: at for at, (text, _) in enumerate(listed, 1)} | {"": 0}
    codes = np.array([numbers[text] for text in texts], _smallest(len(listed)))
    return Facet(name, listed, codes)


def _ranges(name: str, values: Sequence[FieldValue | None]) -> Facet:
    """Ranges with about as many pictures each, between values that the pictures have."""
    given = np.array([np.nan if v is None or isinstance(v, str) else float(v) for v in values])
    known = np.isfinite(given)
    cuts = np.quantile(given[known], np.linspace(0, 1, _RANGES + 1)[1:-1], method="higher")
    edges = np.unique([given[known].min(), *cuts])
    codes = np.where(known, np.searchsorted(edges, given, side="right"), 0)
    listed = []
    for at in range(1, len(edges) + 1):
        inside = given[codes == at]
        low, high = f"{inside.min():g}", f"{inside.max():g}"
        listed.append((low if low == high else f"{low} – {high}", len(inside)))
    return Facet(name, listed, codes.astype(np.uint8))


def _smallest(most: int) -> type[np.unsignedinteger]:
    return np.uint8 if most < 256 else np.uint16
