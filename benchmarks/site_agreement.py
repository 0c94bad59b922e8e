"""Whether a static site answers as the command line does, and what it takes.

    python -m benchmarks.site_agreement --data ../shared/data

Pictures of five sets are indexed by the built-in model but for 100, which are asked with: by
`ImageIndex.search`, and by the site in Debian's chromium, from a plain web server. What is printed:
the share of each first ten that both have in common, how often the first is the same, seconds of
the build, of the first answer and of the others, and what the site weighs.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from visavis import ImageIndex
from visavis.evaluation.report import machine
from visavis.pages.site.building import build_site
from visavis.pages.site.entries import key_of

QUERIES = {"flickr": 40, "clothing": 20, "grocery": 20, "fashion": 10, "pascal": 10}
"""How many pictures of each set are asked with."""
FIRST = 10
SEED = 3
CHROMIUM = "/usr/bin/chromium"
_ANSWER = """(asked) => location.hash === `#a=${asked}` && document.querySelector(".asked")
  && !document.getElementById("view").hasAttribute("aria-busy")
  ? [...document.querySelectorAll("#view .card")].slice(0, 10)
    .map((card) => new URLSearchParams(new URL(card.href).hash.slice(1)).get("p")) : null"""


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


def in_browser(site: Path, asked: Sequence[Path]) -> tuple[list[list[str]], list[float]]:
    """The keys of the first ten for each picture, and the seconds until they were there."""
    from playwright.sync_api import sync_playwright

    answers, seconds = [], []
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=site)) as server,
        sync_playwright() as playwright,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("#view:not([aria-busy]) h1")
        for number, path in enumerate(asked, 1):
            started = time.perf_counter()
            page.set_input_files("#file", path)
            while not (found := page.evaluate(_ANSWER, number)):
                time.sleep(0.005)
            seconds.append(time.perf_counter() - started)
            answers.append(found)
        browser.close()
        server.shutdown()
    return answers, seconds


def measured(data: Path, work: Path) -> dict[str, Any]:
    """All figures."""
    asked, indexed = chosen(data)
    with ImageIndex.create(work / "an.index") as index:
        index.add([str(path) for path in indexed])
        started = time.perf_counter()
        built = build_site(index, work / "site", search=True)
        building = time.perf_counter() - started
        answers, seconds = in_browser(work / "site", asked)
        wanted = [
            [key_of(match.record.id) for match in index.search(path, limit=FIRST).matches]
            for path in asked
        ]
    pairs = list(zip(wanted, answers, strict=True))
    files = [path for path in (work / "site").rglob("*") if path.is_file()]
    return {
        "pictures": built.pictures,
        "queries": len(asked),
        "overlap@10": round(sum(len({*a} & {*b}) for a, b in pairs) / FIRST / len(pairs), 4),
        "same first": round(sum(a[0] == b[0] for a, b in pairs) / len(pairs), 4),
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
