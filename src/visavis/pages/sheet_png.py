"""A contact sheet as one PNG picture."""

from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from visavis.errors import UsageError
from visavis.images.thumbnail import thumbnail
from visavis.pages.cards import Card, Row, Sheet, dimmed_outside
from visavis.pages.text import draw_text, fit_text, wrap_text

Pair = tuple[int, int]

PAGE, CARD, TILE = (246, 245, 242), (255, 255, 255), (238, 236, 231)  # as in tokens.css, in light
INK, MUTED = (29, 29, 31), (95, 95, 102)
ACCENT, GOOD, BAD = (14, 124, 123), (25, 122, 65), (185, 50, 50)
TALLEST = 30_000
"""Pixels; a taller picture would take gigabytes and few viewers open it."""

_MARGIN, _GAP, _RADIUS, _PAD = 44, 20, 16, 14
_HEADER, _HEADING, _BELOW = 116, 34, 84  # pixels: of the page, of a row, and below a card's picture


class _Layout(NamedTuple):
    query: int  # side of a query's picture; 0: nothing was asked
    tile: int  # and of a match's
    columns: int

    @property
    def left(self) -> int:
        """Where matches begin."""
        return 2 * _MARGIN + self.query if self.query else _MARGIN

    @property
    def width(self) -> int:
        return self.left + self.columns * (self.tile + _GAP) - _GAP + _MARGIN

    def height(self, row: Row) -> int:
        lines = max(1, -(-len(row.matches) // self.columns))
        found = lines * (self.tile + _BELOW + _GAP)
        asked = len(row.query) * (self.query + _BELOW + _GAP)
        return max(found, asked) - _GAP + (_HEADING if row.heading else 0) + _MARGIN


def render_png(sheet: Sheet) -> bytes:
    """The sheet as the bytes of a PNG file; raises UsageError when it would be too tall."""
    layout = _Layout(query=150, tile=150, columns=8)
    if len(sheet.rows) == 1:
        layout = _Layout(300 if len(sheet.rows[0].query) == 1 else 216, 216, 5)
    if not any(row.query for row in sheet.rows):  # as of groups of duplicates
        layout = layout._replace(query=0, columns=layout.columns + 1)
    height = _HEADER + sum(map(layout.height, sheet.rows))
    if height > TALLEST:
        raise UsageError(
            f"a sheet of {len(sheet.rows)} rows is too tall for a picture; "
            "give it a name that ends in .html, or ask for fewer matches"
        )
    page = Image.new("RGB", (layout.width, height), PAGE)
    room = layout.width - 2 * _MARGIN
    draw_text(page, (_MARGIN, 30), fit_text(sheet.title, 32, room), 32, INK, bold=True)
    draw_text(page, (_MARGIN, 70), fit_text(sheet.subtitle, 16, room), 16, MUTED)
    top = _HEADER
    for row in sheet.rows:
        _draw_row(page, row, top, layout)
        top += layout.height(row)
    out = BytesIO()
    page.save(out, "PNG")
    return out.getvalue()


def _draw_row(page: Image.Image, row: Row, top: int, layout: _Layout) -> None:
    if row.heading:
        draw_text(page, (_MARGIN, top), row.heading, 18, INK, bold=True)
        top += _HEADING
    for number, card in enumerate(row.query):
        place = (_MARGIN, top + number * (layout.query + _BELOW + _GAP))
        _draw_card(page, card, place, layout.query, asked=True)
    left = layout.left
    if not row.matches:
        _draw_nothing(page, row.reason or "", (left, top), layout)
    for number, card in enumerate(row.matches):
        line, column = divmod(number, layout.columns)
        place = (left + column * (layout.tile + _GAP), top + line * (layout.tile + _BELOW + _GAP))
        _draw_card(page, card, place, layout.tile, asked=False)


def _draw_nothing(page: Image.Image, reason: str, place: Pair, layout: _Layout) -> None:
    size = (page.width - place[0] - _MARGIN, layout.tile + _BELOW)
    _fill(page, TILE, place, size)
    x, y = place[0] + size[0] // 2, place[1] + size[1] // 2
    draw_text(page, (x, y - 30), "Nothing similar", 26, INK, bold=True, centred=True)
    draw_text(page, (x, y + 10), fit_text(reason, 16, size[0] - 60), 16, MUTED, centred=True)


def _draw_card(page: Image.Image, card: Card, place: Pair, side: int, *, asked: bool) -> None:
    size, room, line = (side, side + _BELOW), side - 2 * _PAD, side + 12
    face = Image.new("RGB", size, CARD)
    face.paste(_tile(card, side))
    if card.score is not None:
        _draw_score(face, card, line)
        line += 28
    elif asked:
        ink = BAD if card.good is False else ACCENT
        draw_text(face, (_PAD, line), card.label.upper(), 12, ink, bold=True)
        line += 20
    if card.caption:
        caption = fit_text(card.caption, 15, room, bold=True)
        draw_text(face, (_PAD, line), caption, 15, INK, bold=True)
        line += 21
    draw_text(face, (_PAD, line), fit_text(card.detail, 13, room), 13, MUTED)
    page.paste((60, 50, 40), (place[0] - 24, place[1] - 18), _shadow(size))
    page.paste(face, place, _rounded(size, _RADIUS))
    if asked or card.good is not None:
        edge = ACCENT if card.good is None else GOOD if card.good else BAD
        _fill(page, edge, place, size, line=3)


def _tile(card: Card, side: int) -> Image.Image:
    tile = Image.new("RGB", (side, side), TILE)
    if card.pixels is not None:
        small = thumbnail(card.pixels, side)
        picture = Image.fromarray(small if card.box is None else dimmed_outside(small, card.box))
        picture = ImageOps.contain(picture, (side, side))  # small originals grow to the same size
        tile.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        return tile
    size, ink = (max(15, side // 10), INK) if card.words else (15, MUTED)
    text = f"“{card.words}”" if card.words else "no picture"
    lines = wrap_text(text, size, side - 3 * _PAD)[: max(1, side // (2 * size))]
    y = side // 2 - len(lines) * size * 2 // 3
    for number, line in enumerate(lines):
        place = (side // 2, y + number * size * 4 // 3)
        draw_text(tile, place, line, size, ink, bold=bool(card.words), centred=True)
    return tile


def _draw_score(face: Image.Image, card: Card, y: int) -> None:
    if card.relation:
        ink = MUTED if card.relation == "other" else ACCENT
        words = fit_text(card.nearness, 16, face.width - 2 * _PAD, bold=True)
        draw_text(face, (_PAD, y), words, 16, ink, bold=True)
        return
    draw_text(face, (_PAD, y), f"{card.score:.3f}", 16, INK, bold=True)
    left, right = _PAD + 58, face.width - _PAD
    if card.good is not None:
        right -= 26
        _draw_verdict(face, (face.width - _PAD - 18, y), card.good)
    _fill(face, TILE, (left, y + 7), (right - left, 6))
    filled = round((right - left) * card.share)
    if filled >= 6:
        _fill(face, ACCENT, (left, y + 7), (filled, 6))


def _draw_verdict(face: Image.Image, place: Pair, good: bool) -> None:
    """A tick or a cross, so that the verdict does not hang on colour alone."""
    tick, cross = [(14, 40, 30, 56, 60, 18)], [(16, 16, 56, 56), (16, 56, 56, 16)]
    big = Image.new("L", (72, 72))
    for stroke in tick if good else cross:
        ImageDraw.Draw(big).line(stroke, fill=255, width=11, joint="curve")
    face.paste(GOOD if good else BAD, place, big.reduce(4))


def _fill(
    image: Image.Image, colour: tuple[int, int, int], place: Pair, size: Pair, line: int = 0
) -> None:
    """A rounded rectangle in one colour, or only its edge, `line` pixels wide."""
    image.paste(colour, place, _rounded(size, min(_RADIUS, size[1] // 2), line))


@lru_cache(maxsize=64)
def _rounded(size: Pair, radius: int, line: int = 0) -> Image.Image:
    """The mask of a rounded rectangle, smooth because it is drawn larger first."""
    big = Image.new("L", (size[0] * 4, size[1] * 4))
    box = (0, 0, big.width - 1, big.height - 1)
    inside, edge = (None, 255) if line else (255, None)
    ImageDraw.Draw(big).rounded_rectangle(box, radius * 4, inside, edge, line * 4)
    return big.reduce(4)


@lru_cache(maxsize=8)
def _shadow(size: Pair) -> Image.Image:
    mask = Image.new("L", (size[0] + 48, size[1] + 48))
    mask.paste(34, (24, 24), _rounded(size, _RADIUS))
    return mask.filter(ImageFilter.GaussianBlur(9))
