"""Small windows, low ones and wide ones."""

import shutil
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.browser.conftest import OpenPage, Site, serving

from visavis.image_index import ImageIndex

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect


def first_result(page: "Page", photo: Path) -> float:
    """Where the first result of a search by a picture begins, in pixels."""
    page.locator("#file").set_input_files(photo)
    expect(page.locator(".card :is(.relation, .score)").first).to_be_visible()
    area = page.locator("#grid li").first.bounding_box()
    assert area is not None
    assert page.evaluate("scrollY") == 0
    return area["y"]


def test_on_a_phone_the_first_result_begins_above_the_middle(
    open_page: OpenPage, photo: Path
) -> None:
    page = open_page(phone=True)
    assert first_result(page, photo) < 844 / 2
    line = page.get_by_role("button", name="my mug.jpg")
    expect(line).to_have_attribute("aria-expanded", "false")
    expect(page.locator(".frame")).to_be_hidden()
    line.click()
    expect(page.locator(".frame img.loaded")).to_be_visible()
    expect(page.get_by_role("button", name="Select a part")).to_be_visible()
    line.click()
    expect(page.locator(".frame")).to_be_hidden()


def test_at_200_percent_a_result_is_seen_after_a_search(open_page: OpenPage, photo: Path) -> None:
    """A window of 1280 × 860 has half as many pixels of CSS at twice the size."""
    page = open_page()
    page.set_viewport_size({"width": 640, "height": 430})
    assert first_result(page, photo) < 430 / 2
    for name in ("Map", "Find duplicates", "Search by picture"):
        expect(page.get_by_label(name, exact=True)).to_be_visible()
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window


@pytest.mark.parametrize("width", [280, 320, 430, 512, 640, 700])
def test_in_a_low_window_the_tools_neither_leave_it_nor_lie_over_one_another(
    open_page: OpenPage, photo: Path, width: int
) -> None:
    """As a large window has at 200 and 400 %."""
    page = open_page()
    page.set_viewport_size({"width": width, "height": 430})
    room = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(room) <= 0  # before the styles that come later
    page.locator("#file").set_input_files(photo)
    expect(page.get_by_role("button", name="Similar only")).to_be_visible()
    assert page.evaluate(room) <= 0
    slider = page.get_by_role("slider").bounding_box()
    beside = page.get_by_role("button", name="Similar only").bounding_box()
    assert slider is not None
    assert beside is not None
    assert slider["width"] >= 100
    assert slider["x"] + slider["width"] <= beside["x"] or beside["y"] > slider["y"] + 20


def test_colours_and_the_slider_are_seen_where_the_system_chooses_all_others(
    open_page: OpenPage, photo: Path
) -> None:
    page = open_page()
    page.emulate_media(forced_colors="active")
    page.locator("#file").set_input_files(photo)
    swatches = page.locator("#stage .colour:not(.other), .colours .colour:not(.other)")
    expect(swatches.first).to_be_visible()
    grounds = swatches.evaluate_all(
        "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(grounds)) == len(grounds)
    with Image.open(BytesIO(page.get_by_role("slider").screenshot())) as drawn:
        right = drawn.convert("RGB").crop(
            (drawn.width * 3 // 5, 0, drawn.width * 4 // 5, drawn.height)
        )
    assert len(right.getcolors() or ()) > 1  # a line on the ground


def test_a_wide_screen_is_used(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    page.set_viewport_size({"width": 2560, "height": 1300})
    expect(page.locator(".card").first).to_be_visible()
    area = page.locator("#results").bounding_box()
    assert area is not None
    assert area["x"] + area["width"] > 2450
    tops = page.locator("#grid li").evaluate_all("all => all.map((one) => one.offsetTop)")
    assert tops.count(tops[0]) >= 7


def test_the_tools_stand_on_one_line_in_every_wide_window(open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    page.locator("#file").set_input_files(photo)
    expect(page.get_by_role("button", name="Similar only")).to_be_visible()
    for width in range(820, 1640, 40):
        page.set_viewport_size({"width": width, "height": 860})
        middles, heading, height, ends = page.evaluate(
            """() => {
              const boxes = [...document.querySelectorAll(".toolbar > :not(.heading)")]
                .map((one) => one.getBoundingClientRect()).filter(({ width }) => width > 0);
              const bar = document.querySelector(".toolbar").getBoundingClientRect();
              return [[...new Set(boxes.map(({ top, bottom }) => Math.round((top + bottom) / 2)))],
                document.getElementById("heading").getBoundingClientRect().height,
                bar.height,
                Math.max(...boxes.map(({ right }) => right)) - bar.right];
            }"""
        )
        assert len(middles) == 1, width
        assert heading < 30, width  # of one line, too
        assert height < 80, width
        assert abs(ends) < 1, width
        assert page.locator("#min").evaluate("one => one.offsetWidth") > 60, width


def test_the_filters_can_be_skipped(open_page: OpenPage, site: Site) -> None:
    page = open_page("?seed=1")
    skip = page.get_by_role("link", name="Skip the filters")
    skip.focus()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = "document.activeElement.closest('#results') !== null"
    assert page.evaluate(inside)


def test_photos_without_fields_have_the_whole_width(
    open_page: OpenPage, site: Site, tmp_path: Path
) -> None:
    """There is nothing to filter by: a column of nothing would only take room."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in sorted(site.pictures.glob("mug-*.jpg")):
        shutil.copy(path, folder)
    (folder / "mug-01-front.jpg").rename(folder / "mug_of_2008_006100.jpg")
    with ImageIndex.create(tmp_path / "photos.index", "classic") as index:
        index.add(folder)
    with serving(tmp_path / "photos.index") as url:
        page = open_page("?seed=1", url=url)
        expect(page.locator("#side")).to_be_hidden()
        area = page.locator("#grid").bounding_box()
        assert area is not None
        assert area["x"] < 60
        name = page.locator(".title", has_text="mug_of_2008_006100.jpg")
        expect(name.locator("wbr")).to_have_count(3)  # where the name may break, if it has to
        page.locator(".card").first.click()
        page.get_by_role("button", name="More like this").click()
        expect(page.get_by_role("region", name="Looks like")).to_be_visible()
        phone = open_page("?q=id:mug_of_2008_006100.jpg", url=url, phone=True)
        expect(phone.locator("#similarity")).to_be_visible()
        area = phone.get_by_label("Order").bounding_box()
        assert area is not None
        assert area["width"] >= 110  # "Best first"; it was squeezed beside the slider
        phone.wait_for_load_state("networkidle")  # before its server goes
