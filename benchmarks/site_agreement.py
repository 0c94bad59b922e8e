"""Whether a static site answers as the command line does, and what it takes.

    python -m benchmarks.site_agreement --data ../shared/data

Pictures of five sets are indexed by the built-in model but for 100, which are asked with: by
`ImageIndex.search`, and by the site in Debian's chromium, from a plain web server; so are the names
of the sets' classes, as words. What is printed: the share of each first ten that both have in
common, how often the first is the same, seconds of the build, of the first answer and of the
others, and what the site weighs (`python -m benchmarks site` says it for 50,000).
"""

import argparse
import csv
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from benchmarks.browser import CHROMIUM
from visavis import ImageIndex
from visavis.evaluation.report import machine
from visavis.pages.site.building import build_site
from visavis.pages.site.entries import key_of
from visavis.types import SearchResult

QUERIES = {"flickr": 40, "clothing": 20, "grocery": 20, "fashion": 10, "pascal": 10}
"""How many pictures of each set are asked with."""
FIRST = 10
SEED = 3
_ANSWER = """(asked) => location.hash === `#a=${asked}` && document.querySelector(".asked")
  && !document.getElementById("view").hasAttribute("aria-busy")
  ? [...document.querySelectorAll("#view .card")].slice(0, 10)
    .map((card) => new URLSearchParams(new URL(card.href).hash.slice(1)).get("p")) : null"""
_WORDS = """async (texts) => {
  const table = await words();
  const found = [];
  for (const text of texts) {
    const vector = table.vector(table.read(text));
    const best = vector ? await matches(vector, reachOf(vector), null) : [];
    found.push(await Promise.all(best.slice(0, 10).map(({ number }) => pictureAt(number))));
  }
  return found.map((pictures) => pictures.map(({ key }) => key)); }"""

Pair = tuple[list[str], list[str]]
"""The first ten of the command line, and of the site."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def chosen(data: Path) -> tuple[list[Path], list[Path]]:
    """The pictures to ask with, and those to index."""
    chance = random.Random(SEED)
    sets = {name: sorted(p for p in (data / name).rglob("*.jpg")) for name in QUERIES}
    asked = [path for name, count in QUERIES.items() for path in chance.sample(sets[name], count)]
    left_out = set(asked)
    return asked, [path for paths in sets.values() for path in paths if path not in left_out]


def labels(data: Path) -> list[str]:
    """What the sets call their pictures, as words to ask with."""
    found = set()
    for name in QUERIES:
        with (data / name / "labels.csv").open(encoding="utf-8", newline="") as file:
            found |= {
                row["label"].replace("-", " ").lower()
                for row in csv.DictReader(file)
                if "label" in row
            }
    return sorted(found)


@contextmanager
def opened(site: Path) -> Iterator[Any]:
    """The site's page in a browser, from a plain web server."""
    from playwright.sync_api import sync_playwright

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=site)) as server,
        sync_playwright() as playwright,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("#view:not([aria-busy]) h1")
        try:
            yield page
        finally:
            browser.close()
            server.shutdown()


def in_browser(site: Path, asked: Sequence[Path]) -> tuple[list[list[str]], list[float]]:
    """The keys of the first ten for each picture, and the seconds until they were there."""
    answers, seconds = [], []
    with opened(site) as page:
        for number, path in enumerate(asked, 1):
            started = time.perf_counter()
            page.set_input_files("#file", path)
            while not (found := page.evaluate(_ANSWER, number)):
                time.sleep(0.005)
            seconds.append(time.perf_counter() - started)
            answers.append(found)
    return answers, seconds


def _by_words(index: ImageIndex, site: Path, texts: Sequence[str]) -> list[Pair]:
    """The keys of the first ten for each text that both know words of."""
    with opened(site) as page:
        answers = page.evaluate(_WORDS, texts)
    return [
        (_keys(index.search(text, by="looks", limit=FIRST)), answer)
        for text, answer in zip(texts, answers, strict=True)
        if answer
    ]


def _keys(found: SearchResult) -> list[str]:
    return [key_of(match.record.id) for match in found.matches]


def _overlap(pairs: Sequence[Pair]) -> float:
    return round(sum(len({*a} & {*b}) for a, b in pairs) / FIRST / len(pairs), 4)


def measured(data: Path, work: Path) -> dict[str, Any]:
    """All figures."""
    asked, indexed = chosen(data)
    with ImageIndex.create(work / "an.index") as index:
        index.add([str(path) for path in indexed])
        started = time.perf_counter()
        built = build_site(index, work / "site", search=True)
        building = time.perf_counter() - started
        answers, seconds = in_browser(work / "site", asked)
        wanted = [_keys(index.search(path, limit=FIRST)) for path in asked]
        pairs = list(zip(wanted, answers, strict=True))
        by_words = _by_words(index, work / "site", labels(data))
    files = [path for path in (work / "site").rglob("*") if path.is_file()]
    return {
        "pictures": built.pictures,
        "queries": len(asked),
        "overlap@10": _overlap(pairs),
        "same first": round(sum(a[0] == b[0] for a, b in pairs) / len(pairs), 4),
        "texts": len(by_words),
        "texts, overlap@10": _overlap(by_words),
        "build s": round(building, 1),
        "first answer s": round(seconds[0], 2),
        "other answers s, median": round(statistics.median(seconds[1:]), 3),
        "MB": round(built.bytes / 1e6, 1),
        "MB without pictures": round(
            sum(path.stat().st_size for path in files if path.suffix != ".webp") / 1e6, 1
        ),
        "machine": machine(),
    }


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder with the picture sets")
    with tempfile.TemporaryDirectory() as work:
        print(json.dumps(measured(parser.parse_args().data, Path(work)), indent=2))


if __name__ == "__main__":
    main()
