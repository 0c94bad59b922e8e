"""The semantic space: 64 axes in which the 1,000 classes and all words have their place.

Every class is a sentence with its broader words; all-MiniLM-L6-v2 reads it, at build time only. To
it the broader words' own sentences are added, and half of what usually stands around. The 64
strongest axes of these 1,000 vectors, their strengths made more equal, are the space. A picture's
place is the mean of the classes' rows, weighted by a flat softmax of its class scores, less the
mean of all pictures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from recipes.visavis_s.broader import TABLE, Broader, read_broader

from visavis.embedders.base import unit_rows
from visavis.embedders.spec import TextSpec
from visavis.embedders.words.text import TextNetwork

DIM = 64
SOFTMAX_SHARPNESS = 0.5
"""Class scores are multiplied by this before their softmax: many classes have a say."""
KINDS, SURROUNDINGS = 1.0, 0.5
"""How much the broader words and the surroundings of a class count beside its own sentence."""
FLATTENED = 0.25
"""Axes are divided by this power of their eigenvalue: the strong ones count less."""
_NAMED = 2  # broader words in the class's own sentence
_WIDTH = 384  # of MiniLM's vectors

Matrix = NDArray[np.float32]


class Sentences(Protocol):
    """What reads sentences: MiniLM, or in a test anything else."""

    def __call__(self, sentences: Sequence[str]) -> Matrix:
        """A unit vector for each sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Semantic:
    """The space, and what is needed to put words into it."""

    classes: Matrix
    """A: (classes, 64)."""
    axes: Matrix
    """P: (width of the sentences' vectors, 64)."""
    centre: Matrix
    """The mean of the broader words' sentences: taken away from a word's before P."""
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    """The broader words."""
    kind_vectors: Matrix
    """(kinds, 64), unit length."""
    seen: Matrix
    """The unit vectors of the sentences of classes, kinds and surroundings: what can be seen."""

    def placed(self, sentences: Matrix) -> Matrix:
        """The places of words, given their sentences' vectors: (n, 64), unit length."""
        return unit_rows((sentences - self.centre) @ self.axes)


class MiniLM:
    """all-MiniLM-L6-v2 in a folder with text.onnx and tokenizer.json; one sentence at a time.

    The network is 8-bit and scales what it computes by the greatest value in a batch, so that in
    larger batches a sentence's vector would depend on its neighbours.
    """

    def __init__(self, folder: Path) -> None:
        spec = TextSpec("text.onnx", "tokenizer.json", 128, "last_hidden_state", pool="average")
        self._network = TextNetwork(folder, spec, _WIDTH, 1, "cpu")

    def __call__(self, sentences: Sequence[str]) -> Matrix:
        """A unit vector for each sentence. Raises ModelError when the files cannot be used."""
        rows = [self._network.embed([sentence])[0] for sentence in sentences]
        return np.array(rows, np.float32).reshape(len(rows), _WIDTH)


def read_labels(path: Path) -> tuple[str, ...]:
    """A label a line, its first name first: "tench, Tinca tinca"."""
    return tuple(path.read_text(encoding="utf-8").splitlines())


def build(read: Sentences, labels: Sequence[str], table: Path = TABLE, dim: int = DIM) -> Semantic:
    """The semantic space of classes with these labels.

    Args:
        read: What reads sentences: `MiniLM(folder)`.
        labels: A label for each class (see `read_labels`).
        table: Broader words and surroundings.
        dim: Axes that are kept.

    Raises:
        UsageError: the table is not of its form.
    """
    kinds, around = read_broader(table, len(labels))
    own = read(class_sentences(labels, kinds))
    of_kinds, of_around = (read(word_sentences(broader.words)) for broader in (kinds, around))
    rows = own - own.mean(axis=0)
    rows += KINDS * _gathered(kinds, of_kinds) + SURROUNDINGS * _gathered(around, of_around)
    axes = strongest_axes(rows, dim)
    centre = of_kinds.mean(axis=0)
    return Semantic(
        classes=rows @ axes,
        axes=axes,
        centre=centre,
        labels=tuple(labels),
        kinds=kinds.words,
        kind_vectors=unit_rows((of_kinds - centre) @ axes),
        seen=np.concatenate([own, of_kinds, of_around]),
    )


def class_sentences(labels: Sequence[str], kinds: Broader) -> list[str]:
    """ "a photo of a tench, a kind of fish or animal": one name, two broader words at most."""
    return [
        f"a photo of a {first_name(label)}"
        + (f", a kind of {' or '.join(broader)}" if broader else "")
        for number, label in enumerate(labels)
        for broader in [kinds.of_class(number)[:_NAMED]]
    ]


def word_sentences(words: Iterable[str]) -> list[str]:
    """ "a photo of a dog" for each word."""
    return [f"a photo of a {word}" for word in words]


def first_name(label: str) -> str:
    """The first of a class's names."""
    return label.split(",")[0].strip()


def strongest_axes(rows: Matrix, dim: int) -> Matrix:
    """(width, dim): the axes along which rows are longest, flattened, each with a sign of its own.

    The sign makes the entry of the greatest size positive: eigenvectors have none by themselves.
    """
    values, vectors = np.linalg.eigh(
        rows.astype(np.float64).T @ rows.astype(np.float64) / len(rows)
    )
    values, vectors = values[::-1][:dim], vectors[:, ::-1][:, :dim]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(dim)])
    return np.asarray(vectors * signs / values**FLATTENED, np.float32)


def _gathered(broader: Broader, sentences: Matrix) -> Matrix:
    """For each class the mean of its words' sentences less the mean of these; zero without any."""
    counts = broader.classes.sum(axis=0)
    means = broader.classes.T @ sentences / np.maximum(counts, 1)[:, None]
    has = counts > 0
    means[has] -= means[has].mean(axis=0)
    return np.asarray(means * has[:, None], np.float32)


def shares(scores: Matrix) -> Matrix:
    """What classes have a say in a picture, and how much: (n, classes), each row's sum is 1.

    `scores` are logits, or logarithms of probabilities: they differ by what a softmax ignores.
    """
    flat = np.exp(SOFTMAX_SHARPNESS * (scores - scores.max(axis=1, keepdims=True)))
    return np.asarray(flat / flat.sum(axis=1, keepdims=True), np.float32)


def mean_picture(semantic: Semantic, scores: Matrix, labels: Sequence[str]) -> Matrix:
    """m: the mean place of pictures, to be taken away from each.

    Every label counts once, however many pictures it has: what is common in a collection, eight
    hundred motorcycles, is not common in the world.

    Args:
        semantic: The space.
        scores: The class scores of pictures, none of them held out.
        labels: What each shows, as its catalogue says.
    """
    places = shares(scores) @ semantic.classes
    names = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    numbers = np.array([names[label] for label in labels])
    counts = np.bincount(numbers, minlength=len(names))
    sums = np.zeros((len(names), places.shape[1]))
    np.add.at(sums, numbers, places)
    return np.asarray((sums / counts[:, None]).mean(axis=0), np.float32)


def pictured(semantic: Semantic, scores: Matrix, mean: Matrix) -> Matrix:
    """The places of pictures, as the model's graph computes them: (n, 64), unit length."""
    return unit_rows(shares(scores) @ semantic.classes - mean)
