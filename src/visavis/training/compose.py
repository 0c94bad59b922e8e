"""What the teacher is shown: crops, mixtures and collages of the training pictures.

A small network that sees the same crops again learns them by heart. So there is an endless
stream: picture number n of the stream is a function of the seed and n alone, which is also what
lets a stopped training go on exactly where it was.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from visavis.training.pictures import Pictures
from visavis.types import RGB


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often the stream shows what; shares add up to at most one, plain crops get the rest."""

    whole: float = 0.15  # whole pictures, squashed to a square, as the engine embeds them
    blend: float = 0.15  # two crops, one shining through the other
    paste: float = 0.15  # a box of one crop in another
    collage: float = 0.05  # four crops side by side
    smallest_area: float = 0.2  # of the picture, for a crop
    recolour: float = 0.5  # share of pictures whose colours the teacher sees changed too


def composition(
    pictures: Pictures, members: np.ndarray, size: int, mixture: Mixture, seed: int, number: int
) -> RGB:
    """Picture `number` of the stream: (size, size, 3), made of the pictures in `members`."""
    rng = np.random.default_rng([seed, number])
    draw = rng.random()
    if draw < mixture.whole:
        made = _crop(pictures, members, size, 1.0, rng)
    elif (draw := draw - mixture.whole) < mixture.blend:
        first, second = (_crop(pictures, members, size, mixture.smallest_area, rng) for _ in "ab")
        made = Image.blend(first, second, float(rng.uniform(0.25, 0.5)))
    elif (draw := draw - mixture.blend) < mixture.paste:
        made = _crop(pictures, members, size, mixture.smallest_area, rng)
        width, height = (int(size * rng.uniform(0.35, 0.75)) for _ in "wh")
        inset = _crop(pictures, members, size, mixture.smallest_area, rng)
        left, top = int(rng.integers(size - width + 1)), int(rng.integers(size - height + 1))
        made.paste(inset.resize((width, height), Image.Resampling.BILINEAR), (left, top))
    elif draw - mixture.paste < mixture.collage:
        made = Image.new("RGB", (size, size))
        middle_x, middle_y = (int(size * rng.uniform(0.35, 0.65)) for _ in "xy")
        for left, right in ((0, middle_x), (middle_x, size)):
            for top, bottom in ((0, middle_y), (middle_y, size)):
                part = _crop(pictures, members, size, 0.4, rng)
                tile = part.resize((right - left, bottom - top), Image.Resampling.BILINEAR)
                made.paste(tile, (left, top))
    else:
        made = _crop(pictures, members, size, mixture.smallest_area, rng)
    pixels = np.asarray(made)
    return _recoloured(pixels, rng) if rng.random() < mixture.recolour else pixels


def _crop(
    pictures: Pictures, members: np.ndarray, size: int, smallest: float, rng: np.random.Generator
) -> Image.Image:
    """A random part of a random picture, at least `smallest` of its area, squashed to a square."""
    picture = Image.fromarray(pictures[int(members[rng.integers(len(members))])])
    share = rng.uniform(smallest, 1.0)
    stretch = np.exp(rng.uniform(-0.3, 0.3)) if smallest < 1 else 1.0
    width = min(picture.width, picture.width * np.sqrt(share) * stretch)
    height = min(picture.height, picture.height * np.sqrt(share) / stretch)
    left = rng.uniform(0, picture.width - width)
    top = rng.uniform(0, picture.height - height)
    box = (left, top, left + width, top + height)
    made = picture.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return made.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else made


def _recoloured(pixels: RGB, rng: np.random.Generator) -> RGB:
    """Another brightness, contrast, saturation and white balance, within what photographs vary."""
    values = pixels.astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (values - grey) * np.float32(rng.uniform(0.4, 1.6))
    gain = rng.uniform(0.7, 1.35) * rng.uniform(0.88, 1.12, size=3)
    values = (values - values.mean()) * gain.astype(np.float32) + values.mean()
    values += np.float32(rng.uniform(-35, 35))
    clipped: RGB = np.clip(values, 0, 255).astype(np.uint8)
    return clipped
