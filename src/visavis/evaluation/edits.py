"""Copies as they are met in the wild: what happens to a picture between one site and the next.

Every edit is a function of a picture and a random generator, so the same seed makes the same
copy. The list follows the transformations of Douze et al., "The 2021 image similarity dataset and
challenge" (2021). How strong an edit is does not change: figures of different days are compared.
"""

import random
from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from visavis.evaluation.overlays import emoji, text
from visavis.evaluation.screen import screen
from visavis.images.pixels import to_array
from visavis.images.thumbnail import encode_jpeg, thumbnail
from visavis.types import RGB

LARGEST_SIDE = 1024
"""Pixels; larger originals are first made so small, as sites do."""

_SEPIA = (
    *(0.393, 0.769, 0.189, 0.0),
    *(0.349, 0.686, 0.168, 0.0),
    *(0.272, 0.534, 0.131, 0.0),
)  # https://www.w3.org/TR/filter-effects-1/#sepiaEquivalent

_Edit = Callable[[Image.Image, random.Random], Image.Image]


def edited(name: str, pixels: RGB, chance: random.Random) -> bytes:
    """The file of an edited copy, `name` being one of EDITS."""
    picture = Image.fromarray(thumbnail(pixels, LARGEST_SIDE))
    copy = EDITS[name](picture, chance)
    if name == "jpeg":
        return encode_jpeg(to_array(copy), quality=10)
    out = BytesIO()
    copy.save(out, "BMP")  # lossless, and quicker than PNG
    return out.getvalue()


def _resize(picture: Image.Image, _: random.Random) -> Image.Image:
    """A third as wide and high."""
    size = (max(8, picture.width // 3), max(8, picture.height // 3))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _crop(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Half of the area, the shape kept, from anywhere."""
    width, height = (max(1, round(side * 0.5**0.5)) for side in picture.size)
    left = chance.randint(0, picture.width - width)
    top = chance.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def _same(picture: Image.Image, _: random.Random) -> Image.Image:
    """Unchanged; the file is written with JPEG quality 10."""
    return picture


def _blur(picture: Image.Image, _: random.Random) -> Image.Image:
    """Gaussian, with a standard deviation of 0.8 % of the longer side."""
    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) * 0.008))


def _light(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Brightness and contrast 40 % up or down, each by chance."""
    brighter = ImageEnhance.Brightness(picture).enhance(chance.choice((0.6, 1.4)))
    return ImageEnhance.Contrast(brighter).enhance(chance.choice((0.6, 1.4)))


def _grey(picture: Image.Image, _: random.Random) -> Image.Image:
    return picture.convert("L").convert("RGB")


def _rotate(picture: Image.Image, chance: random.Random) -> Image.Image:
    """By 8 degrees either way; the corners that come free are black."""
    return picture.rotate(chance.choice((-8, 8)), Image.Resampling.BICUBIC)


def _flip(picture: Image.Image, _: random.Random) -> Image.Image:
    return ImageOps.mirror(picture)


def _caption(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A white bar with two lines of writing, a fifth as high as the picture, above or below."""
    width, height = picture.size
    bar = max(6, height // 5)
    below = chance.random() < 0.5
    copy = Image.new("RGB", (width, height + bar), "white")
    copy.paste(picture, (0, 0 if below else bar))
    _write(copy, (0.04 * width, (height if below else 0) + bar * 0.2), width, bar * 0.6, chance)
    return copy


def _border(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A frame of one colour, a tenth of the longer side wide."""
    colour = chance.choice(("white", "black", "#c9b18c", "#7d1f2b", "#274060"))
    return ImageOps.expand(picture, border=max(1, max(picture.size) // 10), fill=colour)


def _screenshot(picture: Image.Image, chance: random.Random) -> Image.Image:
    """The picture on a page in a browser's window, dark or light, with writing below it."""
    page, chrome, ink = chance.choice((("#ffffff", "#dfe3e8", "#3c4043"),
                                       ("#1b1c1f", "#303236", "#c8cace")))  # fmt: skip
    width, height = picture.size
    unit = max(width, height) / 24
    margin, bar = round(unit * chance.uniform(1, 4)), round(unit * 3)
    below = round(unit * chance.uniform(3, 7))
    copy = Image.new("RGB", (width + 2 * margin, height + bar + margin + below), page)
    copy.paste(picture, (margin, bar + margin))
    draw = ImageDraw.Draw(copy)
    draw.rectangle((0, 0, copy.width, bar), fill=chrome)
    for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        left = unit * (0.8 + 1.4 * number)
        draw.ellipse((left, unit, left + 0.9 * unit, 1.9 * unit), fill=colour)
    address = (unit * 6, unit * 0.6, max(unit * 7, copy.width - unit), unit * 2.4)
    draw.rounded_rectangle(address, unit * 0.9, fill=page)
    place = (float(margin), bar + margin + height + unit)
    _write(copy, place, width, max(2.0, below - 2 * unit), chance, ink)
    return copy


def _sepia(picture: Image.Image, _: random.Random) -> Image.Image:
    """Browned like an old print, with the numbers of CSS's filter sepia(1)."""
    return picture.convert("RGB", _SEPIA)


def _quarter(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A quarter of the area, the shape kept, from anywhere."""
    width, height = (max(1, round(side / 2)) for side in picture.size)
    left = chance.randint(0, picture.width - width)
    top = chance.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def _turn(picture: Image.Image, chance: random.Random) -> Image.Image:
    """By a quarter, to the left or to the right."""
    ways = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)
    return picture.transpose(chance.choice(ways))


def _small(picture: Image.Image, _: random.Random) -> Image.Image:
    """A thumbnail whose longer side has 64 pixels."""
    copy = picture.copy()
    copy.thumbnail((64, 64), Image.Resampling.LANCZOS)
    return copy


def _soft(picture: Image.Image, _: random.Random) -> Image.Image:
    """Half as much again out of focus as `_blur`: 1.2 % of the longer side."""
    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) * 0.012))


def _write(
    copy: Image.Image,
    place: tuple[float, float],
    width: float,
    height: float,
    chance: random.Random,
    ink: str = "#202124",
) -> None:
    """Two lines of words drawn as bars: too small to be read, and no font is needed."""
    draw = ImageDraw.Draw(copy)
    line = height / 2
    for number in range(2):
        left, top = place[0], place[1] + number * line
        end = left + width * chance.uniform(0.5, 0.9)
        while left < end:
            word = line * chance.uniform(0.6, 2.4)
            draw.rectangle((left, top, min(left + word, end), top + line * 0.55), fill=ink)
            left += word + line * 0.4


EDITS: dict[str, _Edit] = {
    "resize": _resize,
    "crop": _crop,
    "jpeg": _same,
    "blur": _blur,
    "light": _light,
    "grey": _grey,
    "rotate": _rotate,
    "flip": _flip,
    "caption": _caption,
    "border": _border,
    "screenshot": _screenshot,
    "text": text,
    "emoji": emoji,
    "sepia": _sepia,
    "quarter": _quarter,
    "turn": _turn,
    "screen": screen,
    "small": _small,
    "soft": _soft,
}
"""Every edit by name."""

ELEVEN = tuple(EDITS)[:11]
"""Those that there were at first: older figures are means over them."""
