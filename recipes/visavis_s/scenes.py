"""Products as people photograph them: cut out of their white ground, in front of something."""

import random

import numpy as np
from PIL import Image, ImageFilter
from PIL.Image import Image as Picture
from recipes.visavis_s.edits import light

_SIDE = 224
_GROUND = 243  # a pixel all of whose colours are brighter is ground


def in_scene(product: Picture, scene: Picture, chance: random.Random) -> Picture:
    """The product, a little turned, smaller, in other light, with a scene around it."""
    photo = scene.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    share = chance.uniform(0.5, 0.85) * _SIDE / max(product.size)
    size = (max(1, round(product.width * share)), max(1, round(product.height * share)))
    angle = chance.uniform(-15, 15)
    shown, mask = (
        one.resize(size, Image.Resampling.BICUBIC).rotate(
            angle, Image.Resampling.BICUBIC, expand=True
        )
        for one in (product.convert("RGB"), cut_out(product))
    )
    left, top = (
        chance.randint(0, max(0, _SIDE - length)) for length in (shown.width, shown.height)
    )
    photo.paste(shown, (left, top), mask)
    return light(photo, chance)


def cut_out(product: Picture) -> Picture:
    """Where a product on white is: 255 in it, 0 around, as an "L" picture of its size."""
    dark = np.asarray(product.convert("RGB")).min(axis=2) < _GROUND
    return Image.fromarray((dark * 255).astype(np.uint8)).filter(ImageFilter.MedianFilter(5))
