"""Text on pictures: a font for any script that this machine can show, fitted to a width.

Pillow carries a good Latin font. Other letters come from the usual system font that has most of
them; where none has, they are written without their accents, or as "?".
"""

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FONTS = (
    "",  # Pillow's own
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
    """The first font with most of the characters, and the text as it can show it."""
    used = set(text)
    name = min(_FONTS, key=lambda name: sum(not _has(name, character) for character in used))
    shown = "".join(c if _has(name, c) else _plain(c) for c in text)
    return _font(name, size) or ImageFont.load_default(size), shown


def _plain(character: str) -> str:
    bare = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return bare or "?"


@lru_cache(maxsize=128)
def _font(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:  # this machine does not have it
        return None


@lru_cache(maxsize=8192)
def _has(name: str, character: str) -> bool:
    font = _font(name, 16)
    return font is not None and bytes(font.getmask(character)) != bytes(font.getmask(_NO_CHARACTER))
