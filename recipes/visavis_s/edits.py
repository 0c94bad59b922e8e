"""What the web does to pictures, by chance and in every strength: what the network has to see past.

Every edit is a function of a picture and a random generator. They are kin of the edits that
`visavis evaluate --copies` asks about (visavis/evaluation/edits.py), not the same code: strengths
are drawn, and several edits may follow one another.
"""

import math
import random
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Picture = Image.Image
Edit = Callable[[Picture, random.Random], Picture]
Point = tuple[float, float]
Floats = NDArray[np.float32]

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?&%#@"


def edited(picture: Picture, chance: random.Random) -> Picture:
    """One edit of those below, often followed by a second, mostly by some compression."""
    names, shares = zip(*SHARES.items(), strict=True)
    for name in chance.choices(names, shares, k=1 if chance.random() < 0.6 else 2):
        picture = EDITS[name](picture, chance)
    if chance.random() < 0.35:
        picture = jpeg(picture, chance)
    return picture


def cut(picture: Picture, chance: random.Random) -> Picture:
    """A part with a fifth to nine tenths of the area, its shape nearly kept."""
    area, shape = chance.uniform(0.2, 0.9), chance.uniform(0.8, 1.25)
    wide, high = min(1.0, (area * shape) ** 0.5), min(1.0, (area / shape) ** 0.5)
    width, height = max(8, round(picture.width * wide)), max(8, round(picture.height * high))
    left = chance.randint(0, max(0, picture.width - width))
    top = chance.randint(0, max(0, picture.height - height))
    return picture.crop((left, top, left + width, top + height))


def quarter(picture: Picture, chance: random.Random) -> Picture:
    """About a quarter of the area: a corner or the middle."""
    width, height = (max(8, round(side * chance.uniform(0.45, 0.55))) for side in picture.size)
    left, top = (
        round((whole - part) * chance.choice((0.0, 0.5, 1.0, chance.random())))
        for whole, part in ((picture.width, width), (picture.height, height))
    )
    return picture.crop((left, top, left + width, top + height))


def turn(picture: Picture, chance: random.Random) -> Picture:
    """By a quarter either way, or upside down."""
    return picture.transpose(chance.choice(
        (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180)
        if chance.random() < 0.4
        else (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)
    ))  # fmt: skip


def flip(picture: Picture, chance: random.Random) -> Picture:
    """Left to right; seldom top to bottom."""
    return ImageOps.mirror(picture) if chance.random() < 0.85 else ImageOps.flip(picture)


def tilt(picture: Picture, chance: random.Random) -> Picture:
    """By up to 20 degrees; the corners that come free have one colour, or are cut away."""
    angle = chance.uniform(-20, 20)
    full = chance.random() < 0.3
    return picture.rotate(angle, Image.Resampling.BICUBIC, expand=full, fillcolor=_fill(chance))


def stretch(picture: Picture, chance: random.Random) -> Picture:
    """Another shape: filled with bars, which moves the whole after squashing."""
    side = chance.choice((0, 1))
    more = chance.uniform(1.1, 1.9)
    size = [picture.width, picture.height]
    size[side] = round(size[side] * more)
    return ImageOps.pad(picture, (size[0], size[1]), color=_fill(chance))


def blur(picture: Picture, chance: random.Random) -> Picture:
    """Gaussian, with a standard deviation of 0.3 to 1.8 % of the longer side."""
    radius = max(picture.size) * chance.uniform(0.003, 0.018)
    return picture.filter(ImageFilter.GaussianBlur(radius))


def small(picture: Picture, chance: random.Random) -> Picture:
    """A thumbnail of 40 to 100 pixels."""
    copy = picture.copy()
    side = chance.uniform(40, 100)
    copy.thumbnail((side, side), chance.choice((Image.Resampling.LANCZOS, Image.Resampling.BOX)))
    return copy


def jpeg(picture: Picture, chance: random.Random) -> Picture:
    """Through JPEG with a quality of 5 to 50."""
    packed = BytesIO()
    picture.save(packed, "JPEG", quality=chance.randint(5, 50))
    with Image.open(packed) as again:
        return again.convert("RGB")


def noise(picture: Picture, chance: random.Random) -> Picture:
    """Gaussian noise with a standard deviation of up to 24 of 255."""
    numbers = np.random.default_rng(chance.getrandbits(32))
    pixels = np.asarray(picture, np.float32)
    grain = numbers.normal(0, chance.uniform(4, 24), pixels.shape)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def grey(picture: Picture, _: random.Random) -> Picture:
    """Without its colours."""
    return picture.convert("L").convert("RGB")


def tinted(picture: Picture, chance: random.Random) -> Picture:
    """In shades of one colour, mostly the brown of old photographs."""
    dark, light = ("#1c0d02", "#f7e6c4") if chance.random() < 0.7 else (_colour(chance), "white")
    toned = ImageOps.colorize(picture.convert("L"), dark, light)
    return Image.blend(picture, toned, chance.uniform(0.7, 1.0))


def light(picture: Picture, chance: random.Random) -> Picture:
    """Another brightness, contrast, saturation and white, as filters of an app make it."""
    for kind, low, high in (
        (ImageEnhance.Brightness, 0.5, 1.6),
        (ImageEnhance.Contrast, 0.5, 1.7),
        (ImageEnhance.Color, 0.1, 2.2),
    ):
        if chance.random() < 0.7:
            picture = kind(picture).enhance(chance.uniform(low, high))
    if chance.random() < 0.4:
        picture = Image.blend(picture, Image.new("RGB", picture.size, _colour(chance)), 0.15)
    return picture


def border(picture: Picture, chance: random.Random) -> Picture:
    """A frame of one colour."""
    wide = max(1, round(max(picture.size) * chance.uniform(0.03, 0.18)))
    return ImageOps.expand(picture, wide, _fill(chance))


def caption(picture: Picture, chance: random.Random) -> Picture:
    """A bar with writing above or below the picture."""
    bar = max(8, round(picture.height * chance.uniform(0.1, 0.35)))
    below, (page, ink) = chance.random() < 0.6, _inks(chance)
    copy = Image.new("RGB", (picture.width, picture.height + bar), page)
    copy.paste(picture, (0, 0 if below else bar))
    top = picture.height if below else 0
    _write(copy, (0, top, copy.width, top + bar), ink, chance, rows=chance.randint(1, 3))
    return copy


def overlay(picture: Picture, chance: random.Random) -> Picture:
    """Writing laid over: as on a meme, a watermark, a date, a price."""
    copy = picture.copy()
    page, ink = _inks(chance)
    width, height = copy.size
    for _ in range(chance.randint(1, 2)):
        high = height * chance.uniform(0.08, 0.3)
        left, top = width * chance.uniform(0, 0.3), chance.uniform(0, height - high)
        box = (left, top, width * chance.uniform(0.6, 1.0), top + high)
        if chance.random() < 0.3:
            ImageDraw.Draw(copy).rectangle(box, fill=page)
        _write(copy, box, ink, chance, rows=chance.randint(1, 2), edge=page)
    return copy


def sticker(picture: Picture, chance: random.Random) -> Picture:
    """Faces, hearts and plain shapes laid over."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    for _ in range(chance.randint(1, 4)):
        side = min(copy.size) * chance.uniform(0.12, 0.42)
        left, top = (chance.uniform(0, whole - side) for whole in copy.size)
        chance.choice(_STICKERS)(draw, left, top, side, chance)
    return copy


def screenshot(picture: Picture, chance: random.Random) -> Picture:
    """In a window of a computer or a phone, with bars and writing around."""
    page, ink = _inks(chance)
    width, height = picture.size
    unit = max(width, height) / 24
    left, right, above, below = (
        round(unit * chance.uniform(low, high)) for low, high in ((0, 5), (0, 5), (1, 6), (1, 10))
    )
    copy = Image.new("RGB", (width + left + right, height + above + below), page)
    copy.paste(picture, (left, above))
    draw = ImageDraw.Draw(copy)
    draw.rectangle((0, 0, copy.width, min(above, unit * 2)), fill=_grey_of(chance))
    for number in range(chance.randint(0, 4)):
        at = unit * (0.6 + 1.4 * number)
        draw.ellipse((at, unit * 0.4, at + unit, unit * 1.4), fill=_colour(chance))
    _write(copy, (left, above + height, left + width, copy.height), ink, chance, rows=2)
    return copy


def placed(picture: Picture, chance: random.Random) -> Picture:
    """Small on a larger ground, as in a collage or a page."""
    more_wide, more_high = chance.uniform(1.1, 1.9), chance.uniform(1.1, 1.9)
    size = (round(picture.width * more_wide), round(picture.height * more_high))
    copy = Image.new("RGB", size, _fill(chance))
    if chance.random() < 0.4:
        ground = Image.frombytes("L", (8, 8), chance.randbytes(64)).resize(size)
        copy = ImageOps.colorize(ground, _colour(chance), _colour(chance))
    left, top = (
        chance.randint(0, whole - part) for whole, part in zip(size, picture.size, strict=True)
    )
    copy.paste(picture, (left, top))
    return copy


def photographed(picture: Picture, chance: random.Random) -> Picture:
    """A screen or print photographed: from aside, with its grid, a gleam, a tint, out of focus."""
    width, height = (max(96, round(s * 192 / max(picture.size))) for s in picture.size)
    picture = picture.resize((width, height))
    numbers = np.random.default_rng(chance.getrandbits(32))
    pixels = np.asarray(picture, np.float32) / 255
    high, wide = pixels.shape[:2]
    rows, columns = np.mgrid[0:high, 0:wide].astype(np.float32)
    if chance.random() < 0.8:
        pixels = pixels * _moire(rows, columns, chance)[..., None]
    pixels = pixels ** chance.uniform(0.7, 1.5) * np.array(
        [chance.uniform(0.8, 1.1) for _ in range(3)], np.float32
    )
    if chance.random() < 0.5:
        x, y = chance.uniform(0, wide), chance.uniform(0, high)
        reach = chance.uniform(0.1, 0.5) * wide
        gleam = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * reach**2))
        pixels = pixels + chance.uniform(0.1, 0.6) * gleam[..., None]
    pixels = pixels * chance.uniform(0.6, 1.1) + numbers.normal(0, 0.02, pixels.shape)
    shown = Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))
    if chance.random() < 0.6:
        shown = ImageOps.expand(shown, round(wide * chance.uniform(0.02, 0.08)), "#101012")
    seen = _askew(shown, chance)
    return seen.filter(ImageFilter.GaussianBlur(chance.uniform(0, 1.6)))


def _moire(rows: Floats, columns: Floats, chance: random.Random) -> Floats:
    waves: Floats = np.zeros_like(rows)
    for _ in range(chance.randint(1, 2)):
        angle, period = chance.uniform(0, math.pi), chance.uniform(2.1, 12)
        along = rows * math.sin(angle) + columns * math.cos(angle)
        waves += np.sin(along * 2 * math.pi / period)
    return 1 + chance.uniform(0.03, 0.2) * waves


def _askew(picture: Picture, chance: random.Random) -> Picture:
    """Seen from aside: its corners lie somewhere near those of the new picture."""
    width, height = picture.size
    most = chance.uniform(0.02, 0.2)
    corners = [
        (width * (x + (1 - 2 * x) * chance.uniform(-0.3, 1) * most),
         height * (y + (1 - 2 * y) * chance.uniform(-0.3, 1) * most))
        for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]  # fmt: skip
    plain = [(0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, float(height))]
    return picture.transform(
        picture.size,
        Image.Transform.PERSPECTIVE,
        perspective(corners, plain),
        Image.Resampling.BICUBIC,
        fillcolor=_fill(chance),
    )


def perspective(places: Sequence[Point], sources: Sequence[Point]) -> list[float]:
    """Pillow's eight numbers for a map that takes each of four places from its source."""
    rows = []
    for (x, y), (u, v) in zip(places, sources, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    wanted = np.array(sources, np.float64).reshape(8)
    solved: list[float] = np.linalg.lstsq(np.array(rows), wanted, rcond=None)[0].tolist()
    return solved


def _colour(chance: random.Random) -> tuple[int, int, int]:
    red, green, blue = (chance.randint(0, 255) for _ in range(3))
    return red, green, blue


def _grey_of(chance: random.Random) -> tuple[int, int, int]:
    return (chance.randint(0, 255),) * 3


def _fill(chance: random.Random) -> tuple[int, int, int]:
    kind = chance.random()
    return (255,) * 3 if kind < 0.35 else (0,) * 3 if kind < 0.65 else _colour(chance)


def _inks(chance: random.Random) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The colours of a page and of the writing on it, far enough apart to be read."""
    page = _fill(chance)
    if chance.random() < 0.3:
        return page, _colour(chance)
    return page, (0,) * 3 if sum(page) > 380 else (255,) * 3


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _write(
    copy: Picture,
    box: tuple[float, float, float, float],
    ink: tuple[int, int, int],
    chance: random.Random,
    *,
    rows: int,
    edge: tuple[int, int, int] | None = None,
) -> None:
    """Lines of letters that fill a box; with an edge around them where a colour is given."""
    left, top, right, bottom = box
    size = int((bottom - top) / rows * 0.8)
    if size < 4:
        return
    draw = ImageDraw.Draw(copy)
    stroke = max(1, size // 12) if edge and chance.random() < 0.7 else 0
    letters = max(1, int((right - left) / (size * 0.55)))
    for row in range(rows):
        text = "".join(
            " " if chance.random() < 0.15 else chance.choice(_LETTERS) for _ in range(letters)
        )
        place = (left, top + (bottom - top) / rows * row)
        draw.text(place, text, ink, _font(size), stroke_width=stroke, stroke_fill=edge)


def _face(
    draw: ImageDraw.ImageDraw, left: float, top: float, side: float, chance: random.Random
) -> None:
    skin = "#ffd83d" if chance.random() < 0.7 else _colour(chance)
    draw.ellipse((left, top, left + side, top + side), fill=skin)
    for x in (0.32, 0.68):
        draw.ellipse(
            (
                left + side * (x - 0.08),
                top + side * 0.3,
                left + side * (x + 0.08),
                top + side * 0.5,
            ),
            fill="#5b3a10",
        )
    mouth = (left + side * 0.25, top + side * 0.4, left + side * 0.75, top + side * 0.82)
    draw.chord(mouth, 0, 180, fill="#7a2b10")


def _heart(
    draw: ImageDraw.ImageDraw, left: float, top: float, side: float, chance: random.Random
) -> None:
    ink = "#e2264d" if chance.random() < 0.7 else _colour(chance)
    half = side / 2
    draw.ellipse((left, top, left + half, top + half), fill=ink)
    draw.ellipse((left + half, top, left + side, top + half), fill=ink)
    low = top + half / 2
    draw.polygon([(left, low), (left + side, low), (left + half, top + side)], fill=ink)


def _shape(
    draw: ImageDraw.ImageDraw, left: float, top: float, side: float, chance: random.Random
) -> None:
    box = (left, top, left + side, top + side * chance.uniform(0.4, 1))
    (draw.rectangle if chance.random() < 0.5 else draw.ellipse)(box, fill=_colour(chance))


_STICKERS = (_face, _face, _heart, _shape)

EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        cut, quarter, turn, flip, tilt, stretch, blur, small, jpeg, noise, grey, tinted, light,
        border, caption, overlay, sticker, screenshot, placed, photographed,
    )
}  # fmt: skip
"""Every edit by name."""

SHARES = dict.fromkeys(EDITS, 1.0) | {
    "quarter": 2.0, "turn": 2.0, "blur": 1.8, "small": 1.3, "photographed": 2.2, "overlay": 1.5,
    "sticker": 1.5, "jpeg": 0.6, "noise": 0.5, "stretch": 0.7, "light": 0.8, "flip": 0.6,
}  # fmt: skip
"""How often each is drawn, against the others; those that were found weak are drawn more often."""
