"""A static site in a real browser: opened from a file, and from a web server below a path."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.access import CONTRAST, SMALL, UNNAMED
from tests.browser.conftest import HOSTILE_TITLE, OpenPage

from visavis.filters import as_filter
from visavis.image_index import ImageIndex
from visavis.pages.site.building import build_site
from visavis.pages.site.entries import key_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

LOADED = """() => [...performance.getEntriesByType("resource"),
  ...performance.getEntriesByType("navigation")].map((one) => [one.name, one.transferSize])"""
SHOWN = "#view:not([aria-busy]) :is(h1, h2)"


@pytest.fixture(scope="session")
def folder(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of the gallery."""
    out = tmp_path_factory.mktemp("static") / "site"
    with ImageIndex.open(index) as opened:
        build_site(opened, out, title="The <shop>", fields=["colour", "price"])
    return out


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def web(folder: Path) -> Iterator[str]:
    """The address of the site on a plain web server, below a path."""
    handler = partial(QuietHandler, directory=folder.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/site/"
        server.shutdown()


@pytest.fixture(params=["file", "web"])
def address(request: pytest.FixtureRequest, folder: Path) -> str:
    """Both ways to open it."""
    if request.param == "file":
        return f"{folder.as_uri()}/"
    return str(request.getfixturevalue("web"))


def opened(open_page: OpenPage, address: str, hash: str = "", **look: bool) -> "Page":
    page = open_page(f"index.html{hash}", url=address, **look)
    page.wait_for_selector(SHOWN)
    return page


def heading(page: "Page") -> str:
    return page.locator(SHOWN).first.inner_text()


def titles(page: "Page") -> list[str]:
    return page.locator("#view .caption").all_inner_texts()


def test_one_clicks_through_and_comes_back(
    open_page: OpenPage, address: str, index: Path, shots: Path
) -> None:
    page = opened(open_page, address)
    assert (page.title(), heading(page)) == ("The <shop>", "87 pictures")
    before = titles(page)
    page.screenshot(path=shots / "site.png")
    page.goto(f"{address}index.html#p={key_of('mug-01-front')}")
    page.wait_for_selector(".one")
    page.screenshot(path=shots / "site one.png")
    with ImageIndex.open(index) as opened_index:
        near = [
            m.record.fields["title"] for m in opened_index.similar("mug-01-front", limit=12).matches
        ]
    assert titles(page) == near
    first = page.locator("#view .card").first
    first.click()
    page.locator(".one h1", has_text=str(near[0])).wait_for()
    page.go_back()
    page.go_back()
    page.locator(SHOWN, has_text="87 pictures").wait_for()
    assert titles(page) == before, "back leads to the pictures that were there"


def test_every_picture_loads_and_hostile_titles_are_text(open_page: OpenPage, address: str) -> None:
    page = opened(open_page, address, f"#p={key_of('odd/script')}")
    assert heading(page) == HOSTILE_TITLE
    page.locator("#view img").last.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    broken = "[...document.querySelectorAll('#view img')].filter((i) => !i.naturalWidth).length"
    assert page.evaluate(broken) == 0


def test_fields_are_chosen_and_the_link_says_so(
    open_page: OpenPage, folder: Path, index: Path
) -> None:
    address = f"{folder.as_uri()}/"
    with ImageIndex.open(index) as opened_index:
        mugs = opened_index.store.count(as_filter("category=mug"))
    page = opened(open_page, address)
    page.locator(".pill", has_text="mug").click()
    page.locator(SHOWN, has_text=f"mug: {mugs} pictures").wait_for()
    assert all("mug" in title.lower() for title in titles(page))
    colour = page.get_by_label("Colour")
    value = colour.locator("option").nth(1).get_attribute("value")
    colour.focus()
    colour.select_option(value)
    page.locator(SHOWN, has_text=f"mug · {value}").wait_for()
    assert page.evaluate("document.activeElement.dataset.focus") == "colour"
    again = opened(open_page, page.url.split("index.html")[0], f"#{page.url.split('#')[1]}")
    assert heading(again) == heading(page)


def test_words_of_captions_and_links_that_lead_nowhere(open_page: OpenPage, folder: Path) -> None:
    address = f"{folder.as_uri()}/"
    page = opened(open_page, address)
    page.keyboard.press("/")
    page.keyboard.type("TÓWER tall")
    page.keyboard.press("Enter")
    page.locator(SHOWN, has_text="1 picture").wait_for()
    assert titles(page) == ["Tall tower"]
    for hash, told in (
        ("#q=xyzzy", "0 pictures"),
        ("#f.category=plaid", "0 pictures"),
        ("#f.nothing=1", "0 pictures"),
        ("#p=aaaaaaaaaa", "not here any more"),
        ("#p=", "not here any more"),
        ("#p=%00<script>", "not here any more"),
    ):
        page = opened(open_page, address, hash)
        assert told in heading(page), hash
        assert page.get_by_role("link", name="Show").count(), hash


def test_a_page_loads_little_beside_pictures(open_page: OpenPage, web: str) -> None:
    for hash in ("", f"#p={key_of('mug-01-front')}", "#f.category=mug"):
        page = open_page("CNAME", url=web)  # a page of that server, with nothing of the site
        page.goto(f"{web}{hash}")
        page.wait_for_selector(SHOWN)
        sizes = page.evaluate(LOADED)
        assert len(sizes) > 3
        assert sum(size for name, size in sizes if not name.endswith(".webp")) < 100_000


@pytest.mark.parametrize("look", [{}, {"phone": True}, {"dark": True}])
def test_it_can_be_used_by_everybody(
    look: dict[str, bool], open_page: OpenPage, folder: Path, shots: Path
) -> None:
    for name, hash in (("home", ""), ("one", f"#p={key_of('mug-01-front')}")):
        page = opened(open_page, f"{folder.as_uri()}/", hash, **look)
        page.screenshot(path=shots / f"site {name} {'-'.join(look)}.png")
        assert page.evaluate(UNNAMED) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(SMALL) == []
        assert page.evaluate(CONTRAST) == []


def test_keys_are_enough(open_page: OpenPage, folder: Path) -> None:
    page = opened(open_page, f"{folder.as_uri()}/")
    page.locator("#view .card").first.focus()
    focused = "[...document.querySelectorAll('.card')].indexOf(document.activeElement)"
    page.keyboard.press("End")
    assert page.evaluate(focused) >= 23
    for key, at in (("Home", 0), ("ArrowRight", 1)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == at
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) > 1
    below = page.evaluate(focused)
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) < below
    page.keyboard.press("Enter")
    page.wait_for_selector(".one")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.go_back()
    page.wait_for_selector(".tools h1")


def test_a_missing_part_is_said_and_tried_again(
    open_page: OpenPage, folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    [part] = (copy / "data").glob("*/titles.js")
    part.rename(part.with_suffix(".away"))
    page = opened(open_page, f"{copy.as_uri()}/", "#q=mug")
    assert heading(page) == "That did not work"
    part.with_suffix(".away").rename(part)
    page.get_by_role("button", name="Try again").click()
    page.locator(SHOWN, has_text="“mug”").wait_for()


def test_a_browser_that_cannot_unpack_is_told_so(open_page: OpenPage, web: str) -> None:
    page = open_page("CNAME", url=web)
    page.add_init_script("delete globalThis.DecompressionStream")
    page.goto(web)
    page.get_by_text("This browser is too old for this site").wait_for()
