"""Records near a place: `nearby=48.8584,2.2945,500m`, by the fields latitude and longitude."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from visavis.errors import FilterError
from visavis.filters.language import described
from visavis.types import Condition, Kind, Range

NEARBY = "nearby"
"""What a filter is named that is about a place, unless records have a field of that name."""
LATITUDE, LONGITUDE = "latitude", "longitude"

_EARTH_KM = 6371.0088  # the mean radius: IUGG, 1980
_NUMBER = r"[+-]?[0-9]{1,3}(?:\.[0-9]+)?"
_PLACE = re.compile(
    rf"({_NUMBER})\s*,\s*({_NUMBER})(?:\s*,\s*([0-9]+(?:\.[0-9]+)?)\s*(m|km))?", re.ASCII
)


class Circle(NamedTuple):
    """All that is at most so far from a place."""

    latitude: float
    longitude: float
    km: float

    @property
    def degrees(self) -> float:
        """How far north or south of its centre it reaches, and a little more."""
        return math.degrees(self.km / _EARTH_KM) + 1e-9


def distance(latitude: float, longitude: float, other: float, other_longitude: float) -> float:
    """Kilometres between two places in degrees, along a great circle (the haversine formula).

    >>> round(distance(52.5163, 13.3777, 48.8584, 2.2945))  # Brandenburg Gate, Eiffel Tower
    879
    """
    first, second = math.radians(latitude), math.radians(other)
    half = math.radians(other - latitude) / 2, math.radians(other_longitude - longitude) / 2
    chord = math.sin(half[0]) ** 2 + math.cos(first) * math.cos(second) * math.sin(half[1]) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


def circle(condition: Condition, kinds: Mapping[str, Kind]) -> Circle:
    """The circle that a condition means. Raises FilterError for none, or without such fields."""
    written = described([condition])
    if not {LATITUDE, LONGITUDE} <= kinds.keys():
        raise FilterError(
            f"the filter {written!r} compares places, and no record has a latitude and a "
            "longitude; visavis index reads them off photos, and visavis index --metadata for an "
            "older index"
        )
    texts = [str(value) for value in condition.values if not isinstance(value, Range)]
    found = _PLACE.fullmatch(",".join(texts))
    if condition.operator == "=" and found and len(texts) == len(condition.values):
        latitude, longitude = float(found[1]), float(found[2])
        km = float(found[3] or 1) / (1000 if found[4] == "m" else 1)
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            return Circle(latitude, longitude, km)
    raise FilterError(
        f"the filter {written!r} is not understood; write nearby=LATITUDE,LONGITUDE,DISTANCE in "
        "degrees and m or km, such as nearby=48.8584,2.2945,500m (1 km if not said)"
    )
