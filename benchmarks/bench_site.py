"""What a static site weighs besides its pictures, part by part, and its first answer."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.browser import NEEDS, is_there
from benchmarks.measure import Bound, Figure, Report, Size
from benchmarks.pictures import draw_tiny
from benchmarks.site_agreement import in_browser
from visavis import ImageIndex
from visavis.embedders.base import unit_rows
from visavis.embedders.folder import fingerprint
from visavis.embedders.registry import DEFAULT_MODEL, builtin_folder
from visavis.embedders.spec import read_spec
from visavis.pages.site.building import build_site
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.types import ImageRecord, Vectors

_RECORDS: dict[Size, int] = {"full": 50_000, "small": 5_000, "tiny": 60}
_LIMITS: dict[Size, Bound | None] = {"full": Bound(30, of="value"), "small": None, "tiny": None}
_SOON = Bound(3, of="value")
_SIDE = 160
_DRAWN = 32
_BATCH = 5_000
_UNEVEN = 0.38
"""Of the columns' standard deviations, that of the logarithm: as with photographs, the mean of the
columns' squares is 1.33 times their geometric mean."""
_PARTS = {
    "engine and licences": ("ort-wasm.bin", "ort.js", "LICENCES.txt"),
    "model": ("model.bin",),
    "words and colours": ("words.bin", "colours.bin", "aliases.js"),
    "vectors": ("vectors.bin",),
    "cards": ("r*.js",),
    "neighbours and fields": ("n*.js",),
    "captions to look for": ("titles.js",),
    "fields to filter by": ("f*.js",),
}
_MAKERS = ("Aldgate", "Brook & Sons", "Castellan", "Delft House", "Elmwood", "Fairlight")
_LOOKS = ("Plain", "Striped", "Dotted", "Checked", "Embroidered", "Glazed", "Printed", "Woven")
_COLOURS = ("White", "Black", "Navy Blue", "Red", "Olive", "Grey", "Teal", "Pink", "Brown")
_THINGS = ("Shirt", "Lamp", "Sports Shoes", "Mug", "Armchair", "Handbag", "Watch", "Teapot")


def run(size: Size, work: Path) -> Report:
    """Megabytes of each part of a site with --search, and seconds until a first answer."""
    count = _RECORDS[size]
    folder = _index(work, count)
    site = work / f"site-{count}"
    with ImageIndex.open(folder) as index:
        build_site(index, site, fields=["colour", "maker"], side=_SIDE, search=True, force=True)
    report = Report("site", size)
    weights = _weights(site)
    asked = sum(weights[name] for name in list(_PARTS)[:4])
    report.figures = [
        Figure(
            f"a site of {count:,} with --search, besides pictures",
            "MB",
            [sum(weights.values())],
            bound=_LIMITS[size],
        ),
        Figure("what it has without --search", "MB", [sum(weights.values()) - asked]),
        *(Figure(f"  {name}", "MB", [weight]) for name, weight in weights.items()),
    ]
    report.notes.append(
        "captions of five words, a category and two fields; vectors by chance, their columns as "
        "uneven as those of photographs"
    )
    _ask(report, site, sorted((work / "site-drawn").rglob("*.jpg"))[:3])
    return report


def _weights(site: Path) -> dict[str, float]:
    """MB of each part, and of the rest that is no picture."""
    sizes = {path: path.stat().st_size / 1e6 for path in site.rglob("*") if path.is_file()}
    left = {path: size for path, size in sizes.items() if path.suffix != ".webp"}
    found = {}
    for name, patterns in _PARTS.items():
        own = [path for path in left if any(map(path.match, patterns))]
        found[name] = sum(left.pop(path) for path in own)
    return found | {"page, list of files": sum(left.values())}


def _ask(report: Report, site: Path, pictures: list[Path]) -> None:
    if not is_there():
        report.notes.append(f"first answer {NEEDS}")
        return
    # Playwright wants a thread without an event loop, and whoever calls may have one.
    with ThreadPoolExecutor(1) as thread:
        _, seconds = thread.submit(in_browser, site, pictures).result()
    report.figures.append(
        Figure("first answer, all loaded from this machine", "s", seconds[:1], bound=_SOON)
    )
    report.figures.append(Figure("the answers after it", "s", seconds[1:]))


def _index(work: Path, count: int) -> Path:
    """An index of so many records of a few drawn pictures, as if by the built-in model."""
    folder, drawn = work / f"site-{count}.index", work / "site-drawn"
    if (folder / "filled").exists():
        return folder
    draw_tiny(drawn, _DRAWN)
    pictures = sorted(drawn.rglob("*.jpg"))
    spec = read_spec(builtin_folder() / DEFAULT_MODEL)
    assert spec.semantic is not None
    meaning, share = spec.semantic.dim, spec.semantic.share
    facts = ModelFacts(DEFAULT_MODEL, DEFAULT_MODEL, fingerprint(spec), spec.dim)
    store = SqliteStore.create(folder, facts)
    try:
        source = store.source("folder", str(drawn)).number
        records = _records(count, pictures)
        chance = np.random.default_rng(1)
        widths = chance.lognormal(0, _UNEVEN, spec.dim).astype(np.float32)
        for start in range(0, count, _BATCH):
            some = records[start : start + _BATCH]
            parts = [
                _chosen(chance, len(some), widths[:-meaning], 1 - share),
                _chosen(chance, len(some), widths[-meaning:], share),
            ]
            store.upsert(source, some, np.hstack(parts))
    finally:
        store.close()
    (folder / "filled").touch()
    return folder


def _chosen(chance: np.random.Generator, count: int, widths: Vectors, share: float) -> Vectors:
    """Rows (count, len(widths)) by chance, of that square; the numbers of each column as wide."""
    rows = chance.normal(size=(count, len(widths))).astype(np.float32) * widths
    chosen: Vectors = np.sqrt(np.float32(share)) * unit_rows(rows)
    return chosen


def _records(count: int, pictures: list[Path]) -> list[ImageRecord]:
    chance = np.random.default_rng(2)
    words = [chance.choice(some, count) for some in (_MAKERS, _LOOKS, _COLOURS, _THINGS)]
    return [
        _record(number, pictures[number % len(pictures)], *map(str, four))
        for number, four in enumerate(zip(*words, strict=True))
    ]


def _record(number: int, path: Path, maker: str, look: str, colour: str, thing: str) -> ImageRecord:
    id = f"catalogue/{number:06}.jpg"
    return ImageRecord(
        id=id,
        uri=str(path),
        size=path.stat().st_size,
        modified=1_700_000_000.0,
        sha256=hashlib.sha256(id.encode()).hexdigest(),
        width=4,
        height=3,
        fields={
            "title": f"{maker} {look} {colour} {thing} {number % 9973}",
            "category": thing,
            "colour": colour,
            "maker": maker,
        },
    )
