"""The dialog of a result; keys and screen readers."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Route

expect = pytest.importorskip("playwright.sync_api").expect


def test_a_result_opens_with_its_fields_size_and_file_and_goes_with_back(
    open_page: OpenPage,
) -> None:
    page = open_page("?q=id:mug-01-front")
    page.locator(".card").nth(1).click()
    dialog = page.get_by_role("dialog", name="Coral sneaker")
    expect(dialog.get_by_role("heading", name="Coral sneaker")).to_be_focused()
    expect(dialog).to_contain_text("320 × 320 pixels")
    expect(dialog.locator("dl")).to_contain_text("sneaker")
    expect(dialog.locator("dl")).to_contain_text("Price")
    with page.context.expect_page() as opened:
        dialog.get_by_role("link", name="Open the file").click()
    assert opened.value.url.partition("?")[0].endswith("/file")
    opened.value.close()
    page.go_back()
    expect(dialog).to_be_hidden()
    expect(page.locator(".card").nth(1)).to_be_focused()


def test_the_address_of_an_open_result_opens_it_anywhere(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front&show=odd/wide panorama/file")
    dialog = page.get_by_role("dialog", name="Wide panorama")
    expect(dialog.locator("img.loaded")).to_be_visible()
    expect(dialog).to_contain_text("1,400 × 500 pixels")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".card").first).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_small_picture_is_shown_at_most_twice_as_large_and_nothing_shines_beside_it(
    open_page: OpenPage, shots: Path, dark: bool
) -> None:
    page = open_page("?q=id:mug-01-front", dark=dark)
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.locator(".card").first.click()
    image = page.get_by_role("dialog").locator("img.loaded")
    expect(image).to_have_js_property("naturalWidth", 320)  # the file itself, as it is
    expect(image).to_have_attribute("src", re.compile("^blob:"))
    area = image.bounding_box()
    assert area is not None
    assert (area["width"], area["height"]) == (640, 640)
    page.screenshot(path=shots / f"small-{dark}.png")
    with Image.open(shots / f"small-{dark}.png") as shot:
        shown = np.asarray(shot.convert("L")).astype(int)
    left, top = round(area["x"]), round(area["y"])
    panel = shown[top + 100 : top + 300, left - 40 : left - 2]
    assert np.ptp(panel) <= 1  # one even shade, up to the picture's edge
    assert panel.mean() < 80 if dark else panel.mean() > 200
    gutter = shown[:, -1]  # where a scrollbar would be: as dim as the page beside it
    assert abs(int(gutter.mean()) - int(shown[:, 5].mean())) < 12


def test_the_dialog_keeps_its_size_from_picture_to_picture(open_page: OpenPage) -> None:
    page = open_page("?seed=1&where=category%3D%22odd, really%22")
    page.locator(".card").first.click()
    dialog = page.get_by_role("dialog")
    sizes = []
    for _ in range(3):
        expect(dialog.locator("img.loaded")).to_be_visible()
        sizes.append(dialog.bounding_box())
        page.keyboard.press("ArrowRight")
    assert sizes[0] == sizes[1] == sizes[2]


@pytest.mark.parametrize("size", [(390, 844), (600, 800)])
def test_the_key_of_the_search_box_is_not_shown_where_there_is_hardly_a_keyboard(
    open_page: OpenPage, size: tuple[int, int]
) -> None:
    page = open_page("?seed=1")
    expect(page.locator(".ask kbd")).to_be_visible()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    expect(page.locator(".ask kbd")).to_be_hidden()


def test_more_like_this_starts_over_from_a_result_and_others_join_the_query(
    open_page: OpenPage,
) -> None:
    page = open_page("?seed=3")
    page.locator(".card").first.click()
    title = page.get_by_role("dialog").get_by_role("heading").inner_text()
    page.get_by_role("button", name="More like this", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".card .relation").first).to_have_text("same picture")
    chips = page.get_by_role("list", name="What the results are like, or less like").locator("li")
    expect(chips.first).to_contain_text(title)
    page.locator(".card").nth(5).click()
    page.get_by_role("button", name="Less like this").last.click()
    expect(chips).to_have_count(2)
    expect(chips.nth(1)).to_contain_text("Less like this")
    page.locator(".card").nth(2).click()
    page.get_by_role("button", name="Add to the query").click()
    expect(chips).to_have_count(3)


def test_arrows_step_through_results_in_the_dialog(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    page.locator(".card").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Previous picture")).to_be_disabled()
    expect(dialog).to_contain_text("mug-01-front")
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".score b")).not_to_have_text("1.000")
    dialog.get_by_role("button", name="Previous picture").click()
    expect(dialog.locator(".score b")).to_have_text("1.000")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".card").first).to_be_focused()
    page.go_back()
    page.wait_for_timeout(100)
    assert "mug-01-front" not in page.url


def test_arrows_move_in_the_grid_enter_opens_and_escape_returns(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front&sort=price")  # rows without a line between them
    cards = page.locator(".card")
    cards.first.focus()
    columns = cards.evaluate_all(
        "all => all.filter((one) => one.offsetParent.offsetTop === all[0].offsetParent.offsetTop)"
        ".length"
    )
    for key, place in [("ArrowRight", 1), ("ArrowDown", 1 + columns), ("ArrowLeft", columns)]:
        page.keyboard.press(key)
        expect(cards.nth(place)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(cards.first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    expect(cards.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(cards.nth(1)).to_be_focused()
    assert page.locator(".card[tabindex='0']").count() == 1


def test_the_tab_key_walks_in_reading_order_and_can_skip_to_the_results(
    open_page: OpenPage,
) -> None:
    page = open_page("?q=id:mug-01-front")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.get_by_label("Search by colour")).to_be_attached()
    seen = []
    for _ in range(16):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    colour = ""  # the field of a colour, which goes by its label
    assert seen[:6] == ["skip", "brand", "icon-button", "words", colour, "browse"]
    assert seen.index("clear") < seen.index("part")
    page.locator("body > .skip").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("slider")).to_be_focused()


def test_changes_are_told_to_screen_readers(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    live = page.locator("#live")
    expect(live).to_have_attribute("aria-live", "polite")
    expect(live).to_have_text("87 pictures, most alike first")
    page.get_by_role("slider").fill("1")
    expect(live).to_have_text("1 of 87 pictures")
    expect(page.get_by_role("list", name="1 of 87 pictures").locator("li")).to_have_count(1)


def test_work_in_progress_is_shown_and_marked(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    expect(page.locator(".grid")).to_have_attribute("aria-busy", "false")
    held: list[Route] = []
    page.route("**/v1/search", lambda route: held.append(route))
    page.evaluate("document.querySelector('.quick').click()")
    expect(page.get_by_role("progressbar", name="Searching")).to_be_visible()
    expect(page.locator(".grid")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.locator(".grid")).to_have_attribute("aria-busy", "false")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everything_has_a_name_enough_contrast_and_room_for_a_finger(
    open_page: OpenPage, dark: bool
) -> None:
    page = open_page("?q=id:mug-01-front&not=id:lamp-01-front&where=price%3C300", dark=dark)
    expect(page.locator(".card img.loaded").first).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    for landmark in ("banner", "main", "complementary", "search"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    check_access(page)
    page.locator(".card").first.click()
    expect(page.get_by_role("dialog").locator("img.loaded")).to_be_visible()
    check_access(page)
    page.goto(re.sub(r"\?.*", "?seed=1", page.url))
    expect(page.locator(".card img.loaded").first).to_be_visible()
    check_access(page)
