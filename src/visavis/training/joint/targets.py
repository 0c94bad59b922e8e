"""What pictures are to lie near: the vectors of their labels' and their captions' words."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visavis.embedders.adding.conse import class_words
from visavis.embedders.base import unit_rows
from visavis.embedders.words.lookup import Words
from visavis.embedders.words.table import WordTable
from visavis.filters import items_of
from visavis.training.data.samples import Numbers, Sample
from visavis.training.joint.words import Turn

_BETWEEN = re.compile(r"\s*[|;]\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Phrases:
    """The known words of what is said about each sample, as numbers of a table."""

    labels: list[list[str]]
    """Those with a known word, of each sample."""
    captions: list[list[list[int]]]
    """The words of each caption that has one, of each sample."""
    named: dict[str, list[int]]
    """The words that stand for each label; none for a label without a known word."""

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(n,): whether anything is known of a sample."""
        pairs = zip(self.labels, self.captions, strict=True)
        return np.array([bool(label or captions) for label, captions in pairs], bool)

    def descriptions(self) -> set[str]:
        """All that is said of a sample, of which something is known; each once."""
        pairs = zip(self.labels, self.captions, strict=True)
        return {json.dumps([sorted(label), said]) for label, said in pairs if label or said}

    @property
    def unknown(self) -> list[str]:
        """Labels without a known word."""
        return [label for label, numbers in self.named.items() if not numbers]

    def used(self) -> set[int]:
        """All words that occur."""
        said = (word for captions in self.captions for words in captions for word in words)
        return {*said, *(word for words in self.named.values() for word in words)}

    def of(self, numbers: Numbers) -> "Phrases":
        """The same of some samples."""
        chosen = numbers.tolist()
        labels = [self.labels[number] for number in chosen]
        there = {label for own in labels for label in own}
        named = {label: words for label, words in self.named.items() if label in there}
        return Phrases(labels, [self.captions[number] for number in chosen], named)

    def sha256(self, table: WordTable) -> str:
        """Of all that is said, and of the vectors of the words."""
        words = sorted(self.used())
        digest = hashlib.sha256(json.dumps([self.labels, self.captions, self.named]).encode())
        digest.update("\n".join(table.word(word) for word in words).encode())
        digest.update(table.vectors(words).tobytes() if words else b"")
        return digest.hexdigest()


def phrases_of(
    samples: Sequence[Sample], labels: str | None, captions: str | None, words: Words
) -> Phrases:
    """Look up what the fields `labels` and `captions` say of each sample."""
    own = [_said(sample, labels, _BETWEEN) for sample in samples]
    distinct = list(dict.fromkeys(label for said in own for label in said))
    named = dict(zip(distinct, class_words(words, distinct), strict=True))
    looked_up = (
        [words.look_up(text)[0] for text in _said(sample, captions, None)] for sample in samples
    )
    return Phrases(
        [[label for label in said if named[label]] for said in own],
        [[numbers for numbers in found if numbers] for found in looked_up],
        named,
    )


def texts(field: str, value: str, between: re.Pattern[str] | None = None) -> list[str]:
    """The texts in a cell: those of a list, or one, or several with a mark between them.

    >>> texts("caption", '["A dog.", "A dog on grass."]')
    ['A dog.', 'A dog on grass.']
    >>> texts("kind", "dog | grass; sky", re.compile(r"[|;]"))
    ['dog', 'grass', 'sky']
    """
    found: Sequence[object] | None = items_of(field, value.strip())
    if found is None:
        found = between.split(value) if between else [value]
    return list(dict.fromkeys(text for one in found if (text := str(one).strip())))


def _said(sample: Sample, field: str | None, between: re.Pattern[str] | None) -> list[str]:
    if field is None or (value := sample.entry.fields.get(field)) is None:
        return []
    return texts(field, str(value), between)


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """The vectors that samples are to lie near."""

    labels: Tensor
    """(m, dim) of the labels, unit length."""
    own: Tensor
    """(n, m), whether a label is a sample's."""
    captions: Tensor
    """(n, dim) of the captions of a sample together, unit length; zeros where it has none."""
    names: tuple[str, ...]
    """Of the labels."""

    @property
    def captioned(self) -> Tensor:
        """(n,): whether a sample has a caption."""
        return self.captions.abs().sum(dim=1) > 0

    def of(self, numbers: Numbers) -> "Targets":
        """The same of some samples."""
        chosen = torch.from_numpy(numbers)
        return Targets(self.labels, self.own[chosen], self.captions[chosen], self.names)

    def goals(self, weight: float) -> Tensor:
        """(n, dim): one unit vector for each sample, captions counted by `weight`, labels the rest.

        What there is counts in full where the other is missing; zeros where nothing is known.
        """
        counts = self.own.sum(dim=1, keepdim=True)
        labels = (self.own.to(self.labels.dtype) @ self.labels) / counts.clamp(min=1)
        both = (counts[:, 0] > 0) & self.captioned
        share = torch.where(both, torch.tensor(weight), self.captioned.to(self.labels.dtype))
        return functional.normalize((1 - share)[:, None] * labels + share[:, None] * self.captions)


def targets_of(phrases: Phrases, table: WordTable, turn: Turn, train: Numbers) -> Targets:
    """The vectors of all samples; how rare a word is is counted among those that are trained on."""
    names = [name for name, words in phrases.named.items() if words]
    places = {name: place for place, name in enumerate(names)}
    vectors = [turn.phrase(table, phrases.named[name]) for name in names]
    own = torch.zeros(len(phrases.labels), len(names), dtype=torch.bool)
    for number, said in enumerate(phrases.labels):
        own[number, [places[label] for label in said]] = True
    weights = rarity(phrases.captions[number] for number in train.tolist())
    captions = np.zeros((len(own), table.dim), np.float32)
    for row, said_of in zip(captions, phrases.captions, strict=True):
        words = [word for caption in said_of for word in caption]
        if words:
            counted = np.array([weights.get(word, weights[-1]) for word in words], np.float32)
            row[:] = unit_rows((counted @ turn.vectors(table.vectors(words)))[None])[0]
    rows = np.array(vectors, np.float32).reshape(len(names), table.dim)
    return Targets(torch.from_numpy(rows), own, torch.from_numpy(captions), tuple(names))


def rarity(captions: Iterable[Sequence[Sequence[int]]]) -> dict[int, float]:
    """How much each word says, by the share of pictures whose captions have it; -1: others.

    log(1 + pictures / pictures with the word): "man" and "standing" say little of a photograph.
    """
    counts: Counter[int] = Counter()
    pictures = 0
    for said in captions:
        pictures += 1
        counts.update({word for caption in said for word in caption})
    found = {word: float(np.log1p(pictures / count)) for word, count in counts.items()}
    return found | {-1: float(np.log1p(max(pictures, 1)))}
