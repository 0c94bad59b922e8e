"""The photograph of a screen that shows a picture: taken from aside, in a dim room.

How hard it is was set by pictures of train-mix: among 300 of them, EfficientNet-Lite0 as it comes
traces 70 % of 40 such photographs to what they show. With a wider dark margin it traced a quarter.
"""

import random
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

LONGER_SIDE = 448
"""Pixels of the photograph, about, however large the picture is."""

_SHOWN = 1.04  # of the photograph's longer side: the picture on the screen, before it is seen askew
_FRAME = 0.035  # of the same: the black frame around it
_ROOM = 0.9  # of the screen with its frame: the photograph; its near corners are cut off
_FAR = 0.1  # how much farther than the middle of the screen its far edge is
_DOT = 4.3  # pixels of the photograph across one of the screen's: no whole number, hence moiré

_Floats = NDArray[np.float32]


def screen(picture: Image.Image, chance: random.Random) -> Image.Image:
    """The photograph. Chance draws from where it is taken, where light gleams and which way it is
    tinted, but not how strongly."""
    noise = np.random.default_rng(chance.getrandbits(32))
    shown = _framed(_lit(_enlarged(picture), chance))
    seen = _from_aside(shown, chance)
    seen = seen.filter(ImageFilter.GaussianBlur(LONGER_SIDE * 0.0025))
    grain = 5 * noise.standard_normal((seen.height, seen.width, 1), np.float32)
    return Image.fromarray((np.asarray(seen) + grain).clip(0, 255).astype(np.uint8))


def _enlarged(picture: Image.Image) -> Image.Image:
    """As large as it is to be on the screen; what is narrower than a pixel is one pixel wide."""
    share = LONGER_SIDE * _SHOWN / max(picture.size)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _lit(picture: Image.Image, chance: random.Random) -> Image.Image:
    """What leaves the screen: its dots, the bands that they make with the camera's, another
    white, and a lamp's gleam on the glass, which also lifts the black."""
    pixels = (np.asarray(picture, np.float32) / 255) ** np.float32(1.15)
    height, width = pixels.shape[:2]
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    pixels *= _lines(rows) * _stripes(columns)
    pixels *= _bands(rows, columns, chance)
    pixels *= np.array(chance.choice(((0.86, 0.98, 1.12), (1.1, 1.0, 0.82))), np.float32)
    at = (chance.uniform(0.15, 0.85) * height, chance.uniform(0.15, 0.85) * width)
    reach = 0.16 * max(height, width)
    gleam = np.exp(-(((rows - at[0]) / reach) ** 2)) * np.exp(
        -(((columns - at[1]) / (1.6 * reach)) ** 2)
    )
    pixels = 0.06 + 0.94 * pixels + 0.4 * gleam[..., None]
    return Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))


def _stripes(columns: _Floats) -> _Floats:
    """A red, a green and a blue one in every dot of the screen, side by side."""
    shift = np.arange(3, dtype=np.float32) / 3
    found: _Floats = 1 + np.float32(0.22) * np.cos(2 * pi * (columns[:, None] / _DOT - shift))
    return found


def _lines(rows: _Floats) -> _Floats:
    """Darker ones between the rows of dots."""
    found: _Floats = 1 - np.float32(0.09) * (1 + np.cos(2 * pi * rows / _DOT))
    return found[..., None]


def _bands(rows: _Floats, columns: _Floats, chance: random.Random) -> _Floats:
    """Moiré: wide bent bands in changing colours."""
    angle, bend = chance.uniform(0, pi), chance.choice((-1, 1))
    side = max(len(rows), len(columns))
    along = (columns * cos(angle) + rows * sin(angle)) / side
    across = (rows * cos(angle) - columns * sin(angle)) / side
    phase = 2 * pi * (11 * along + bend * 3 * across**2)
    sine, cosine = np.sin(phase)[..., None], np.cos(phase)[..., None]
    shift = np.arange(3) * (2 * pi / 3)  # sin(phase + shift), with one sine for all three
    found: _Floats = 1 + np.float32(0.08) * (
        sine * np.cos(shift).astype(np.float32) + cosine * np.sin(shift).astype(np.float32)
    )
    return found


def _framed(shown: Image.Image) -> Image.Image:
    """With the screen's black frame."""
    edge = round(LONGER_SIDE * _FRAME)
    copy = Image.new("RGB", (shown.width + 2 * edge, shown.height + 2 * edge), "#0b0b0d")
    copy.paste(shown, (edge, edge))
    return copy


def _from_aside(shown: Image.Image, chance: random.Random) -> Image.Image:
    """Seen from the left or the right, a little from above or below, and not quite level; around
    it lies the dark room."""
    width, height = shown.size
    x, y = np.array([(-1, 1, 1, -1), (-1, -1, 1, 1)], np.float64)
    right, down, roll = (chance.choice((-1, 1)) for _ in range(3))
    depth = 1 + _FAR * (right * x + 0.3 * down * y)
    across, along = cos(_FAR * 2) * x * width / depth, y * height / depth
    turn = roll * 4 * pi / 180
    places = np.stack(
        (across * cos(turn) - along * sin(turn), across * sin(turn) + along * cos(turn))
    )
    places -= places.min(axis=1, keepdims=True)
    places *= min(np.array((width, height)) / places.max(axis=1))
    room = (round(width * _ROOM), round(height * _ROOM))
    places += (np.array(room)[:, None] - places.max(axis=1, keepdims=True)) / 2
    sources = np.stack(((x + 1) * width / 2, (y + 1) * height / 2))
    how = (room, Image.Transform.PERSPECTIVE, _mapping(places, sources), Image.Resampling.BICUBIC)
    copy = Image.new("RGB", room, "#1d1a17")
    copy.paste(shown.transform(*how), mask=Image.new("L", shown.size, 255).transform(*how))
    return copy


def _mapping(places: NDArray[np.float64], sources: NDArray[np.float64]) -> tuple[float, ...]:
    """The eight numbers by which Pillow finds the source of every place, from four pairs.

    u = (a x + b y + c) / (g x + h y + 1), v = (d x + e y + f) / (g x + h y + 1).
    """
    rows = []
    for (x, y), (u, v) in zip(places.T, sources.T, strict=True):
        rows.append((x, y, 1, 0, 0, 0, -u * x, -u * y))
        rows.append((0, 0, 0, x, y, 1, -v * x, -v * y))
    numbers = np.linalg.solve(np.array(rows), sources.T.reshape(8))
    return tuple(numbers.tolist())
