"""Several results at once: their ids, their files, a table of them."""

import csv
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.conftest import HOSTILE_TITLE, OpenPage, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect


def begun(page: "Page") -> Any:
    expect(page.locator(".card").first).to_be_visible()
    page.get_by_role("button", name="Select", exact=True).click()
    bar = page.get_by_role("region", name="Selected pictures")
    expect(bar).to_contain_text("0 pictures selected")
    return bar


def test_a_click_a_range_and_all_are_selected_and_nothing_opens(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    bar = begun(page)
    expect(bar.get_by_role("button", name="Download")).to_be_disabled()
    page.locator(".card").nth(1).click()
    page.get_by_role("checkbox", name="Select Coral mug").first.check()
    expect(bar).to_contain_text("2 pictures selected")
    page.locator(".card").nth(4).click(modifiers=["Shift"])
    expect(bar).to_contain_text("5 pictures selected")
    page.locator(".card").nth(2).click()
    expect(bar).to_contain_text("4 pictures selected")
    expect(page.get_by_role("dialog")).to_be_hidden()
    bar.get_by_role("button", name="Select all").click()
    expect(bar).to_contain_text("48 pictures selected")
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.locator(".card")).to_have_count(87)
    expect(page.locator(".pick")).to_have_count(87)
    bar.get_by_role("button", name="Done").click()
    expect(bar).to_be_hidden()
    page.locator(".card").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_ids_are_copied(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front&where=category=mug")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bar = begun(page)
    bar.get_by_role("button", name="Select all").click()
    bar.get_by_role("button", name="Copy ids").click()
    expect(bar).to_contain_text("8 ids copied")
    ids = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert ids[0] == "mug-01-front"
    assert len({*ids}) == 8


def test_a_table_has_the_catalogues_columns_and_is_never_computed(
    open_page: OpenPage, site: Site
) -> None:
    page = open_page("?q=id:odd/script")
    page.route(
        "**/v1/search",
        lambda route: route.fulfill(
            json={**(answer := route.fetch().json())}
            | {"results": [{**answer["results"][0], "fields": {"title": '=1+"2"', "price": -5}}]}
        ),
    )
    page.goto(f"{site.url}?q=id:odd/script&where=category~odd")
    bar = begun(page)
    page.locator(".card").first.click()
    with page.expect_download() as saved:
        bar.get_by_role("button", name="Export CSV").click()
    assert saved.value.suggested_filename == "pictures.csv"
    with Path(saved.value.path()).open(encoding="utf-8-sig", newline="") as file:
        head, row = csv.reader(file)
    assert head == ["id", "score", "title", "price", "file"]
    assert row[:4] == ["odd/script", "1", '\'=1+"2"', "-5"]
    assert row[4].startswith(f"{site.url}v1/images/odd%2Fscript")
    assert HOSTILE_TITLE not in row


def test_one_file_comes_as_it_is_and_several_in_an_archive(open_page: OpenPage, site: Site) -> None:
    page = open_page("?q=id:mug-01-front")
    bar = begun(page)
    page.locator(".card").first.click()
    with page.expect_download() as saved:
        bar.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == "mug-01-front.jpg"
    one = (site.pictures / "mug-01-front.jpg").read_bytes()
    assert Path(saved.value.path()).read_bytes() == one
    page.locator(".card").nth(1).click()
    with page.expect_download() as saved:
        bar.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == 2
        assert archive.read("mug-01-front.jpg") == one


def test_on_a_phone_the_bar_fits(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front", phone=True)
    bar = begun(page)
    page.locator(".card").first.tap()
    expect(bar).to_contain_text(re.compile("1 picture selected"))
    for name in ("Export CSV", "Done"):
        expect(bar.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
