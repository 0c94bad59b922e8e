"""Filters from the catalogue's fields, and how alike the results have to be."""

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.conftest import OpenPage, Site

from visavis.image_index import ImageIndex

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect


def panel(page: "Page") -> Any:
    return page.get_by_role("region", name="Filters")


def details_of(page: "Page") -> list[str]:
    expect(page.locator(".grid")).to_have_attribute("aria-busy", "false")
    found: list[str] = page.locator(".card .detail").all_text_contents()
    return found


def test_ticking_categories_shows_any_of_them_and_the_address_says_so(
    open_page: OpenPage,
) -> None:
    page = open_page("?seed=1")
    mugs = panel(page).get_by_role("checkbox", name=re.compile("^mug"))
    expect(panel(page).locator(".check .count").first).to_have_text(re.compile("8$"))
    mugs.check()
    expect(page.get_by_role("heading", name="8 pictures", exact=True)).to_be_visible()
    panel(page).get_by_role("checkbox", name=re.compile("^lamp")).check()
    expect(page.get_by_role("heading", name="16 pictures", exact=True)).to_be_visible()
    assert {text.split(" · ")[1] for text in details_of(page)} == {"mug", "lamp"}
    page.reload()
    expect(mugs).to_be_checked()
    expect(page.get_by_role("heading", name="16 pictures", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove the filter category: mug, lamp").click()
    expect(mugs).not_to_be_checked()
    page.go_back()
    expect(mugs).to_be_checked()


def test_the_box_that_was_ticked_keeps_the_focus(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    box = panel(page).get_by_role("checkbox", name=re.compile("^mug"))
    box.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", name="8 pictures", exact=True)).to_be_visible()
    expect(box).to_be_focused()


def test_long_lists_are_shown_to_the_end_on_demand(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    group = panel(page).get_by_role("group", name="category")
    expect(group.get_by_role("checkbox")).to_have_count(8)
    group.get_by_role("button", name="Show all 15").click()
    expect(group.get_by_role("checkbox")).to_have_count(15)
    group.get_by_role("checkbox", name="odd, really").check()
    expect(page.get_by_role("heading", name="3 pictures", exact=True)).to_be_visible()


def test_a_range_takes_typed_numbers_without_losing_the_cursor(
    open_page: OpenPage, index: "Path"
) -> None:
    page = open_page("?q=id:mug-01-front")
    low = panel(page).get_by_role("spinbutton", name="price from")
    low.click()
    page.keyboard.type("5")
    expect(page).to_have_url(re.compile("where=price"))
    page.keyboard.type("0")
    expect(low).to_have_value("50")
    panel(page).get_by_role("spinbutton", name="price to").fill("90")
    with ImageIndex.open(index) as opened:
        expected = len(list(opened.records(["price>=50", "price<=90"])))
    expect(page.get_by_role("heading", name=f"{expected} pictures, most alike")).to_be_visible()
    expect(page.get_by_role("list", name="Filters in force").locator("li")).to_have_count(3)
    page.get_by_role("button", name="Clear all").click()
    expect(low).to_have_value("")
    expect(page.get_by_role("heading", name="87 pictures, most alike")).to_be_visible()


def test_the_similarity_slider_runs_over_what_occurs_and_says_how_many_remain(
    open_page: OpenPage, index: "Path"
) -> None:
    page = open_page("?q=id:mug-01-front")
    slider = page.get_by_role("slider", name="Smallest similarity")
    expect(slider).to_have_attribute("aria-valuetext", "any")
    with ImageIndex.open(index) as opened:
        shown = opened.search("id:mug-01-front", limit=48).matches
    low, high = (float(slider.get_attribute(name) or 9) for name in ("min", "max"))
    assert low == pytest.approx(shown[-1].score, abs=0.0011)
    assert high == pytest.approx(shown[0].score, abs=0.0011)
    expect(slider).to_have_value(f"{low:g}")
    slider.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    least = float(slider.input_value())
    assert low < least < high
    with ImageIndex.open(index) as opened:
        found = opened.search("id:mug-01-front", limit=100, min_score=least).matches
    heading = page.get_by_role("heading", name=f"{len(found)} of 87 pictures")
    expect(heading).to_be_visible()
    expect(page.locator(".card")).to_have_count(len(found))
    expect(slider).to_have_attribute("aria-valuetext", f"at least {least:.2f}")
    expect(page).to_have_url(re.compile(f"min={least:g}"))
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "any")
    expect(page.get_by_role("heading", name="87 pictures, most alike")).to_be_visible()
    page.goto(page.url.split("?")[0] + "?q=id:mug-01-front&where=category%3Dguitar&min=0.99")
    expect(page.get_by_role("heading", name="Nothing similar found").first).to_be_visible()
    with ImageIndex.open(index) as opened:
        [nearest] = opened.search("id:mug-01-front", where="category=guitar", limit=1).matches
    expect(page.get_by_role("status").first).to_contain_text(f"nearest has {nearest.score:.3f}")
    page.get_by_role("button", name="Any similarity").click()
    expect(page.locator(".card").first).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", "any")


def test_filters_are_a_sheet_on_a_phone(open_page: OpenPage) -> None:
    page = open_page("?seed=1", phone=True)
    expect(panel(page)).to_be_hidden()
    page.get_by_role("button", name="Filters").tap()
    sheet = page.get_by_role("dialog", name="Filters")
    sheet.get_by_role("checkbox", name=re.compile("^mug")).tap()
    expect(sheet).to_contain_text("8 pictures")
    sheet.get_by_role("button", name="Show the pictures").tap()
    expect(sheet).to_be_hidden()
    expect(page.locator(".card")).to_have_count(8)
    expect(page.get_by_role("button", name="Filters 1")).to_be_focused()


def test_the_sheet_of_filters_can_be_closed_from_its_head_however_far_it_is_scrolled(
    open_page: OpenPage,
) -> None:
    page = open_page("?seed=1", phone=True)
    page.get_by_role("button", name="Filters").tap()
    sheet = page.get_by_role("dialog", name="Filters")
    close = sheet.get_by_role("button", name="Close the filters")
    expect(close).to_be_in_viewport(ratio=1)
    sheet.evaluate("sheet => sheet.scrollTo(0, 9999)")
    expect(close).to_be_in_viewport(ratio=1)
    close.tap()
    expect(sheet).to_be_hidden()


def test_a_filter_on_an_unknown_field_is_named_and_can_be_left(
    open_page: OpenPage, site: Site
) -> None:
    page = open_page("?seed=1&where=colr%3Dred")
    expect(page.get_by_role("alert")).to_contain_text("did you mean 'colour'?")
    page.get_by_role("button", name="Start over").click()
    expect(page.locator(".card").first).to_be_visible()
