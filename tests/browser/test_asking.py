"""Ways to ask: files, paste, drop, camera, ids, words, several at once, a part of a picture."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.browser.conftest import OpenPage, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

GIVE = """([type, name, data, target]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const place = target ? document.querySelector(target) : document.body;
  const options = { bubbles: true, cancelable: true };
  if (type === "paste") {
    place.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: given }));
  } else place.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: given }));
}"""


def give(page: "Page", kind: str, file: Path, target: str = "") -> None:
    data = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(GIVE, [kind, file.name, data, target])


def first_titles(page: "Page", count: int = 1) -> list[str]:
    expect(page.locator(".card :is(.relation, .score)").first).to_be_visible()
    found: list[str] = page.locator(".card .title").all_text_contents()[:count]
    return found


def chips(page: "Page") -> Any:
    return page.get_by_role("list", name="What the results are like, or less like").locator("li")


def relations(page: "Page") -> list[str]:
    """What each picture is to the query, in words."""
    expect(page.locator(".card .relation").first).to_be_visible()
    return page.locator(".card .relation").all_text_contents()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_choosing_a_file_finds_what_looks_like_it(
    open_page: OpenPage, photo: Path, phone: bool
) -> None:
    page = open_page(phone=phone)
    expect(page.locator(".card").first).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(photo)
    assert first_titles(page) == ["Coral mug"]
    expect(page.get_by_role("heading", name="87 pictures, most alike first")).to_be_visible()
    if phone:  # the query is one line until it is to be changed
        expect(chips(page)).to_have_count(0)
        page.get_by_role("button", name="my mug.jpg").click()
    expect(chips(page)).to_have_count(1)
    expect(chips(page).first).to_contain_text("my mug.jpg")
    found = relations(page)
    assert found[0] == "same picture, edited"
    order = ["same picture, edited", "other colours", "alike", "less alike"]
    assert found == sorted(found, key=order.index)


def test_the_very_file_of_a_record_is_found_first(open_page: OpenPage, exact: Path) -> None:
    page = open_page()
    page.locator("#file").set_input_files(exact)
    assert relations(page)[0] == "same picture"


def test_a_pasted_picture_is_searched_for(open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    expect(page.locator(".card").first).to_be_visible()
    give(page, "paste", photo)
    assert first_titles(page) == ["Coral mug"]


def test_a_picture_dropped_anywhere_is_searched_for_and_a_second_one_can_be_added(
    open_page: OpenPage, photo: Path, site: Site
) -> None:
    page = open_page()
    expect(page.locator(".card").first).to_be_visible()
    give(page, "dragenter", photo)
    expect(page.get_by_text("Search with this picture")).to_be_visible()
    expect(page.get_by_text("Add it to the query")).to_be_hidden()
    give(page, "drop", photo, ".drop-place")
    assert first_titles(page) == ["Coral mug"]
    lamp = site.pictures / "lamp-01-front.jpg"
    give(page, "dragenter", lamp)
    give(page, "drop", lamp, "#drop-add")
    expect(chips(page)).to_have_count(2)
    give(page, "dragenter", lamp)
    give(page, "drop", lamp, ".drop-place")
    expect(chips(page)).to_have_count(1)
    expect(page.locator("#drop")).to_be_hidden()


def test_a_phone_offers_its_camera_and_a_desktop_does_not(open_page: OpenPage) -> None:
    page = open_page("?seed=1", phone=True)
    expect(page.locator("#camera")).to_have_attribute("capture", "environment")
    with page.expect_file_chooser() as chooser:
        page.locator("#welcome").get_by_role("button", name="Take a photo").tap()
    assert chooser.value.element.get_attribute("id") == "camera"
    desktop = open_page("?seed=1")
    expect(desktop.get_by_role("button", name="Take a photo")).to_have_count(0)


def test_several_pictures_make_one_query_with_more_and_less_and_can_be_removed(
    open_page: OpenPage, site: Site
) -> None:
    page = open_page()
    files: Sequence[Path] = [site.pictures / f"{name}-01-front.jpg" for name in ("mug", "lamp")]
    page.locator("#file").set_input_files(files)
    expect(chips(page)).to_have_count(2)
    both = first_titles(page, 6)
    chips(page).nth(1).get_by_role("button", name="More like this").click()
    expect(page).to_have_url(re.compile("not="))
    button = chips(page).nth(1).get_by_role("button", name="Less like this")
    expect(button).to_be_visible()
    expect(button).to_be_focused()
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "false")
    less = first_titles(page, 6)
    assert less != both
    assert sum("lamp" in title for title in less) < sum("lamp" in title for title in both)
    chips(page).nth(1).get_by_role("button", name="Remove from the query").click()
    expect(chips(page)).to_have_count(1)
    assert first_titles(page) == ["Coral mug"]
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("heading", name="A random pick")).to_be_visible()


def test_an_id_is_typed_after_the_slash_key_and_ids_may_hold_slashes(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator(".card").first).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search by words or id")).to_be_focused()
    page.keyboard.type("id:odd/wide panorama/file")
    page.keyboard.press("Enter")
    assert first_titles(page) == ["Wide panorama"]
    assert relations(page)[0] == "same picture"
    expect(page.locator(".frame img.loaded")).to_be_visible()


def test_words_that_nothing_has_are_answered_with_why(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator(".card").first).to_be_visible()
    page.get_by_role("searchbox", name="Search by words or id").fill("a zeppelin")
    page.keyboard.press("Enter")
    notice = page.locator("#notice")
    expect(notice).to_contain_text("No record has 'a zeppelin' in its own text")
    expect(notice).not_to_contain_text("visavis ")  # whoever searches here runs no commands
    expect(page.locator(".card")).to_have_count(0)


def test_the_address_brings_the_same_query_and_back_brings_the_one_before(
    open_page: OpenPage,
) -> None:
    page = open_page("?q=id:mug-01-front&not=id:lamp-01-front&where=price%3C%3D100&min=0.3")
    titles = first_titles(page, 10)
    expect(chips(page)).to_have_count(2)
    expect(page.get_by_role("slider")).to_have_value("0.3")
    same = open_page(page.url.partition("/?")[2].join(["?", ""]))
    assert first_titles(same, 10) == titles
    page.locator(".card").nth(3).hover()
    page.get_by_role("button", name=re.compile("^More like ")).nth(3).click()
    expect(chips(page)).to_have_count(1)
    page.go_back()
    expect(chips(page)).to_have_count(2)
    assert first_titles(page, 10) == titles
    page.go_forward()
    expect(chips(page)).to_have_count(1)


def test_back_returns_to_where_one_had_scrolled(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    expect(page.locator(".card")).to_have_count(48)
    page.locator(".card").nth(40).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    before = page.evaluate("scrollY")
    assert before > 500
    page.evaluate("document.querySelectorAll('.quick')[40].click()")
    expect(page.locator(".card .relation").first).to_have_text("same picture")
    expect(page).not_to_have_url(re.compile("mug-01-front"))
    page.go_back()
    expect(page).to_have_url(re.compile("mug-01-front"))
    expect(page.locator(".card")).to_have_count(87)
    assert page.evaluate("scrollY") == pytest.approx(before, abs=4)


def test_a_reload_keeps_the_own_picture_and_another_browser_says_that_it_is_gone(
    open_page: OpenPage, photo: Path
) -> None:
    page = open_page()
    page.locator("#file").set_input_files(photo)
    titles = first_titles(page, 5)
    page.reload()
    assert first_titles(page, 5) == titles
    expect(chips(page).first).to_contain_text("my mug.jpg")
    other = open_page("?" + page.url.partition("?")[2])
    notice = other.get_by_role("alert")
    expect(notice).to_contain_text("This picture is not here")
    with other.expect_file_chooser() as chooser:
        notice.get_by_role("button", name="Choose the picture").click()
    chooser.value.set_files(photo)
    assert first_titles(other, 5) == titles
    expect(chips(other)).to_have_count(1)


def test_a_large_picture_is_made_smaller_before_it_is_sent(
    open_page: OpenPage, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    Image.effect_noise((2600, 1300), 60).save(large)
    page = open_page("?seed=1")
    expect(page.locator(".card").first).to_be_visible()
    with page.expect_request_finished(lambda one: one.url.endswith("/v1/search")) as sent:
        page.locator("#file").set_input_files(large)
    sent_bytes = int(sent.value.all_headers()["content-length"])
    assert large.stat().st_size > 2_000_000 > sent_bytes > 10_000
    expect(page.locator(".frame img.loaded")).to_be_visible()
    assert page.locator(".frame img").evaluate("image => image.naturalWidth") == 1600
