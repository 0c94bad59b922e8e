"""What the cells of a CSV column are: text, true and false, numbers and dates as people write them.

A column holds numbers where more than half of its cells do. With a currency or a unit, in groups of
digits, or with a decimal comma they are read only where all of them agree: `$5` and `5 kg` in one
column stay text. Dates are those of `visavis.sources.dates`.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

from visavis.sources.dates import Dates, iso_date, no_dates
from visavis.types import FieldValue

LARGEST = 2**63
"""Whole numbers are kept in 64 bits."""
EXACT = 2**53
"""Up to here, floats have all whole numbers."""
_MOST_DIGITS = 18  # of a number with a unit or in groups

Style = Literal["point", "comma"]
"""What stands before the decimals."""

Reader = Callable[[str], FieldValue]

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z")
_NUMBER = re.compile(
    r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+|(?<=[0-9])\.)?(?:(?<=[0-9.])[eE][+-]?[0-9]+)?\Z"
)
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}\Z")  # 1.500: one and a half, or 1500
_POWER = re.compile(r"[0-9]+[eE][0-9]+\Z")
_CODE = re.compile(r"\+|0[0-9]")  # no number counts up from 007
_CODES = 0.01  # the share of such cells that makes a column one of codes: zip codes, telephones

_UNIT = r"[^0-9\s.,−-][^0-9.,−-]{0,5}"
_QUANTITY = re.compile(
    rf"([−-]?)\s*({_UNIT})?\s*([−-]?)(?<![−-] )([0-9](?:[0-9.,'’ \u00a0\u202f]{{0,28}}[0-9])?)"
    rf"\s*({_UNIT})?"
)
_GAP = re.compile(r"(?<=[0-9])['’ \u00a0\u202f](?=[0-9]{3}(?![0-9]))")
_STYLES: Mapping[Style, re.Pattern[str]] = {
    "point": re.compile(r"([0-9]+|[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3})(?:\.([0-9]+))?"),
    "comma": re.compile(r"([0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,([0-9]+))?"),
}
_BEFORE = re.compile(
    "AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|[Ee]uros?|GBP|HKD|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|SEK|SGD|"
    "TRY|USD|Fr\\.|kr\\.?|zł|Kč|Ft|lei|лв|Rs\\.?|%|‰"
)
"""Units that may stand before a number; g7 and L2 are names, and no grams and litres."""
_UNITS = re.compile(
    rf"{_BEFORE.pattern}|"
    "[mcdk]?m[²³23]?|in|inch|inches|ft|yd|mi|"
    "[\"″'′]|[mcd]?l|L|[mk]?g|lbs?|oz|m?s|sec|min|h|[kKMGT]B|px|MP|k?W|V|mAh|[kMG]?Hz|°[CF]?"
)
"""Those that are known, besides all that have a currency's sign."""
_KEPT_AS_TEXT = re.compile(r'="([^"]*)"')


def as_shown(cell: str) -> str:
    """A cell without the blanks around it.

    Of `="001"`, as tables are written so that Excel keeps the zeros, what Excel shows.
    """
    cell = cell.strip()
    found = _KEPT_AS_TEXT.fullmatch(cell) if cell.startswith("=") else None
    return found[1].strip() if found else cell


class _Quantity(NamedTuple):
    sign: str
    digits: str
    unit: str


@dataclass(slots=True)
class Column:
    """What was seen of a column."""

    cells: int = 0
    truths: int = 0
    codes: int = 0
    plain: int = 0
    """Numbers as programs write them."""
    whole: int = 0
    """Of these, the ones without decimals."""
    grouped: int = 0
    """Of these, the ones that may have a group of digits behind the point, and no decimals."""
    grouped_shown: str = ""
    """The first of these."""
    powers_shown: str = ""
    """The first that may be a code: 1E5, as programs write 1e+05 or 100000.0."""
    numbers: int = 0
    """Numbers as people write them, the plain ones among them."""
    units: set[str] = field(default_factory=set)
    fitting: Counter[Style] = field(default_factory=Counter)
    shown: str = ""
    """The first number that a program would write in another way."""
    odd: str = ""
    """The first cell that is no number."""
    dates: Dates = field(default_factory=no_dates)

    def add(self, cell: str) -> None:
        """Look at one more cell, which is not empty."""
        self.cells += 1
        plain = _is_plain(cell)
        self.plain += plain
        self.whole += plain and _is_whole(cell)
        if plain and _GROUPED.match(cell):
            self.grouped += 1
            self.grouped_shown = self.grouped_shown or cell
        if plain and _POWER.match(cell):
            self.powers_shown = self.powers_shown or cell
        self.truths += cell.lower() in ("true", "false")
        self.dates.add(cell)
        found = _quantity(cell)
        if found is None and not plain:
            self.codes += bool(_CODE.match(cell))
            self.odd = self.odd or cell
            return
        self.numbers += 1
        self.units.add(found.unit if found else "")
        self.shown = self.shown or ("" if plain else cell)
        for style, pattern in _STYLES.items():
            fits = pattern.fullmatch(found.digits) if found else style == "point"
            self.fitting[style] += bool(fits)

    def nameless(self, at: int) -> str:
        """What has to be said of the column at that place when the first row does not name it.

        Whole numbers that come first are those of the rows, as pandas writes them.
        """
        if not self.cells or (at == 0 and self.whole == self.cells):
            return ""
        shown = self.odd or self.shown
        such = f", such as {shown[:40]!r}" if shown else ""
        return f"({at + 1} from the left) has no name, and was left out{such}; name it"

    def styles(self) -> list[Style]:
        """The ways in which all numbers of the column can be read; none where they disagree."""
        if len(self.units) != 1 or self.numbers * 2 <= self.cells:
            return []
        return [style for style in _STYLES if self.fitting[style] == self.numbers]

    def read_as(self, preferred: Style, certain: bool = False) -> tuple[Reader, str]:
        """How to read a cell, and what has to be said of it, if anything.

        Args:
            preferred: How to read numbers that can be read in both ways.
            certain: Whether other columns show it, and numbers as of programs are read so too.
        """
        if self.truths == self.cells:
            return _truth, ""
        if about_dates := self.dates.remark(self.cells):
            order = self.dates.order()
            return (str if order is None else partial(iso_date, order=order)), about_dates
        if self.codes > self.cells * _CODES:
            return str, ""
        styles = self.styles()
        if self._may_be_groups() and certain and preferred == "comma":
            reader = _quantity_reader("", preferred)
            remark = f", such as {reader(self.grouped_shown)} for {self.grouped_shown!r}"
            return reader, self._remark(self.numbers, self.odd, remark)
        if self.plain == self.numbers or not styles:
            if self.plain * 2 <= self.cells:
                return str, ""
            odd = self.shown if self.plain < self.numbers else self.odd
            reader = _plain_reader(self.whole == self.plain)
            return reader, self._remark(self.plain, odd, self._doubt(reader))
        style = preferred if preferred in styles else styles[0]
        reader = _quantity_reader(self.units.pop(), style)
        remark = f", such as {reader(self.shown)} for {self.shown!r}"
        return reader, self._remark(self.numbers, self.odd, remark)

    def _may_be_groups(self) -> bool:
        """Whether all that have a point are like 1.500, in a column of nothing but numbers so."""
        all_are = 0 < self.grouped == self.plain - self.whole and self.plain == self.numbers
        return all_are and self.plain * 2 > self.cells

    def _doubt(self, reader: Reader) -> str:
        if shown := self.powers_shown:
            return f", such as {reader(shown)} for {shown!r}"
        if not self._may_be_groups():
            return ""
        shown = self.grouped_shown
        return (
            f", such as {reader(shown)} for {shown!r}: write {shown.replace('.', '')} if it is that"
        )

    def _remark(self, numbers: int, odd: str, remark: str = "") -> str:
        others = self.cells - numbers
        if others:
            remark += (
                f"; {others} of {self.cells} cells are not numbers and stay text, "
                f"such as {odd[:40]!r}"
            )
        return f"was read as numbers{remark}" if remark else ""


def preferred_style(columns: Iterable[Column], delimiter: str) -> tuple[Style, bool]:
    """How ambiguous numbers are read, and whether that is certain.

    As those of other columns, which is, or as the delimiter hints.
    """
    shown = {styles[0] for column in columns if len(styles := column.styles()) == 1}
    if len(shown) == 1:
        return shown.pop(), True
    return ("comma" if delimiter == ";" else "point"), False


def _is_whole(cell: str) -> bool:
    return bool(_WHOLE.match(cell)) and abs(int(cell)) < LARGEST


def _is_plain(cell: str) -> bool:
    """Whether it is a number as programs write them; what 64 bits cannot keep whole is none."""
    if not _NUMBER.match(cell) or cell[-1] == "-":
        return False
    if cell.lstrip("-").isdecimal():
        return _is_whole(cell)
    return math.isfinite(float(cell))


def _truth(cell: str) -> bool:
    return cell.lower() == "true"


def _plain_reader(whole: bool) -> Reader:
    number: Reader = int if whole else _decimal
    return lambda cell: number(cell) if _is_plain(cell) else cell


def _decimal(cell: str) -> FieldValue:
    """A number of a column with decimals; one that a float would round stays whole."""
    return int(cell) if _is_whole(cell) and abs(int(cell)) > EXACT else float(cell)


def _quantity_reader(unit: str, style: Style) -> Reader:
    def read(cell: str) -> FieldValue:
        found = _quantity(cell)
        if found is None or found.unit != unit:
            return cell
        parts = _STYLES[style].fullmatch(found.digits)
        if parts is None:
            return cell
        digits = found.sign + re.sub("[.,]", "", parts[1])
        return float(f"{digits}.{parts[2]}") if parts[2] else int(digits)

    return read


def _quantity(cell: str) -> _Quantity | None:
    """A number with its unit, as people write it."""
    found = _QUANTITY.fullmatch(cell)
    if found is None or _CODE.match(cell):
        return None
    outer, before, inner, digits, after = found.groups(default="")
    unit = before.strip() + after.strip()
    if (
        (before and after)
        or (outer and inner)
        or not (not unit or (_BEFORE if before else _UNITS).fullmatch(unit) or _is_money(unit))
    ):
        return None
    if not unit and digits.count(".") == 3:  # 192.168.100.100
        return None
    if sum(map(str.isdecimal, digits)) > _MOST_DIGITS and (unit or not _is_whole(cell)):
        return None
    if unit or "," in digits or "." in digits:  # 123 456 789 may be a telephone
        digits = _GAP.sub("", digits)
    return _Quantity("-" if outer or inner else "", digits, unit)


def _is_money(unit: str) -> bool:
    return any(unicodedata.category(letter) == "Sc" for letter in unit)
