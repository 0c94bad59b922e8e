"""What a visitor sees first: a random pick, at once, of few bytes, without jumps."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.conftest import HOSTILE_TITLE, OpenPage, Site

from visavis import server

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

expect = pytest.importorskip("playwright.sync_api").expect

WATCH_JUMPS = """
window.jumps = 0;
window.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.jumps += entry.value;
    window.moved.push(...entry.sources.map((one) => `${one.node?.className} ${one.currentRect.y}`));
  }
}).observe({ type: "layout-shift", buffered: true });
"""
SLOW_ANSWERS = """
const ask = window.fetch;
window.fetch = async (...of) => {
  const answer = await ask(...of);
  await new Promise((go) => setTimeout(go, 700));
  return answer;
};
"""
UI = Path(server.__file__).parent / "ui"
TOGETHER = 12
"""As many pictures as a large window shows at first; the page asks for them at once."""


def titles(page: "Page") -> list[str]:
    expect(page.locator(".card").first).to_be_visible()
    found: list[str] = page.locator(".card .title").all_text_contents()
    return found


def test_a_visitor_sees_a_random_pick_that_shuffles_and_survives_a_reload(
    open_page: OpenPage,
) -> None:
    page = open_page()
    expect(page.get_by_role("heading", name="A random pick from 87 pictures")).to_be_visible()
    first = titles(page)
    page.reload()
    assert titles(page)[:20] == first[:20]
    page.get_by_role("button", name="Shuffle").click()
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "false")
    assert titles(page)[:20] != first[:20]


def test_the_first_pictures_wait_for_no_answer_but_the_one_that_names_them(
    open_page: OpenPage, site: Site
) -> None:
    """The page, its files, one answer, the pictures; whatever else is asked is not waited for."""
    page = open_page("healthz")  # of the same server, and nothing of the page is kept yet
    unanswered: list[str] = []
    page.route("**/v1/**", lambda route: unanswered.append(route.request.url))
    page.route("**/v1/images/random*", lambda route: route.continue_(), times=1)
    page.route("**/v1/images/*/thumbnail*", lambda route: route.continue_())
    page.goto(f"{site.url}?seed=2")
    expect(page.locator(".card img.loaded").first).to_be_visible()
    assert {f"{site.url}v1/info", f"{site.url}v1/fields"} <= set(unanswered)
    page.unroute_all(behavior="ignoreErrors")


def test_all_files_of_the_page_are_asked_for_before_any_of_them_comes(
    open_page: OpenPage, site: Site
) -> None:
    """A file that only another file names would cost one more way to the server and back."""
    page = open_page("healthz")
    files = {f"{site.url}ui/{file.name}" for file in UI.iterdir() if file.suffix in (".js", ".css")}
    _held_until(page, "**/ui/*", lambda asked: asked >= files)
    page.goto(f"{site.url}?seed=2", wait_until="commit")
    expect(page.locator(".card img.loaded").first).to_be_visible()
    assert len(files) > 15


def test_the_first_pictures_are_asked_for_before_any_of_them_comes(
    open_page: OpenPage, site: Site
) -> None:
    page = open_page("healthz")
    _held_until(page, "**/thumbnail*", lambda asked: len(asked) >= TOGETHER)
    page.goto(f"{site.url}?seed=2")
    expect(page.locator(".card img.loaded").first).to_be_visible()


def _held_until(page: "Page", address: str, done: Callable[[set[str]], bool]) -> None:
    """Answers nothing at these addresses until all that was asked for will do."""
    asked: set[str] = set()
    held: list[Route] = []

    def hold(route: "Route") -> None:
        asked.add(route.request.url)
        held.append(route)
        while done(asked) and held:
            held.pop().continue_()

    page.route(address, hold)


def test_the_page_weighs_less_than_60_kb_before_pictures(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    expect(page.locator(".card img.loaded").first).to_be_visible()
    sizes = page.evaluate(
        """() => {
          const all = performance.getEntriesByType("resource");
          const isPicture = (entry) => entry.name.includes("/v1/images/");
          const there = Math.min(...all.filter(isPicture).map((entry) => entry.responseEnd));
          return [...performance.getEntriesByType("navigation"), ...all]
            .filter((entry) => !isPicture(entry) && entry.startTime < there)
            .map((entry) => [entry.name, entry.transferSize]);
        }"""
    )
    assert len(sizes) > 5
    assert sum(size for _, size in sizes) < 60_000, sizes


@pytest.mark.parametrize("slow", [False, True])
def test_nothing_jumps_while_pictures_load_and_more_pages_come(
    open_page: OpenPage, site: Site, slow: bool
) -> None:
    """Where answers are slow, a visitor is at the end of what is there before more comes."""
    page = open_page()
    page.add_init_script(WATCH_JUMPS)
    if slow:
        page.add_init_script(SLOW_ANSWERS)
    page.goto(f"{site.url}?q=id:mug-01-front")
    expect(page.locator(".card img.loaded").first).to_be_visible()
    page.wait_for_timeout(300)
    for _ in range(4):
        page.mouse.wheel(0, 9000 if slow else 900)
        page.wait_for_timeout(120)
        expect(page.locator("#grid")).to_have_attribute("aria-busy", "false")  # none at the end yet
    assert page.evaluate("jumps") < 0.02, page.evaluate("moved")


def test_scrolling_brings_every_picture_once(open_page: OpenPage) -> None:
    page = open_page("?q=id:mug-01-front")
    expect(page.locator(".card")).to_have_count(48)
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.locator(".card")).to_have_count(87)
    expect(page.get_by_text("That is all.")).to_be_visible()
    links = page.locator(".card").evaluate_all("cards => cards.map((card) => card.href)")
    assert len(set(links)) == 87


def test_pictures_keep_their_shape_in_the_rows(open_page: OpenPage) -> None:
    page = open_page("?seed=1&where=category%3D%22odd%2C+really%22")
    expect(page.locator(".card")).to_have_count(3)
    shapes = dict(
        page.locator(".card").evaluate_all(
            """cards => cards.map((card) => {
              const area = card.querySelector(".tile").getBoundingClientRect();
              return [card.querySelector(".title").textContent, area.width / area.height];
            })"""
        )
    )
    assert shapes["Wide panorama"] == pytest.approx(2.4, rel=0.02)
    assert shapes["Tall tower"] == pytest.approx(0.7, rel=0.02)
    assert shapes[HOSTILE_TITLE] == pytest.approx(1, rel=0.02)


def test_html_in_titles_and_addresses_stays_text(open_page: OpenPage) -> None:
    page = open_page("?q=id:odd/script")
    expect(page.locator(".card .title").first).to_have_text(HOSTILE_TITLE)
    page.locator(".card").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(HOSTILE_TITLE)
    page.keyboard.press("Escape")
    page.get_by_role("searchbox", name="Search by words or id").fill(f"id:{HOSTILE_TITLE}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(HOSTILE_TITLE)
    assert page.title() != "owned"
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_look_fits_its_window(
    open_page: OpenPage, shots: Path, phone: bool, dark: bool
) -> None:
    page = open_page("?seed=1", phone=phone, dark=dark)
    look = f"{'phone' if phone else 'desktop'}-{'dark' if dark else 'light'}"
    expect(page.locator(".card img.loaded").nth(1)).to_be_visible()
    _fits(page)
    page.screenshot(path=shots / f"home-{look}.png")
    page.goto(page.url.split("?")[0] + "?q=id:mug-01-front&not=id:vase-01-front&min=0.5")
    expect(page.locator(".card img.loaded").nth(1)).to_be_visible()
    expect(page.locator("#fold img" if phone else ".frame img.loaded").first).to_be_visible()
    _fits(page)
    page.screenshot(path=shots / f"query-{look}.png")
    page.locator(".card").nth(1).click()
    expect(page.get_by_role("dialog").locator("img.loaded")).to_be_visible()
    page.wait_for_timeout(250)
    page.screenshot(path=shots / f"details-{look}.png")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light == "rgb(20, 20, 22)") == dark


def _fits(page: "Page") -> None:
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window


def test_the_theme_button_turns_light_to_dark_and_is_remembered(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Switch between light and dark").click()
    dark = page.evaluate(colour)
    assert dark != light
    page.reload()
    assert page.evaluate(colour) == dark


def test_motion_is_left_out_for_those_who_asked(open_page: OpenPage) -> None:
    page = open_page("?seed=1")
    page.emulate_media(reduced_motion="reduce")
    time = "getComputedStyle(document.querySelector('.card img')).transitionDuration"
    expect(page.locator(".card").first).to_be_visible()
    assert set(re.findall(r"[\d.]+", page.evaluate(time))) == {"0"}


@pytest.mark.skipif("VISAVIS_SCREENSHOTS" not in os.environ, reason="draws the README's picture")
def test_the_picture_of_the_readme_is_drawn(open_page: OpenPage, photo: Path) -> None:
    """With VISAVIS_SCREENSHOTS=docs/images it writes docs/images/page.png."""
    folder = Path(os.environ["VISAVIS_SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page("?seed=1")
    page.locator("#file").set_input_files(photo)
    frame = page.locator(".frame")
    expect(frame.locator("img.loaded")).to_be_visible()
    area = frame.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.2, area["y"] + area["height"] * 0.24)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.92, area["y"] + area["height"] * 0.9, steps=4)
    page.mouse.up()
    page.mouse.move(640, 20)
    expect(page).to_have_url(re.compile(r"\[|%5B"))
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "false", timeout=30_000)
    expect(page.locator(".card img.loaded").nth(6)).to_be_visible()
    expect(page.locator("#colours button").first).to_be_visible()
    page.wait_for_timeout(500)
    page.screenshot(path=folder / "page.png")
