"""What each result is to the picture, in words; where alike ends; what the answer is as a whole."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def grey(site: Site, tmp_path: Path) -> Path:
    """A picture of the index without its colours."""
    path = tmp_path / "grey.jpg"
    with Image.open(site.pictures / "mug-01-front.jpg") as picture:
        picture.convert("L").resize((200, 200)).save(path)
    return path


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """What the index has nothing of."""
    path = tmp_path / "strange.png"
    picture = Image.new("RGB", (320, 240), "white")
    ImageDraw.Draw(picture).line((20, 20, 300, 200), fill="black", width=5)
    picture.save(path)
    return path


def ask(page: "Page", picture: Path) -> None:
    page.locator("#file").set_input_files(picture)
    expect(page.locator(".card .relation").first).to_be_visible()
    expect(page.locator(".grid")).to_have_attribute("aria-busy", "false")


def test_cards_say_in_words_what_they_are_and_where_alike_ends(
    open_page: OpenPage, grey: Path
) -> None:
    page = open_page("?seed=1")
    ask(page, grey)
    expect(page.locator("#verdict")).to_have_text("This picture is here, edited.")
    words = page.locator(".card .relation").all_text_contents()
    assert words[0] == "same picture, edited"
    alike = words.index("less alike")
    assert set(words[alike:]) == {"less alike"}
    items = page.locator("#grid > li:not(.fill)")
    expect(items.nth(alike)).to_have_text("less alike below this line")
    expect(page.locator("#grid .line")).to_have_count(1)
    assert page.locator(".card .score").count() == 0
    page.locator(".card").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".relation")).to_have_text("same picture, edited")
    assert 0 < float(dialog.locator(".score b").inner_text()) < 1


def test_similar_only_leaves_out_what_lies_below_the_line(open_page: OpenPage, grey: Path) -> None:
    page = open_page("?seed=1")
    ask(page, grey)
    alike = page.locator(".card .relation").all_text_contents().index("less alike")
    only = page.get_by_role("button", name="Similar only")
    only.click()
    expect(only).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".card")).to_have_count(alike)
    assert "min=auto" in page.url
    only.click()
    expect(only).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#grid .line")).to_have_count(1)


def test_an_answer_with_nothing_similar_says_so_above_it(
    open_page: OpenPage, strange: Path
) -> None:
    page = open_page("?seed=1")
    ask(page, strange)
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("Nothing similar here: the nearest scores 0.")
    assert set(page.locator(".card .relation").all_text_contents()) == {"less alike"}
    expect(page.locator("#grid .line")).to_have_count(0)
    page.get_by_role("button", name="Similar only").click()
    expect(page.get_by_role("heading", name="Nothing similar found").first).to_be_visible()
    page.get_by_role("button", name="Any similarity").click()
    expect(verdict).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(verdict).to_be_hidden()


def test_in_another_order_no_line_is_drawn(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front&sort=price")
    expect(page.locator(".card .relation").first).to_be_visible()
    expect(page.locator("#grid .line")).to_have_count(0)
    expect(page.locator("#verdict")).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("phone", [False, True])
def test_words_lines_and_verdicts_are_for_everybody(
    open_page: OpenPage, grey: Path, shots: Path, dark: bool, phone: bool
) -> None:
    page = open_page("?seed=1", dark=dark, phone=phone)
    ask(page, grey)
    expect(page.locator(".card img.loaded").first).to_be_visible()
    page.screenshot(path=shots / f"relations-{'dark' if dark else 'light'}-{phone}.png")
    check_access(page)
    wide: int = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.evaluate("innerWidth")


def test_why_lays_the_query_over_the_result_where_it_belongs(
    open_page: OpenPage, site: Site, tmp_path: Path, shots: Path
) -> None:
    pytest.importorskip("cv2")
    with Image.open(site.pictures / "mug-01-front.jpg") as picture:
        assert picture.size == (320, 320)
        picture.crop((64, 32, 288, 304)).save(tmp_path / "crop.png")
    page = open_page("?seed=1")
    ask(page, tmp_path / "crop.png")
    page.locator(".card").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Why?").click()
    over = dialog.get_by_role("img", name="The picture of the query")
    expect(over).to_have_class("loaded")
    expect(dialog.locator(".because")).to_contain_text("agree on one place")
    [under] = dialog.locator(".large > img").all()
    whole, part = under.bounding_box(), over.bounding_box()
    assert whole is not None
    assert part is not None
    placed = [
        (part["x"] - whole["x"]) / whole["width"],
        (part["y"] - whole["y"]) / whole["height"],
        part["width"] / whole["width"],
        part["height"] / whole["height"],
    ]
    assert placed == pytest.approx([0.2, 0.1, 0.7, 0.85], abs=0.01)
    for way in ("Flicker", "Difference", "Slider"):
        button = dialog.get_by_role("button", name=way)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        page.screenshot(path=shots / f"why-{way}.png")
    check_access(page)
    page.keyboard.press("ArrowRight")  # the next picture begins without
    expect(dialog.locator(".laid")).to_have_count(0)


def test_why_is_offered_for_one_whole_picture_alone(open_page: OpenPage, grey: Path) -> None:
    page = open_page("?q=text:mug&show=mug-01-front")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="More like this")).to_be_visible()
    expect(dialog.get_by_role("button", name="Why?")).to_have_count(0)
    page.keyboard.press("Escape")
    ask(page, grey)
    page.locator("li:not(.held) > .card").last.click()
    dialog.get_by_role("button", name="Why?").click()
    expect(dialog.locator(".because")).to_contain_text("do not lie on one another")
