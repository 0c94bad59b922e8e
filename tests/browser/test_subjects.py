"""Taps on what stands out in the picture that is asked with."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pasted import pasted, plain
from PIL import Image
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage, serving
from tests.browser.test_asking import first_titles
from tests.browser.test_first_page import WATCH_JUMPS
from tests.browser.test_part import box_of, drag

from visavis.image_index import ImageIndex

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

NAMES = ("mug", "teapot", "lamp", "chair", "clock", "sneaker", "backpack", "guitar")
BOTH = (1, 0.06, 0.1, 0.42), (5, 0.6, 0.5, 0.42)
"""A teapot at the left and a sneaker at the right."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose model has a map: eight products, and one picture of two."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "photos").mkdir()
    pictures = {name: ((number, 0.25, 0.1, 0.8),) for number, name in enumerate(NAMES)}
    for name, where in (pictures | {"both": BOTH}).items():
        Image.fromarray(pasted(plain("white"), *where).pixels).save(
            folder / "photos" / f"{name}.png"
        )
    with ImageIndex.create(folder / "shop.index") as index:
        index.add(folder / "photos")
    with serving(folder / "shop.index") as url:
        yield url


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A picture that is not in the index: the two on another ground."""
    Image.fromarray(pasted(plain("lightgrey"), *BOTH).pixels).save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


def taps(page: "Page") -> Any:
    return page.get_by_role("group", name="Parts that stand out").get_by_role("button")


def tap_at(page: "Page", side: str) -> Any:
    """The tap on what lies at the left or right of the picture."""
    expect(taps(page)).to_have_count(2)
    place = r"[4-7]\d" if side == "right" else r"\d"
    return page.get_by_role(
        "button", name=re.compile(f"Search for this part: {place} % from the left")
    )


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_a_tap_searches_with_a_part_and_the_next_one_with_all(
    open_page: OpenPage, shop: str, scene: Path, phone: bool
) -> None:
    page = open_page(url=shop, phone=phone)
    page.locator("#file").set_input_files(scene)
    assert first_titles(page) == ["both.png"]
    if phone:
        page.get_by_role("button", name="Change").click()
    sneaker, teapot = tap_at(page, "right"), tap_at(page, "left")
    expect(sneaker).to_have_attribute("aria-pressed", "false")
    check_access(page)

    (sneaker.tap if phone else sneaker.click)()
    expect(page.locator(".card .title").first).to_have_text("sneaker.png")
    expect(page.locator(".part")).to_be_visible()
    expect(sneaker).to_have_attribute("aria-pressed", "true")
    left, top, right, bottom = box_of(page)
    assert left < 0.65 < 0.75 < right
    assert top < 0.6 < 0.7 < bottom

    (teapot.tap if phone else teapot.click)()
    expect(page.locator(".card .title").first).to_have_text("teapot.png")
    expect(sneaker).to_have_attribute("aria-pressed", "false")
    (teapot.tap if phone else teapot.click)()
    expect(page.locator(".card .title").first).to_have_text("both.png")
    expect(page.locator(".part")).to_be_hidden()
    assert box_of(page) == ()


def test_keys_reach_the_taps_and_keep_the_focus(open_page: OpenPage, shop: str) -> None:
    page = open_page("?q=id:both.png", url=shop, dark=True)
    sneaker = tap_at(page, "right")
    page.locator("#clear").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
        if sneaker.evaluate("(tap) => tap === document.activeElement"):
            break
    expect(sneaker).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".card .title").first).to_have_text("sneaker.png")
    expect(sneaker).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".card .title").first).to_have_text("both.png")
    expect(sneaker).to_have_attribute("aria-pressed", "false")


def test_a_part_drawn_by_hand_has_the_picture_for_itself(open_page: OpenPage, shop: str) -> None:
    page = open_page("?q=id:both.png", url=shop)
    tap_at(page, "right").click()
    expect(page.locator(".part")).to_be_visible()
    page.reload()
    expect(tap_at(page, "right")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(tap_at(page, "right")).to_have_attribute("aria-pressed", "false")
    drag(page, (0.4, 0.1), (0.55, 0.4))
    assert box_of(page) == pytest.approx((0.4, 0.1, 0.55, 0.4), abs=0.02)
    expect(taps(page)).to_have_count(0)
    page.get_by_role("button", name="Whole picture").click()
    expect(taps(page)).to_have_count(2)


def test_nothing_moves_when_taps_come_and_none_come_to_one_thing_alone(
    open_page: OpenPage, shop: str
) -> None:
    page = open_page("?q=id:lamp.png", url=shop)
    page.add_init_script(WATCH_JUMPS)
    with page.expect_response("**/v1/subjects") as answered:
        page.goto(f"{shop}?q=id:both.png")
    assert answered.value.ok
    expect(taps(page)).to_have_count(2)
    page.wait_for_timeout(200)
    assert page.evaluate("jumps") < 0.02, page.evaluate("moved")


def test_a_model_without_a_map_is_not_asked(open_page: OpenPage) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{page.url.split('?')[0]}?q=id:mug-01-front")
    expect(page.locator(".frame img.loaded")).to_be_visible()
    page.wait_for_timeout(800)
    assert not [url for url in asked if "subjects" in url]
