"""Drawn products at known places on a ground: what is to be found, and where it is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from visavis.drawn import home, wear
from visavis.drawn.canvas import Canvas, View
from visavis.drawn.look import COLOURS, Look
from visavis.types import RGB, Box

PRODUCTS: tuple[Callable[[Canvas, Look], None], ...] = (
    home.mug,
    home.teapot,
    home.lamp,
    home.chair,
    home.clock,
    wear.sneaker,
    wear.backpack,
    wear.guitar,
)
_SIDE = 320


class Pasted(NamedTuple):
    """A picture, and the boxes of what was pasted."""

    pixels: RGB
    boxes: tuple[Box, ...]


def product(number: int) -> Image.Image:
    """One product, cut out to its edges."""
    canvas = Canvas(_SIDE, View())
    colour = sorted(COLOURS)[number * 5 % len(COLOURS)]
    PRODUCTS[number % len(PRODUCTS)](canvas, Look(colour, "plain", 0.5, 0.5, 0.5))
    layer = np.clip(canvas.layer, 0, 1)
    alpha = layer[..., 3:]
    plain = np.concatenate([layer[..., :3] / np.maximum(alpha, 1e-3), alpha], axis=-1)
    drawn = Image.fromarray((plain.clip(0, 1) * 255).astype(np.uint8), "RGBA")
    return drawn.crop(drawn.getchannel("A").point(lambda value: 255 * (value > 128)).getbbox())


def pasted(ground: Image.Image, *where: tuple[int, float, float, float]) -> Pasted:
    """Products on a ground: the number of each, its left and top, and its longer side, as shares.

    A ground is 400 × 300 or any other size.
    """
    picture, boxes = ground.copy(), []
    wide, high = picture.size
    for number, left, top, long in where:
        thing = product(number)
        by = long * high / max(thing.size)
        thing = thing.resize((round(thing.width * by), round(thing.height * by)))
        x, y = round(left * wide), round(top * high)
        picture.paste(thing, (x, y), thing)
        boxes.append((x / wide, y / high, (x + thing.width) / wide, (y + thing.height) / high))
    return Pasted(np.asarray(picture), tuple(boxes))


def plain(colour: str = "lightgrey") -> Image.Image:
    """A ground that shows nothing."""
    return Image.new("RGB", (400, 300), colour)


def rough(seed: int) -> Image.Image:
    """Sand, or a carpet: grains and soft patches, and no thing."""
    random = np.random.default_rng(seed)
    patches = Image.fromarray(random.integers(120, 150, (6, 8, 3), np.uint8))
    soft = np.asarray(patches.resize((400, 300), Image.Resampling.BICUBIC), np.float32)
    grains = random.normal(0, 9, (300, 400, 1))
    return Image.fromarray((soft + grains).clip(0, 255).astype(np.uint8))
