"""How often a crop is found among whole pictures, and where; and pictures within other pictures.

    python -m benchmarks.anywhere --data ../shared/data --work FOLDER

The protocol: 4,000 pictures in one index of the built-in model that keeps parts: all of flickr
(500) and pascal (800), and 2,700 small ones of train-mix as distractors. Thresholds were chosen on
every second picture of flickr and pascal; what is asked with here are the others, drawn by chance.

crops      of a ninth and a sixteenth of the area, in the picture's own shape, at a random place,
           saved as JPEG of quality 85. Right where the original comes first (R@1); the box is right
           where it covers the true one with IoU of .5 or more, of those that come first.
collages   four pictures in a square of 480 pixels, each in its own shape in a quarter. R@1: one of
           the four comes first; R@4: the share of the four among the first four.
inset      a picture in another one that is in no index, of half or a third of its sides.

All is measured as in the core alone, without the extra `dups`. Intervals are 95 % of a bootstrap
over originals, collages and insets. The index is kept in FOLDER and used again. `seconds` of the
scan are the least of ten, over 100,000 records of 14 random codes, on one core. The report goes to
benchmarks/results/anywhere, and docs/results.md is made again.
"""

import argparse
import csv
import io
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from PIL import Image

from benchmarks.anywhere_table import RESULTS
from benchmarks.quality import write_page
from visavis import ImageIndex
from visavis.evaluation.report import machine
from visavis.flows.anywhere import verifying
from visavis.flows.relation import judge
from visavis.images.decode import decode
from visavis.store.nearest.bits import nearest
from visavis.types import RGB, Box, ImageTerm, Query, SearchResult

DISTRACTORS = 2_700
CROPS, COLLAGES, INSETS = 150, 60, 100
AREAS = (9, 16)
SIDES = {"half": 0.5, "a third": 1 / 3}
SEED = 19
_SQUARE = 480  # pixels a side of a collage
_DRAWS = 2_000
_RIGHT = 0.5  # IoU


class Original(NamedTuple):
    """A picture of the gallery."""

    id: str
    path: Path


class Asked(NamedTuple):
    """A question, and what is right."""

    pixels: RGB
    ids: tuple[str, ...]
    box: Box | None = None


def main() -> None:
    """Measure, write the report, and make the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    for module in (judge, verifying):  # the core alone
        cast(Any, module).has_opencv = lambda: False
    report = measured(given.data, given.work)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{report['model']}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write_page()


def measured(data: Path, work: Path) -> dict[str, Any]:
    """All figures."""
    small = sorted(_listed(data, "train-mix", "p/", "other"))
    held = [*_listed(data, "flickr"), *_listed(data, "pascal")]
    gallery = held + small[:DISTRACTORS]
    others = [one.path for one in small[DISTRACTORS:]]
    unseen = held[1::2]  # the even ones are what thresholds were chosen on
    with _index(work, gallery) as index:
        report: dict[str, Any] = {
            "model": index.info().model,
            "pictures": len(index),
            "machine": machine(),
            "scan_seconds": _scan(),
        }
        for area in AREAS:
            asked = (_crop(one, area) for one in _drawn(unseen, CROPS, f"crops {area}"))
            report[f"crops {area}"] = _crops(index, asked)
            print(area, report[f"crops {area}"], flush=True)
        fours = _drawn(unseen, 4 * COLLAGES, "collages")
        asked = (_collage(fours[at : at + 4]) for at in range(0, len(fours), 4))
        report["collages"] = _composites(index, asked)
        print(report["collages"], flush=True)
        for name, side in SIDES.items():
            pairs = zip(_drawn(unseen, INSETS, name), others, strict=False)
            report[f"inset {name}"] = _composites(
                index, (_inset(one, around, side) for one, around in pairs)
            )
            print(name, report[f"inset {name}"], flush=True)
    return report


def _index(work: Path, gallery: Sequence[Original]) -> ImageIndex:
    """The gallery with its parts, made at the first run."""
    work.mkdir(parents=True, exist_ok=True)
    named = work / "gallery.csv"
    with named.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path"])
        writer.writerows([one.id, one.path] for one in gallery)
    index = ImageIndex.create(work / "index")
    index.aspects.begin("parts")
    index.add(named)
    return index


def _listed(data: Path, folder: str, below: str = "", named: str = "") -> list[Original]:
    with (data / folder / "labels.csv").open(encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["path"].startswith(below)]
    found = ((data / folder / path).resolve() for path in paths)
    return [Original(f"{named or folder}/{path.name}", path) for path in found]


def _drawn(originals: Sequence[Original], count: int, what: str) -> list[Original]:
    return random.Random(f"{SEED} {what}").sample(list(originals), count)


def _crop(one: Original, area: int) -> Asked:
    chance = random.Random(f"{SEED} {one.id} {area}")
    pixels = _pixels(one.path)
    height, width = pixels.shape[:2]
    high, wide = max(8, round(height / area**0.5)), max(8, round(width / area**0.5))
    top, left = chance.randrange(height - high + 1), chance.randrange(width - wide + 1)
    part = _saved(pixels[top : top + high, left : left + wide])
    box = (left / width, top / height, (left + wide) / width, (top + high) / height)
    return Asked(part, (one.id,), box)


def _collage(four: Sequence[Original]) -> Asked:
    canvas, half = Image.new("RGB", (_SQUARE, _SQUARE), "white"), _SQUARE // 2
    for at, one in enumerate(four):
        shown = Image.fromarray(_pixels(one.path))
        shown.thumbnail((half, half), Image.Resampling.LANCZOS)
        left, top = (half - shown.width) // 2, (half - shown.height) // 2
        canvas.paste(shown, (left + at % 2 * half, top + at // 2 * half))
    return Asked(_saved(np.asarray(canvas)), tuple(one.id for one in four))


def _inset(one: Original, around: Path, side: float) -> Asked:
    chance = random.Random(f"{SEED} {one.id} {side}")
    shown = Image.fromarray(_pixels(one.path))
    size = round(shown.width / side), round(shown.height / side)
    canvas = Image.fromarray(_pixels(around)).resize(size, Image.Resampling.BICUBIC)
    left = chance.randrange(canvas.width - shown.width + 1)
    top = chance.randrange(canvas.height - shown.height + 1)
    canvas.paste(shown, (left, top))
    return Asked(_saved(np.asarray(canvas)), (one.id,))


def _saved(pixels: RGB) -> RGB:
    """The pixels as they come out of a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return decode(file.getvalue(), "a question").pixels


def _pixels(path: Path) -> RGB:
    return decode(path.read_bytes(), str(path)).pixels


def _answers(index: ImageIndex, asked: Iterable[Asked]) -> list[tuple[Asked, SearchResult]]:
    every = list(asked)
    queries = [Query((ImageTerm(one.pixels),), limit=10, anywhere=True) for one in every]
    return list(zip(every, index.search_many(queries), strict=True))


def _crops(index: ImageIndex, asked: Iterable[Asked]) -> dict[str, Any]:
    answers = _answers(index, asked)
    first = [answer.matches[0].record.id == one.ids[0] for one, answer in answers]
    told = [answer.verdict == "near_duplicate" for _, answer in answers]
    boxes = [
        overlap(answer.matches[0].box or (0, 0, 1, 1), one.box) >= _RIGHT
        for (one, answer), right in zip(answers, first, strict=True)
        if right and one.box is not None
    ]
    wrong = [said and not right for said, right in zip(told, first, strict=True)]
    return {
        "asked": len(answers),
        "recall@1": _shown(first),
        "recall@10": _shown(_among(answers, 10)),
        "box": _shown(boxes),
        "called copies": _shown(told),
        "of these wrong": int(sum(wrong)),
        "ms": round(float(np.median([answer.took_ms for _, answer in answers]))),
    }


def _composites(index: ImageIndex, asked: Iterable[Asked]) -> dict[str, Any]:
    answers = _answers(index, asked)
    first = [answer.matches[0].record.id in one.ids for one, answer in answers]
    return {
        "asked": len(answers),
        "recall@1": _shown(first),
        "recall@4": _shown(_among(answers, 4)),
        "recall@10": _shown(_among(answers, 10)),
        "ms": round(float(np.median([answer.took_ms for _, answer in answers]))),
    }


def _among(answers: Sequence[tuple[Asked, SearchResult]], most: int) -> list[float]:
    """Of the right answers, the share among the first."""
    return [
        len({match.record.id for match in answer.matches[:most]} & set(one.ids)) / len(one.ids)
        for one, answer in answers
    ]


def _shown(values: Sequence[float]) -> dict[str, Any]:
    """A mean and its interval: bootstrap over questions, each of which has originals of its own."""
    found = np.array(values, float)
    drawn = np.random.default_rng(SEED).integers(0, len(found), (_DRAWS, len(found)))
    means = found[drawn].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": round(float(found.mean()), 4), "interval": [round(low, 4), round(high, 4)]}


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def _scan() -> float:
    """Seconds for the parts of 100,000 records."""
    chance = np.random.default_rng(SEED)
    table = chance.integers(0, 256, (100_000, 14 * 32), np.uint8)
    code = chance.integers(0, 256, 32, np.uint8)
    return round(min(_timed(lambda: nearest(code, table, 64)) for _ in range(10)), 5)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
