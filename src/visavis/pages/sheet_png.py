"""A contact sheet as one PNG picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter

from visavis.errors import UsageError
from visavis.images.thumbnail import thumbnail
from visavis.pages.cards import Card, Row, Sheet, dimmed_outside, query_label, score_text
from visavis.pages.sheet_text import draw_text, fit_text, wrap_text

Ink = tuple[int, int, int]

PAGE: Ink = (246, 245, 242)
CARD: Ink = (255, 255, 255)
TILE: Ink = (238, 236, 231)
INK: Ink = (29, 29, 31)
MUTED: Ink = (112, 112, 118)
ACCENT: Ink = (14, 124, 123)
GOOD: Ink = (38, 150, 86)
BAD: Ink = (209, 67, 67)
TALLEST = 30_000
"""Pixels; a taller picture would take gigabytes and few viewers open it."""

_MARGIN, _GAP, _RADIUS, _PAD = 44, 20, 16, 14
_HEADER = 116


@dataclass(frozen=True, slots=True)
class _Measures:
    query: int
    tile: int
    columns: int

    @property
    def width(self) -> int:
        cards = self.columns * self.tile + (self.columns - 1) * _GAP
        return 3 * _MARGIN + self.query + cards

    def card_height(self, side: int) -> int:
        return side + 84


_LARGE = _Measures(query=300, tile=216, columns=5)
_MIXED = _Measures(query=216, tile=216, columns=5)
_SMALL = _Measures(query=150, tile=150, columns=8)


def render_png(sheet: Sheet) -> bytes:
    """The sheet as the bytes of a PNG file; raises UsageError when it would be too tall."""
    measures = _measures(sheet)
    heights = [_row_height(row, measures) for row in sheet.rows]
    height = _HEADER + sum(heights) + _MARGIN * len(heights)
    if height > TALLEST:
        raise UsageError(
            f"a sheet of {len(sheet.rows)} rows is too tall for a picture; "
            "give it a name that ends in .html, or ask for fewer matches"
        )
    page = Image.new("RGB", (measures.width, height), PAGE)
    draw_text(
        page,
        (_MARGIN, 30),
        fit_text(sheet.title, 32, measures.width - 2 * _MARGIN),
        32,
        INK,
        bold=True,
    )
    draw_text(
        page, (_MARGIN, 70), fit_text(sheet.subtitle, 16, measures.width - 2 * _MARGIN), 16, MUTED
    )
    top = _HEADER
    for row, tall in zip(sheet.rows, heights, strict=True):
        _draw_row(page, row, top, measures)
        top += tall + _MARGIN
    out = BytesIO()
    page.save(out, "PNG", optimize=False, compress_level=7)
    return out.getvalue()


def _measures(sheet: Sheet) -> _Measures:
    if len(sheet.rows) != 1:
        return _SMALL
    return _LARGE if len(sheet.rows[0].query) == 1 else _MIXED


def _row_height(row: Row, measures: _Measures) -> int:
    lines = max(1, -(-len(row.matches) // measures.columns))
    grid = lines * (measures.card_height(measures.tile) + _GAP) - _GAP
    query = len(row.query) * (measures.card_height(measures.query) + _GAP) - _GAP
    return max(grid, query) + (34 if row.heading else 0)


def _draw_row(page: Image.Image, row: Row, top: int, measures: _Measures) -> None:
    if row.heading:
        draw_text(page, (_MARGIN, top), row.heading, 18, INK, bold=True)
        top += 34
    for i, card in enumerate(row.query):
        y = top + i * (measures.card_height(measures.query) + _GAP)
        _draw_card(page, card, (_MARGIN, y), measures.query, asked=True)
    left = 2 * _MARGIN + measures.query
    if not row.matches:
        _draw_nothing(page, row, (left, top), measures)
    for i, card in enumerate(row.matches):
        line, column = divmod(i, measures.columns)
        x = left + column * (measures.tile + _GAP)
        y = top + line * (measures.card_height(measures.tile) + _GAP)
        _draw_card(page, card, (x, y), measures.tile, asked=False)


def _draw_nothing(page: Image.Image, row: Row, place: tuple[int, int], measures: _Measures) -> None:
    size = (measures.width - place[0] - _MARGIN, measures.card_height(measures.tile))
    page.paste(Image.new("RGB", size, TILE), place, _rounded(size, _RADIUS))
    x, y = place[0] + size[0] // 2, place[1] + size[1] // 2
    draw_text(page, (x, y - 30), "Nothing similar", 26, INK, bold=True, centred=True)
    reason = fit_text(row.reason or "", 16, size[0] - 60)
    draw_text(page, (x, y + 10), reason, 16, MUTED, centred=True)


def _draw_card(
    page: Image.Image, card: Card, place: tuple[int, int], side: int, *, asked: bool
) -> None:
    size = (side, side + 84)
    x, y = place
    _shadow_under(page, place, size)
    face = Image.new("RGB", size, CARD)
    _draw_tile(face, card, side)
    room = side - 2 * _PAD
    line = side + 12
    if card.score is not None:
        _draw_score(face, card, side, line)
        line += 28
    elif asked:
        ink = BAD if card.good is False else ACCENT
        draw_text(face, (_PAD, line), query_label(card).upper(), 12, ink, bold=True)
        line += 20
    if card.caption:
        caption = fit_text(card.caption, 15, room, bold=True)
        draw_text(face, (_PAD, line), caption, 15, INK, bold=True)
        line += 21
    draw_text(face, (_PAD, line), fit_text(card.detail, 13, room), 13, MUTED)
    page.paste(face, (x, y), _rounded(size, _RADIUS))
    if asked or card.good is not None:
        colour = ACCENT if card.good is None else GOOD if card.good else BAD
        page.paste(Image.new("RGB", size, colour), (x, y), _ring(size, _RADIUS, 3))


def _draw_tile(face: Image.Image, card: Card, side: int) -> None:
    if card.pixels is None:
        _draw_words(face, card, side)
        return
    pixels = thumbnail(card.pixels, side)
    if card.box is not None:
        pixels = dimmed_outside(pixels, card.box)
    picture = Image.fromarray(pixels)
    longest = max(picture.size)
    if longest < side:  # small originals are shown larger, so that tiles look alike
        grown = (max(1, round(n * side / longest)) for n in picture.size)
        picture = picture.resize((next(grown), next(grown)), Image.Resampling.BICUBIC)
    face.paste(TILE, (0, 0, side, side))
    face.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))


def _draw_words(face: Image.Image, card: Card, side: int) -> None:
    face.paste(TILE, (0, 0, side, side))
    size = max(15, side // 10) if card.words else 15
    text = f"“{card.words}”" if card.words else "no picture"
    lines = wrap_text(text, size, side - 3 * _PAD)[: max(1, side // (2 * size))]
    y = side // 2 - len(lines) * size * 2 // 3
    for line in lines:
        ink = INK if card.words else MUTED
        draw_text(face, (side // 2, y), line, size, ink, bold=bool(card.words), centred=True)
        y += size * 4 // 3


def _draw_score(face: Image.Image, card: Card, side: int, y: int) -> None:
    score = card.score or 0.0
    text = score_text(score)
    draw_text(face, (_PAD, y), text, 16, INK, bold=True)
    left, right = _PAD + 58, side - _PAD
    if card.good is not None:
        right -= 26
        _draw_verdict(face, (side - _PAD - 18, y), card.good)
    track = (right - left, 6)
    face.paste(Image.new("RGB", track, TILE), (left, y + 7), _rounded(track, 3))
    filled = (round(track[0] * min(1.0, max(0.0, score))), 6)
    if filled[0] >= 6:
        face.paste(Image.new("RGB", filled, ACCENT), (left, y + 7), _rounded(filled, 3))


def _draw_verdict(face: Image.Image, place: tuple[int, int], good: bool) -> None:
    """A tick or a cross, so that the verdict does not hang on colour alone."""
    big = Image.new("L", (72, 72))
    pen = ImageDraw.Draw(big)
    strokes: Sequence[list[tuple[int, int]]]
    strokes = (
        [[(14, 40), (30, 56), (60, 18)]] if good else [[(16, 16), (56, 56)], [(16, 56), (56, 16)]]
    )
    for stroke in strokes:
        pen.line(stroke, fill=255, width=11, joint="curve")
    face.paste(Image.new("RGB", (18, 18), GOOD if good else BAD), place, big.reduce(4))


def _shadow_under(page: Image.Image, place: tuple[int, int], size: tuple[int, int]) -> None:
    shade = _shadow(size)
    page.paste((60, 50, 40), (place[0] - 24, place[1] - 18), shade)


@lru_cache(maxsize=8)
def _shadow(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", (size[0] + 48, size[1] + 48))
    mask.paste(34, (24, 24), _rounded(size, _RADIUS))
    return mask.filter(ImageFilter.GaussianBlur(9))


@lru_cache(maxsize=64)
def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    big = Image.new("L", (size[0] * 4, size[1] * 4))
    box = (0, 0, size[0] * 4 - 1, size[1] * 4 - 1)
    ImageDraw.Draw(big).rounded_rectangle(box, radius * 4, fill=255)
    return big.reduce(4)


@lru_cache(maxsize=8)
def _ring(size: tuple[int, int], radius: int, thick: int) -> Image.Image:
    big = Image.new("L", (size[0] * 4, size[1] * 4))
    box = (0, 0, size[0] * 4 - 1, size[1] * 4 - 1)
    ImageDraw.Draw(big).rounded_rectangle(box, radius * 4, outline=255, width=thick * 4)
    return big.reduce(4)
