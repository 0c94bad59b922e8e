"""Text on pictures: a font for any script that this machine can show, fitted to a width.

Pillow carries a good Latin font for plain ASCII. Other letters come from the first usual system
font that has them; where none has, they are written without their accents, or as "?".
"""

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_BUILT_IN_EXTRA = frozenset("“”‘’…·")
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
    "Arial Unicode.ttf",
    "segoeui.ttf",
    "NotoSansCJK-Regular.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "YuGothR.ttc",
)
_NO_CHARACTER = "\uffff"


def draw_text(
    image: Image.Image,
    place: tuple[int, int],
    text: str,
    size: int,
    ink: tuple[int, int, int],
    *,
    bold: bool = False,
    centred: bool = False,
) -> None:
    """Write one line; `place` is its upper left corner, or the middle of its upper edge."""
    font, shown = _font_for(text, size)
    stroke = 0.014 * size if bold else 0
    anchor = "ma" if centred else "la"
    ImageDraw.Draw(image).text(
        place, shown, fill=ink, font=font, stroke_width=stroke, anchor=anchor
    )


def text_width(text: str, size: int, *, bold: bool = False) -> float:
    """How many pixels the line takes."""
    font, shown = _font_for(text, size)
    return font.getlength(shown) + (1 if bold else 0)


def fit_text(text: str, size: int, room: int, *, bold: bool = False) -> str:
    """The line, cut with an ellipsis where it would be wider than `room` pixels."""
    text = " ".join(text.split())[:400]
    if text_width(text, size, bold=bold) <= room:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        wide = text_width(text[:middle].rstrip() + "…", size, bold=bold)
        fits, too_long = (middle, too_long) if wide <= room else (fits, middle)
    return text[:fits].rstrip() + "…"


def wrap_text(text: str, size: int, room: int) -> list[str]:
    """The words on several lines, none wider than `room` pixels."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold=True) <= room:
            lines[-1] = longer
        else:
            lines.append(fit_text(word, size, room, bold=True))
    return lines


def _font_for(text: str, size: int) -> tuple[Font, str]:
    unusual = {c for c in text if not (c.isascii() and c.isprintable())} - _BUILT_IN_EXTRA
    font, lacking = _built_in(size), unusual
    for name in _SYSTEM_FONTS:
        if not lacking:
            break
        other = _system(name, size)
        missing = {c for c in unusual if _lacks(name, c)}
        if other is not None and len(missing) < len(lacking):
            font, lacking = other, missing
    return font, "".join(_plain(c) if c in lacking else c for c in text)


def _plain(character: str) -> str:
    bare = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return bare or "?"


@lru_cache(maxsize=16)
def _built_in(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=128)
def _system(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:  # this machine does not have it
        return None


@lru_cache(maxsize=4096)
def _lacks(name: str, character: str) -> bool:
    font = _system(name, 16)
    if font is None:
        return True
    return bytes(font.getmask(character)) == bytes(font.getmask(_NO_CHARACTER))
