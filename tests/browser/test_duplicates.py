"""Duplicates are looked at, compared and decided on, with the keyboard alone."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from PIL import Image
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage, Site, serving

from visavis.image_index import ImageIndex
from visavis.server.edge.keys import new_key

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

NAMES = ("mug-01-front", "vase-01-front", "lamp-01-front", "sneaker-01-front", "teapot-01-front")
DAY = 86_400


class Doubled(NamedTuple):
    """A server over pictures that are there twice, and keys for it."""

    url: str
    place: Path
    owner: str
    visitor: str


def draw_copies(pictures: Path, folder: Path) -> None:
    """Four pictures of the gallery with copies, and two that are there once."""
    (folder / "phone").mkdir(parents=True)
    (folder / "old").mkdir()
    names = [name for name in NAMES if (pictures / f"{name}.jpg").exists()]
    for at, name in enumerate(names):
        path = folder / f"{name}.jpg"
        with Image.open(pictures / f"{name}.jpg") as picture:
            picture.resize((960, 960), Image.Resampling.LANCZOS).save(path, quality=93)
        os.utime(path, (1_600_000_000 + at * DAY, 1_600_000_000 + at * DAY))
    with Image.open(folder / f"{names[0]}.jpg") as picture:
        picture.resize((480, 480)).save(folder / "phone" / "IMG_2041.jpg", quality=70)
        picture.save(folder / "old" / "mug scan.png")
        picture.convert("L").save(folder / "old" / "mug grey.jpg", quality=88)
    with Image.open(folder / f"{names[1]}.jpg") as picture:
        picture.save(folder / "phone" / "IMG_2042.jpg", quality=35)
    with Image.open(folder / f"{names[2]}.jpg") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "old" / "mirrored.jpg")
    shutil.copy(folder / f"{names[3]}.jpg", folder / "phone" / "IMG_2044.jpg")


@pytest.fixture(scope="module")
def copies(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pictures/ and pictures.index."""
    place = tmp_path_factory.mktemp("doubled")
    draw_copies(site.pictures, place / "pictures")
    with ImageIndex.create(place / "pictures.index") as index:
        index.add(place / "pictures")
    return place


@pytest.fixture(scope="module")
def looked(copies: Path) -> Iterator[str]:
    """A server that takes no decisions."""
    with serving(copies / "pictures.index") as url:
        yield url


@pytest.fixture(scope="module")
def shared(copies: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doubled]:
    """A server that would take decisions, and gets none."""
    index, keys = copies / "pictures.index", tmp_path_factory.mktemp("keys") / "keys"
    owner, visitor = new_key(keys, "owner", ("read", "write")), new_key(keys, "visitor", ("read",))
    with serving(index, "--api-key-file", str(keys), "--public") as url:
        yield Doubled(url, index, owner, visitor)


@pytest.fixture
def doubled(copies: Path, tmp_path: Path) -> Iterator[Doubled]:
    own = Path(shutil.copytree(copies / "pictures.index", tmp_path / "own.index"))
    keys = tmp_path / "keys"
    owner = new_key(keys, "owner", ("read", "write"))
    visitor = new_key(keys, "visitor", ("read",))
    with serving(own, "--api-key-file", str(keys), "--public") as url:
        yield Doubled(url, own, owner, visitor)


def ready(page: "Page", groups: int = 4) -> None:
    """Wait until the scan is over and the first pictures are there."""
    title = page.locator("#group-title")
    expect(title).to_contain_text(f"of {groups} group", timeout=30_000)
    expect(page.locator("#scan")).to_be_hidden(timeout=30_000)
    expect(page.locator(".pane img.loaded").nth(1)).to_be_visible()


def sign_in(page: "Page", key: str) -> None:
    page.get_by_role("button", name="Decide with a key").click()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_look_fits_its_window(
    open_page: OpenPage, shared: Doubled, shots: Path, phone: bool, dark: bool
) -> None:
    page = open_page("duplicates", url=shared.url, phone=phone, dark=dark)
    ready(page)
    name = f"{'phone' if phone else 'desktop'}-{'dark' if dark else 'light'}"
    page.wait_for_timeout(300)
    page.screenshot(path=shots / f"duplicates-look-{name}.png", full_page=phone)
    check_access(page)
    sign_in(page, shared.owner)
    expect(page.get_by_role("button", name="Left is better")).to_be_visible()
    page.locator("#plan summary").click()
    expect(page.locator("#plan-body [role=status]")).to_contain_text("may go")
    page.wait_for_timeout(300)
    page.screenshot(path=shots / f"duplicates-{name}.png", full_page=phone)
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    check_access(page)
    for key, look in (("d", "difference"), ("l", "slider"), (" ", "flip")):
        page.locator("#work").focus()
        page.keyboard.press(key)
        expect(page.locator("#pair")).to_have_attribute("data-look", look)
        expect(page.locator(".over img.loaded").nth(1)).to_be_attached()
        page.wait_for_timeout(400)
        page.screenshot(path=shots / f"duplicates-{look}-{name}.png")


@pytest.mark.skipif("VISAVIS_SCREENSHOTS" not in os.environ, reason="draws a picture of the docs")
def test_the_picture_of_the_how_to_is_drawn(open_page: OpenPage, shared: Doubled) -> None:
    """With VISAVIS_SCREENSHOTS=docs/images it writes docs/images/duplicates.png."""
    page = open_page("duplicates", url=shared.url)
    ready(page)
    sign_in(page, shared.owner)
    page.get_by_role("button", name="IMG_2041.jpg").click()
    expect(page.locator("#facts")).to_contain_text("480 × 480")
    expect(page.locator(".strip img.loaded").nth(3)).to_be_visible()
    page.wait_for_timeout(500)
    page.screenshot(path=Path(os.environ["VISAVIS_SCREENSHOTS"]) / "duplicates.png")


def names(page: "Page") -> list[str]:
    return page.locator("figcaption bdi").all_text_contents()


def test_groups_are_worked_through_with_keys_and_taken_back(
    open_page: OpenPage, doubled: Doubled
) -> None:
    page = open_page("duplicates", url=doubled.url)
    ready(page)
    sign_in(page, doubled.owner)
    left = page.locator("#decided-told")
    expect(left).to_have_text("3 left to decide")
    expect(page.get_by_role("button", name="Left is better")).to_be_enabled()
    first = names(page)
    page.keyboard.press("2")  # the right one is better, and is compared with the next
    expect(page.locator("#left-name")).to_contain_text("best so far")
    expect(page.locator("#left-name bdi")).to_have_text(first[1])
    second = names(page)[1]
    page.keyboard.press("a")
    expect(page.locator("#right-name bdi")).not_to_have_text(second)
    page.keyboard.press("s")
    expect(left).to_have_text("2 left to decide")
    expect(page.locator("#group-title")).not_to_contain_text("1 of 4")
    page.keyboard.press("n")
    expect(left).to_have_text("1 left to decide")
    with ImageIndex.open(doubled.place) as index:
        made = [decision.verdict for decision in index.duplicates.decisions().made]
    assert made == ["better", "alternate", "same", "not-related"]
    page.keyboard.press("u")
    expect(left).to_have_text("2 left to decide")
    page.keyboard.press("u")
    expect(left).to_have_text("3 left to decide")
    expect(page.locator("#group-title")).to_contain_text("1 of 4")
    with ImageIndex.open(doubled.place) as index:
        made = [decision.verdict for decision in index.duplicates.decisions().made]
    assert made == ["better", "alternate"]


def test_arrows_step_from_group_to_group_and_a_link_leads_back(
    open_page: OpenPage, looked: str
) -> None:
    page = open_page("duplicates", url=looked)
    ready(page)
    expect(page.get_by_role("button", name="Previous group")).to_be_disabled()
    for number in (2, 3, 4):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#group-title")).to_contain_text(f"{number} of 4 groups")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    expect(page.locator("#group-title")).to_contain_text("3 of 4 groups")
    shown = names(page)
    page.reload()
    expect(page.locator("#group-title")).to_contain_text("3 of 4 groups")
    assert names(page) == shown
    page.get_by_label("How alike").select_option("exact")
    expect(page.locator("#group-title")).to_contain_text("1 of ")
    expect(page).to_have_url(re.compile("relation=exact"))


def test_facts_are_compared_and_the_better_ones_marked(open_page: OpenPage, looked: str) -> None:
    page = open_page("duplicates", url=looked)
    ready(page)
    page.get_by_role("button", name="IMG_2041.jpg").click()
    row = page.locator("#facts tr")
    expect(row.filter(has_text="Pixels")).to_contain_text("960 × 960, more")
    expect(row.filter(has_text="Pixels")).to_contain_text("480 × 480")
    expect(row.filter(has_text="Quality")).to_contain_text("93 of 10070 of 100")
    page.get_by_role("button", name="mug scan.png").click()
    expect(row.filter(has_text="Format")).to_contain_text("PNG, lossless, better")
    expect(page.locator("#what")).to_contain_text("The same pixels, saved in two ways")


def test_without_a_key_one_looks_and_is_told_so(open_page: OpenPage, looked: str) -> None:
    page = open_page("duplicates", url=looked)
    ready(page)
    told = page.locator("#look-only")
    expect(told).to_contain_text("You are looking only")
    expect(told).to_contain_text("--api-key-file")
    page.keyboard.press("1")
    expect(page.locator("#live")).to_contain_text("You are looking only")
    for name in ("Left is better", "Decide with a key", "Undo", "Download the plan"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.locator("#plan summary").click()
    expect(page.locator("#plan pre").first).to_contain_text("--keep best-quality,oldest")
    expect(page.get_by_role("button", name=re.compile("may go"))).to_have_count(3)


def test_the_plan_that_is_downloaded_is_the_one_that_applies(
    open_page: OpenPage, shared: Doubled, tmp_path: Path
) -> None:
    page = open_page("duplicates", url=shared.url)
    ready(page)
    sign_in(page, shared.owner)
    page.locator("#plan summary").click()
    page.get_by_label("Then", exact=True).select_option("newest")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the plan").click()
    saved.value.save_as(tmp_path / "plan.json")
    expect(page.locator("#plan pre").first).to_contain_text(
        f"--index {shared.place} --apply plan.json"
    )
    assert '"best-quality",\n  "newest"' in (tmp_path / "plan.json").read_text()


def test_two_who_decide_at_once_are_told(open_page: OpenPage, doubled: Doubled) -> None:
    pages = [open_page("duplicates", url=doubled.url) for _ in range(2)]
    for page in pages:
        ready(page)
        sign_in(page, doubled.owner)
        expect(page.get_by_role("button", name="Left is better")).to_be_enabled()
    pages[0].keyboard.press("s")
    expect(pages[0].locator("#live")).to_contain_text("Kept.")
    pages[1].keyboard.press("a")
    expect(pages[1].get_by_role("alert")).to_contain_text("Somebody was quicker")


def test_pictures_lie_over_one_another_where_they_fit(open_page: OpenPage, looked: str) -> None:
    page = open_page("duplicates", url=looked)
    ready(page)
    for _ in range(4):
        if "mirrored.jpg" in names(page):
            break
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(400)
    page.keyboard.press("d")
    expect(page.locator("#over-told")).to_contain_text("mirrored")
    matrix = page.locator(".layer .picture").evaluate("one => getComputedStyle(one).transform")
    assert float(matrix.removeprefix("matrix(").split(",")[0]) == pytest.approx(-1, abs=0.01)
    page.keyboard.press(" ")
    expect(page.locator(".tag-side")).to_have_text("Left")
    page.keyboard.press(" ")
    expect(page.locator(".tag-side")).to_have_text("Right")
    page.keyboard.press("b")
    expect(page.locator("#over")).to_be_hidden()


def test_where_there_is_nothing_twice_the_page_says_so(
    open_page: OpenPage, copies: Path, tmp_path: Path, shots: Path
) -> None:
    with ImageIndex.create(tmp_path / "one.index", "classic") as index:
        index.add(copies / "pictures" / "mug-01-front.jpg")
    with serving(tmp_path / "one.index") as url:
        page = open_page("duplicates", url=url)
        expect(page.get_by_role("heading", name="No duplicates")).to_be_visible()
        expect(page.get_by_text("There is one picture here")).to_be_visible()
        check_access(page)
        page.screenshot(path=shots / "duplicates-none.png")


def test_the_search_page_leads_there_and_back(open_page: OpenPage, site: Site) -> None:
    page = open_page("?seed=1")
    page.get_by_role("link", name="Find duplicates").click()
    expect(page).to_have_url(re.compile("duplicates"))
    expect(page.get_by_role("heading", name="Duplicates", exact=True)).to_be_visible()
    page.get_by_role("link", name="visavis, search").click()
    expect(page.locator("#words")).to_be_visible()


def test_large_letters_and_calm_windows(open_page: OpenPage, looked: str, shots: Path) -> None:
    """A window of 1280 at 200 % is one of 640 by 430; and nothing moves for those who asked."""
    page = open_page("duplicates", url=looked)
    page.set_viewport_size({"width": 640, "height": 430})
    page.emulate_media(reduced_motion="reduce")
    ready(page)
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    page.screenshot(path=shots / "duplicates-200.png")
    time = "getComputedStyle(document.querySelector('.pane img')).transitionDuration"
    assert set(re.findall(r"[\d.]+", page.evaluate(time))) == {"0"}
    check_access(page)
