"""The map: one file from file://, and the page of a server, by mouse, finger and keyboard."""

import csv
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage, Site

from visavis.image_index import ImageIndex
from visavis.pages.collection_map import write_map
from visavis.types import Fields

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect


class Mapped(NamedTuple):
    """The map of the gallery in one file."""

    folder: str
    """As the beginning of an address."""
    records: int


@pytest.fixture(scope="module")
def mapped(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapped:
    folder = tmp_path_factory.mktemp("map")
    with ImageIndex.open(index) as opened:
        made = opened.map()
    more: Fields = {"code": '=1+"2"', "change": -5}
    records = tuple(replace(one, fields={**one.fields, **more}) for one in made.records)
    write_map(folder / "map.html", replace(made, records=records), "A drawn shop", 2)
    return Mapped(f"{folder.as_uri()}/", len(made))


def opened(open_page: OpenPage, mapped: Mapped, phone: bool = False, dark: bool = False) -> "Page":
    page = open_page("map.html", url=mapped.folder, phone=phone, dark=dark)
    expect(page.locator("html")).to_have_class(re.compile("ready"), timeout=20_000)
    return page


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_file_opens_without_a_server_in_every_look(
    open_page: OpenPage, mapped: Mapped, shots: Path, phone: bool, dark: bool
) -> None:
    page = opened(open_page, mapped, phone, dark)
    expect(page.get_by_role("heading", name="A drawn shop")).to_be_visible()
    expect(page.locator("#told")).to_have_text(f"{mapped.records} pictures")
    page.wait_for_timeout(400)
    look = f"{'phone' if phone else 'desktop'}-{'dark' if dark else 'light'}"
    page.screenshot(path=shots / f"map-{look}.png")
    colours = page.evaluate(
        """() => { const map = document.getElementById("map"), seen = new Set();
          const data = map.getContext("2d").getImageData(0, 0, map.width, map.height).data;
          for (let at = 0; at < data.length; at += 404) seen.add(data.slice(at, at + 3).join());
          return seen.size; }"""
    )
    assert colours > 200  # pictures are drawn, not tiles in grey
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    check_access(page)
    page.locator("#regions-open").click()
    expect(page.get_by_role("dialog", name="Regions")).to_be_visible()
    check_access(page)
    page.screenshot(path=shots / f"map-regions-{look}.png")


def test_the_names_of_regions_are_not_cut_off_at_the_edges(
    open_page: OpenPage, mapped: Mapped
) -> None:
    page = opened(open_page, mapped, phone=True)
    drawn = page.evaluate(
        """() => { const pen = document.createElement("canvas").getContext("2d");
          const region = (x, y) => ({ name: "Casual Shoes", rows: { length: 50 }, place: [x, y] });
          const regions = [region(3, 200), region(388, 500), region(-30, 700)];
          const labels = new Labels({ count: 100, regions });
          const toScreen = (x, y) => [x, y], size = { width: 390, height: 844 };
          const camera = { scale: 500, fit: 500, toScreen, ...size };
          labels.draw(pen, camera, { card: "#fff", ink: "#000" }, []);
          return labels.drawn.map(({ left, width }) => [left, left + width]); }"""
    )
    assert len(drawn) == 3
    assert drawn[0][0] == 6
    assert drawn[1][1] == 390 - 6
    assert drawn[2][0] < 0  # what is out of view is named there


def test_a_line_around_pictures_selects_them_and_saves_their_ids(
    open_page: OpenPage, mapped: Mapped, tmp_path: Path, shots: Path
) -> None:
    page = opened(open_page, mapped)
    page.get_by_role("button", name="Select").first.click()
    page.mouse.move(300, 90)
    page.mouse.down()
    for corner in ((1250, 90), (1250, 840), (300, 840), (300, 95)):
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("heading", name=re.compile(r"\d+ pictures selected"))).to_be_visible()
    page.screenshot(path=shots / "map-selected.png")
    with page.expect_download() as download:
        panel.get_by_role("button", name="Save as CSV").click()
    download.value.save_as(tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    told = int(re.findall(r"\d+", panel.get_by_role("heading").first.inner_text())[0])
    assert len(rows) == told > 40
    assert {"id", "projection_x", "projection_y", "category"} <= rows[0].keys()
    assert any(row["title"].startswith("<img src=x") for row in rows)
    assert (rows[0]["code"], rows[0]["change"]) == ('\'=1+"2"', "-5")  # a spreadsheet computes none
    assert page.title() != "owned"
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_the_keyboard_is_enough(open_page: OpenPage, mapped: Mapped) -> None:
    page = opened(open_page, mapped)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("mug-01-front")
    expect(page.locator("#found-told")).to_have_text("1 picture has this id")
    page.wait_for_timeout(600)  # the map goes there
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    expect(page.locator("#panel dd").first).to_have_text("mug-01-front")
    similar = page.get_by_role("list", name="Similar pictures").get_by_role("button")
    expect(similar).to_have_count(10)
    similar.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel dd").first).not_to_have_text("mug-01-front")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#map")).to_be_focused()
    before = page.screenshot()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    page.wait_for_timeout(600)
    assert page.screenshot() != before


def test_words_are_found_without_accents_and_a_minus_leaves_out(
    open_page: OpenPage, mapped: Mapped
) -> None:
    page = opened(open_page, mapped)
    found = "(text) => new Collection(JSON.parse(byId('data').textContent)).find(text)"
    mugs = page.evaluate(found, "mug")
    assert page.evaluate(found, "MÜG") == mugs
    coral = page.evaluate(found, "mug coral")
    assert coral
    assert page.evaluate(found, "mug -coral") == [row for row in mugs if row not in coral]


def test_a_legend_lets_some_values_through(open_page: OpenPage, mapped: Mapped) -> None:
    page = opened(open_page, mapped)
    page.get_by_label("Colour by").select_option("category")
    entry = page.locator("#legend-list").get_by_role("button").first
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "true")
    count = entry.locator(".entry-count").inner_text()
    expect(page.locator("#live")).to_have_text(f"{count} pictures shown")
    page.get_by_role("button", name="Show all").click()
    expect(entry).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Colour by").select_option("price")
    expect(page.locator("#legend-list").get_by_role("button").first).to_contain_text("–")


def test_the_server_finds_by_words_and_leads_back(
    open_page: OpenPage, site: Site, shots: Path
) -> None:
    page = open_page("?seed=1")
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.locator("html")).to_have_class(re.compile("ready"), timeout=60_000)
    expect(page.locator("#told")).to_have_text(f"{site.records} pictures")
    page.get_by_role("searchbox").fill("mug")
    page.keyboard.press("Enter")
    expect(page.locator("#found-told")).to_contain_text("found")
    page.wait_for_timeout(800)
    page.screenshot(path=shots / "map-served.png")
    page.get_by_role("button", name="Select", exact=True).last.click()
    address = page.get_by_role("link", name="Open in search").get_attribute("href")
    assert address is not None
    assert "where=id%3D" in address
    page.goto(site.url + address.removeprefix("./"))
    expect(page.locator(".card").first).to_be_visible()


def test_pictures_of_a_map_that_was_made_anew_are_missed_aloud(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    why = "the map is another one by now; load the page again"
    body = json.dumps({"error": {"type": "NotFoundError", "message": why, "status": 404}})
    page.route("**/map/tiles/**", lambda route: route.fulfill(status=404, body=body))
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.locator("#toast")).to_contain_text(why, timeout=60_000)


def test_a_picture_that_is_dropped_is_found_on_the_map(
    open_page: OpenPage, site: Site, exact: Path
) -> None:
    page = open_page("map")
    expect(page.locator("html")).to_have_class(re.compile("ready"), timeout=60_000)
    handle = page.evaluate_handle(
        """(bytes) => { const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "a.jpg", { type: "image/jpeg" }));
          return data; }""",
        list(exact.read_bytes()),
    )
    page.dispatch_event("#map", "drop", {"dataTransfer": handle})
    expect(page.locator("#found-told")).to_contain_text("found", timeout=20_000)


@pytest.mark.skipif("VISAVIS_SCREENSHOTS" not in os.environ, reason="draws the README's picture")
def test_the_picture_of_the_map_is_drawn(
    open_page: OpenPage, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With VISAVIS_SCREENSHOTS=docs/images it writes docs/images/map.png."""
    from visavis.drawn.gallery import write_gallery

    folder = Path(os.environ["VISAVIS_SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    with ImageIndex.create(tmp_path / "shop.index") as made:
        made.add(write_gallery(tmp_path_factory.mktemp("large"), 280))
        write_map(tmp_path / "map.html", made.map(), "A drawn shop", 2)
    page = open_page("map.html", url=f"{tmp_path.as_uri()}/")
    expect(page.locator("html")).to_have_class(re.compile("ready"), timeout=20_000)
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / "map.png")
