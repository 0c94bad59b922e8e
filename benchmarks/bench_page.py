"""A visitor with an empty cache: until the first picture of the page, over a bare page's."""

import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench_serve import serving
from benchmarks.browser import CHROMIUM, NEEDS, is_there
from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns
from visavis import ImageIndex
from visavis.drawn.gallery import write_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PICTURES: dict[Size, int] = {"full": 240, "small": 240, "tiny": 8}
_ROUNDS: dict[Size, int] = {"full": 9, "small": 5, "tiny": 1}
_SIDE = 320  # of the thumbnails in the grid
_SECOND = Bound(1000, of="value")
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
_BARE = '<!doctype html><title>bare</title><img src="picture.webp" alt="">'
_WATCH = """
window.firstPicture = new Promise((done, failed) => {
  document.addEventListener("load", (event) => {
    if (event.target instanceof HTMLImageElement) done(performance.now());
  }, true);
  setTimeout(() => failed(new Error("no picture within half a minute")), 30000);
});
"""


def run(size: Size, work: Path) -> Report:
    """Milliseconds from the start of the navigation until a first picture has loaded."""
    report = Report("page", size)
    if not is_there():
        report.notes.append(NEEDS)
        return report
    folder = _index(work, _PICTURES[size])
    # Playwright wants a thread without an event loop, and whoever calls may have one.
    with serving(folder, workers=1) as server, ThreadPoolExecutor(1) as thread:
        page = f"http://127.0.0.1:{server.port}/"
        with _bare(work / "page-bare", page) as bare:
            rounds = thread.submit(_rounds, page, bare, folder, _ROUNDS[size]).result()
    kept, drawn, floor = rounds
    over = Floor("a page of one picture and no script from python -m http.server", floor)
    what = "first picture of the page for a new visitor"
    report.figures = [
        Figure(f"{what}, thumbnails kept", "ms", kept, over, _SECOND),
        Figure(f"{what}, none made yet", "ms", drawn, over, _SECOND),
    ]
    report.notes.append(
        f"a random pick from {_PICTURES[size]} drawn pictures of 320 × 320, chromium on loopback; "
        "from the start of the navigation until a picture has loaded, with an empty cache; the "
        "browser runs on the same cores as the servers"
    )
    return report


def _rounds(page: str, bare: str, folder: Path, rounds: int) -> list[list[float]]:
    """The page with its thumbnails, the page without them, the bare page; each warmed up once."""
    from playwright.sync_api import sync_playwright

    seeds = count(1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))

        def kept() -> float:
            address = f"{page}?seed={next(seeds)}"
            _first_picture(browser, address)  # has its thumbnails made
            return _first_picture(browser, address)

        def drawn() -> float:
            shutil.rmtree(folder / "thumbnails", ignore_errors=True)
            return _first_picture(browser, f"{page}?seed={next(seeds)}")

        def floor() -> float:
            return _first_picture(browser, bare)

        in_turns(1, kept, drawn, floor)
        found = in_turns(rounds, kept, drawn, floor)
        browser.close()
    return found


def _first_picture(browser: "Browser", address: str) -> float:
    """Milliseconds, by the browser's clock; nothing is kept from visit to visit."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    try:
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto(address)
        return float(page.evaluate("firstPicture"))
    finally:
        context.close()


def _index(work: Path, pictures: int) -> Path:
    gallery, folder = work / f"page-{pictures}", work / f"page-{pictures}.index"
    if not gallery.exists():
        write_gallery(gallery, pictures)
    with ImageIndex.create(folder) as index:
        assert not index.add(gallery / "catalogue.csv").failed
    return folder


@contextmanager
def _bare(folder: Path, page: str) -> Iterator[str]:
    """Serves a bare page of one thumbnail of the gallery; its address."""
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(_BARE)
    with urllib.request.urlopen(f"{page}v1/images/mug-01-front/thumbnail?side={_SIDE}") as answer:
        (folder / "picture.webp").write_bytes(answer.read())
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory"]
    command += [str(folder), "--protocol", "HTTP/1.1", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.terminate()
