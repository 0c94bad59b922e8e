"""A result looked at closely: zoom, pan, the query beside it, and a swipe to the next one."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.conftest import OpenPage
from tests.browser.test_part import finger

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect


def details(page: "Page") -> Any:
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".large img.loaded").last).to_be_visible()
    expect(dialog.get_by_role("button", name="Zoom in")).to_be_visible()
    return dialog


def width(page: "Page") -> float:
    found: float = page.evaluate(
        "document.querySelector('.large img:last-of-type').getBoundingClientRect().width"
    )
    return found


def test_a_picture_is_zoomed_by_buttons_wheel_and_keys_and_panned(open_page: OpenPage) -> None:
    page = open_page("?seed=1&show=mug-01-front")
    dialog = details(page)
    whole = width(page)
    dialog.get_by_role("button", name="Zoom in").click()
    assert width(page) == pytest.approx(1.5 * whole, rel=0.01)
    page.keyboard.press("-")
    assert width(page) == pytest.approx(whole, rel=0.01)
    frame = dialog.locator(".large").bounding_box()
    assert frame is not None
    middle = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    page.mouse.move(*middle)
    page.mouse.wheel(0, -400)
    assert width(page) == pytest.approx(2.718 * whole, rel=0.02)
    before = dialog.locator(".large img").bounding_box()
    page.mouse.down()
    page.mouse.move(middle[0] + 80, middle[1] + 30, steps=3)
    page.mouse.up()
    after = dialog.locator(".large img").bounding_box()
    assert before is not None
    assert after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((80, 30), abs=2)
    page.keyboard.press("0")
    assert width(page) == pytest.approx(whole, rel=0.01)


def test_the_query_is_shown_beside_the_result_and_stays_there_from_one_to_the_next(
    open_page: OpenPage, photo: Path
) -> None:
    page = open_page("?seed=1")
    expect(page.locator(".card").first).to_be_visible()
    page.locator("#file").set_input_files(photo)
    expect(page.locator(".card :is(.relation, .score)").first).to_be_visible()
    page.locator(".card").first.click()
    dialog = details(page)
    beside = dialog.get_by_role("img", name="The picture of the query")
    expect(beside).to_be_hidden()
    compare = dialog.get_by_role("button", name="Compare with the query")
    compare.click()
    expect(compare).to_have_attribute("aria-pressed", "true")
    expect(beside).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("button", name="Previous picture")).to_be_enabled()
    expect(beside).to_be_visible()
    compare.click()
    expect(beside).to_be_hidden()


def test_without_a_picture_in_the_query_there_is_nothing_to_compare(open_page: OpenPage) -> None:
    page = open_page("?seed=1&show=mug-01-front")
    expect(details(page).get_by_role("button", name="Compare")).to_have_count(0)


def test_a_swipe_shows_the_next_result_and_the_one_before(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front", phone=True)
    page.locator(".card").first.click()
    dialog = details(page)
    title = dialog.get_by_role("heading")
    first = title.text_content()
    finger(page, (300, 250), (80, 260))
    expect(page).to_have_url(re.compile("show=(?!mug-01-front)"))
    expect(title).not_to_have_text(first or "")
    details(page)
    finger(page, (80, 250), (300, 260))
    expect(title).to_have_text(first or "")
