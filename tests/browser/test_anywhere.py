"""The switch that looks for a picture in parts of others, and the frame around what was found."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pictures import part, scene
from PIL import Image
from tests.browser.conftest import OpenPage, serving

from visavis.image_index import ImageIndex

expect = pytest.importorskip("playwright.sync_api").expect

BOX = (0.5, 0.1, 0.9, 0.5)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of eight scenes with their parts."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(8):
        Image.fromarray(scene(seed)).save(folder / f"{seed}.png")
    place = tmp_path_factory.mktemp("index")
    with ImageIndex.create(place, jobs=2) as index:
        index.aspects.begin("parts")
        index.add(folder)
    with serving(place) as url:
        yield url


def test_a_crop_is_framed_in_the_picture_that_it_was_cut_out_of(
    open_page: OpenPage, scenes: str, tmp_path: Path, shots: Path
) -> None:
    crop = tmp_path / "crop.png"
    Image.fromarray(part(scene(5), BOX)).save(crop)
    page = open_page("?seed=1", url=scenes)
    switch = page.locator("#anywhere")
    expect(switch).to_be_hidden()
    page.locator("#file").set_input_files(crop)
    expect(switch).to_be_visible()
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    card = page.locator(".card").first
    frame = card.locator(".found")
    expect(frame).to_be_visible(timeout=60_000)
    expect(card.locator(".title")).to_contain_text("5")
    tile, found = card.locator(".tile").bounding_box(), frame.bounding_box()
    assert tile is not None
    assert found is not None
    assert (found["x"] - tile["x"]) / tile["width"] == pytest.approx(BOX[0], abs=0.04)
    assert (found["y"] - tile["y"]) / tile["height"] == pytest.approx(BOX[1], abs=0.04)
    assert found["width"] / tile["width"] == pytest.approx(BOX[2] - BOX[0], abs=0.05)
    page.screenshot(path=shots / "anywhere.png")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    assert "anywhere" not in page.url


def test_looking_at_a_result_of_a_collage_outlines_its_part(
    open_page: OpenPage, scenes: str, tmp_path: Path, shots: Path
) -> None:
    collage = tmp_path / "collage.png"
    rows = [np.hstack([scene(1), scene(2)]), np.hstack([scene(3), scene(4)])]
    Image.fromarray(np.vstack(rows)).save(collage)
    page = open_page("?seed=1", url=scenes)
    page.locator("#file").set_input_files(collage)
    expect(page.locator("#anywhere")).to_be_visible()
    settled = page.locator('#grid[aria-busy="false"]')
    expect(settled).to_be_visible()  # then a click begins the next question at once
    page.locator("#anywhere").click()
    expect(settled).to_be_visible(timeout=60_000)
    card = page.locator(".card", has_text="4").first
    expect(card.locator(".relation")).to_have_text("same picture, edited")
    outline = page.locator("#stage .within")
    card.hover()
    expect(outline).to_be_visible()
    stage, found = page.locator("#stage .frame").bounding_box(), outline.bounding_box()
    assert stage is not None
    assert found is not None
    assert (found["x"] - stage["x"]) / stage["width"] == pytest.approx(0.5, abs=0.05)
    assert (found["y"] - stage["y"]) / stage["height"] == pytest.approx(0.5, abs=0.05)
    page.screenshot(path=shots / "collage.png")
    page.mouse.move(2, 2)
    expect(outline).to_have_count(0)
    card.focus()
    expect(outline).to_be_visible()
