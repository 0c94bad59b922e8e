"""How much of a subject has a colour, read off many palettes at once.

A colour that is asked for is made a table, with a number for each of the 32,768 colours that
palettes tell apart: what it counts for the colour that is asked for (see `palette.WIDTH`). All that
is left for each record are sixteen look-ups.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.matching.colour.names import Colour
from visavis.matching.colour.palette import CODES, Palette, columns, near, rgb_of
from visavis.matching.colour.spaces import Floats, din99

_AT_ONCE = 20_000  # palettes


class Wanted(NamedTuple):
    """A colour that is asked for."""

    counts: Floats
    """(32768,): how much each colour counts."""
    whole: bool
    """Whether a palette is to be like another as a whole, rather than to have a colour."""


def of_shades(shades: Sequence[Colour]) -> Wanted:
    """One of these shades."""
    found = near(_all_colours(), din99(np.array(shades, np.uint8))).max(axis=1)
    return Wanted(np.asarray(found, np.float32), False)


def of_palette(palette: Palette) -> Wanted:
    """The colours of a picture's subject, in these shares."""
    found = near(_all_colours(), din99(rgb_of(palette.codes))) @ palette.shares
    return Wanted(np.asarray(found / max(palette.length(), 1e-6), np.float32), True)


def likeness(values: NDArray[np.uint8], wanted: Wanted) -> Floats:
    """For packed palettes (n, 49): how much of each has the colour, 0…1; (n,).

    Of a whole palette it is the cosine between the two, each colour being near to its neighbours.
    """
    found = np.empty(len(values), np.float32)
    for start in range(0, len(values), _AT_ONCE):
        codes, shares, lengths = columns(values[start : start + _AT_ONCE])
        sums = (wanted.counts[codes] * shares).sum(axis=1)
        sums /= np.maximum(lengths, 1) if wanted.whole else np.float32(255)
        found[start : start + _AT_ONCE] = sums
    return np.minimum(found, 1.0)


@cache
def _all_colours() -> Floats:
    return din99(rgb_of(np.arange(CODES, dtype=np.uint16)))
