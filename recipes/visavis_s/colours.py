"""The colour words of the built-in model, and their directions in the visual part of its vectors.

A colour is laid over a part of a hundred pictures, in two shades, and all are looked at. What a
colour's pictures have in common, against those of all colours, is its direction.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from recipes.visavis_s.pictures import Row
from recipes.visavis_s.semantic import Matrix
from torch import Tensor

from visavis.embedders.base import unit_rows
from visavis.embedders.words.table import TableWriter
from visavis.matching.colour.names import SHADES, Colour

ALIASES = {
    "gray": "grey",
    "silver": "grey",
    "charcoal": "grey",
    "navy": "blue",
    "indigo": "blue",
    "turquoise": "blue",
    "teal": "blue",
    "violet": "purple",
    "lilac": "purple",
    "lavender": "purple",
    "mauve": "purple",
    "maroon": "red",
    "crimson": "red",
    "scarlet": "red",
    "burgundy": "red",
    "magenta": "pink",
    "tan": "brown",
    "beige": "brown",
    "khaki": "brown",
    "bronze": "brown",
    "golden": "yellow",
    "ivory": "white",
}
"""Other words for the eleven. Names of things (olive, rose, cream, gold) are left to the words."""

THINGS = frozenset({"orange"})
"""Colours that are things as well: they keep a row among the words, and act on both parts."""

PICTURES = 100
_SIDE = 224
_DEPTH = 0.5
"""How dark a colour becomes where the picture is black. Mean average precision of the eleven on
held-out pictures of fashion, by the field baseColour: .373 with 1, .404 with .5."""
_SEED = 0


@dataclass(frozen=True, slots=True)
class ColourDirections:
    """Colour words, and a unit direction in the visual part for each."""

    words: tuple[str, ...]
    directions: Matrix
    """(words, numbers of the visual part)."""

    def basic(self) -> dict[str, Tensor]:
        """Those of the eleven by themselves."""
        return {
            word: torch.from_numpy(row) for word, row in zip(SHADES, self.directions, strict=False)
        }


def colour_words() -> tuple[str, ...]:
    """All colour words: the eleven, then their aliases."""
    return (*SHADES, *ALIASES)


def wordless() -> frozenset[str]:
    """The colour words that have no row among the words of the semantic part."""
    return frozenset(colour_words()) - THINGS


def chosen(rows: Sequence[Row], count: int = PICTURES) -> list[Row]:
    """Pictures to lay colours over: photographs and drawings of train-mix, none held out."""
    free = [row for row in rows if "source" in row.fields and not row.held_out]
    return random.Random(_SEED).sample(free, min(count, len(free)))


def laid_over(pictures: Sequence[Image.Image]) -> Iterator[Image.Image]:
    """All pictures with each colour in each of its shades, colour by colour.

    Every colour is laid over the same parts of the same pictures, so that all else cancels out.
    """
    for shades in SHADES.values():
        for shade in shades:
            for number, picture in enumerate(pictures):
                yield tinted(picture, shade, number)


def directions(vectors: Matrix) -> ColourDirections:
    """The colour words' directions, by the visual parts (n, numbers) of `laid_over`'s pictures.

    What a colour's mean has against that of all. (Fisher's linear discriminant, which also knows
    what differs between pictures of one colour, ranked held-out products no better.)
    """
    by_colour = vectors.astype(np.float64).reshape(len(SHADES), -1, vectors.shape[1])
    means = by_colour.mean(axis=1)
    rows = unit_rows(np.asarray(means - means.mean(axis=0), np.float32))
    places = {word: place for place, word in enumerate(SHADES)}
    words = colour_words()
    return ColourDirections(words, rows[[places[ALIASES.get(word, word)] for word in words]])


def basic(name: str) -> str | None:
    """Which of the eleven a catalogue's name of a colour is of: "Navy Blue" is blue."""
    words = (ALIASES.get(word, word) for word in reversed(name.casefold().split()))
    return next((word for word in words if word in SHADES), None)


def tinted(picture: Image.Image, colour: Colour, seed: int) -> Image.Image:
    """The picture with an ellipse in it that has a colour and keeps its light and shade."""
    picture = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    light = np.asarray(picture.convert("L"), np.float32)[:, :, None] / 255
    coloured = np.asarray(colour, np.float32) * ((1 - _DEPTH) + _DEPTH * light)
    pixels = np.where(_ellipse(seed)[:, :, None], coloured, np.asarray(picture, np.float32))
    return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))


def _ellipse(seed: int) -> NDArray[np.bool_]:
    """Where the ellipse is: half to nine tenths of the sides, somewhere around the middle."""
    chance = random.Random(seed)
    wide, high = (chance.uniform(0.5, 0.9) * _SIDE for _ in range(2))
    left, top = chance.uniform(0, _SIDE - wide), chance.uniform(0, _SIDE - high)
    mask = Image.new("1", (_SIDE, _SIDE))
    ImageDraw.Draw(mask).ellipse((left, top, left + wide, top + high), fill=1)
    return np.asarray(mask, np.bool_)


def save(path: Path, colours: ColourDirections) -> None:
    """Write colours.bin."""
    with TableWriter(path, colours.directions.shape[1], kind="float16") as writer:
        writer.add(colours.words, colours.directions)
        writer.finish()
