"""What a person with a key that writes can do on the page, and others cannot."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.browser.access import check_access
from tests.browser.conftest import COUNT, OpenPage, Site, serving

from visavis.image_index import ImageIndex
from visavis.server.edge.keys import new_key

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect
ALL = COUNT + 3


class Shop(NamedTuple):
    """A server that all may search, and whose owner may change it."""

    url: str
    place: Path
    owner: str
    visitor: str


@pytest.fixture
def shop(index: Path, tmp_path: Path) -> Iterator[Shop]:
    own = Path(shutil.copytree(index, tmp_path / "own.index"))
    keys = tmp_path / "keys"
    owner = new_key(keys, "owner", ("read", "write"))
    visitor = new_key(keys, "visitor", ("read",))
    with serving(own, "--api-key-file", str(keys), "--public") as url:
        yield Shop(url, own, owner, visitor)


def signed_in(page: "Page", key: str) -> None:
    page.get_by_role("button", name="Manage with a key").click()
    dialog = page.get_by_role("dialog", name="This server asks for a key")
    dialog.get_by_label("API key").fill(key)
    dialog.get_by_role("button", name="Use this key").click()


def test_visitors_see_nothing_of_it_and_a_key_that_only_reads_is_not_taken(
    open_page: OpenPage, site: Site, shop: Shop
) -> None:
    page = open_page("?seed=1&show=mug-01-front")
    expect(page.get_by_role("dialog")).to_be_visible()
    for name in ("Manage with a key", "Add pictures to the index", "Remove …", "Replace …"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page = open_page("?seed=1", url=shop.url)
    signed_in(page, shop.visitor)
    expect(page.get_by_role("alert")).to_contain_text("did not take that key")
    expect(page.get_by_role("button", name="Add pictures to the index")).to_be_hidden()


def test_a_key_that_cannot_be_tried_is_not_called_wrong(open_page: OpenPage, shop: Shop) -> None:
    page = open_page("?seed=1", url=shop.url)
    page.route("**/v1/images", lambda route: route.abort())
    signed_in(page, shop.owner)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    page.unroute("**/v1/images")
    page.reload()  # it was kept for the tab
    expect(page.get_by_role("button", name="Add pictures to the index")).to_be_visible()


def test_pictures_are_added_with_fields_and_removed_again(
    open_page: OpenPage, shop: Shop, photo: Path, tmp_path: Path
) -> None:
    page = open_page("?seed=1", url=shop.url)
    signed_in(page, shop.owner)
    page.get_by_role("button", name="Add pictures to the index").click()
    dialog = page.get_by_role("dialog", name="Add pictures")
    (tmp_path / "notes.jpg").write_text("no picture at all")
    dialog.get_by_label("Pictures").set_input_files([photo, tmp_path / "notes.jpg"])
    dialog.get_by_label("Title").fill("A mug of mine")
    dialog.get_by_label("Price").fill("12.5")
    check_access(page)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("status")).to_contain_text("1 picture added.")
    expect(dialog.get_by_role("status")).to_contain_text("notes.jpg: It seems to be text")
    with ImageIndex.open(shop.place) as index:
        [record] = index.records("title=A mug of mine")
        assert record.fields == {"title": "A mug of mine", "price": 12.5}
        assert len(index) == ALL + 1
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("searchbox").fill(f"id:{record.id}")
    page.keyboard.press("Enter")
    expect(page.locator(".card .title").first).to_have_text("A mug of mine")
    page.locator(".card").first.click()
    page.get_by_role("button", name="Remove …").click()
    dialog = page.get_by_role("dialog", name="Remove “A mug of mine” from the index?")
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Remove …").click()
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("heading", name=f"A random pick from {ALL} pictures")).to_be_visible()
    with ImageIndex.open(shop.place) as index:
        assert record.id not in index


def test_a_picture_is_replaced_and_the_record_stays_what_it_is(
    open_page: OpenPage, shop: Shop, site: Site
) -> None:
    with ImageIndex.open(shop.place) as index:
        before = index.get("mug-01-front")
    page = open_page("?seed=1", url=shop.url)
    signed_in(page, shop.owner)
    expect(page.get_by_role("button", name="Add pictures to the index")).to_be_visible()
    page.goto(f"{shop.url}?seed=1&show=mug-01-front")
    page.get_by_role("button", name="Replace …").click()
    dialog = page.get_by_role("dialog", name="Replace the picture")
    dialog.get_by_label("The new picture").set_input_files(site.pictures / "lamp-01-front.jpg")
    dialog.get_by_role("button", name="Replace", exact=True).click()
    expect(dialog).to_be_hidden()
    with ImageIndex.open(shop.place) as index:
        after = index.get("mug-01-front")
        assert after.fields == before.fields
        assert after.sha256 == index.get("lamp-01-front").sha256


def test_several_are_removed_at_once(open_page: OpenPage, shop: Shop) -> None:
    page = open_page("?seed=1", url=shop.url)
    signed_in(page, shop.owner)
    expect(page.get_by_role("button", name="Add pictures to the index")).to_be_visible()
    page.goto(f"{shop.url}?q=id:mug-01-front&where=category=mug")
    expect(page.get_by_role("button", name="Add pictures to the index")).to_be_visible()
    page.get_by_role("button", name="Select", exact=True).click()
    page.locator(".card").nth(1).click()
    page.locator(".card").nth(2).click()
    page.get_by_role("button", name="Remove …").click()
    dialog = page.get_by_role("dialog", name="Remove 2 pictures from the index?")
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".card")).to_have_count(6)
    expect(page.get_by_role("heading", name=re.compile("^6 pictures"))).to_be_visible()


def test_long_whole_numbers_have_all_their_digits(
    open_page: OpenPage, shop: Shop, site: Site, tmp_path: Path
) -> None:
    """JavaScript would round them: an 18-digit number of an article is another article's."""
    table = tmp_path / "more.csv"
    picture = site.pictures / "mug-01-front.jpg"
    table.write_text(f"id,article,price,image\nlong,900719925474099301,2.5,{picture}\n")
    with ImageIndex.open(shop.place) as index:
        assert index.add(table).added == 1
    page = open_page("?seed=1&show=long", url=shop.url)
    row = page.get_by_role("dialog").locator("dl div", has_text="Article")
    expect(row.locator("dd")).to_have_text("900719925474099301")
