"""A small vector canvas for the drawn gallery: outlines, paints, soft light.

Things are drawn in their own coordinates, about -1…1 with y growing downwards, and a `View` says
how they lie in the picture. Outlines are rasterised at three times the size and reduced, which is
what makes edges smooth; colours are computed per pixel from object coordinates, so that patterns
and light follow the object when it is turned.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Grid = NDArray[np.float32]
Points = NDArray[np.float32]
Colour = tuple[float, float, float]
"""Red, green, blue, each 0…1."""

Paint = Callable[[Grid, Grid], Grid]
"""Object coordinates x and y → colours (height, width, 3), or one colour (3,)."""

WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)
_FINER = 3  # how much finer outlines are rasterised


@dataclass(frozen=True, slots=True)
class View:
    """How a thing lies in the picture: one photograph of it."""

    scale: float = 0.8
    """Half the picture's side is `1 / scale` object units."""
    x: float = 0.0
    y: float = 0.0
    """The shift of the thing's middle, in fractions of the side."""
    turn: float = 0.0
    """Radians, clockwise."""
    shear: float = 0.0
    squeeze: float = 1.0
    """Its width, as if turned about its upright axis."""
    mirror: bool = False
    tilt: float = 0.14
    """How far the camera looks down: height ÷ width of a lying circle."""

    def matrix(self, side: int) -> NDArray[np.float64]:
        """The 2 × 3 matrix from object coordinates to pixels."""
        cos, sin = math.cos(self.turn), math.sin(self.turn)
        across = -self.squeeze if self.mirror else self.squeeze
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[across, self.shear], [0.0, 1.0]])
        middle = side * (0.5 + np.array([[self.x], [self.y]]))
        return np.hstack([linear * (side * self.scale / 2), middle])


class Mask(NamedTuple):
    """How much of each pixel a shape covers, inside a window of the picture."""

    left: int
    top: int
    cover: Grid
    """(height, width), 0…1."""


class Canvas:
    """A transparent layer on which one thing is drawn; `layer` is premultiplied RGBA, 0…1."""

    def __init__(self, side: int, view: View) -> None:
        self.side = side
        self.tilt = view.tilt
        self.layer = np.zeros((side, side, 4), np.float32)
        self._matrix = view.matrix(side)
        linear = self._matrix[:, :2]
        self._inverse = np.linalg.inv(linear)
        self._unit = math.sqrt(abs(float(np.linalg.det(linear))))

    def fill(
        self,
        outline: Points | Mask,
        paint: Paint | Colour,
        *,
        opacity: float = 1.0,
        soft: float = 0.0,
        within: Mask | None = None,
    ) -> Mask:
        """Paint an outline; `soft` blurs its edge (object units), `within` cuts it to a shape."""
        mask = outline if isinstance(outline, Mask) else self.mask(outline, soft=soft)
        if within is not None:
            mask = _cut(mask, within)
        if mask.cover.size:
            colours = paint(*self._grid(mask)) if callable(paint) else np.asarray(paint, np.float32)
            self._over(mask, colours, opacity, atop=within is not None)
        return mask

    def line(
        self,
        points: Points,
        width: float,
        paint: Paint | Colour,
        *,
        opacity: float = 1.0,
        soft: float = 0.0,
        within: Mask | None = None,
    ) -> Mask:
        """Paint a stroke with round ends and joints; `width` in object units."""
        mask = self.mask(points, width=width, soft=soft)
        return self.fill(mask, paint, opacity=opacity, within=within)

    def mask(self, points: Points, *, width: float = 0.0, soft: float = 0.0) -> Mask:
        """The coverage of an outline, or of a stroke along it when a width is given."""
        placed = points @ self._matrix[:, :2].T + self._matrix[:, 2]
        stroke, blur = width * self._unit, soft * self._unit
        margin = stroke / 2 + 2.5 * blur + 1
        low = np.clip(np.floor(placed.min(0) - margin), 0, self.side).astype(int)
        high = np.clip(np.ceil(placed.max(0) + margin), 0, self.side).astype(int)
        wide, tall = (int(n) for n in np.maximum(high - low, 0))
        if not wide or not tall:
            return Mask(0, 0, np.zeros((0, 0), np.float32))
        image = Image.new("L", (wide * _FINER, tall * _FINER))
        _rasterise(image, (placed - low) * _FINER, stroke * _FINER)
        image = image.reduce(_FINER)
        if blur:
            image = image.filter(ImageFilter.GaussianBlur(blur))
        return Mask(int(low[0]), int(low[1]), np.asarray(image, np.float32) / np.float32(255))

    def bevel(self, mask: Mask, radius: float, strength: float) -> None:
        """Round the edges of a filled shape: lit from the upper left."""
        if mask.cover.size < 9:
            return
        reach = radius * self._unit
        image = Image.fromarray((mask.cover * 255).astype(np.uint8))
        pad = int(2 * reach) + 1
        wider = Image.new("L", (image.width + 2 * pad, image.height + 2 * pad))
        wider.paste(image, (pad, pad))
        height = np.asarray(wider.filter(ImageFilter.GaussianBlur(reach)), np.float32) / 255
        down, right = (np.gradient(height, axis=axis) for axis in (0, 1))
        slope = (0.62 * right + 0.78 * down)[pad:-pad, pad:-pad] * (strength * reach * 2.2)
        shade = (np.clip(-slope, 0, 0.75) * 0.8).astype(np.float32)
        light = (np.clip(slope, 0, 0.75) * 0.7).astype(np.float32)
        self._over(mask, np.zeros(3, np.float32), shade, atop=True)
        self._over(mask, np.ones(3, np.float32), light, atop=True)

    def _grid(self, mask: Mask) -> tuple[Grid, Grid]:
        rows, columns = mask.cover.shape
        x = np.arange(columns, dtype=np.float32) + np.float32(mask.left + 0.5 - self._matrix[0, 2])
        y = np.arange(rows, dtype=np.float32) + np.float32(mask.top + 0.5 - self._matrix[1, 2])
        (a, b), (c, d) = self._inverse.astype(np.float32)
        return a * x[None, :] + b * y[:, None], c * x[None, :] + d * y[:, None]

    def _over(self, mask: Mask, colours: Grid, opacity: float | Grid, *, atop: bool) -> None:
        """Blend colours in; `atop` tints what is there and never widens a soft edge."""
        rows, columns = mask.cover.shape
        under = self.layer[mask.top : mask.top + rows, mask.left : mask.left + columns]
        alpha: Grid = (mask.cover * opacity)[..., None]
        added = np.clip(colours, 0, 1) * alpha
        if atop:
            under[..., :3] += added * under[..., 3:] - under[..., :3] * alpha
            return
        under *= 1 - alpha
        under[..., :3] += added
        under[..., 3:] += alpha


def _rasterise(image: Image.Image, points: Points, width: float) -> None:
    draw = ImageDraw.Draw(image)
    corners = [(float(x) - 0.5, float(y) - 0.5) for x, y in points]
    if not width:
        draw.polygon(corners, fill=255)
        return
    draw.line(corners, fill=255, width=max(1, round(width)))
    half = width / 2
    for x, y in corners:
        draw.ellipse((x - half, y - half, x + half, y + half), fill=255)


def _cut(mask: Mask, other: Mask) -> Mask:
    rows, columns = mask.cover.shape
    left, top = max(mask.left, other.left), max(mask.top, other.top)
    right = min(mask.left + columns, other.left + other.cover.shape[1])
    bottom = min(mask.top + rows, other.top + other.cover.shape[0])
    if right <= left or bottom <= top:
        return Mask(0, 0, np.zeros((0, 0), np.float32))

    def window(of: Mask) -> Grid:
        return of.cover[top - of.top : bottom - of.top, left - of.left : right - of.left]

    return Mask(left, top, window(mask) * window(other))


# Outlines


def points(*pairs: tuple[float, float]) -> Points:
    """Corner points as an array (n, 2)."""
    return np.array(pairs, np.float32)


def pair(x: float, y: float) -> Points:
    """A shift or a scale, as an array (2,)."""
    return np.array((x, y), np.float32)


def smooth(*pairs: tuple[float, float], closed: bool = True, steps: int = 8) -> Points:
    """A Catmull-Rom curve through the points; a point given twice makes a corner."""
    knots = np.array(pairs, np.float64)
    before = np.vstack([knots[-1:] if closed else knots[:1], knots[:-1]])
    after = np.vstack([knots[1:], knots[:1] if closed else knots[-1:]])
    corner = (before == knots).all(1) | (after == knots).all(1)
    slopes = np.where(corner[:, None], 0, (after - before) / 2)
    ends, turned = np.roll(knots, -1, 0), np.roll(slopes, -1, 0)
    kept = (knots != ends).any(1)
    if not closed:
        kept[-1] = False
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = (
        knots[kept, None] * (2 * t**3 - 3 * t**2 + 1)
        + slopes[kept, None] * (t**3 - 2 * t**2 + t)
        + ends[kept, None] * (3 * t**2 - 2 * t**3)
        + turned[kept, None] * (t**3 - t**2)
    )
    flat = curve.reshape(-1, 2)
    return (flat if closed else np.vstack([flat, knots[-1:]])).astype(np.float32)


def ellipse(
    x: float, y: float, across: float, down: float, start: float = 0, end: float = 1
) -> Points:
    """An ellipse with these half axes, or a part of it (turns, clockwise from three o'clock)."""
    angle = np.linspace(start, end, 48) * 2 * np.pi
    return np.stack([x + across * np.cos(angle), y + down * np.sin(angle)], 1).astype(np.float32)


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Points:
    """A rectangle with round corners."""
    r = min(radius, (right - left) / 2, (bottom - top) / 2)
    corners = [(right - r, bottom - r, 0.0), (left + r, bottom - r, 0.25)]
    corners += [(left + r, top + r, 0.5), (right - r, top + r, 0.75)]
    arcs = [ellipse(x, y, r, r, turn, turn + 0.25)[::6] for x, y, turn in corners]
    return np.vstack(arcs)


def both_sides(*right: tuple[float, float], steps: int = 8) -> Points:
    """A symmetrical outline from its right half, given from top to bottom."""
    half = smooth(*right, closed=False, steps=steps)
    return np.vstack([half, half[::-1] * pair(-1, 1)])


# Paints


def rgb(colour: Colour) -> Grid:
    """A colour as an array (3,)."""
    return np.array(colour, np.float32)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that lies `share` of the way from the first to the second."""
    a, b, c = (p + (q - p) * share for p, q in zip(first, second, strict=True))
    return (a, b, c)


def lighter(colour: Colour, share: float) -> Colour:
    """A tint."""
    return mix(colour, WHITE, share)


def darker(colour: Colour, share: float) -> Colour:
    """A shade."""
    return mix(colour, BLACK, share)


def ramp(
    start: tuple[float, float], end: tuple[float, float], first: Colour, last: Colour
) -> Paint:
    """A straight gradient from one point to another."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    begin, change = rgb(first), rgb(last) - rgb(first)

    def paint(x: Grid, y: Grid) -> Grid:
        t = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / length, 0, 1)
        colours: Grid = begin + t[..., None] * change
        return colours

    return paint


def lathe(base: Paint, profile: Sequence[tuple[float, float]], tilt: float, gloss: float) -> Paint:
    """Light on a turned body; `profile` is (radius, y) from top to bottom, the axis at x = 0."""
    table = np.array(profile, np.float32)
    radii, heights = table[:, 0], table[:, 1]
    slopes = np.gradient(radii, heights)

    def paint(x: Grid, y: Grid) -> Grid:
        radius = np.interp(y, heights, radii).astype(np.float32)
        across = np.clip(x / np.maximum(radius, 1e-3), -1, 1)
        toward = np.sqrt(1 - across * across)
        v = y - tilt * radius * toward
        slope = np.interp(v, heights, slopes).astype(np.float32)
        length = np.sqrt(1 + slope * slope)
        diffuse = np.clip((-0.52 * across + 0.5 * slope + 0.69 * toward) / length, 0, 1)
        shine = np.clip((-0.32 * across + 0.28 * slope + 0.905 * toward) / length, 0, 1) ** 60
        rim = np.clip(across, 0, 1) ** 8 * 0.1
        colours = base(np.arcsin(across) * radius, v)
        lit: Grid = colours * (0.46 + 0.66 * diffuse)[..., None]
        lit += (gloss * shine + rim)[..., None]
        return lit

    return paint


def ball(base: Colour, x0: float, y0: float, radius: float, gloss: float = 0.5) -> Paint:
    """Light on a ball."""
    colour = rgb(base)

    def paint(x: Grid, y: Grid) -> Grid:
        u, v = (x - x0) / radius, (y - y0) / radius
        toward = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
        diffuse = np.clip(-0.5 * u - 0.5 * v + 0.7 * toward, 0, 1)
        shine = np.clip(-0.32 * u - 0.32 * v + 0.89 * toward, 0, 1) ** 40
        lit: Grid = colour * (0.45 + 0.65 * diffuse)[..., None] + (gloss * shine)[..., None]
        return lit

    return paint


def turned_outline(profile: Sequence[tuple[float, float]], tilt: float) -> Points:
    """The silhouette of a turned body, its round bottom and top seen from slightly above."""
    table = np.array(profile, np.float32)
    (top, high), (bottom, low) = table[0], table[-1]
    return np.vstack(
        [
            table,
            ellipse(0, low, bottom, bottom * tilt, 0, 0.5),
            table[::-1] * pair(-1, 1),
            ellipse(0, high, top, top * tilt, 0.5, 1),
        ]
    )


def turned_profile(*pairs: tuple[float, float], steps: int = 8) -> list[tuple[float, float]]:
    """A smooth profile for `lathe` through (radius, y) points, y never falling."""
    curve = smooth(*pairs, closed=False, steps=steps)
    rising = np.maximum.accumulate(curve[:, 1]) + np.arange(len(curve), dtype=np.float32) * 1e-5
    return [(max(float(r), 0.0), float(y)) for r, y in zip(curve[:, 0], rising, strict=True)]
