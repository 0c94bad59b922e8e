"""A shop's catalogue: titles, labels, links, counts and orders as its people expect them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.conftest import OpenPage, serving

from visavis.drawn.gallery import write_gallery
from visavis.image_index import ImageIndex
from visavis.pages.site.building import build_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

ARABIC = "قميص أزرق من القطن"
LONG = "Word " * 400
NAMES = "productDisplayName,gender,baseColour,priceEUR,ProductURL,sizes,id,path"


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of twelve products; no column has a name that we chose."""
    folder = tmp_path_factory.mktemp("shop")
    write_gallery(folder, 12)
    rows = []
    for n, path in enumerate(sorted((folder / "images").glob("*.jpg"))[:12]):
        title = {3: ARABIC, 4: LONG}.get(n, f"Blue shirt number {n} of Acme")
        kind = "Women,Navy Blue" if n < 4 else "Men,Red"
        of = f"{10 + n * 7 % 12},https://shop.example/p/{n}"
        sizes = '"[""S"", ""M""]"' if n % 3 else '"[""M"", ""L""]"'
        rows.append(f"{title},{kind},{of},{sizes},15{n:02},{path}")
    catalogue = folder / "own.csv"
    catalogue.write_text("\n".join([NAMES, *rows]), encoding="utf-8")
    with ImageIndex.create(folder / "own.index", "classic") as index:
        assert index.add(catalogue).added == 12
    return folder / "own.index"


@pytest.fixture(scope="module")
def shop(products: Path) -> Iterator[str]:
    """The address of a server of them."""
    with serving(products) as url:
        yield url


def cards(page: "Page") -> list[str]:
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "false")
    found: list[str] = page.locator(".card .title").all_text_contents()
    return found


def test_cards_show_names_prices_and_what_the_catalogue_names_first(
    open_page: OpenPage, shop: str
) -> None:
    page = open_page("?seed=1", url=shop)
    card = page.locator(".card", has_text="number 5 of")
    expect(card.locator(".title")).to_have_text("Blue shirt number 5 of Acme")
    expect(card.locator(".detail")).to_have_text("Price EUR 21 · Men · Red")
    groups = page.locator("#fields summary span:first-child").all_text_contents()
    assert groups[:4] == ["Gender", "Base colour", "Price EUR", "Sizes"]
    assert groups[4:] == ["Product display name", "Product URL"]


def test_details_have_labels_links_and_the_buttons_in_sight_under_any_title(
    open_page: OpenPage, shop: str
) -> None:
    page = open_page("?show=1505", url=shop)
    details = page.get_by_role("dialog")
    link = details.get_by_role("link", name="shop.example/p/5")
    expect(link).to_have_attribute("href", "https://shop.example/p/5")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    labels = details.locator("dt").all_text_contents()
    assert labels[:4] == ["Gender", "Base colour", "Price EUR", "Product URL"]
    page.goto(f"{shop}?show=1504")
    for name in ("Close", "More like this"):
        expect(details.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    expect(details.locator("dd", has_text="Word Word")).to_have_count(1)  # it is told whole below


def test_titles_are_written_the_way_their_letters_run(open_page: OpenPage, shop: str) -> None:
    page = open_page("?seed=1", url=shop)
    way = "title => getComputedStyle(title).direction"
    assert page.locator(".title", has_text=ARABIC).evaluate(way) == "rtl"
    assert page.locator(".title", has_text="number 5 of").evaluate(way) == "ltr"


def test_counts_follow_the_filters_and_what_leads_nowhere_is_not_offered(
    open_page: OpenPage, shop: str
) -> None:
    page = open_page("?seed=1", url=shop)
    panel = page.get_by_role("region", name="Filters")
    colours = panel.get_by_role("group", name="Base colour")
    expect(colours.locator(".check")).to_have_text([re.compile("^Red8"), re.compile("Blue4")])
    panel.get_by_role("checkbox", name=re.compile("^Women")).check()
    expect(colours.locator(".check")).to_have_text([re.compile("Blue4")])
    expect(panel.get_by_role("checkbox", name=re.compile("^Men"))).to_be_visible()
    low = panel.get_by_role("spinbutton", name="Price EUR to")
    expect(low).to_have_attribute("placeholder", "19")
    page.reload()
    expect(colours.locator(".check")).to_have_text([re.compile("Blue4")])
    page.get_by_role("button", name="Remove the filter Gender: Women").click()
    expect(colours.locator(".check")).to_have_count(2)


def test_each_item_of_a_list_is_offered_and_lists_are_shown_without_marks(
    open_page: OpenPage, shop: str
) -> None:
    page = open_page("?seed=1", url=shop)
    sizes = page.get_by_role("group", name="Sizes").locator(".check")
    expect(sizes).to_have_text([re.compile("^M12"), re.compile("^S8"), re.compile("^L4")])
    page.get_by_role("checkbox", name=re.compile("^L")).check()
    expect(page.locator(".card")).to_have_count(4)
    page.goto(f"{shop}?show=1505")
    expect(page.get_by_role("dialog").locator("dd", has_text="S, M")).to_have_count(1)


def test_a_site_offers_each_item_of_a_list(
    open_page: OpenPage, products: Path, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    with ImageIndex.open(products) as opened:
        build_site(opened, out, fields=["sizes", "gender"])
    page = open_page("index.html#f.sizes=L&f.gender=Women", url=f"{out.as_uri()}/")
    cards = page.locator("#view .card")
    expect(cards).to_have_count(2)  # those with L are 0, 3, 6, 9, and women's 0 to 3
    cards.first.click()
    page.locator(".facts").get_by_role("link", name="M", exact=True).click()
    expect(page.locator("#view :is(h1, h2)").first).to_have_text("M: 12 pictures")


def test_results_are_ordered_by_a_field_with_and_without_a_question(
    open_page: OpenPage, shop: str
) -> None:
    prices = [10 + n * 7 % 12 for n in range(12)]
    page = open_page("?seed=1", url=shop)
    page.get_by_label("Order").select_option("Price EUR, high to low")
    expect(page.get_by_role("heading", name="12 pictures, by price EUR, downwards")).to_be_visible()
    found = [int(text.split()[2]) for text in page.locator(".card .detail").all_text_contents()]
    assert found == sorted(prices, reverse=True)
    expect(page.get_by_role("button", name="Shuffle")).to_be_hidden()
    page.reload()
    expect(page.locator(".card .detail").first).to_contain_text("Price EUR 21")
    page.goto(f"{shop}?q=id:1505&sort=priceEUR")
    expect(page.get_by_role("heading", name="12 pictures, by price EUR")).to_be_visible()
    found = [int(text.split()[2]) for text in page.locator(".card .detail").all_text_contents()]
    assert found == sorted(prices)
    page.get_by_label("Order").select_option("Best first")
    expect(page.locator(".card .relation").first).to_have_text("same picture")


def test_words_of_a_title_are_found_and_the_search_can_be_repeated(
    open_page: OpenPage, shop: str
) -> None:
    page = open_page("?seed=1", url=shop)
    page.get_by_role("searchbox").fill("Acme 7")
    page.keyboard.press("Enter")
    expect(page.locator(".card .title").first).to_have_text("Blue shirt number 7 of Acme")
    expect(page.locator(".card .why").first).to_contain_text("Product display name")
    page.get_by_role("link", name="start over").click()
    again = page.get_by_role("link", name="Acme 7")
    again.click()
    expect(page.locator(".card .title").first).to_have_text("Blue shirt number 7 of Acme")
    page.get_by_role("link", name="start over").click()
    page.get_by_role("button", name="Forget them").click()
    expect(again).to_be_hidden()
    page.reload()
    expect(again).to_be_hidden()
