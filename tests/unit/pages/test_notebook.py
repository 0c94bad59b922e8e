"""What a notebook shows of a result."""

import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visavis import ImageIndex, ImageRecord, Match, SearchResult

RED = (200, 10, 10)  # of the picture that the index holds


def html(*matches: Match, reason: str | None = None) -> str:
    shown = SearchResult(matches, 1200, "classic", 1.26, reason)._repr_html_()
    assert shown is not None
    return shown


def match(id: str, uri: str, score: float = 0.5) -> Match:
    return Match(ImageRecord(id, uri, 1, 0.0, "", 80, 80), score)


def texts(source: str) -> list[str]:
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_data = lambda data: found.append(data.strip())  # type: ignore[method-assign]
    parser.feed(source)
    return found


def test_a_result_is_a_small_contact_sheet(filled: ImageIndex) -> None:
    shown = filled.search("id:red.png", limit=2)._repr_html_()
    assert shown is not None
    assert {"red.png", "same picture"} <= set(texts(shown))
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', shown)
    assert len(pictures) == 2
    first = np.asarray(Image.open(BytesIO(b64decode(pictures[0]))))
    assert first.reshape(-1, 3).mean(0) == pytest.approx(RED, abs=4)
    assert "<script" not in shown
    assert "href" not in shown  # from a notebook's page browsers open no files


def test_of_many_matches_the_first_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    shown = html(*(match(f"{n}.jpg", str(tmp_path / f"{n}.jpg")) for n in range(40)))
    assert len(re.findall(r"no picture", shown)) == 24
    assert "the first 24 of 40 matches · 1,200 searched · classic · 1.3 ms" in texts(shown)


def test_pictures_on_the_web_are_left_to_the_browser() -> None:
    shown = html(match("a", "https://shop.example/a.jpg?x=1&y=2"))
    assert 'src="https://shop.example/a.jpg?x=1&amp;y=2"' in shown


def test_no_match_says_why() -> None:
    assert "no record passed the filter" in texts(html(reason="no record passed the filter"))


def test_no_text_becomes_markup() -> None:
    evil = "<img src=x onerror=alert(1)>"
    shown = html(match(evil, evil)) + html(reason=evil)
    assert "<img" not in shown
    assert texts(shown).count(evil) == 2


def test_the_words_alone_have_nothing_to_draw_with() -> None:
    """`visavis.types` stands below all that reads pictures; notebooks then show the text."""
    code = "from visavis.types import SearchResult as R; print(R((), 0, '', 0.0)._repr_html_())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "None\n"
