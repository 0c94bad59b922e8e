"""Pictures drawn by code that are hard to tell apart, or have much to tell them by."""

import random

import numpy as np
from PIL import Image, ImageDraw

from visavis.types import RGB, Box


def shapes(seed: int) -> Image.Image:
    """A picture full of shapes."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (320, 240), tuple(chance.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(70):
        left, top = chance.randrange(-20, 320), chance.randrange(-20, 240)
        box = (left, top, left + chance.randrange(8, 80), top + chance.randrange(8, 80))
        colour = tuple(chance.randrange(256) for _ in range(3))
        chance.choice((draw.ellipse, draw.rectangle))(box, fill=colour)
    return picture


def scene(seed: int) -> RGB:
    """The pixels of `shapes`."""
    return np.asarray(shapes(seed))


def page(seed: int) -> RGB:
    """A page of a book: black lines of other words in the same margins."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (480, 640), "white")
    draw = ImageDraw.Draw(picture)
    for line in range(60, 580, 14):
        left = 60
        while left < 410:
            width = chance.randrange(8, 60)
            draw.rectangle((left, line, min(420, left + width), line + 7), fill="black")
            left += width + 6
    return np.asarray(picture)


def product(hue: tuple[int, int, int], tie: bool = False) -> RGB:
    """A product on white."""
    picture = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(picture)
    draw.polygon([(60, 190), (150, 120), (250, 170), (250, 205), (60, 210)], fill=hue)
    for x in range(150, 240, 18):
        draw.line((x, 135 + (x - 150) // 3, x - 10, 165), fill=tuple(c // 2 for c in hue), width=4)
    draw.rectangle((55, 205, 255, 222), fill=tuple(c // 3 for c in hue))
    if tie:
        draw.line((60, 60, 250, 90), fill=hue, width=12)
    return np.asarray(picture)


def part(pixels: RGB, box: Box) -> RGB:
    """What lies in a box of fractions, in whole pixels."""
    height, width = pixels.shape[:2]
    left, right = round(box[0] * width), round(box[2] * width)
    top, bottom = round(box[1] * height), round(box[3] * height)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)
