"""The answer to a search as notebooks show it: a small contact sheet inside their own page."""

from collections.abc import Sequence
from dataclasses import replace

from visavis.pages.cards import Card, match_card, summary
from visavis.pages.pictures import read_picture
from visavis.pages.render import render
from visavis.sources.web.fetch import is_url
from visavis.store.text.titles import title_fields
from visavis.types import Match, SearchResult

MOST = 24
"""Matches that are shown; a notebook keeps their pictures."""


def result_html(result: SearchResult) -> str:
    """A piece of HTML that holds its pictures; those on the web are loaded by the browser."""
    count = len(result.matches)
    titles = title_fields([match.record.fields for match in result.matches])
    which = f"the first {MOST} of {count:,} matches · " if count > MOST else ""
    return render(
        "result.html",
        cards=[_card(match, titles) for match in result.matches[:MOST]],
        reason=result.reason,
        below=which + summary(result),
    )


def _card(match: Match, titles: Sequence[str]) -> Card:
    uri = match.record.uri
    if is_url(uri):
        return replace(match_card(match, None, titles), src=uri)
    card = match_card(match, read_picture(uri), titles)
    return replace(card, uri="")  # browsers open no file from there
