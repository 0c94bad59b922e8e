"""The real `visavis serve` over a drawn gallery, and Debian's chromium to look at its page."""

import csv
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from shop_classifier import write_shop_classifier
from word_files import shop_vectors, write_text

from visavis.drawn.gallery import write_gallery
from visavis.embedders.adding.conse import make_conse
from visavis.image_index import ImageIndex

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COUNT = 84
_PATIENCE = 15_000
"""Milliseconds; a search beside other tests may take some seconds where processors are slow."""
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The first is the second without windows, and takes half of the time."""
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE_TITLE = "<img src=x onerror=\"document.title='owned'\">"
_ODD = (
    ("odd/wide panorama/file", "wide.jpg", "Wide panorama", (1400, 500)),
    ("odd/tall", "tall.jpg", "Tall tower", (400, 1000)),
    ("odd/script", "script.jpg", HOSTILE_TITLE, (300, 300)),
)
"""Id, file, title, width and height of pictures that are not like the others."""


class Site(NamedTuple):
    """A server that runs."""

    url: str
    pictures: Path
    """The folder with the pictures of the gallery, to upload."""
    records: int


class Worded(NamedTuple):
    """Servers over the same gallery."""

    kinds: str
    """Its model tells classes and reads no words."""
    words: str
    """Its model reads words; the records were tagged."""


OpenPage = Callable[..., "Page"]


def wait_until(page: "Page", true: str) -> None:
    """Wait until an expression is true; Playwright's own way breaks the page's security policy."""
    deadline = time.monotonic() + 2 * _PATIENCE / 1000
    while not page.evaluate(true):
        assert time.monotonic() < deadline, f"in vain: {true}"
        page.wait_for_timeout(50)


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery's folder: 84 products, a panorama, a tower, and a title with HTML in it."""
    folder = tmp_path_factory.mktemp("gallery")
    catalogue = write_gallery(folder, COUNT)
    with catalogue.open(encoding="utf-8", newline="") as file:
        columns = csv.DictReader(file).fieldnames or ()
    chance = np.random.default_rng(5)
    with catalogue.open("a", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns)
        for id, name, title, size in _ODD:
            small = chance.integers(60, 200, (6, 8, 3), np.uint8)
            picture = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
            picture.save(folder / "images" / name)
            row = {"id": id, "image": f"images/{name}", "title": title, "category": "odd, really"}
            table.writerow(row)
    return folder


@pytest.fixture(scope="session")
def index(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the gallery."""
    folder = tmp_path_factory.mktemp("index") / "gallery.index"
    with ImageIndex.create(folder, "classic") as made:
        assert made.add(gallery / "catalogue.csv").added == COUNT + len(_ODD)
    return folder


@contextmanager
def serving(index: Path, *options: str) -> Iterator[str]:
    """Runs `visavis serve` on a free port; the address of its page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "visavis", "serve", "--index", str(index)]
    with subprocess.Popen(
        [*command, "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            _wait_until_ready(server, f"{url}readyz")
            yield url
        finally:
            server.terminate()
            server.communicate(timeout=20)


def _wait_until_ready(server: "subprocess.Popen[str]", address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the server stopped at once: {server.communicate()[0]}")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"the server did not answer {address} within a minute")


@pytest.fixture(scope="session")
def site(gallery: Path, index: Path) -> Iterator[Site]:
    """The server that most tests share."""
    with serving(index) as url:
        yield Site(url, gallery / "images", COUNT + len(_ODD))


@pytest.fixture(scope="session")
def worded(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worded]:
    """Servers of two indexes of the gallery whose models do more than see."""
    folder = tmp_path_factory.mktemp("worded")
    kinds = write_shop_classifier(folder / "kinds", gallery)
    vectors = write_text(folder / "vectors.txt", shop_vectors())
    words = make_conse(str(kinds), vectors, folder / "by-words").folder
    with ExitStack() as stack:
        urls = []
        for model in (kinds, words):
            place = folder / f"{model.name}.index"
            with ImageIndex.create(place, model) as made:
                assert made.add(gallery / "catalogue.csv").added == COUNT + len(_ODD)
                if model is words:
                    made.tagging.write(3)
            urls.append(stack.enter_context(serving(place)))
        yield Worded(*urls)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One chromium for all tests; every test has a context of its own in it."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    api.expect.set_options(timeout=_PATIENCE)
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: "Browser", site: Site) -> Iterator[OpenPage]:
    """Opens the page of the shared server, or of another; see `opening`."""
    with opening(browser, site.url) as open:
        yield open


@contextmanager
def opening(browser: "Browser", at: str) -> Iterator[OpenPage]:
    """Opens pages; afterwards nothing may have gone wrong in them, and nothing come from outside.

    `open("?q=…", phone=True, dark=True)`; `url` for another server.
    """
    contexts = []
    trouble: list[str] = []

    def open(
        address: str = "", *, phone: bool = False, dark: bool = False, url: str = ""
    ) -> "Page":
        look: dict[str, Any] = {"color_scheme": "dark" if dark else "light", "locale": "en-GB"}
        if phone:
            look |= {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
            look |= {"has_touch": True, "is_mobile": True}
        else:
            look |= {"viewport": {"width": 1280, "height": 860}}
        base = url or at
        context = browser.new_context(**look)
        context.set_default_timeout(_PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: _met(str(error), trouble))
        page.on("console", lambda line: _noted(line.type, line.text, trouble))
        page.on("request", lambda request: _checked(request.url, base, trouble))
        page.goto(base + address)
        return page

    yield open
    for context in contexts:
        context.close()
    assert trouble == []


def _checked(asked: str, base: str, trouble: list[str]) -> None:
    if not asked.startswith((base, "blob:", "data:")):
        trouble.append(f"asked {asked}")


def _met(error: str, trouble: list[str]) -> None:
    """A page that is left, or whose server ends, breaks off what it still fetches."""
    if not any(what in error for what in ("dynamically imported module", "fetching the script")):
        trouble.append(error)


def _noted(kind: str, text: str, trouble: list[str]) -> None:
    """Chromium itself notes each refused request; the tests look at what the page says instead."""
    if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
        trouble.append(text)


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots to look at go; pytest keeps the folders of the last three runs."""
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture
def photo(site: Site, tmp_path: Path) -> Path:
    """A picture that is not in the index: a mug in other light, as a phone would send it."""
    path = tmp_path / "my mug.jpg"
    with Image.open(site.pictures / "mug-01-front.jpg") as picture:
        picture.resize((1800, 1800)).point([round(v * 0.93) for v in range(256)] * 3).save(path)
    return path


@pytest.fixture
def exact(site: Site, tmp_path: Path) -> Path:
    """The very file of a record."""
    return Path(shutil.copy(site.pictures / "mug-01-front.jpg", tmp_path / "mug.jpg"))
