"""Times of a day, compared as such: however they are written, and across time zones.

A time in a filter is compared with what the clock says in the values, whatever their zones; one
that has a zone itself is compared with the instants that the values mean. A value without a zone
counts as UTC there.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

Reading = Literal["clock", "instant"]
"""What is compared of a value with a time: what stands in it, or when it is."""

ZONE = r"(?: ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))"

_TIME = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    rf"(?P<seconds>:[0-9]{{2}})?(?:\.(?P<part>[0-9]+))?(?P<zone>{ZONE})?"
)
_DIGITS = re.compile("[0-9]+")
_ITSELF = ("", "Z", "UTC")


def moment(text: str, reading: Reading) -> str:
    """A value in the form that is compared, which sorts as time goes by; no time as it is.

    >>> moment("2024-05-01 10:00+02:00", "instant"), moment("2024-05-01 10:00+02:00", "clock")
    ('2024-05-01T08:00:00', '2024-05-01T10:00:00')
    """
    return _moment(text, reading, ":00")


def prefix(text: str, reading: Reading) -> str:
    """The same as far as it is written: what all times within the minute or second begin with."""
    return _moment(text, reading, "")


def has_time(text: str) -> bool:
    """Whether a date says at what time of the day."""
    return _TIME.fullmatch(text) is not None


def has_zone(text: str) -> bool:
    """Whether a date has a time and says in which zone."""
    found = _TIME.fullmatch(text)
    return found is not None and found["zone"] is not None


def _moment(text: str, reading: Reading, seconds: str) -> str:
    found = _TIME.fullmatch(text) if text[10:11] in ("T", " ") else None
    if found is None:
        return text
    part = (found["part"] or "").rstrip("0")
    rest = (found["seconds"] or seconds) + (f".{part}" if part else "")
    day, hour, minute = found["day"], found["hour"], found["minute"]
    zone = (found["zone"] or "").strip()
    if reading == "instant" and zone not in _ITSELF:
        day, hour, minute = _in_utc(day, hour, minute, zone)
    return f"{day}T{hour}:{minute}{rest}"


def _in_utc(day: str, hour: str, minute: str, zone: str) -> tuple[str, str, str]:
    digits = "".join(_DIGITS.findall(zone))
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    try:
        local = datetime.fromisoformat(day).replace(tzinfo=UTC)
        local += timedelta(hours=int(hour), minutes=int(minute))  # hours: up to 24
        utc = local + offset if zone[0] == "-" else local - offset
    except (ValueError, OverflowError):  # the 30th of February; before the year 1
        return day, hour, minute
    return utc.date().isoformat(), f"{utc.hour:02}", f"{utc.minute:02}"
