"""The values of one field counted, as the page shows them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from visavis.filters import values_of
from visavis.store.capabilities import Facet, Period
from visavis.types import FieldValue, Kind

_LISTED = 50  # values of a field that are named, the commonest first
_FEW = 12  # so many different values are always worth naming
_PERIODS: tuple[tuple[Period, int], ...] = (("year", 4), ("month", 7), ("day", 10))
"""What dates are counted by, and how many of their letters that is."""


def counted(
    name: str, kind: Kind, values: Sequence[FieldValue], whole: Facet | None = None
) -> Facet:
    """The facet of a field with these values, one for each record that has it.

    It lists its values or does not, as that of the `whole` index does, so that nothing jumps.
    """
    counts = Counter(item for value in values for item in values_of(name, value))
    figures = [value for value in counts if not isinstance(value, str)]
    facet = Facet(
        name,
        kind,
        len(values),
        len(counts),
        None,
        min(map(float, figures), default=None),
        max(map(float, figures), default=None),
    )
    form = whole or facet
    if form.by or (whole is None and kind == "date" and len(counts) > _FEW):
        return _by_period(facet, [str(value) for value in values], form.by)
    many = len(counts) > _FEW and 2 * len(counts) > counts.total()
    if many if whole is None else whole.values is None:
        return facet
    listed = sorted(counts.items(), key=lambda one: (-one[1], isinstance(one[0], str), one[0]))
    return replace(facet, values=tuple(listed[:_LISTED]))


def _by_period(facet: Facet, dates: Sequence[str], by: Period | None) -> Facet:
    """Count dates by years, or where all are of one year or month, by what tells them apart."""
    if by is None:
        first, last = min(dates), max(dates)
        differ = (name for name, letters in _PERIODS if first[:letters] != last[:letters])
        by = next(differ, "day")
    [letters] = [letters for name, letters in _PERIODS if name == by]
    counts = Counter(date[:letters] for date in dates)
    latest = sorted(counts.items(), reverse=True)[:_LISTED]
    return replace(facet, by=by, distinct=len(counts), values=tuple(latest))
