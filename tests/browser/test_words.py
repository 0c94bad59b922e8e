"""Words, tags and classes: typed, clicked, weighed, and explained where there are none."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage, Worded

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

expect = pytest.importorskip("playwright.sync_api").expect


def chips(page: "Page") -> "Locator":
    return page.get_by_role("list", name="What the results are like, or less like").locator("li")


def tags(page: "Page") -> "Locator":
    return page.get_by_role("dialog").get_by_role("list", name="Tags")


def first_titles(page: "Page", count: int) -> list[str]:
    expect(page.locator(".card :is(.relation, .score)").first).to_be_visible()
    expect(page.locator(".grid")).to_have_attribute("aria-busy", "false")
    found: list[str] = page.locator(".card .title").all_text_contents()[:count]
    return found


def asked_terms(page: "Page") -> list[Any]:
    """The terms of each search that the page makes from now on."""
    asked: list[Any] = []

    def note(route: "Route") -> None:
        asked.append(json.loads(route.request.post_data or "")["terms"])
        route.continue_()

    page.route("**/v1/search", note)
    return asked


# -- words -----------------------------------------------------------------------------------------


def test_typed_words_find_pictures_and_what_is_passed_over_is_told(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?seed=1", url=worded.words)
    box = page.get_by_placeholder("Words, or paste a picture")
    box.fill("kettle xyzzy")
    box.press("Enter")
    assert all("teapot" in title for title in first_titles(page, 4))
    expect(page.get_by_text("Unknown and ignored: 'xyzzy'.", exact=True)).to_be_visible()
    expect(page.locator("#live")).to_contain_text("Unknown and ignored: 'xyzzy'")
    expect(page).to_have_title("kettle xyzzy – visavis")
    box.fill("violin")
    box.press("Enter")
    expect(chips(page)).to_have_text([re.compile("“violin”")])
    expect(page.locator("#notes")).to_be_hidden()


def test_words_join_the_pictures_and_are_weighed(open_page: OpenPage, worded: Worded) -> None:
    page = open_page("?q=id:mug-01-front", url=worded.words)
    asked = asked_terms(page)
    box = page.get_by_role("searchbox", name="Search by words or id")
    box.fill("blue kettle")
    box.press("Enter")
    expect(chips(page)).to_have_count(2)
    expect(chips(page).nth(1)).to_contain_text("“blue kettle”")
    weight = chips(page).nth(1).get_by_role("combobox", name="How much it counts")
    expect(weight).to_have_value("1")
    weight.focus()
    weight.select_option("2")
    expect(page).to_have_url(re.compile(re.escape("q=text*2:blue+kettle")))
    expect(weight).to_be_focused()
    chips(page).nth(1).get_by_role("button", name="More like this").click()
    expect(page).to_have_url(re.compile("not=text"))
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "false")
    mug = {"id": "mug-01-front", "weight": 1}
    assert asked == [[mug, {"text": "blue kettle", "weight": weight}] for weight in (1, 2, -2)]
    expect(box).to_have_value("")


def test_an_address_with_plain_words_asks_for_them(open_page: OpenPage, worded: Worded) -> None:
    page = open_page("?q=blue+kettle&not=dotted:+%20", url=worded.words)
    expect(chips(page)).to_have_text([re.compile("“blue kettle”"), re.compile("“dotted:”")])
    expect(page).to_have_url(re.compile(re.escape("q=text:blue+kettle")))


def test_words_that_are_all_unknown_are_explained(open_page: OpenPage, worded: Worded) -> None:
    page = open_page("?seed=1", url=worded.words)
    box = page.get_by_role("searchbox", name="Search by words or id")
    box.fill("mugg")
    box.press("Enter")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("'mug'")
    notice.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("heading", name="A random pick")).to_be_visible()


def test_words_typed_before_the_page_knows_its_model_wait_for_it(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?seed=1", url=worded.words)
    held: list[Route] = []

    def hold(route: "Route") -> None:
        held.append(route)

    page.route("**/v1/info", hold)
    page.reload()
    box = page.get_by_role("searchbox", name="Search by words or id")
    box.fill("teapot")
    box.press("Enter")
    page.wait_for_timeout(300)
    expect(page.get_by_role("alert")).to_have_count(0)
    held[0].continue_()
    expect(chips(page)).to_have_text([re.compile("“teapot”")])


# -- tags ------------------------------------------------------------------------------------------


def test_a_tag_of_a_picture_asks_for_more_of_its_class(open_page: OpenPage, worded: Worded) -> None:
    page = open_page("?q=id:mug-01-front", url=worded.kinds)
    lamp = page.locator(".card", has_text="lamp").first
    lamp.click()
    tag = tags(page).get_by_role("button", name="lamp")
    expect(tag).to_contain_text("%")
    tag.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(chips(page)).to_have_count(2)
    expect(chips(page).nth(1)).to_contain_text("lamp")
    expect(chips(page).nth(1).get_by_role("button", name="More of this class")).to_be_visible()
    expect(page).to_have_url(re.compile("q=id:mug-01-front&q=class:lamp"))
    assert sum("lamp" in title for title in first_titles(page, 6)) >= 3
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(chips(page)).to_have_count(1)


def test_a_tag_of_a_model_with_words_searches_for_the_word(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?seed=1&show=teapot-01-front", url=worded.words)
    expect(tags(page).get_by_role("listitem").first).to_contain_text("teapot")
    expect(page.get_by_role("dialog").locator("dt", has_text="tags")).to_be_hidden()  # not twice
    tags(page).get_by_role("button", name="kettle").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("q=text:kettle"))
    assert all("teapot" in title for title in first_titles(page, 4))
    expect(page.get_by_role("searchbox", name="Search by words or id")).to_have_value("kettle")


def test_where_nothing_else_can_be_done_a_tag_filters_by_what_was_written(
    open_page: OpenPage, worded: Worded
) -> None:
    """The server's word on what the model can is changed on its way."""
    page = open_page("?seed=1", url=worded.words)
    page.route(
        "**/v1/info",
        lambda route: route.fulfill(json=route.fetch().json() | {"text": False}),
    )
    page.goto(f"{worded.words}?seed=1&show=teapot-01-front")
    tags(page).get_by_role("button", name="kettle").click()
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text("Tags has “kettle”")
    expect(page.get_by_role("heading", name=re.compile("^8 pictures"))).to_be_visible()


def test_tags_are_no_buttons_where_they_lead_nowhere_and_absent_without(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?seed=1", url=worded.kinds)
    page.route(
        "**/v1/info",
        lambda route: route.fulfill(json=route.fetch().json() | {"class_search": False}),
    )
    page.goto(f"{worded.kinds}?seed=1&show=mug-01-front")
    expect(tags(page)).to_contain_text("mug")
    expect(tags(page).get_by_role("button")).to_have_count(0)
    page.unroute("**/v1/info")
    only_sees = open_page("?seed=1&show=mug-01-front")
    expect(only_sees.get_by_role("dialog").locator("img.loaded")).to_be_visible()
    expect(tags(only_sees)).to_have_count(0)


def test_tags_come_later_and_move_nothing_and_are_asked_for_once(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?q=id:mug-01-front", url=worded.kinds)
    expect(page.locator(".card :is(.relation, .score)").first).to_be_visible()
    held: list[Route] = []
    page.route("**/v1/tag", lambda route: held.append(route))
    page.locator(".card").first.click()
    button = page.get_by_role("dialog").get_by_role("button", name="More like this")
    expect(tags(page)).to_have_attribute("aria-busy", "true")
    page.wait_for_timeout(300)
    before = button.bounding_box()
    assert len(held) == 1
    held[0].continue_()
    expect(tags(page).get_by_role("button", name="mug")).to_be_visible()
    assert button.bounding_box() == before
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(tags(page).get_by_role("button", name="mug")).to_be_visible()
    page.wait_for_timeout(300)
    assert len(held) == 1


# -- classes ---------------------------------------------------------------------------------------


def test_the_address_brings_classes_with_their_weights_and_they_are_changed_and_removed(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?seed=1", url=worded.kinds)
    asked = asked_terms(page)
    page.goto(f"{worded.kinds}?q=id:mug-01-front&q=class*0.5:lamp&not=class*3:T-shirt")
    expect(chips(page)).to_have_count(3)
    assert asked == [
        [
            {"id": "mug-01-front", "weight": 1},
            {"class": "lamp", "weight": 0.5},
            {"class": "T-shirt", "weight": -3},
        ]
    ]
    weights = page.get_by_role("combobox", name="How much it counts")
    assert weights.evaluate_all("all => all.map((one) => one.value)") == ["1", "0.5", "3"]
    less = chips(page).nth(2).get_by_role("button", name="Less of this class")
    less.click()
    expect(page).to_have_url(re.compile(re.escape("q=class*3:T-shirt")))
    for left in (2, 1):
        chips(page).nth(left).get_by_role("button", name="Remove from the query").click()
        expect(chips(page)).to_have_count(left)
    expect(weights).to_have_count(0)  # alone a term counts for all
    assert first_titles(page, 1) == ["Coral mug"]


def test_a_class_is_typed_where_the_model_reads_no_words(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?seed=1", url=worded.kinds)
    box = page.get_by_placeholder("Words, or paste a picture")
    expect(box).to_have_attribute("list", "known")
    box.press_sequentially("Lam")
    expect(page.locator("#known option")).to_have_count(1)
    assert page.locator("#known option").get_attribute("value") == "lamp"
    box.press_sequentially("P")
    box.press("Enter")
    expect(chips(page)).to_have_text([re.compile("lamp.*More of this class")])
    assert all("lamp" in title for title in first_titles(page, 4))
    box.fill("book")
    box.press("Enter")
    expect(chips(page)).to_have_text([re.compile("book")])
    box.fill("")
    box.press("Enter")
    expect(page.get_by_role("heading", name="A random pick")).to_be_visible()


def test_other_words_are_looked_for_and_where_nothing_has_them_near_classes_are_offered(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?seed=1", url=worded.kinds)
    box = page.get_by_placeholder("Words, or paste a picture")
    box.fill("lamb")
    box.press("Enter")
    notice = page.locator("#notice")
    expect(notice).to_contain_text("No record has 'lamb' in its own text")
    notice.get_by_role("button", name="lamp").click()
    expect(box).to_have_value("lamp")
    expect(chips(page)).to_have_text([re.compile("lamp.*More of this class")])
    assert all("lamp" in title for title in first_titles(page, 4))
    box.fill("coral")  # no class, and a word of titles
    box.press("Enter")
    expect(chips(page)).to_have_text([re.compile("“coral”")])
    assert all("Coral" in title for title in first_titles(page, 2))


# -- the records' own text -------------------------------------------------------------------------


def test_words_find_the_text_of_records_whatever_the_model_and_the_page_says_where(
    open_page: OpenPage, shots: Path
) -> None:
    page = open_page("?q=id:mug-01-front")
    box = page.get_by_placeholder("Words, or paste a picture")
    box.fill("Panoramas")
    box.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card .title")).to_have_text("Wide panorama")
    expect(page.locator(".card .why")).to_have_text("found by Title")
    expect(page.get_by_role("heading", name="87 pictures, searched by their text")).to_be_visible()
    expect(chips(page)).to_have_text([re.compile("“Panoramas”")])  # not beside the picture
    check_access(page)
    page.screenshot(path=shots / "by-text.png")
    box.fill("zeppelin")
    box.press("Enter")
    expect(page.locator("#notice")).to_contain_text("No record has 'zeppelin' in its own text")


def test_a_result_says_whether_its_text_its_looks_or_both_found_it(
    open_page: OpenPage, worded: Worded, shots: Path
) -> None:
    page = open_page("?q=text:sunglasses", url=worded.words)
    first = page.locator(".card .why").first
    expect(first).to_have_text(re.compile("^found by (Title|Category|Tags).* · looks$"))
    expect(page.locator(".card .why").last).to_have_text("found by looks")
    page.screenshot(path=shots / "by-both.png")
    page.locator(".card").first.click()
    expect(page.get_by_role("dialog").locator(".why")).to_contain_text("looks")


def test_a_class_that_the_model_does_not_know_is_named_with_near_ones(
    open_page: OpenPage, worded: Worded
) -> None:
    page = open_page("?q=class:lamb", url=worded.kinds)
    expect(page.get_by_role("alert")).to_contain_text("similar are 'lamp'")
    sees = open_page("?q=class:lamp")
    expect(sees.get_by_role("alert")).to_contain_text("has no classifier")


# -- looks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_classes_and_tags_fit_are_named_and_have_contrast(
    open_page: OpenPage, worded: Worded, shots: Path, phone: bool, dark: bool
) -> None:
    look = f"{'phone' if phone else 'desktop'}-{'dark' if dark else 'light'}"
    query = "?q=id:mug-01-front&q=class:lamp&not=class*0.25:sunglasses"
    page = open_page(query, url=worded.kinds, phone=phone, dark=dark)
    expect(page.locator(".card img.loaded").first).to_be_visible()
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    for chip in chips(page).all():
        area = chip.bounding_box()
        assert area is not None
        for part in chip.locator("button, select").all():
            inside = part.bounding_box()
            assert inside is not None
            assert inside["x"] + inside["width"] <= area["x"] + area["width"]
    check_access(page)
    page.screenshot(path=shots / f"classes-{look}.png")
    page.locator(".card").first.click()
    expect(tags(page).get_by_role("button").first).to_be_visible()
    page.wait_for_timeout(250)
    check_access(page)
    page.screenshot(path=shots / f"tags-{look}.png")
