"""Dates as people write them in tables: 2021-1-5, 2021/01/05, 5.1.2021, 1/5/2021.

With the year first the month follows; with points and the year last the day comes first. With
slashes or hyphens and the year last it depends on the country, and a column decides by itself: with
a 13 or more in the first place the day comes first, in the second place the month. A column that
does not decide stays text, and so does one whose years have two digits: 45 is 1945 on a photograph
and 2045 on a contract.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

Order = Literal["year", "day", "month"]
"""What comes first; the month comes first or second in all of them."""

_CLOCK = (
    r"(?:,?([ T])\s*([01]?[0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9](?:\.[0-9]+)?)?"
    r"(?:\s?([aApP])\.?[mM]\.?|(Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([-/.])([0-9]{{1,2}})\2([0-9]{{1,2}})\.?{_CLOCK}")
_YEAR_LAST = re.compile(rf"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2([0-9]{{4}}){_CLOCK}")
_NO_CENTURY = re.compile(rf"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2([0-9]{{2}}){_CLOCK}")


class _Parts(NamedTuple):
    """What stands in a date: three numbers in their order, and the time behind them."""

    numbers: tuple[int, int, int]
    mark: str
    clock: str
    """As ISO 8601 has it, with the T or the space before it."""


@dataclass(slots=True)
class Dates:
    """What was seen of the dates in a column."""

    fitting: dict[Order, int]
    """How many cells are dates, read with each of them first."""
    cells: int = 0
    """How many look like dates."""
    odd: str = ""
    """The first one that is not written as ISO 8601 has it."""
    other: str = ""
    """The first cell that is no date."""
    short_cells: int = 0
    """How many look like dates whose years have two digits."""
    short: str = ""
    """The first of these."""

    def add(self, cell: str) -> None:
        """Look at a cell, which may be anything."""
        parts = _parts(cell)
        if parts is None:
            self.other = self.other or cell
            if _has_no_century(cell):
                self.short_cells += 1
                self.short = self.short or cell
            return
        self.cells += 1
        read = {order: _iso(parts, order) for order in _orders(parts)}
        for order, iso in read.items():
            self.fitting[order] += iso is not None
        if cell not in read.values():
            self.odd = self.odd or cell

    def order(self) -> Order | None:
        """How to read all of them; None where no order fits all, or two do."""
        orders = self.orders()
        return orders[0] if len(orders) == 1 else None

    def orders(self) -> list[Order]:
        """The ways in which all of them can be read."""
        return [order for order, fits in self.fitting.items() if fits == self.cells]

    def remark(self, cells: int) -> str:
        """What has to be said of a column of so many cells, if most are dates and not all ISO."""
        if self.short_cells * 2 > cells:
            return (
                f"holds what may be dates, such as {self.short!r}, and two digits do not say which "
                "century: it stays text; write dates as 2024-05-31"
            )
        if self.cells * 2 <= cells or not self.odd:
            return ""
        if (order := self.order()) is None:
            why = "day or month may come first" if self.orders() else "not all are of one kind"
            return (
                f"holds dates such as {self.odd!r}, and {why}: it stays text; write dates as "
                "2024-05-31"
            )
        others = cells - self.cells
        rest = f"; {others} of {cells} cells are not dates and stay text" if others else ""
        rest += f", such as {self.other[:40]!r}" if others else ""
        return f"was read as dates, such as {iso_date(self.odd, order)} for {self.odd!r}{rest}"


def no_dates() -> Dates:
    """A column of which nothing was seen yet."""
    return Dates({"year": 0, "day": 0, "month": 0})


def iso_date(cell: str, order: Order) -> str:
    """A date as ISO 8601 has it; a cell that is none as it is.

    >>> iso_date("5.1.2021 9:30", "day"), iso_date("unknown", "day")
    ('2021-01-05 09:30', 'unknown')
    """
    parts = _parts(cell)
    if parts is None or order not in _orders(parts):
        return cell
    return _iso(parts, order) or cell


def _parts(cell: str) -> _Parts | None:
    if not 8 <= len(cell) <= 40 or not cell[0].isdecimal():
        return None
    found = _YEAR_FIRST.fullmatch(cell) or _YEAR_LAST.fullmatch(cell)
    if found is None:
        return None
    first, mark, second, third, *clock = found.groups(default="")
    return _Parts((int(first), int(second), int(third)), mark, _clock(*clock))


def _has_no_century(cell: str) -> bool:
    if not 6 <= len(cell) <= 40 or not cell[0].isdecimal():
        return False
    found = _NO_CENTURY.fullmatch(cell)
    if found is None:
        return False
    first, second, third = int(found[1]), int(found[3]), int(found[4])
    at_end = 0 < min(first, second) <= 12 and 0 < max(first, second) <= 31
    return at_end or (0 < second <= 12 and 0 < third <= 31)


def _clock(gap: str, hour: str, minute: str, seconds: str, half: str, zone: str) -> str:
    """A time of the day; nothing of nothing."""
    if not hour:
        return ""
    hours = int(hour) % 12 + 12 * (half in "pP") if half else int(hour)
    return f"{gap}{hours:02}:{minute}{seconds}{zone}"


def _orders(parts: _Parts) -> tuple[Order, ...]:
    if parts.numbers[0] > 31 or parts.numbers[2] <= 31:
        return ("year",)
    return ("day",) if parts.mark == "." else ("day", "month")


_PLACES: Mapping[Order, tuple[int, int, int]] = {
    "year": (0, 1, 2),
    "day": (2, 1, 0),
    "month": (2, 0, 1),
}


def _iso(parts: _Parts, order: Order) -> str | None:
    year, month, day = (parts.numbers[place] for place in _PLACES[order])
    try:
        return date(year, month, day).isoformat() + parts.clock
    except ValueError:  # the 30th of February
        return None
