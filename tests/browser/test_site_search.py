"""A static site that searches: the model in the browser, against visavis itself."""

import base64
import os
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
import pytest
from PIL import Image
from tests.browser.access import CONTRAST, SMALL, UNNAMED
from tests.browser.conftest import OpenPage, opening, wait_until
from tests.browser.test_site import LOADED, SHOWN, QuietHandler, heading, titles

from visavis.embedders.base import text_notes
from visavis.embedders.registry import load_embedder
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.embedders.words.semantic import SemanticWords
from visavis.errors import UnknownWordError
from visavis.image_index import ImageIndex
from visavis.images.pixels import to_rgb
from visavis.pages.site.building import build_site
from visavis.pages.site.entries import key_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TEXTS = (
    "dog",
    "Two red Motorbikes, on the street!",
    "a golden retriever",
    "café CAFÉS cafe\u0301",
    "buses, puppies & glasses",
    "dancing stopped hoped tried",
    "colour: navy blue t-shirt (cotton)",
    "grey",
    "turquoise or teal",
    "the photo of a sneaker",
    "dining_table dog's",
    "xyzzyplugh mug",
    "snowboardjacket",
    "Straße façade naïve",
    "wine bottle / tea-pot + lamp",
    "aeroplane schnauzer",
    " ".join(["lamp"] * 120),
)
AS_TEXT = """(data) => { let text = '';
  for (const one of data) text += String.fromCharCode(one);
  return btoa(text); }"""
KEPT = """async () => {
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name)
    .filter((name) => name.endsWith('.bin'));
  const kept = await Promise.all(loaded.map((name) => caches.match(name)));
  return loaded.some((name) => name.endsWith('vectors.bin')) && kept.every(Boolean); }"""


@pytest.fixture(scope="session")
def seen(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the gallery by the built-in model."""
    folder = tmp_path_factory.mktemp("seen") / "gallery.index"
    with ImageIndex.create(folder) as made:
        made.add(gallery / "catalogue.csv")
    return folder


@pytest.fixture(scope="session")
def folder(seen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("searching") / "site"
    with ImageIndex.open(seen) as opened:
        build_site(opened, out, title="The shop", fields=["colour"], search=True)
    return out


@pytest.fixture(scope="session")
def web(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def page(browser: "Browser", web: str) -> Iterator["Page"]:
    """One for all tests that only ask: the model is loaded once."""
    with opening(browser, web) as open:
        yield opened(open, web)


def opened(open: OpenPage, url: str) -> "Page":
    page = open("", url=url)
    page.set_default_timeout(60_000)
    page.wait_for_selector(SHOWN)
    return page


def ask(page: "Page", file: Any) -> list[str]:
    """The captions of what looks like a picture."""
    page.set_input_files("#file", file)
    page.wait_for_selector("#view:not([aria-busy]) .asked")
    return titles(page)


def as_numbers(page: "Page", script: str, given: Any) -> np.ndarray[Any, Any]:
    text = page.evaluate(f"(given) => ({AS_TEXT})({script})", given)
    return np.frombuffer(base64.b64decode(text), np.uint8)


def sent(pixels: np.ndarray[Any, Any]) -> dict[str, Any]:
    height, width = pixels.shape[:2]
    return {"width": width, "height": height, "data": base64.b64encode(pixels.tobytes()).decode()}


def test_pixels_are_resized_as_pillow_does_it(page: "Page") -> None:
    chance = np.random.default_rng(3)
    script = "resized({ ...given, data: bytesOf(given.data) }, 224)"
    sizes = [(320, 240), (240, 320), (224, 300), (300, 224), (1, 1), (3, 900), (900, 3)]
    sizes += [(216, 288), (300, 376), (300, 377), (224, 224), (700, 701), (97, 31)]
    for width, height in sizes:
        pixels = chance.integers(0, 256, (height, width, 3), np.uint8)
        made = as_numbers(page, script, sent(pixels)).reshape(224, 224, 3)
        picture = Image.fromarray(pixels)
        steps = [(224, height), (width, 224)]  # what Pillow does first, since its version 13
        first = steps[height > 224 and height - 224 > 2 * (width - 224)]
        wanted = picture.resize(first, Image.Resampling.BICUBIC)
        wanted = wanted.resize((224, 224), Image.Resampling.BICUBIC)
        assert (made == np.asarray(wanted)).all(), (width, height)
        if int(PIL.__version__.split(".")[0]) >= 13:
            whole = picture.resize((224, 224), Image.Resampling.BICUBIC)
            assert (made == np.asarray(whole)).all(), (width, height)


def test_large_pictures_are_reduced_and_grounds_chosen_as_in_visavis(page: "Page") -> None:
    chance = np.random.default_rng(4)
    pixels = chance.integers(0, 256, (101, 67, 3), np.uint8)
    for factor in (2, 3, 8):
        script = f"reduced({{ ...given, data: bytesOf(given.data) }}, {factor}).data"
        wanted = np.asarray(Image.fromarray(pixels).reduce(factor))
        made = as_numbers(page, script, sent(pixels)).reshape(wanted.shape)
        assert np.abs(made.astype(int) - wanted).max() <= 1
    for low in (0, 250):  # on white, and what white would hide on black
        rgba = chance.integers(low, 256, (40, 30, 4), np.uint8)
        rgba[..., 3] = 255 * (chance.random((40, 30)) < 0.5)
        made = as_numbers(
            page, "onGround({ ...given, data: bytesOf(given.data) }).data", sent(rgba)
        )
        wanted = np.asarray(to_rgb(Image.fromarray(rgba)))
        assert (made.reshape(wanted.shape) == wanted).all()


def test_words_are_read_as_in_visavis(page: "Page") -> None:
    model = load_embedder("visavis-s")
    assert isinstance(model, TwoSidedEmbedder)
    side = model.text_side()
    assert isinstance(side, SemanticWords)
    page.evaluate("async () => { globalThis.table = await words(); }")
    script = """(text) => { const read = table.read(text); const vector = table.vector(read);
      return [vector && [...vector], [...read.unknown], [...read.cut.keys()], read.more]; }"""
    for text in TEXTS:
        vector, unknown, cut, more = page.evaluate(script, text)
        assert np.abs(np.array(vector) - model.embed_texts([text])[0]).max() < 1e-5, text
        notes = " ".join(text_notes(model, text))
        assert all(repr(word) in notes for word in [*unknown, *cut]), text
        assert more == ("only the first" in notes), text
        assert bool(unknown or cut or more) == bool(notes), text
    for text in ("", "the of", "!!!", "xyzzyplugh"):
        assert page.evaluate(script, text)[0] is None
        with pytest.raises(UnknownWordError):
            model.embed_texts([text])


def test_pictures_find_what_visavis_finds(
    page: "Page", seen: Path, gallery: Path, tmp_path: Path, shots: Path
) -> None:
    shared, count = 0, 0
    with ImageIndex.open(seen) as index:
        for number, path in enumerate(sorted((gallery / "images").glob("*-01-front.jpg"))[:6]):
            unseen = tmp_path / f"{number}{('.png', '.jpg', '.webp')[number % 3]}"
            with Image.open(path) as picture:
                width, height = picture.size
                part = picture.crop((width // 9, height // 7, width, height))
                part.resize((part.width * (1 + number), part.height * (1 + number))).save(unseen)
            wanted = [m.record.fields["title"] for m in index.search(unseen, limit=10).matches]
            found = ask(page, unseen)[:10]
            assert found[0] == wanted[0]
            shared, count = shared + len(set(found) & set(wanted)), count + len(set(wanted))
            page.evaluate("location.hash = '#r=1'")
            page.wait_for_selector("#view:not([aria-busy]) .tools h1")
    assert shared / count >= 0.9, "of pictures this alike"
    ask(page, unseen)
    page.screenshot(path=shots / "site asked.png")
    assert page.evaluate(UNNAMED) == page.evaluate(SMALL) == page.evaluate(CONTRAST) == []


def test_words_find_by_looks_and_captions_come_first(page: "Page", shots: Path) -> None:
    page.fill("#words", "red mug")
    page.keyboard.press("Enter")
    page.locator(SHOWN, has_text="“red mug”").wait_for()
    assert "mug" in titles(page)[0].lower()
    page.screenshot(path=shots / "site words.png")
    page.fill("#words", "xyzzyplugh")
    page.keyboard.press("Enter")
    page.get_by_text("knows none of the words").wait_for()


def test_a_minus_asks_for_less_as_in_visavis(page: "Page", seen: Path) -> None:
    def shown(text: str) -> list[str]:
        page.fill("#words", text)
        page.keyboard.press("Enter")
        page.locator(SHOWN, has_text=f"“{text}”").wait_for()
        return titles(page)

    colour = "coral"
    with ImageIndex.open(seen) as index:
        found = index.search(f"mug -{colour}", by="looks", limit=20).matches
    mugs = [title for title in shown("mug") if "mug" in title.lower()]
    assert any(colour in title.lower() for title in mugs)
    without = shown(f"mug -{colour}")
    others = [title for title in mugs if colour not in title.lower()]
    assert sorted(without[: len(others)]) == sorted(others)  # captions first
    liked = [str(m.record.fields["title"]) for m in found if m.record.fields["title"] in others]
    assert without[0] == liked[0]
    assert shown("mug -xyzzyplugh")[: len(mugs)] == shown("mug")[: len(mugs)]
    shown("mug -xyzzyplugh")
    page.get_by_text("Unknown and ignored: “xyzzyplugh”.").wait_for()


def test_a_page_that_can_search_loads_little_until_it_is_asked(
    open_page: OpenPage, web: str
) -> None:
    for hash in ("", f"#p={key_of('mug-01-front')}"):
        page = open_page("LICENCES.txt", url=web)  # of that server, with nothing of the site
        page.goto(f"{web}{hash}")
        page.wait_for_selector(SHOWN)
        sizes = page.evaluate(LOADED)
        assert len(sizes) > 3
        assert sum(size for name, size in sizes if not name.endswith(".webp")) < 100_000


def test_nothing_is_uploaded_and_it_works_without_a_connection(
    open_page: OpenPage, web: str, gallery: Path
) -> None:
    page = opened(open_page, web)
    methods: list[str] = []
    page.on("request", lambda request: methods.append(request.method))
    picture = gallery / "images" / "lamp-01-front.jpg"
    before = ask(page, picture)
    wait_until(page, KEPT)
    page.context.set_offline(True)
    page.reload()
    page.get_by_text("Choose the picture again").first.wait_for()
    assert ask(page, picture) == before
    assert set(methods) == {"GET"}


def test_what_is_no_picture_is_said_and_the_page_goes_on(page: "Page", gallery: Path) -> None:
    for name, data in (("a.txt", b"hello"), ("a.jpg", b""), ("b.png", b"\x89PNG\r\n\x1a\nnothing")):
        page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": data})
        page.get_by_text("cannot read that file").wait_for()
    assert ask(page, gallery / "images" / "mug-01-front.jpg")
    page.evaluate("location.hash = '#a=99'")
    page.get_by_text("Choose the picture again").first.wait_for()


def test_from_a_file_one_still_browses_and_is_told_why_not(
    open_page: OpenPage, folder: Path, gallery: Path
) -> None:
    page = open_page("index.html", url=f"{folder.as_uri()}/")
    page.wait_for_selector(SHOWN)
    assert heading(page) == "87 pictures"
    page.set_input_files("#file", gallery / "images" / "mug-01-front.jpg")
    page.get_by_text("Browsers let no page that was opened from a file").wait_for()
    page.goto(f"{folder.as_uri()}/index.html#q=mug")
    page.get_by_text("Only captions were looked at").wait_for()
    assert titles(page)


def test_one_file_has_it_all_and_works_when_it_is_opened(
    open_page: OpenPage, seen: Path, gallery: Path, tmp_path: Path, shots: Path
) -> None:
    out = tmp_path / "the shop.html"
    with ImageIndex.open(seen) as index:
        build_site(index, out, title="Shop", fields=["colour"], search=True, single=True, side=160)
        near = index.similar("mug-01-front", limit=12).matches
    page = open_page("", url=out.as_uri(), phone=True)
    page.set_default_timeout(60_000)
    page.wait_for_selector(SHOWN)
    assert heading(page) == "87 pictures"
    page.screenshot(path=shots / "site in one file.png")
    for _ in range(2):  # the second time, what was packed in the page is gone from it
        found = ask(page, gallery / "images" / "mug-01-front.jpg")
        assert set(found[:12]) >= {match.record.fields["title"] for match in near[:3]}
        page.evaluate("location.hash = '#r=1'")
        page.wait_for_selector("#view:not([aria-busy]) .tools h1")
    page.locator("#view img").first.wait_for()
    page.wait_for_timeout(300)
    broken = (
        "[...document.querySelectorAll('#view img')].filter((i) => i.complete && !i.naturalWidth)"
    )
    assert page.evaluate(f"{broken}.length") == 0
    page.evaluate(f"location.hash = '#p={key_of('mug-01-front')}'")
    page.wait_for_selector("#view:not([aria-busy]) .one")
    assert titles(page) == [match.record.fields["title"] for match in near]
    page.evaluate("location.hash = '#q=lamp'")
    page.locator(SHOWN, has_text="“lamp”").wait_for()
    assert "lamp" in titles(page)[0].lower()


@pytest.mark.skipif("VISAVIS_SCREENSHOTS" not in os.environ, reason="draws the README's picture")
def test_the_picture_of_the_readme_is_drawn(page: "Page", gallery: Path, tmp_path: Path) -> None:
    """With VISAVIS_SCREENSHOTS=docs/images it writes docs/images/site.png."""
    photo = tmp_path / "my mug.jpg"
    with Image.open(gallery / "images" / "mug-01-front.jpg") as picture:
        picture.point([round(value * 0.9) for value in range(256)] * 3).save(photo)
    ask(page, photo)
    page.mouse.move(640, 20)
    page.wait_for_timeout(500)
    page.screenshot(path=Path(os.environ["VISAVIS_SCREENSHOTS"]) / "site.png")
