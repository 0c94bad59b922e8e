"""How a training does on the pictures that it is not shown."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Generator, Tensor

from visavis.training.augment import edited
from visavis.training.calibrate import Parts
from visavis.training.colour import Colour
from visavis.training.networks import Student, TwoScales
from visavis.training.pictures import Pictures
from visavis.training.teacher import Projection, Teacher

Floats = NDArray[np.float32]
Embed = Callable[[Tensor], Floats]
"""Images (n, 3, side, side) in -1…1 to vectors (n, dim)."""


class HeldOut:
    """Held-out pictures, edited copies of them, and the teacher's embeddings, looked at once."""

    def __init__(
        self,
        pictures: Pictures,
        members: NDArray[np.int64],
        teacher: Teacher,
        projection: Projection,
        side: int,
    ) -> None:
        vectors = []
        for start in range(0, len(members), 64):
            part = members[start : start + 64]
            maps, _, _ = teacher.look([squashed(pictures, i, teacher.size) for i in part])
            vectors.append(projection.vectors(maps.mean(axis=(2, 3))))
        self._pixels = np.stack([squashed(pictures, i, side) for i in members])
        self._teachers = unit(np.concatenate(vectors))

    def images(self, start: int, end: int) -> Tensor:
        """Pictures from `start` to `end`: (n, 3, side, side), in -1…1."""
        pixels = torch.from_numpy(self._pixels[start:end])
        return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1

    def report(self, student: Student | TwoScales) -> dict[str, float]:
        """Three figures, each better when higher, at most one.

        `cosine` is that with the teacher's embedding; `agreement` the share of the teacher's five
        nearest that are among ours; `copy_recall` the share of edited copies whose original comes
        first by the copy numbers.
        """
        originals, copies = self.parts(student, None)
        found = (copies.copy @ originals.copy.T).argmax(axis=1)
        return {
            "cosine": float((originals.learned * self._teachers).sum(axis=1).mean()),
            "agreement": self._agreement(originals.learned),
            "copy_recall": float((found == np.arange(len(found))).mean()),
        }

    def vectors(self, embed: Embed) -> Floats:
        """(n, dim): whole vectors of the pictures."""
        return np.concatenate([embed(batch) for batch in self._batches()])

    def whole(self, embed: Embed) -> dict[str, float]:
        """`agreement` and `copy_recall` as in `report`, by whole vectors instead of their parts."""
        originals = self.vectors(embed)
        copies = np.concatenate([embed(batch) for batch in edits(self._batches(), seed=1)])
        found = (copies @ originals.T).argmax(axis=1)
        return {
            "agreement": self._agreement(originals),
            "copy_recall": float((found == np.arange(len(found))).mean()),
        }

    def parts(self, student: Student | TwoScales, colour: Colour | None) -> tuple[Parts, Parts]:
        """The parts of the originals' vectors and of their copies'."""
        return look_at_pairs(student, colour, self._batches(), seed=1)

    def _batches(self) -> list[Tensor]:
        return [self.images(start, start + 64) for start in range(0, len(self._pixels), 64)]

    def _agreement(self, vectors: Floats) -> float:
        """The share of the teacher's five nearest that are among those of these vectors."""
        count = min(5, len(self._pixels) - 1)
        near = zip(nearest(vectors, count), nearest(self._teachers, count), strict=True)
        return float(np.mean([len(np.intersect1d(a, b)) for a, b in near])) / count


def look_at_pairs(
    student: Student | TwoScales, colour: Colour | None, batches: Sequence[Tensor], *, seed: int
) -> tuple[Parts, Parts]:
    """The parts of pictures in batches (n, 3, side, side), in -1…1, and of an edit of each."""
    return look(student, colour, batches), look(student, colour, edits(batches, seed=seed))


def edits(batches: Iterable[Tensor], *, seed: int) -> Iterator[Tensor]:
    """An edited copy of each picture of batches (n, 3, side, side), in -1…1."""
    generator = Generator().manual_seed(seed)
    return (edited((batch + 1) / 2, generator) * 2 - 1 for batch in batches)


@torch.inference_mode()
def look(student: Student | TwoScales, colour: Colour | None, batches: Iterable[Tensor]) -> Parts:
    """The parts of pictures that come in batches (n, 3, side, side) in -1…1."""
    device = next(student.parameters()).device
    rows: list[tuple[Floats, Floats, Floats]] = []
    for images in batches:
        learned, copy, _ = student.summary(images.to(device))
        colours = images[:, :0, 0, 0] if colour is None else colour(images)
        rows.append((unit(learned.cpu().numpy()), unit(copy.cpu().numpy()), colours.numpy()))
    seen, copies, shades = (np.concatenate(part) for part in zip(*rows, strict=True))
    return Parts(seen, copies, shades)


def unit(vectors: Floats) -> Floats:
    """Rows of unit length."""
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def nearest(vectors: Floats, count: int) -> NDArray[np.int64]:
    """(n, count): for each row the `count` others with the highest dot product, in no order."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.argpartition(-scores, count - 1, axis=1)[:, :count]


def squashed(pictures: Pictures, index: int, side: int) -> NDArray[np.uint8]:
    """A picture as the engine embeds it: all of it, (side, side, 3)."""
    image = Image.fromarray(pictures[index])
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
