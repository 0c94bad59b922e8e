"""A palette: the colours of a picture's subject and how much of it has each, in 49 bytes."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from visavis.matching.colour.spaces import Floats, din99
from visavis.matching.colour.subject import Subject, subject
from visavis.matching.signature import Signature

ENTRIES = 16
"""Colours of a palette; fewer where the subject has fewer."""

CODES = 1 << 15
"""Colours that are told apart: 5 bits each of red, green and blue."""

BYTES = 3 * ENTRIES + 1

WIDTH = 10.0
"""How far apart (in DIN 6176) colours are that count for three fifths of one another."""

_BINS = 8  # a side of the histogram whose fullest cells a palette is made of


class Palette(NamedTuple):
    """The colours of a subject."""

    codes: NDArray[np.uint16]
    """(n,), red first, from the highest bits."""
    shares: Floats
    """(n,), adding up to 1."""

    def packed(self) -> bytes:
        """The bytes that a store keeps: codes, shares, and the length of `likeness`."""
        codes = np.zeros(ENTRIES, "<u2")
        shares = np.zeros(ENTRIES, np.uint8)
        codes[: len(self.codes)] = self.codes
        shares[: len(self.shares)] = np.rint(self.shares * 255)
        length = np.uint8(max(1, round(self.length() * 255)))
        return codes.tobytes() + shares.tobytes() + length.tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """The palette that `packed` wrote."""
        codes, shares, _ = columns(np.frombuffer(data, np.uint8)[None])
        kept = shares[0] > 0
        return cls(codes[0][kept], shares[0][kept] / max(1, shares[0].sum()))

    def length(self) -> float:
        """The square root of how like itself it is: 1 of one colour alone."""
        seen = din99(rgb_of(self.codes))
        return float(np.sqrt(self.shares @ near(seen, seen) @ self.shares))

    def hex(self) -> list[str]:
        """The colours as on web pages, that which most has first."""
        order = np.argsort(-self.shares, kind="stable")
        return [f"#{bytes(rgb).hex()}" for rgb in rgb_of(self.codes[order])]


def palette(signature: Signature) -> Palette:
    """The colours of the subject of a picture with that signature."""
    return palette_of(subject(signature))


def palette_of(seen: Subject) -> Palette:
    """The fullest cells of a coarse histogram, each with the mean of its colours."""
    bins = seen.rgb >> 5
    keys = (bins[:, 0].astype(np.intp) * _BINS + bins[:, 1]) * _BINS + bins[:, 2]
    shares = np.bincount(keys, seen.weights, _BINS**3)
    fullest = np.argsort(-shares, kind="stable")[:ENTRIES]
    fullest = fullest[shares[fullest] > 0]
    sums = [np.bincount(keys, seen.weights * seen.rgb[:, one], _BINS**3) for one in range(3)]
    means = np.stack([one[fullest] / shares[fullest] for one in sums], axis=-1)
    kept = shares[fullest] / shares[fullest].sum()
    return Palette(codes_of(means), kept.astype(np.float32))


def codes_of(rgb: NDArray[Any]) -> NDArray[np.uint16]:
    """The codes of colours (n, 3), 0…255."""
    levels = np.rint(rgb * (31 / 255)).astype(np.uint16)
    return np.asarray((levels[:, 0] << 10) | (levels[:, 1] << 5) | levels[:, 2], np.uint16)


def rgb_of(codes: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The colours of codes."""
    levels = np.stack([codes >> 10, (codes >> 5) & 31, codes & 31], axis=-1)
    return np.rint(levels * (255 / 31)).astype(np.uint8)


def columns(
    values: NDArray[np.uint8],
) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.uint8]]:
    """Codes (n, 16), shares (n, 16) of 255 and lengths (n,) of 255 of packed palettes (n, 49)."""
    codes = np.ascontiguousarray(values[:, : 2 * ENTRIES]).view("<u2")
    return codes, values[:, 2 * ENTRIES : 3 * ENTRIES], values[:, 3 * ENTRIES]


def near(some: Floats, others: Floats) -> Floats:
    """How much colours in DIN 6176 count for others: (n, m), 1 for the same."""
    squares = ((some[:, None] - others[None]) ** 2).sum(axis=-1)
    return np.asarray(np.exp(squares / np.float32(-2 * WIDTH**2)), np.float32)
