"""What a network's graph says about pictures and their edits, kept in memory for fitting."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from PIL.Image import Image as Picture
from recipes.visavis_s.edits import EDITS, edited
from recipes.visavis_s.pictures import batches
from torch import Tensor

from visavis.training.graphs.tracing import session
from visavis.training.networks.colour import ColourHistogram

PATCH = 8
"""Side of what the colour histogram counts, in pixels: a quarter of the time that 4 takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Rows are pictures."""

    features: Tensor
    """(n, 1280)."""
    scores: Tensor
    """(n, 1000), before softmax."""
    colours: Tensor
    """(n, 192): histograms."""


def look(graph: onnx.ModelProto, pictures: Iterable[Picture], side: int) -> Seen:
    """What the graph of graph.py and the colour histogram say about pictures."""
    runner, histogram = session(graph), ColourHistogram(side, PATCH)
    rows: list[tuple[Tensor, ...]] = []
    for images in batches(pictures, side, 8):
        found = runner.run(["features", "scores"], {"input": images.numpy()})
        rows.append((*map(torch.from_numpy, found), histogram(images)))
    return Seen(*(torch.cat(part) for part in zip(*rows, strict=True)))


def some_edits(pictures: Sequence[Picture], seed: int) -> list[Picture]:
    """An edit of each picture, drawn as in the fine-tuning."""
    return [edited(p, random.Random(f"{seed} {n}")) for n, p in enumerate(pictures)]


def every_edit(pictures: Sequence[Picture], seed: int) -> list[Picture]:
    """Each kind of edit of all pictures: kind by kind, the pictures in their order."""
    return [
        edit(picture, random.Random(f"{seed} {name} {number}"))
        for name, edit in EDITS.items()
        for number, picture in enumerate(pictures)
    ]


def numbers(seed: int, count: int, most: int) -> list[int]:
    """At most so many of 0 … count - 1, drawn by the seed, in order."""
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(count, min(count, most), replace=False).tolist())
