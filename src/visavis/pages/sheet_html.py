"""A contact sheet as one HTML page that needs nothing beside it: no script, no network."""

from base64 import b64encode
from html import escape

from visavis.images.thumbnail import encode_jpeg, thumbnail
from visavis.pages.cards import Card, Row, Sheet, dimmed_outside, query_label, score_text
from visavis.pages.skeleton import page

THUMBNAIL_SIDE = 360
"""Pixels: twice the size that cards have on a page, for sharp screens."""

_LINKED = ("file://", "http://", "https://")


def render_html(sheet: Sheet) -> str:
    """The sheet as a complete page; every text in it is escaped."""
    rows = "\n".join(row_html(row) for row in sheet.rows)
    kind = "single" if len(sheet.rows) == 1 else "several"
    return page(sheet.title, sheet.subtitle, STYLE, kind, rows)


def row_html(row: Row) -> str:
    """A query and its matches as a section of a page that has STYLE."""
    heading = f"<h2>{escape(row.heading)}</h2>" if row.heading else ""
    query = "\n".join(_card(card, asked=True) for card in row.query)
    answers = "\n".join(f"<li>{_card(card, asked=False)}</li>" for card in row.matches)
    many = " many" if len(row.query) > 1 else ""
    found = f'<ol class="matches">{answers}</ol>' if row.matches else _nothing(row)
    return (
        f'<section>{heading}<div class="row{many}">'
        f'<div class="query" role="group" aria-label="Query">{query}</div>{found}</div></section>'
    )


def _nothing(row: Row) -> str:
    reason = f"<p>{escape(row.reason)}</p>" if row.reason else ""
    return f'<div class="nothing"><strong>Nothing similar</strong>{reason}</div>'


def _card(card: Card, *, asked: bool) -> str:
    verdict = "" if card.good is None else " good" if card.good else " bad"
    tile = _tile(card)
    if card.href is not None and card.href.lower().startswith(_LINKED):
        tile = f'<a href="{escape(card.href)}">{tile}</a>'
    lines = [_label(card, asked=asked)]
    if card.caption:
        caption, whole = escape(card.caption), escape(card.whole or card.caption)
        lines.append(f'<span class="caption" title="{whole}">{caption}</span>')
    if card.detail:
        lines.append(f'<span class="detail">{escape(card.detail)}</span>')
    kind = "asked" if asked else "match"
    below = f"<figcaption>{''.join(lines)}</figcaption>"
    return f'<figure class="card {kind}{verdict}">{tile}{below}</figure>'


def _label(card: Card, *, asked: bool) -> str:
    if card.score is None:
        return f'<span class="label">{query_label(card)}</span>' if asked else ""
    share = 100 * min(1.0, max(0.0, card.score))
    mark = {None: "", True: "right", False: "wrong"}[card.good]
    sign = {None: "", True: "✓", False: "✗"}[card.good]
    verdict = f'<span class="verdict" role="img" aria-label="{mark}">{sign}</span>' if mark else ""
    return (
        f'<span class="score"><b>{score_text(card.score)}</b>'
        f'<span class="bar" aria-hidden="true"><i style="width:{share:.1f}%"></i></span>'
        f"{verdict}</span>"
    )


def _tile(card: Card) -> str:
    if card.pixels is None:
        if card.words:
            return f'<span class="tile words"><q>{escape(card.words)}</q></span>'
        return '<span class="tile missing">no picture</span>'
    pixels = thumbnail(card.pixels, THUMBNAIL_SIDE)
    if card.box is not None:
        pixels = dimmed_outside(pixels, card.box)
    height, width = pixels.shape[:2]
    data = b64encode(encode_jpeg(pixels)).decode("ascii")
    alt = escape(card.whole or card.caption or "picture")
    return (
        f'<span class="tile"><img src="data:image/jpeg;base64,{data}" alt="{alt}" '
        f'width="{width}" height="{height}" loading="lazy" decoding="async"></span>'
    )


STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f5f2; --card: #fff; --tile: #eeece7; --ink: #1d1d1f; --muted: #64646b;
  --accent: #0e7c7b; --good: #1f8a4c; --bad: #c93a3a; --line: rgb(0 0 0 / 6%);
  --shadow: 0 1px 2px rgb(60 50 40 / 8%), 0 8px 24px rgb(60 50 40 / 8%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141416; --card: #1f1f23; --tile: #2a2a2f; --ink: #f2f2f4; --muted: #a2a2ab;
    --accent: #3fc6c0; --good: #4fce86; --bad: #ff7b72; --line: rgb(255 255 255 / 8%);
    --shadow: 0 1px 2px rgb(0 0 0 / 40%), 0 8px 24px rgb(0 0 0 / 30%);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1500px; padding: clamp(16px, 3vw, 44px);
  background: var(--page); color: var(--ink);
  font: 15px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
header { margin-bottom: clamp(16px, 2vw, 28px); }
h1 { margin: 0; font-size: clamp(24px, 3vw, 34px); letter-spacing: -0.02em; text-wrap: balance; }
h2 { margin: 0 0 12px; font-size: 18px; }
header p { margin: 4px 0 0; color: var(--muted); font-variant-numeric: tabular-nums; }
section + section { margin-top: 32px; padding-top: 32px; border-top: 1px solid var(--line); }
.row { display: grid; grid-template-columns: 280px 1fr; gap: clamp(20px, 3vw, 44px); }
.query { display: flex; flex-direction: column; gap: 18px; }
.matches {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 20px;
  align-content: start; margin: 0; padding: 0; list-style: none;
}
.row.many { grid-template-columns: 200px 1fr; }
.several .row { grid-template-columns: 170px 1fr; }
.several .matches { grid-template-columns: repeat(auto-fill, minmax(136px, 1fr)); gap: 16px; }
.card {
  margin: 0; height: 100%; overflow: hidden; border-radius: 16px; background: var(--card);
  box-shadow: var(--shadow), 0 0 0 1px var(--line);
}
.query .card { height: auto; }
.card.asked { box-shadow: var(--shadow), 0 0 0 3px var(--accent); }
.card.good { box-shadow: var(--shadow), 0 0 0 3px var(--good); }
.card.bad { box-shadow: var(--shadow), 0 0 0 3px var(--bad); }
.card a { display: block; color: inherit; text-decoration: none; }
.card a:focus-visible { outline: 3px solid var(--accent); outline-offset: -3px; }
.tile { position: relative; display: grid; place-items: center; aspect-ratio: 1; overflow: hidden;
  background: var(--tile); }
.tile img { position: absolute; width: 100%; height: 100%; object-fit: contain;
  transition: transform 0.25s; }
a:hover .tile img { transform: scale(1.04); }
.tile.missing { color: var(--muted); font-size: 14px; }
.tile.words { padding: 20px; font-size: 24px; font-weight: 600; line-height: 1.25;
  text-align: center; overflow-wrap: anywhere; }
.several .tile.words { padding: 12px; font-size: 17px; }
figcaption { display: grid; gap: 2px; padding: 11px 14px 13px; }
.caption { display: -webkit-box; overflow: hidden; font-weight: 600; line-height: 1.3;
  overflow-wrap: anywhere; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
.detail { overflow: hidden; color: var(--muted); font-size: 13px; text-overflow: ellipsis;
  white-space: nowrap; }
.label { color: var(--accent); font-size: 11px; font-weight: 700; letter-spacing: 0.08em;
  text-transform: uppercase; }
.bad .label { color: var(--bad); }
.score { display: flex; align-items: center; gap: 10px; margin-bottom: 3px; }
.score b { font-variant-numeric: tabular-nums; }
.bar { flex: 1; height: 5px; border-radius: 3px; background: var(--tile); overflow: hidden; }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--accent); }
.verdict { font-weight: 700; }
.good .verdict { color: var(--good); }
.bad .verdict { color: var(--bad); }
.nothing { display: grid; place-content: center; gap: 6px; min-height: 220px; padding: 24px;
  border-radius: 16px; background: var(--tile); text-align: center; }
.nothing strong { font-size: 24px; }
.nothing p { margin: 0; color: var(--muted); }
@media (max-width: 760px) {
  .row, .row.many, .several .row { grid-template-columns: minmax(0, 1fr); }
  .query { flex-flow: row wrap; gap: 14px; }
  .query .card { flex: 0 1 calc(50% - 7px); min-width: 0; }
  .query .card:only-child { flex-basis: 64%; }
  .matches, .several .matches { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px; }
  .several .query .card, .several .query .card:only-child { flex-basis: 40%; }
}
@media (prefers-reduced-motion: reduce) { .tile img { transition: none; } }
@media print { body { max-width: none; } .card { break-inside: avoid; } }
"""
