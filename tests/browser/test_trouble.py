"""When something goes wrong: what it was, and what to do."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.conftest import OpenPage, Site, serving, wait_until

from visavis.server.edge.keys import new_key

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api").expect


def test_an_unknown_id_offers_a_random_picture(open_page: OpenPage) -> None:
    page = open_page("?q=id:no such thing")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("There is no such picture")
    expect(notice).to_contain_text("no such thing")
    notice.get_by_role("button", name="Show a random picture").click()
    expect(page.locator(".card .relation").first).to_have_text("same picture")
    expect(notice).to_be_hidden()


def test_on_a_phone_the_way_out_of_an_unknown_id_is_in_sight(open_page: OpenPage) -> None:
    page = open_page("?q=id:no such thing", phone=True)
    for name in ("Show a random picture", "Start over"):
        button = page.get_by_role("alert").get_by_role("button", name=name)
        expect(button).to_be_in_viewport(ratio=1)
    expect(page.locator(".frame")).to_be_hidden()
    page.get_by_role("button", name="Show a random picture").click()
    expect(page.locator("#fold img")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("notes.txt", b"only words", "“notes.txt” is no picture"),
        ("empty.jpg", b"", "“empty.jpg” is empty"),
    ],
)
def test_a_file_that_is_no_picture_leaves_the_results_alone(
    open_page: OpenPage, tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    page = open_page("?q=id:mug-01-front")
    card = page.locator(".card").first
    expect(card).to_be_visible()
    before = card.bounding_box()
    (tmp_path / name).write_bytes(data)
    page.locator("#file").set_input_files(tmp_path / name)
    expect(page.get_by_role("alert")).to_contain_text(says)
    assert card.bounding_box() == before  # nothing jumps
    page.get_by_role("button", name="OK", exact=True).click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_picture_that_no_one_can_read_is_refused_in_words_and_the_results_stay(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """In one manner, whether the page or the server sees what is wrong."""
    page = open_page("?seed=1")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing of the kind")
    page.locator("#file").set_input_files(tmp_path / "broken.jpg")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This cannot be searched")
    expect(page.get_by_role("heading", name="A random pick")).to_be_visible()
    alert.get_by_role("button", name="OK", exact=True).click()
    expect(alert).to_be_hidden()


def cut_off(page: "Page") -> None:
    """Take the line away; not while the worker's script comes, as Chromium notes if that fails."""
    wait_until(
        page,
        """async () => {
          const found = await navigator.serviceWorker.getRegistration("ui/later/");
          return Boolean(found && (found.installing ?? found.waiting ?? found.active));
        }""",
    )
    page.context.set_offline(True)


def test_a_server_that_is_gone_is_told_and_tried_again(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    expect(page.locator(".card").first).to_be_visible()
    cut_off(page)
    page.get_by_role("button", name="Shuffle").click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("The server cannot be reached")
    notice.get_by_role("button", name="Try again").click()
    expect(notice).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)  # the line is back, of which the browser tells the page
    expect(page.locator(".card").first).to_be_visible()
    expect(notice).to_be_hidden()


def test_the_same_words_can_be_asked_again_after_they_failed(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    expect(page.locator(".card").first).to_be_visible()
    page.route("**/v1/search", lambda route: route.abort())
    box = page.get_by_role("searchbox")
    box.fill("mug")
    box.press("Enter")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("The server cannot be reached")
    page.unroute("**/v1/search")
    box.press("Enter")
    expect(page.locator(".card :is(.relation, .score, .why)").first).to_be_visible()
    expect(notice).to_be_hidden()


def test_without_javascript_the_page_says_so_and_shows_no_tools(
    browser: "Browser", site: Site
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url)
    expect(page.locator(".noscript")).to_be_in_viewport()
    expect(page.get_by_text("Loading")).to_be_hidden()
    expect(page.get_by_role("button")).to_have_count(0)
    context.close()


def test_more_pages_that_fail_can_be_asked_for_again(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    expect(page.locator(".card")).to_have_count(48)
    cut_off(page)
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.get_by_text("More pictures could not be loaded.")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".card")).to_have_count(87)


def test_a_busy_server_asks_for_patience(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    expect(page.locator(".card").first).to_be_visible()
    page.route(
        "**/v1/search", lambda route: route.fulfill(status=503, headers={"Retry-After": "7"})
    )
    page.evaluate("document.querySelector('.quick').click()")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("The server is busy")
    expect(notice).to_contain_text("in 7 seconds")
    page.unroute("**/v1/search")
    notice.get_by_role("button", name="Try again").click()
    expect(page.locator(".card :is(.relation, .score)").first).to_be_visible()


def test_a_key_is_asked_for_kept_for_the_tab_and_shows_the_pictures_too(
    open_page: OpenPage, index: Path, tmp_path: Path
) -> None:
    key = new_key(tmp_path / "keys", "person", ("read",))
    with serving(index, "--api-key-file", str(tmp_path / "keys")) as url:
        page = open_page("?q=id:mug-01-front", url=url)
        _give_key(page, "wrong-key")
        expect(page.get_by_role("alert")).to_contain_text("did not take that key")
        _give_key(page, key)
        expect(page.locator(".card img.loaded").first).to_be_visible()
        assert page.locator(".card img").first.get_attribute("src", timeout=2000) != ""
        page.reload()
        expect(page.locator(".frame img.loaded")).to_be_visible()
        page.locator(".card").first.click()
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Open the file").click()
        expect(opened.value).to_have_url(re.compile("^blob:"))
        other = open_page("?seed=1", url=url)
        expect(other.get_by_role("dialog", name="This server asks for a key")).to_be_visible()
        other.get_by_role("button", name="Cancel").click()
        expect(other.get_by_role("alert")).to_contain_text("A key is needed")
        other.get_by_role("button", name="Enter the key").click()
        _give_key(other, key)
        expect(other.locator(".card img.loaded").first).to_be_visible()


def _give_key(page: "Page", key: str) -> None:
    dialog = page.get_by_role("dialog", name="This server asks for a key")
    dialog.get_by_label("API key").fill(key)
    dialog.get_by_role("button", name="Use this key").click()


def test_the_page_speaks_to_its_server_below_a_prefix(
    open_page: OpenPage, site: Site, index: Path
) -> None:
    """As behind a proxy that strips /shop: every address of the page is one below /shop."""
    with serving(index, "--root-path", "/shop") as url:
        page = open_page("?seed=1", url=url)
        page.route(
            re.compile("/shop/"),
            lambda route: route.continue_(url=route.request.url.replace("/shop/", "/")),
        )
        page.goto(f"{url}shop/?seed=1")
        expect(page.locator(".card img.loaded").first).to_be_visible()
