"""A gallery of product pictures drawn by code: the demo's catalogue, and honest test material.

Every product has several views (another distance, place, turn, side, backdrop and light), as in a
shop's photographs, so "the other views of the same product" is a ground truth that needs no
labelling and no download. The same seed draws the same pictures.
"""

import csv
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from visavis.drawn import home as drawn_home
from visavis.drawn import wear as drawn_wear
from visavis.drawn.canvas import Canvas, View
from visavis.drawn.look import COLOURS, Look, Pattern
from visavis.drawn.scene import BACKDROPS, TINTS, Pose, Scene, photograph
from visavis.types import RGB, FieldValue

VIEWS_PER_PRODUCT = 4
CATALOGUE_COLUMNS = ("id", "image", "title", "category", "colour", "pattern", "price", "product")


class _Category(NamedTuple):
    name: str
    draw: Callable[[Canvas, Look], None]
    pose: Pose
    scale: float
    price: tuple[int, int]


_CATEGORIES = (
    _Category("mug", drawn_home.mug, "standing", 0.72, (9, 28)),
    _Category("T-shirt", drawn_wear.shirt, "lying", 0.86, (15, 45)),
    _Category("lamp", drawn_home.lamp, "standing", 0.78, (39, 180)),
    _Category("sneaker", drawn_wear.sneaker, "standing", 0.8, (49, 160)),
    _Category("plant", drawn_home.plant, "standing", 0.76, (12, 60)),
    _Category("backpack", drawn_wear.backpack, "standing", 0.76, (35, 140)),
    _Category("teapot", drawn_home.teapot, "standing", 0.68, (24, 90)),
    _Category("clock", drawn_home.clock, "lying", 0.78, (19, 95)),
    _Category("chair", drawn_home.chair, "standing", 0.78, (79, 390)),
    _Category("sunglasses", drawn_wear.glasses, "lying", 0.8, (19, 150)),
    _Category("vase", drawn_home.vase, "standing", 0.78, (14, 85)),
    _Category("headphones", drawn_wear.headphones, "lying", 0.78, (39, 320)),
    _Category("guitar", drawn_wear.guitar, "lying", 0.8, (120, 900)),
    _Category("book", drawn_home.book, "lying", 0.76, (8, 40)),
)
_PATTERNS: tuple[Pattern, ...] = ("plain", "striped", "plain", "dotted", "plain", "checked")
_VIEWS = ("front", "close", "turned", "flipped")


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPicture:
    """One picture of the gallery; `fields` are its catalogue columns, and its `view`."""

    name: str
    pixels: RGB
    fields: Mapping[str, FieldValue]


def draw_gallery(
    count: int = 240, seed: int = 7, side: int = 320, *, only: Collection[str] = ()
) -> Iterator[DrawnPicture]:
    """Draw `count` square pictures, the views of a product one after another.

    `only` leaves out those of other categories.
    """
    for number in range(count):
        product, view = divmod(number, VIEWS_PER_PRODUCT)
        if not only or _CATEGORIES[product % len(_CATEGORIES)].name in only:
            yield _draw(product, view, seed, side)


def write_gallery(
    folder: Path, count: int = 240, seed: int = 7, *, only: Collection[str] = ()
) -> Path:
    """Write the gallery as JPEG files with `catalogue.csv` beside them; return its path.

    The catalogue names the images relative to itself. For the rest see `draw_gallery`.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    catalogue = folder / "catalogue.csv"
    with catalogue.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, CATALOGUE_COLUMNS, extrasaction="ignore")
        table.writeheader()
        for picture in draw_gallery(count, seed, only=only):
            image = f"images/{picture.name}.jpg"
            Image.fromarray(picture.pixels).save(folder / image, quality=90)
            table.writerow({"id": picture.name, "image": image, **picture.fields})
    return catalogue


def _draw(product: int, view: int, seed: int, side: int) -> DrawnPicture:
    category = _CATEGORIES[product % len(_CATEGORIES)]
    chance = random.Random(f"{seed} product {product}")
    look = _look(product, seed, chance)
    low, high = category.price
    price = round(chance.uniform(low, high)) - 0.1
    shot = random.Random(f"{seed} product {product} view {view}")
    canvas = Canvas(side, _view(category, view, shot))
    category.draw(canvas, look)
    pixels = photograph(canvas.layer, category.pose, _scene(shot))
    slug = f"{category.name.lower()}-{product // len(_CATEGORIES) + 1:02}"
    kind = "" if look.pattern == "plain" else f"{look.pattern} "
    title = f"{kind}{look.colour} {category.name}"
    fields: dict[str, FieldValue] = {
        "title": title[0].upper() + title[1:],
        "category": category.name,
        "colour": look.colour,
        "pattern": look.pattern,
        "price": round(price, 2),
        "product": slug,
        "view": _VIEWS[view],
    }
    return DrawnPicture(f"{slug}-{_VIEWS[view]}", pixels, fields)


def _look(product: int, seed: int, chance: random.Random) -> Look:
    """Colours and patterns in turn rather than by chance, so that a category repeats none soon."""
    kind, turn = product % len(_CATEGORIES), product // len(_CATEGORIES)
    order = random.Random(f"{seed} category {kind}")
    colours = order.sample(sorted(COLOURS), len(COLOURS))
    patterns = order.sample(_PATTERNS, len(_PATTERNS))
    return Look(
        colours[turn % len(colours)],
        patterns[turn % len(patterns)],
        chance.random(),
        chance.random(),
        chance.random(),
    )


def _view(category: _Category, view: int, shot: random.Random) -> View:
    lying = category.pose == "lying"
    name = _VIEWS[view]
    nearer = {"front": 1.0, "close": 1.12, "turned": 0.88, "flipped": 0.98}[name]
    swing = (0.24 if lying else 0.035) * (0.35 if name == "front" else 1)
    return View(
        scale=category.scale * nearer * shot.uniform(0.95, 1.05),
        x=shot.uniform(-0.03, 0.03),
        y=shot.uniform(-0.02, 0.02) + (0.0 if lying else 0.015),
        turn=shot.uniform(-swing, swing),
        shear=shot.uniform(-0.05, 0.05) if name == "turned" else 0.0,
        squeeze=shot.uniform(0.84, 0.92) if name == "turned" else 1.0,
        mirror=name == "flipped",
        tilt=shot.uniform(0.1, 0.24),
    )


def _scene(shot: random.Random) -> Scene:
    return Scene(
        backdrop=shot.choice(BACKDROPS),
        tint=shot.choice(TINTS),
        light=shot.uniform(-1, 1),
        exposure=shot.uniform(0.93, 1.05),
    )
