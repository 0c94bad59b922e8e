"""Asking for colours: chips under the picture, a picker, and words."""

import re
from typing import TYPE_CHECKING

import pytest
from tests.browser.conftest import OpenPage
from tests.browser.test_asking import chips, first_titles

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

PICK = """(input) => {
  input.value = "#1f4fa0";
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}"""


def colours(page: "Page") -> list[str]:
    """The colours that are offered for the picture that is asked with."""
    row = page.get_by_role("group", name="Colours of the picture")
    expect(row.get_by_role("button").first).to_be_visible()
    names = [button.get_attribute("title") for button in row.get_by_role("button").all()]
    return [str(name).rpartition(" ")[2] for name in names]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_a_colour_of_the_picture_can_be_asked_for(open_page: OpenPage, phone: bool) -> None:
    page = open_page("?q=id:mug-01-front", phone=phone)
    if phone:
        page.get_by_role("button", name="Change").click()
    offered = colours(page)
    red, green, blue = (int(offered[0][at : at + 2], 16) for at in (1, 3, 5))
    assert red > max(green, blue) + 60
    page.get_by_role("button", name=f"In this colour: {offered[0]}").click()
    expect(chips(page)).to_have_count(2)
    expect(chips(page).nth(1)).to_contain_text(offered[0])
    expect(page).to_have_url(re.compile("q=colour:%23"))
    assert first_titles(page)[0].startswith("Coral")


def test_another_colour_takes_the_place_of_the_first(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front&q=colour:red")
    colours(page)
    page.get_by_label("In another colour").evaluate(PICK)
    expect(chips(page)).to_have_count(2)
    expect(chips(page).nth(1)).to_contain_text("#1f4fa0")


def test_a_colour_can_be_asked_for_alone(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label("Search by colour").evaluate(PICK)
    expect(chips(page)).to_have_count(1)
    expect(chips(page).first).to_contain_text("#1f4fa0")
    assert first_titles(page)


def test_a_colour_of_a_result_can_be_asked_for_alone(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    colours(page)
    page.locator(".card").first.click()
    row = page.get_by_role("dialog").get_by_role("group", name="Colours of this picture")
    row.get_by_role("button").first.click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(chips(page)).to_have_count(1)
    expect(chips(page).first).to_contain_text("#")


def test_colours_can_be_typed_among_words(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    box = page.get_by_role("searchbox")
    box.fill("colour:teal")
    box.press("Enter")
    expect(chips(page)).to_have_count(2)
    expect(chips(page).nth(1)).to_contain_text("teal")
    expect(box).to_have_value("")


def test_colours_typed_beside_an_id_are_asked_for_with_it(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_role("searchbox")
    box.fill('id:mug-01-front colour:"dark olive green" -colour:red')
    box.press("Enter")
    expect(chips(page)).to_have_count(3)
    expect(chips(page).nth(1)).to_contain_text("dark olive green")
    expect(page).to_have_url(
        re.compile(r"\?q=id:mug-01-front&q=colour:dark\+olive\+green&not=colour:red$")
    )
    assert first_titles(page)


def test_what_is_typed_beside_a_colour_is_asked_for_once(open_page: OpenPage) -> None:
    page = open_page("?q=concept:mugs")
    box = page.get_by_role("searchbox")
    box.fill("concept:mugs colour:red")
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"\?q=colour:red&q=concept:mugs$"))
    box.fill("https://example.org/a.jpg colour:red")
    box.press("Enter")
    expect(page.get_by_text("This server fetches no URLs")).to_be_visible()


def test_a_name_that_is_no_colour_is_refused_in_words(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_role("searchbox")
    box.fill("colour:turqoise")
    box.press("Enter")
    expect(page.locator("#notice")).to_contain_text("did you mean turquoise")


def test_the_page_of_a_phone_has_room_for_all(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front", phone=True)
    expect(page.get_by_label("Search by colour")).to_be_attached()
    expect(page.get_by_role("button", name="Search by picture")).to_be_in_viewport(ratio=1)
