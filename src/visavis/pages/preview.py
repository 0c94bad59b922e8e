"""Pictures inside a terminal: the kitty, iTerm2 and sixel protocols.

Pure functions: `detect` reads an environment, `encode` returns the escape sequence to write.
Sources: sw.kovidgoyal.net/kitty/graphics-protocol, iterm2.com/documentation-images.html, and
DEC STD 070 (sixel).
"""

from base64 import standard_b64encode
from collections.abc import Iterator, Mapping
from enum import Enum
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.errors import UsageError
from visavis.types import RGB

_KITTY_CHUNK = 4096
_PALETTE = 256
_BAND = 6  # rows that one sixel character holds

_KITTY_PROGRAMS = {"ghostty", "kitty"}
_ITERM_PROGRAMS = {"iterm.app", "wezterm", "mintty", "warpterminal", "rio"}
_SIXEL_TERMS = ("foot", "mlterm", "yaft", "contour", "xterm-sixel", "sixel")
_MULTIPLEXERS = ("screen", "tmux")


class Protocol(Enum):
    """A way of showing pictures in a terminal."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"


def detect(environ: Mapping[str, str]) -> Protocol | None:
    """The protocol that this terminal is known to speak, by its environment; None when unsure.

    A multiplexer (tmux, screen) between us and the terminal swallows pictures: None.
    """
    term = environ.get("TERM", "").lower()
    program = environ.get("TERM_PROGRAM", "").lower()
    if term == "dumb" or "TMUX" in environ or term.startswith(_MULTIPLEXERS):
        return None
    if program in _ITERM_PROGRAMS or "WEZTERM_PANE" in environ:
        return Protocol.ITERM2
    if program in _KITTY_PROGRAMS or term in ("xterm-kitty", "xterm-ghostty"):
        return Protocol.KITTY
    if "KITTY_WINDOW_ID" in environ or "KONSOLE_VERSION" in environ:
        return Protocol.KITTY
    if term.startswith(_SIXEL_TERMS) or term.endswith("-sixel"):
        return Protocol.SIXEL
    return None


def encode(pixels: RGB, protocol: Protocol, height_px: int) -> str:
    """The escape sequence that shows the picture, at most `height_px` pixels tall.

    Pictures are scaled down, never up. Raises UsageError when `height_px` is below 1.
    """
    if height_px < 1:
        raise UsageError(f"a preview must be at least 1 pixel tall, not {height_px}")
    image = Image.fromarray(pixels)
    if image.height > height_px:
        width = max(1, round(image.width * height_px / image.height))
        image = image.resize((width, height_px), Image.Resampling.LANCZOS)
    match protocol:
        case Protocol.KITTY:
            return _kitty(image)
        case Protocol.ITERM2:
            return _iterm2(image)
        case Protocol.SIXEL:
            return _sixel(image)


def _kitty(image: Image.Image) -> str:
    """Transmit and show (a=T) a PNG (f=100), quietly (q=2), in chunks of 4096 characters."""
    data = standard_b64encode(_png(image)).decode("ascii")
    chunks = [data[i : i + _KITTY_CHUNK] for i in range(0, len(data), _KITTY_CHUNK)]
    parts = []
    for i, chunk in enumerate(chunks):
        more = f"m={int(i < len(chunks) - 1)}"
        keys = f"a=T,f=100,q=2,{more}" if i == 0 else f"q=2,{more}"
        parts.append(f"\x1b_G{keys};{chunk}\x1b\\")
    return "".join(parts)


def _iterm2(image: Image.Image) -> str:
    png = _png(image)
    data = standard_b64encode(png).decode("ascii")
    size = f"width={image.width}px;height={image.height}px;preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;size={len(png)};{size}:{data}\x07"


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _sixel(image: Image.Image) -> str:
    """Bands of six rows; in each band one run-length coded line a colour, laid over one another."""
    paletted = image.quantize(_PALETTE, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    indexes = np.asarray(paletted)
    used = np.unique(indexes).tolist()
    palette = paletted.getpalette("RGB") or []
    colours = "".join(_colour(i, palette[3 * i : 3 * i + 3]) for i in used)
    bands = (_band(indexes[top : top + _BAND]) for top in range(0, len(indexes), _BAND))
    raster = f'"1;1;{image.width};{image.height}'
    return f"\x1bP0;1;0q{raster}{colours}{'-'.join(bands)}\x1b\\"


def _colour(index: int, red_green_blue: list[int]) -> str:
    """A palette entry; sixel counts colours in hundredths."""
    red, green, blue = (round(value * 100 / 255) for value in red_green_blue)
    return f"#{index};2;{red};{green};{blue}"


def _band(rows: NDArray[np.uint8]) -> str:
    weights = (1 << np.arange(len(rows), dtype=np.uint8))[:, None]
    lines = []
    for index in np.unique(rows):
        columns = ((rows == index) * weights).sum(0) + 63
        lines.append(f"#{index}" + "".join(_runs(columns)))
    return "$".join(lines)


def _runs(columns: NDArray[np.int64]) -> Iterator[str]:
    """Characters, those that repeat more than three times as `!count`; a blank end is left out."""
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    lengths = np.diff(starts, append=len(columns))
    for i, (value, length) in enumerate(zip(columns[starts], lengths, strict=True)):
        if value == 63 and i == len(starts) - 1:
            return
        yield f"!{length}{chr(value)}" if length > 3 else chr(value) * int(length)
