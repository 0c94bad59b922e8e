"""Edits that lay something over a picture, which hides a part of it: words, and emoji."""

import random
from math import ceil

from PIL import Image, ImageDraw, ImageFont

_Box = tuple[float, float, float]
"""Left, top, and the side of a square."""

_ABOVE = ("WHEN IT IS STILL MONDAY", "NOBODY: ABSOLUTELY NOBODY:", "ONE DOES NOT SIMPLY",
          "ME, FIVE MINUTES LATER", "LOOK WHAT I FOUND TODAY", "THEY SAID IT WAS EASY")  # fmt: skip
_BELOW = ("WAIT FOR IT", "NOT BAD AT ALL", "SEND THIS TO A FRIEND", "YOU HAD ONE JOB",
          "AND THAT WAS THAT", "TOO GOOD NOT TO SHARE")  # fmt: skip
_HEIGHT = 7  # lines of that height would fill the picture
_YELLOW, _BROWN, _RED, _BLUE = "#ffcf33", "#5b3413", "#e0245e", "#58b4f0"


def text(picture: Image.Image, chance: random.Random) -> Image.Image:
    """White capitals with a black edge along the top and the bottom, as on a meme."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    for words, below in ((chance.choice(_ABOVE), False), (chance.choice(_BELOW), True)):
        words = words.replace(" ", "  ")  # the edges of the letters take half of it
        font, edge = _fitting(words, copy.size)
        middle, gap = copy.width / 2, copy.height * 0.03
        place = (middle, copy.height - gap if below else gap)
        anchor = "mb" if below else "mt"
        draw.text(place, words, "white", font, anchor, stroke_width=edge, stroke_fill="black")
    return copy


def _fitting(words: str, size: tuple[int, int]) -> tuple[ImageFont.FreeTypeFont, int]:
    """A font in which words are as wide as the picture, at most a seventh of its height; and how
    thick their edge is."""
    trial = _font(100)
    wide = 0.94 * size[0] / trial.getlength(words) * 100
    points = max(4, int(min(wide, size[1] / _HEIGHT)))
    return _font(points), ceil(points / 14)


def _font(points: int) -> ImageFont.FreeTypeFont:
    """The font that comes with Pillow, laid out alike whether libraqm is there or not."""
    font = ImageFont.load_default(points)
    if not isinstance(font, ImageFont.FreeTypeFont):  # Pillow promises one where a size is given
        raise TypeError(f"Pillow has no scalable font, but {type(font).__name__}")
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def emoji(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Three faces or hearts, each a third as wide as the shorter side, wherever they fall."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    side = min(copy.size) / 3
    for kind in chance.sample((_laughing, _in_love, _crying, _heart, _cool), 3):
        left, top = (chance.uniform(0, whole - side) for whole in copy.size)
        kind(draw, (left, top, side))
    return copy


def _head(draw: ImageDraw.ImageDraw, box: _Box) -> None:
    _oval(draw, box, (0.5, 0.5), (0.5, 0.5), "#d99a1c")
    _oval(draw, box, (0.5, 0.49), (0.475, 0.475), _YELLOW)


def _laughing(draw: ImageDraw.ImageDraw, box: _Box) -> None:
    """A wide open mouth, and eyes pressed shut."""
    _head(draw, box)
    for x in (0.31, 0.69):
        _bow(draw, box, (x - 0.12, 0.28, x + 0.12, 0.5), upwards=True)
    _mouth(draw, box)


def _in_love(draw: ImageDraw.ImageDraw, box: _Box) -> None:
    """Hearts for eyes."""
    _head(draw, box)
    left, top, side = box
    for x in (0.14, 0.54):
        _heart(draw, (left + x * side, top + 0.2 * side, 0.32 * side))
    _mouth(draw, box)


def _crying(draw: ImageDraw.ImageDraw, box: _Box) -> None:
    """A tear, and the corners of the mouth drawn down."""
    _head(draw, box)
    for x in (0.32, 0.68):
        _oval(draw, box, (x, 0.42), (0.065, 0.095), _BROWN)
    _bow(draw, box, (0.3, 0.62, 0.7, 0.92), upwards=True)
    _oval(draw, box, (0.74, 0.68), (0.08, 0.13), _BLUE)


def _cool(draw: ImageDraw.ImageDraw, box: _Box) -> None:
    """Sunglasses, and a smile."""
    _head(draw, box)
    left, top, side = box
    draw.rectangle(
        (left + 0.08 * side, top + 0.3 * side, left + 0.92 * side, top + 0.37 * side), fill="black"
    )
    for x in (0.3, 0.7):
        _oval(draw, box, (x, 0.41), (0.17, 0.14), "black")
    _bow(draw, box, (0.28, 0.45, 0.72, 0.8), upwards=False)


def _heart(draw: ImageDraw.ImageDraw, box: _Box) -> None:
    left, top, side = box
    for x in (0.27, 0.73):
        _oval(draw, box, (x, 0.32), (0.27, 0.27), _RED)
    flanks = ((0.035, 0.44), (0.5, 0.34), (0.965, 0.44), (0.5, 0.97))
    draw.polygon([(left + x * side, top + y * side) for x, y in flanks], fill=_RED)


def _mouth(draw: ImageDraw.ImageDraw, box: _Box) -> None:
    left, top, side = box
    draw.chord(_inside(left, top, side, (0.22, 0.32, 0.78, 0.86)), 0, 180, fill=_BROWN)
    draw.chord(_inside(left, top, side, (0.22, 0.5, 0.78, 0.68)), 0, 180, fill="white")


def _bow(
    draw: ImageDraw.ImageDraw,
    box: _Box,
    within: tuple[float, float, float, float],
    *,
    upwards: bool,
) -> None:
    """Half of an oval's line: the upper one, or the lower one."""
    left, top, side = box
    start, end = (180, 360) if upwards else (0, 180)
    draw.arc(_inside(left, top, side, within), start, end, _BROWN, max(1, round(side * 0.06)))


def _oval(
    draw: ImageDraw.ImageDraw,
    box: _Box,
    middle: tuple[float, float],
    radii: tuple[float, float],
    ink: str,
) -> None:
    (x, y), (wide, high) = middle, radii
    draw.ellipse(_inside(*box, (x - wide, y - high, x + wide, y + high)), fill=ink)


def _inside(
    left: float, top: float, side: float, part: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """A part of a square, given in shares of its side, in pixels."""
    return (
        left + part[0] * side,
        top + part[1] * side,
        left + part[2] * side,
        top + part[3] * side,
    )
