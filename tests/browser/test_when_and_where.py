"""Photos that know when and where: years and folders to choose from, that day, and nearby."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from tests.browser.access import check_access
from tests.browser.conftest import OpenPage, serving

from visavis.image_index import ImageIndex

expect = pytest.importorskip("playwright.sync_api").expect

DAYS = [
    *((f"2019:06:0{day} 1{hour}:30:00", day) for day in (1, 2) for hour in range(5)),
    *((f"2021:0{month}:11 09:15:00", month) for month in range(1, 8)),
]


@pytest.fixture(scope="module")
def trips(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 17 photos of two years in two folders, 69 metres apart each."""
    folder = tmp_path_factory.mktemp("trips")
    pictures = sorted((gallery / "images").glob("*.jpg"))
    for number, ((date, _), picture) in enumerate(zip(DAYS, pictures, strict=False)):
        made = Image.Exif()
        made[ExifTags.Base.Make], made[ExifTags.Base.Model] = "Canon", "Canon EOS 5D"
        made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
        seconds = 2.25 * number  # 69 m to the north
        made.get_ifd(ExifTags.IFD.GPSInfo).update(
            {1: "N", 2: (48.0, 51.0, seconds), 3: "E", 4: (2.0, 17.0, 0.0)}
        )
        place = folder / "photos" / ("Brittany" if date < "2020" else "Paris")
        place.mkdir(parents=True, exist_ok=True)
        with Image.open(picture) as opened:
            opened.convert("RGB").save(place / f"{number:02}.jpg", exif=made)
    with ImageIndex.create(folder / "an.index", "classic") as index:
        assert index.add(folder / "photos").added == len(DAYS)
    return folder / "an.index"


@pytest.fixture(scope="module")
def placed(trips: Path) -> Iterator[str]:
    with serving(trips, "--show-gps") as url:
        yield url


def test_years_and_folders_are_filters(open_page: OpenPage, placed: str, shots: Path) -> None:
    page = open_page(url=placed)
    year = page.get_by_role("checkbox", name="2019")
    year.check()
    expect(page.locator(".card")).to_have_count(10)
    expect(page.get_by_role("checkbox", name="2021")).to_be_visible()  # with what it would give
    folder = page.locator("details.field", has_text="Folder")
    expect(folder.get_by_role("checkbox", name="Brittany")).to_be_visible()
    page.screenshot(path=shots / "when-filters.png")
    year.uncheck()
    folder.get_by_role("checkbox", name="Paris").check()
    expect(page.locator(".card")).to_have_count(7)


@pytest.mark.parametrize(
    ("phone", "dark"), [(False, False), (True, False), (False, True)], ids=["desk", "phone", "dark"]
)
def test_details_show_that_day_and_nearby(
    open_page: OpenPage, placed: str, shots: Path, phone: bool, dark: bool
) -> None:
    page = open_page("?show=Brittany/03.jpg", url=placed, phone=phone, dark=dark)
    dialog = page.get_by_role("dialog")
    day = dialog.get_by_role("list", name="That day")
    expect(day.get_by_role("button")).to_have_count(4)
    expect(day.get_by_role("button").first).to_have_accessible_name("00.jpg, 10:30")
    near = dialog.get_by_role("list", name="Nearby")
    expect(near.get_by_role("button")).to_have_count(8)
    expect(near.get_by_role("button").first).to_have_accessible_name("02.jpg, 69 m")
    near.scroll_into_view_if_needed()
    expect(near.locator("img").first).to_have_js_property("complete", True)
    name = f"around-{'phone' if phone else 'dark' if dark else 'desk'}.png"
    page.screenshot(path=shots / name)
    check_access(page)
    near.get_by_role("button").first.click()
    expect(dialog.get_by_role("heading", name="02.jpg")).to_be_visible()
    page.go_back()
    expect(dialog.get_by_role("heading", name="03.jpg")).to_be_visible()
    dialog.get_by_role("button", name="That day: show all 5").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".card")).to_have_count(5)


def test_places_that_are_hidden_are_not_asked_for(open_page: OpenPage, trips: Path) -> None:
    with serving(trips) as url:
        page = open_page("?show=Brittany/03.jpg", url=url)
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("list", name="That day")).to_be_visible()
        expect(dialog.get_by_role("list", name="Nearby")).to_have_count(0)


def test_records_without_dates_and_places_have_neither(open_page: OpenPage) -> None:
    page = open_page("?show=mug-01-front")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("dl")).to_be_visible()
    expect(dialog.locator(".around")).to_have_count(0)
