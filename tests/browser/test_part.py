"""A part of the query picture: drawn, moved and resized with mouse, finger and keys."""

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

ADDRESS = "?q=id:backpack-01-front"


def box_of(page: "Page") -> tuple[float, ...]:
    """The part as the address holds it."""
    found = re.search(r"(?:\[|%5B)([\d.,]+)(?:\]|%5D)", page.url)
    return tuple(float(edge) for edge in found[1].split(",")) if found else ()


def frame(page: "Page") -> Any:
    expect(page.locator(".frame img.loaded")).to_be_visible()
    area = page.locator(".frame").bounding_box()
    assert area is not None
    return area


def drag(page: "Page", start: tuple[float, float], end: tuple[float, float]) -> None:
    """From and to places on the picture, as fractions of it."""
    area = frame(page)
    x, y, width, height = area["x"], area["y"], area["width"], area["height"]
    page.mouse.move(x + start[0] * width, y + start[1] * height)
    page.mouse.down()
    page.mouse.move(x + end[0] * width, y + end[1] * height, steps=6)
    page.mouse.up()


def test_a_rectangle_is_drawn_moved_resized_and_taken_away_with_the_mouse(
    open_page: OpenPage,
) -> None:
    page = open_page(ADDRESS)
    expect(page.locator(".card .relation").first).to_have_text("same picture")
    drag(page, (0.2, 0.3), (0.7, 0.8))
    expect(page.locator(".card .relation").first).not_to_have_text("same picture")
    assert box_of(page) == pytest.approx((0.2, 0.3, 0.7, 0.8), abs=0.02)
    drag(page, (0.4, 0.5), (0.5, 0.45))
    assert box_of(page) == pytest.approx((0.3, 0.25, 0.8, 0.75), abs=0.02)
    drag(page, (0.8, 0.75), (0.95, 0.9))
    assert box_of(page) == pytest.approx((0.3, 0.25, 0.95, 0.9), abs=0.02)
    drag(page, (0.5, 0.5), (2, 2))
    assert box_of(page)[2:] == (1, 1)
    page.get_by_role("button", name="Whole picture").click()
    expect(page.locator(".card .relation").first).to_have_text("same picture")
    assert box_of(page) == ()


def test_the_part_is_the_same_after_a_reload_and_back_returns_to_the_whole(
    open_page: OpenPage,
) -> None:
    page = open_page(ADDRESS)
    drag(page, (0.2, 0.3), (0.7, 0.8))
    expect(page.locator(".part")).to_be_visible()
    drag(page, (0.4, 0.5), (0.5, 0.45))
    box = box_of(page)
    page.reload()
    frame(page)
    expect(page.locator(".part")).to_be_visible()
    assert box_of(page) == box
    page.go_back()
    expect(page.locator(".part")).to_be_hidden()


def test_keys_begin_move_resize_and_end_a_part(open_page: OpenPage) -> None:
    page = open_page(ADDRESS)
    frame(page)
    page.get_by_role("button", name="Select a part").press("Enter")
    part = page.get_by_role("group", name="Part of the picture")
    expect(part).to_be_focused()
    assert box_of(page) == pytest.approx((0.2, 0.2, 0.8, 0.8))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert box_of(page) == pytest.approx((0.22, 0.18, 0.82, 0.78))
    page.keyboard.press("Shift+ArrowLeft")
    assert box_of(page) == pytest.approx((0.22, 0.18, 0.8, 0.78))
    expect(part).to_have_accessible_name(re.compile("22 % from the left.*58 % wide"))
    page.keyboard.press("Delete")
    expect(part).to_be_hidden()
    assert box_of(page) == ()


def test_a_tap_and_a_drag_of_a_finger_choose_a_part_but_scrolling_does_not(
    open_page: OpenPage,
) -> None:
    page = open_page(ADDRESS, phone=True)
    page.get_by_role("button", name="Change").click()
    area = frame(page)
    middle = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    finger(page, middle, (middle[0], middle[1] - 120))
    page.wait_for_timeout(200)
    assert box_of(page) == ()
    page.evaluate("scrollTo(0, 0)")
    page.locator(".frame").tap(position={"x": area["width"] / 2, "y": area["height"] / 2})
    expect(page.locator(".part")).to_be_visible()
    assert box_of(page) == pytest.approx((0.25, 0.25, 0.75, 0.75), abs=0.02)
    finger(page, middle, (middle[0] + area["width"] * 0.1, middle[1] + area["height"] * 0.2))
    page.wait_for_timeout(200)
    assert box_of(page) == pytest.approx((0.35, 0.45, 0.85, 0.95), abs=0.02)
    assert page.evaluate("scrollY") == 0


def finger(page: "Page", start: tuple[float, float], end: tuple[float, float]) -> None:
    """A touch that moves, as the browser itself gets it."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", start)
    for step in range(1, 9):
        share = step / 8
        x = start[0] + (end[0] - start[0]) * share
        y = start[1] + (end[1] - start[1]) * share
        touch("touchMove", (x, y))
        page.wait_for_timeout(16)
    touch("touchEnd")
