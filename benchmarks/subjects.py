"""How well boxes around the subjects of pictures lie, and what they cost.

    python -m benchmarks.subjects --data ../shared/data

Products of fashion are cut out of the white that reaches an edge in a straight line (masks of a
tenth to three quarters) and pasted at random places on white, on one random colour, or on a
photograph of flickr or pascal, which keeps its own subjects. One takes 5 to 35 % of the picture by
its box; two, which do not overlap, 5 to 16 % each. 300 pictures of a kind; settings were chosen on
40 other draws.

A box is right where its overlap (intersection over union) with a true one is half or more: of the
first box; the share of true boxes that one of the first three has; the mean of their best overlap.
Of pictures of one colour, and of the products' own, how often none is proposed. Intervals draw
pictures 2,000 times. The time is a processor's for a decoded picture, the model's look included.
"""

import argparse
import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.anywhere import overlap
from benchmarks.quality import write_page
from benchmarks.subjects_table import RESULTS
from visavis import load_embedder
from visavis.embedders.parts.looking import PartsEmbedder
from visavis.evaluation.report import machine
from visavis.types import Box

PICTURES, FLAT, FIRST, RIGHT = 300, 60, 3, 0.5
GROUNDS = "white", "colour", "photograph"
_SEED, _DRAWS = 29, 2_000
_WHITE = 238  # the darkest channel of a pixel of the ground
_MASK = 0.1, 0.75

Made = tuple[Image.Image, Sequence[Box]]


def main() -> None:
    """Measure, write the report, and make the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    drawing = Drawing(parser.parse_args().data)
    model = load_embedder(threads=1)
    looking = PartsEmbedder(model)
    looking.subjects(np.zeros((64, 64, 3), np.uint8))  # opened before time is taken
    kinds: dict[str, list[Made]] = {}
    for count, areas in ((1, (0.05, 0.35)), (2, (0.05, 0.16))):
        for ground in GROUNDS:
            made = [drawing.pasted(ground, count, areas) for _ in range(PICTURES)]
            kinds[f"{'one product' if count == 1 else 'two products'}, {ground}"] = made
    kinds["one colour"] = [(drawing.ground("colour"), ()) for _ in range(FLAT)]
    kinds["a product's own picture"] = [(drawing.product()[1], ()) for _ in range(PICTURES)]
    report = {"machine": machine(), "model": model.name}
    report["kinds"] = {name: _measured(looking, made) for name, made in kinds.items()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{model.name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write_page()


class Drawing:
    def __init__(self, data: Path) -> None:
        self._random = np.random.default_rng(_SEED)
        self._products = _paths(data / "fashion")
        self._photos = [*_paths(data / "flickr"), *_paths(data / "pascal")]

    def product(self) -> tuple[Image.Image, Image.Image]:
        while True:
            picture = self._one_of(self._products)
            white = np.asarray(picture).min(axis=-1) > _WHITE
            turned = (np.logical_and.accumulate(np.rot90(white, by)) for by in range(4))
            mask = ~np.any([np.rot90(one, -by) for by, one in enumerate(turned)], axis=0)
            if _MASK[0] < mask.mean() < _MASK[1]:
                cut = picture.copy()
                cut.putalpha(Image.fromarray((mask * 255).astype(np.uint8)))
                return cut.crop(cut.getchannel("A").getbbox()), picture

    def ground(self, kind: str) -> Image.Image:
        if kind == "photograph":
            return self._one_of(self._photos)
        colour = [255] * 3 if kind == "white" else self._random.integers(0, 256, 3).tolist()
        return Image.new("RGB", (320, 240), tuple(colour))

    def pasted(self, kind: str, count: int, areas: tuple[float, float]) -> Made:
        picture, boxes = self.ground(kind), list[Box]()
        while len(boxes) < count:
            self._paste(picture, boxes, self._random.uniform(*areas))
        return picture, boxes

    def _paste(self, picture: Image.Image, boxes: list[Box], area: float) -> None:
        thing, (wide, high) = self.product()[0], picture.size
        by = (area * wide * high / (thing.width * thing.height)) ** 0.5
        own_wide, own_high = round(thing.width * by), round(thing.height * by)
        if own_wide >= wide or own_high >= high:
            return
        x, y = self._random.integers(0, (wide - own_wide, high - own_high)).tolist()
        box = (x / wide, y / high, (x + own_wide) / wide, (y + own_high) / high)
        if all(overlap(box, other) == 0 for other in boxes):
            thing = thing.resize((own_wide, own_high), Image.Resampling.LANCZOS)
            picture.paste(thing, (x, y), thing)
            boxes.append(box)

    def _one_of(self, paths: list[Path]) -> Image.Image:
        return Image.open(paths[int(self._random.integers(len(paths)))]).convert("RGB")


def _paths(folder: Path) -> list[Path]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return [folder / row["path"] for row in csv.DictReader(file)]


def _measured(looking: PartsEmbedder, made: Sequence[Made]) -> dict[str, Any]:
    pixels = [np.asarray(picture) for picture, _ in made]
    started = time.process_time()
    found = [[one.box for one in looking.subjects(shown)] for shown in pixels]
    took = (time.process_time() - started) / len(made)
    report: dict[str, Any] = {"pictures": len(made), "ms": took * 1000}
    report["boxes"] = float(np.mean([len(boxes) for boxes in found]))
    report["none"] = _interval([float(not boxes) for boxes in found])
    if made[0][1]:
        pairs = list(zip(found, (true for _, true in made), strict=True))
        first = [max([_best(true, box) for box in boxes[:1]], default=0) for boxes, true in pairs]
        three = [[_best(boxes[:FIRST], box) for box in true] for boxes, true in pairs]
        report["first"] = _interval([float(one >= RIGHT) for one in first])
        report["three"] = _interval([float(np.mean(np.array(one) >= RIGHT)) for one in three])
        report["overlap"] = float(np.mean([one for ones in three for one in ones]))
    return report


def _best(boxes: Sequence[Box], box: Box) -> float:
    return max((overlap(one, box) for one in boxes), default=0.0)


def _interval(values: Sequence[float]) -> list[float]:
    """The mean and its 95 % interval."""
    rows, chance = np.array(values), np.random.default_rng(_SEED)
    draws = rows[chance.integers(0, len(rows), (_DRAWS, len(rows)))].mean(axis=1)
    return [float(rows.mean()), *map(float, np.quantile(draws, [0.025, 0.975]))]


if __name__ == "__main__":
    main()
