"""Marks on the results: with buttons and keys, seen, undone, and searched by."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage, Site, serving

from visavis.image_index import ImageIndex
from visavis.server.edge.keys import new_key

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect = pytest.importorskip("playwright.sync_api").expect


class Shop(NamedTuple):
    """A server that all may search, and whose owner may teach."""

    url: str
    place: Path
    owner: str


@pytest.fixture
def shop(index: Path, tmp_path: Path) -> Iterator[Shop]:
    own = Path(shutil.copytree(index, tmp_path / "own.index"))
    keys = tmp_path / "keys"
    owner = new_key(keys, "owner", ("read", "write"))
    with serving(own, "--api-key-file", str(keys), "--public") as url:
        yield Shop(url, own, owner)


def signed_in(page: "Page", key: str) -> None:
    page.get_by_role("button", name="Manage with a key").click()
    dialog = page.get_by_role("dialog", name="This server asks for a key")
    dialog.get_by_label("API key").fill(key)
    dialog.get_by_role("button", name="Use this key").click()


def teaching(page: "Page", key: str, name: str) -> "Locator":
    """The bar with which one teaches a concept of that name."""
    signed_in(page, key)
    page.get_by_role("button", name="Teach").click()
    bar = page.get_by_role("region", name="Teach a concept")
    bar.get_by_label("Concept").fill(name)
    bar.get_by_label("Concept").press("Enter")
    return bar


def card(page: "Page", id: str) -> "Locator":
    return page.locator("#grid li").filter(has=page.locator(f'a[href*="id:{id}"]'))


def marks(shop: Shop, name: str) -> dict[str, bool]:
    with ImageIndex.open(shop.place) as index:
        return {mark.id: mark.good for mark in index.concept(name).marks()}


def test_visitors_may_not_teach_but_find_what_was_taught(
    open_page: OpenPage, shop: Shop, site: Site
) -> None:
    page = open_page("?seed=1")
    expect(page.locator("#grid li").first).to_be_visible()
    expect(page.get_by_role("button", name="Teach")).to_have_count(0)
    with ImageIndex.open(shop.place) as index:
        index.concept("for tea").mark(["mug-01-front", "teapot-01-front"])
    page = open_page("?seed=1", url=shop.url)
    page.get_by_role("button", name="for tea").click()
    expect(page.locator("#chips")).to_contain_text("for tea")
    expect(page.locator("#heading")).to_contain_text("most alike first")
    assert "q=concept:for+tea" in page.url
    first = page.locator("#grid a.card").first
    expect(first).to_have_attribute("href", re.compile("id:(mug|teapot)-"))


def test_clicks_mark_and_what_they_taught_is_searched_by(open_page: OpenPage, shop: Shop) -> None:
    page = open_page("?q=id:mug-01-front", url=shop.url)
    bar = teaching(page, shop.owner, "our mugs")
    card(page, "mug-01-front").get_by_role("button", name="Such", exact=False).first.click()
    card(page, "mug-01-close").get_by_role("button", name="Such", exact=False).first.click()
    other = page.locator('#grid a.card:not([href*="id:mug"])').first
    id = str(other.get_attribute("href")).partition("id:")[2].partition("&")[0]
    card(page, id).get_by_role("button", name="Not such").click()
    expect(bar).to_contain_text("2 such, 1 not")
    check_access(page)
    bar.get_by_role("button", name="Find more").click()
    expect(page.locator("#chips")).to_contain_text("our mugs")
    expect(bar.get_by_role("button", name="Find again")).to_be_visible()
    expect(page.locator("#grid li.such")).to_have_count(2)
    assert marks(shop, "our mugs") == {"mug-01-front": True, "mug-01-close": True, id: False}
    bar.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Not such")).to_have_count(0)


def test_keys_mark_take_back_and_undo(open_page: OpenPage, shop: Shop) -> None:
    page = open_page("?q=id:mug-01-front", url=shop.url)
    bar = teaching(page, shop.owner, "keys")
    first = page.locator("#grid a.card").first
    expect(first).to_be_focused()
    page.keyboard.press("y")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    expect(bar).to_contain_text("1 such, 1 not")
    page.keyboard.press("y")  # the other way round
    expect(bar).to_contain_text("2 such, 0 not")
    page.keyboard.press("u")
    expect(bar).to_contain_text("1 such, 1 not")
    page.keyboard.press("n")  # once more: taken back
    expect(bar).to_contain_text("1 such, 0 not")
    expect(page.locator("#live")).to_have_text("Mark removed")
    assert list(marks(shop, "keys").values()) == [True]
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.keyboard.press("u")
    expect(bar).to_contain_text("0 such, 0 not")
    expect(bar.get_by_role("button", name="Undo")).to_be_disabled()
    expect(bar.get_by_role("button", name="Find more")).to_be_disabled()


def test_without_a_name_nothing_is_marked(open_page: OpenPage, shop: Shop) -> None:
    page = open_page("?q=id:mug-01-front", url=shop.url)
    signed_in(page, shop.owner)
    page.get_by_role("button", name="Teach").click()
    bar = page.get_by_role("region", name="Teach a concept")
    expect(bar.get_by_label("Concept")).to_be_focused()
    page.get_by_role("button", name="Not such").first.click()
    expect(bar.get_by_label("Concept")).to_be_focused()
    expect(page.locator("#grid li.not-such")).to_have_count(0)
    bar.get_by_label("Concept").fill("a,b")
    bar.get_by_label("Concept").press("Enter")
    page.get_by_role("button", name="Not such").first.click()
    expect(page.get_by_role("alert")).to_contain_text("name holds no ','")
    expect(page.locator("#grid li.not-such")).to_have_count(0)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_marks_are_seen_and_a_concept_is_forgotten(
    open_page: OpenPage, shop: Shop, phone: bool
) -> None:
    with ImageIndex.open(shop.place) as index:
        index.concept("tea").mark(["mug-01-front", "teapot-01-front"])
        index.concept("tea").mark(["lamp-01-front"], good=False)
        index.remove("teapot-01-front")
    page = open_page("?q=concept:tea", url=shop.url, phone=phone, dark=phone)
    signed_in(page, shop.owner)
    page.get_by_role("button", name="Teach").click()
    bar = page.get_by_role("region", name="Teach a concept")
    expect(bar.get_by_label("Concept")).to_have_value("tea")
    expect(bar).to_contain_text("2 such, 1 not")
    bar.get_by_role("button", name="Marks").click()
    dialog = page.get_by_role("dialog", name="tea")
    expect(dialog.locator("li")).to_have_count(3)
    expect(dialog).to_contain_text("gone")
    check_access(page)
    dialog.get_by_role("button", name="Take back the mark of lamp-01-front").click()
    expect(dialog.locator("li")).to_have_count(2)
    expect(bar).to_contain_text("2 such, 0 not")
    page.on("dialog", lambda question: question.accept())
    dialog.get_by_role("button", name="Forget this concept").click()
    expect(dialog).to_have_count(0)
    with ImageIndex.open(shop.place) as index:
        assert list(index.concepts) == []
    bar.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Start over").click()
    expect(page.locator("#concepts")).to_be_hidden()


def test_a_link_to_a_concept_that_is_gone_says_so(open_page: OpenPage) -> None:
    page = open_page("?q=concept:nothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no such concept")
