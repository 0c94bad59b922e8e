"""The words' side of a joint space: word vectors, turned so that the training's words lie apart.

In a file of word vectors *cat*, *dog* and *horse* lie close together, and so do *bus*, *car* and
*train*: a picture that has to lie near one of them lies near all. What tells these words apart is
in directions that are short in the file. So all vectors are mapped by the inverse root of

    M = (1 - s) I / dim + s (1/4 W / trace W + 3/4 L / trace L)

where W is the covariance of the file's words and L the second moment of the training's own. With L
alone this is how Romera-Paredes and Torr ("An embarrassingly simple approach to zero-shot
learning", ICML 2015) regularise the words' side; the root on both sides instead of the inverse on
one keeps a word its own nearest neighbour. W keeps the directions that no word of the training has
from being blown up. The shares were chosen by cross-validation within training pictures of PASCAL.
Words that were never trained are mapped as well: they keep their meaning, as the map is linear.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.embedders.words.table import TableWriter, WordTable
from visavis.types import Vectors

Floats = NDArray[np.float64]

_OWN_SHARE = 0.75
"""Of the training's words in the formula above."""
_COMMONEST = 50_000
"""Words that the mean and the covariance are taken of; rare ones are many and say little."""
_BLOCK = 8_192
_FLOOR = 1e-4
"""Of the mean eigenvalue: what a direction has at least, in files of fewer words than numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A map of word vectors: their mean is taken away, then all are turned and stretched."""

    mean: Floats
    matrix: Floats

    def vectors(self, rows: Vectors) -> Vectors:
        """Unit vectors (n, dim) of words to unit vectors."""
        return unit_rows((rows - self.mean) @ self.matrix)

    def phrase(self, table: WordTable, numbers: list[int]) -> Vectors:
        """The unit vector of a phrase of these words, (dim,); zeros where there are none."""
        if not numbers:
            return np.zeros(table.dim, np.float32)
        found: Vectors = unit_rows(self.vectors(table.vectors(numbers)).mean(axis=0)[None])[0]
        return found


def turn_of(table: WordTable, phrases: Iterable[list[int]], spread: float) -> Turn:
    """The map for a training.

    Args:
        table: The words.
        phrases: The numbers of the words of each label or caption that is trained on.
        spread: s in the formula above; 0: only the mean is taken away.
    """
    rows = table.vectors(slice(0, _COMMONEST)).astype(np.float64)
    mean = rows.mean(axis=0)
    centred = Turn(mean, np.eye(table.dim))
    own = np.array([centred.phrase(table, numbers) for numbers in phrases if numbers], np.float64)
    even = np.eye(table.dim) / table.dim
    moment = (1 - spread) * even
    for part, share in ((rows - mean, 1 - _OWN_SHARE), (own, _OWN_SHARE)):
        moment += spread * share * (part.T @ part / max(np.square(part).sum(), 1e-12))
    values, vectors = np.linalg.eigh(moment + _FLOOR * even)
    return Turn(mean, (vectors * values**-0.5) @ vectors.T)


def write_turned(
    table: WordTable, turn: Turn, path: Path, *, keep: int, also: Iterable[int] = ()
) -> int:
    """Write the first `keep` words, and `also` those of these numbers; returns how many."""
    first = min(keep, len(table))
    rest = sorted({number for number in also if number >= first})
    with TableWriter(path, table.dim, kind="float16") as writer:
        for numbers in _blocks([*range(first), *rest]):
            words = [table.word(number) for number in numbers]
            writer.add(words, turn.vectors(table.vectors(numbers)))
        writer.finish(table.notes)
    return first + len(rest)


def _blocks(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), _BLOCK):
        yield numbers[start : start + _BLOCK]
