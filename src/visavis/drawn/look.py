"""What a drawn product looks like apart from its shape: its colours and its pattern."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from visavis.drawn.canvas import Colour, Grid, Paint, rgb

Pattern = Literal["plain", "striped", "dotted", "checked"]

COLOURS: dict[str, Colour] = {
    "teal": (0.07, 0.50, 0.52),
    "coral": (0.95, 0.44, 0.38),
    "mustard": (0.92, 0.69, 0.20),
    "navy": (0.13, 0.20, 0.41),
    "sage": (0.56, 0.67, 0.53),
    "blush": (0.95, 0.71, 0.72),
    "plum": (0.46, 0.21, 0.42),
    "sky": (0.46, 0.70, 0.90),
    "cream": (0.96, 0.92, 0.83),
    "charcoal": (0.24, 0.25, 0.29),
    "terracotta": (0.78, 0.40, 0.27),
    "olive": (0.45, 0.47, 0.22),
    "lilac": (0.71, 0.63, 0.87),
    "crimson": (0.77, 0.13, 0.22),
    "emerald": (0.08, 0.52, 0.36),
    "cobalt": (0.15, 0.34, 0.78),
}

_COMPANION = {  # the second colour of a pattern
    "teal": "cream", "coral": "cream", "mustard": "charcoal", "navy": "cream",
    "sage": "cream", "blush": "crimson", "plum": "blush", "sky": "navy",
    "cream": "terracotta", "charcoal": "cream", "terracotta": "cream", "olive": "mustard",
    "lilac": "plum", "crimson": "cream", "emerald": "cream", "cobalt": "cream",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """The colours, the pattern and three free measures of a product's shape, each 0…1."""

    colour: str
    pattern: Pattern
    a: float
    b: float
    c: float

    @property
    def main(self) -> Colour:
        """The product's colour."""
        return COLOURS[self.colour]

    @property
    def second(self) -> Colour:
        """The colour of its pattern and trimmings."""
        return COLOURS[_COMPANION[self.colour]]

    def cloth(self, size: float = 1.0, main: Colour | None = None) -> Paint:
        """The surface: its colour and pattern; `size` scales the pattern."""
        return patterned(main or self.main, self.second, self.pattern, size)


def patterned(main: Colour, second: Colour, pattern: Pattern, size: float = 1.0) -> Paint:
    """A pattern in two colours over surface coordinates."""
    ground, change = rgb(main), rgb(second) - rgb(main)
    cover = _COVERS[pattern]

    def paint(u: Grid, v: Grid) -> Grid:
        share = cover(u / size, v / size, 0.012 / size)
        colours: Grid = ground + share[..., None] * change
        return colours

    return paint


def _wave(u: Grid, period: float, share: float, edge: float) -> Grid:
    """Bars of width share × period, with soft edges."""
    away = np.abs((u / period) % 1 - 0.5) * period
    cover: Grid = np.clip((share * period / 2 - away) / edge + 0.5, 0, 1)
    return cover


def _plain(u: Grid, v: Grid, edge: float) -> Grid:
    return np.zeros_like(u)


def _striped(u: Grid, v: Grid, edge: float) -> Grid:
    return _wave(v, 0.24, 0.46, edge)


def _dotted(u: Grid, v: Grid, edge: float) -> Grid:
    row = np.floor(v / 0.19)
    x = (u / 0.22 + 0.5 * (row % 2)) % 1 - 0.5
    y = (v / 0.19) % 1 - 0.5
    away = np.hypot(x * 0.22, y * 0.19)
    cover: Grid = np.clip((0.055 - away) / edge + 0.5, 0, 1)
    return cover


def _checked(u: Grid, v: Grid, edge: float) -> Grid:
    """Gingham: where a warp and a weft bar cross, the colour is full; elsewhere half."""
    cover: Grid = (_wave(u, 0.22, 0.5, edge) + _wave(v, 0.22, 0.5, edge)) * np.float32(0.475)
    return cover


_COVERS = {"plain": _plain, "striped": _striped, "dotted": _dotted, "checked": _checked}
