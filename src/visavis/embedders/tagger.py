"""Tags: words for what a picture shows, in the way that its model can give them.

- A model that says which of its words may be tags, and from which cosine on: those of them that the
  semantic part of the picture's vector reaches, or none.
- A model whose text side is a table of words: the words nearest to the picture's vector.
- A classifier: the names of its classes, by probability.
- Any other model that reads words, such as CLIP: of a list of words, a person's own or the one that
  is built in, those nearest to the picture's vector.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import numpy as np

from visavis.disk import reason
from visavis.embedders.base import ClassSide, Embedder, TextEmbedder, unit_rows
from visavis.embedders.blocks import reaches, semantic_part
from visavis.embedders.classes.names import synonyms
from visavis.embedders.combined import CombinedEmbedder
from visavis.embedders.spec import WordsSpec
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.embedders.words.lookup import Words
from visavis.embedders.words.semantic import SemanticWords
from visavis.errors import ClassesUnsupportedError, UsageError, WordVectorsError
from visavis.types import RGB, Tag, Vectors

USUAL = 10
"""Tags that a picture gets when nobody says how many, of models that cut nothing off."""


class Tagger(Protocol):
    """Finds tags for pictures. Safe to use from several threads."""

    @property
    def fingerprint(self) -> str:
        """What the tags depend on; the same in every process."""
        ...

    @property
    def from_vectors(self) -> bool:
        """Whether the vectors of an index are enough, without the pictures."""
        ...

    @property
    def least(self) -> float:
        """The score below which a tag is not worth keeping."""
        ...

    @property
    def usual(self) -> int:
        """How many tags a picture gets at most when nobody says how many."""
        ...

    def of_vectors(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        """The best tags for each of (n, dim) vectors of the model, best first."""
        ...

    def of_images(self, images: Sequence[RGB], count: int) -> list[list[Tag]]:
        """The best tags for each picture, best first."""
        ...


def make_tagger(embedder: Embedder, vocabulary: Sequence[str] | None = None) -> Tagger:
    """The tagger of a model; of a mix, that of the first part that has one.

    Args:
        embedder: The model.
        vocabulary: Words to choose from; None: as the model has it (see above).

    Raises:
        ClassesUnsupportedError: the model can give no tags, or none of a list of words.
    """
    if isinstance(embedder, CombinedEmbedder):
        return _of_a_part(embedder, vocabulary)
    if vocabulary is None:
        words = embedder.words() if isinstance(embedder, TwoSidedEmbedder) else None
        if isinstance(words, SemanticWords) and (listed := _tags_file(embedder)) is not None:
            return _SemanticTagger(embedder, words, read_tags(listed, words))
        if words is not None:
            return _WordTagger(embedder, words)
        side: object = getattr(embedder, "classes", None)
        if isinstance(side, ClassSide):
            return _ClassTagger(embedder, side)
    if isinstance(embedder, TextEmbedder):
        return _ListTagger(embedder, built_in_vocabulary() if vocabulary is None else vocabulary)
    what = "tags" if vocabulary is None else "tags from a list of words"
    raise ClassesUnsupportedError(
        f"the model {embedder.name!r} gives no {what}; use one that reads words or has a "
        "classifier (`visavis models list` says which do)"
    )


def built_in_vocabulary() -> list[str]:
    """Some hundred words for what people photograph."""
    text = files("visavis.embedders").joinpath("vocabulary.txt").read_text(encoding="utf-8")
    return _listed(text)


def read_vocabulary(path: Path) -> list[str]:
    """Words from a file, one or a phrase on each line, `#` for comments. Raises UsageError."""
    try:
        words = _listed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the list of words cannot be read ({reason(error)})") from error
    if not words:
        raise UsageError(f"{path} names no words; write one on each line")
    return words


def _listed(text: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return list(dict.fromkeys(filter(None, lines)))


def _of_a_part(embedder: CombinedEmbedder, vocabulary: Sequence[str] | None) -> Tagger:
    refused: list[str] = []
    for part, place in zip(embedder.parts, embedder.places, strict=True):
        try:
            return _PartTagger(make_tagger(part.embedder, vocabulary), place)
        except ClassesUnsupportedError as error:
            refused.append(str(error))
    raise ClassesUnsupportedError(refused[0])


class _WordTagger:
    """The nearest words of a table."""

    from_vectors = True
    least = -1.0
    usual = USUAL

    def __init__(self, embedder: Embedder, words: Words) -> None:
        self._embedder, self._words = embedder, words
        table = words.table
        ends = (table.word(0), table.word(len(table) - 1)) if len(table) else ()
        self.fingerprint = _digest("words", embedder.fingerprint, len(table), *ends)

    def of_vectors(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        return self._words.tags(vectors, count)

    def of_images(self, images: Sequence[RGB], count: int) -> list[list[Tag]]:
        return self.of_vectors(self._embedder.embed_images(images), count)


class _SemanticTagger:
    """Words with a cosine of their own each, from which on they are right often enough."""

    from_vectors = True
    least = -1.0
    usual = 3

    def __init__(self, embedder: Embedder, words: SemanticWords, tags: "Tags") -> None:
        self._embedder, self._semantic = embedder, words.semantic
        self._names = list(tags)
        self._rows = np.array([row for row, _ in tags.values()], np.float32)
        self._cuts = np.array([cut for _, cut in tags.values()], np.float32)
        digest = hashlib.sha256(self._rows.tobytes() + self._cuts.tobytes()).hexdigest()
        self.fingerprint = _digest("semantic", embedder.fingerprint, digest, *self._names)

    def of_vectors(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        scores = semantic_part(vectors, self._semantic) @ self._rows.T
        scores[scores < self._cuts] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return [
            [Tag(self._names[at], float(row[at])) for at in best if row[at] > -np.inf]
            for row, best in zip(scores, order.tolist(), strict=True)
        ]

    def of_images(self, images: Sequence[RGB], count: int) -> list[list[Tag]]:
        return self.of_vectors(self._embedder.embed_images(images), count)


Tags = Mapping[str, tuple[Vectors, float]]
"""What may be a tag → its direction in the semantic part, and the least cosine with it."""


def read_tags(path: Path, words: SemanticWords) -> Tags:
    """The tags in a file, on lines `name<tab>least cosine`. Raises WordVectorsError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WordVectorsError(f"{path}: the tags cannot be read ({reason(error)})") from error
    found: dict[str, tuple[Vectors, float]] = {}
    for number, line in enumerate(lines, 1):
        name, _, least = line.partition("\t")
        row = words.phrase(name)
        if row is None:
            raise WordVectorsError(
                f"{path}, line {number}: {name[:60]!r} is no word of {words.table.path.name}"
            )
        try:
            cut = float(least)
        except ValueError:
            cut = np.nan
        if not -1 <= cut <= 1:
            raise WordVectorsError(
                f"{path}, line {number}: write name, a tab and a cosine; not {line[:60]!r}"
            )
        found[name.replace("_", " ")] = row, cut
    if not found:
        raise WordVectorsError(f"{path} names no tags")
    return found


def _tags_file(embedder: Embedder) -> Path | None:
    """The file of tags in a model folder, if its model.json names one."""
    spec = embedder.spec.text if isinstance(embedder, TwoSidedEmbedder) else None
    if not isinstance(embedder, TwoSidedEmbedder) or not isinstance(spec, WordsSpec):
        return None
    return None if spec.tags is None else embedder.folder / spec.tags


class _ListTagger:
    """The nearest of a list of words, by a network that reads them."""

    from_vectors = True
    least = -1.0
    usual = USUAL

    def __init__(self, embedder: TextEmbedder, names: Sequence[str]) -> None:
        self._embedder, self._names = embedder, list(names)
        self.fingerprint = _digest("list", embedder.fingerprint, *names)

    @cached_property
    def _vectors(self) -> Vectors:
        texts = self._embedder.embed_texts(self._names)
        scale = reaches(self._embedder, texts)  # scores as a search by that word shows them
        return np.asarray(texts / scale[:, None], np.float32)

    def of_vectors(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        scores = vectors @ self._vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return [
            [Tag(self._names[place], float(row[place])) for place in best]
            for row, best in zip(scores, order.tolist(), strict=True)
        ]

    def of_images(self, images: Sequence[RGB], count: int) -> list[list[Tag]]:
        return self.of_vectors(self._embedder.embed_images(images), count)


class _ClassTagger:
    """The most probable classes."""

    from_vectors = False
    least = 0.01  # a class in a hundred guesses
    usual = USUAL

    def __init__(self, embedder: Embedder, side: ClassSide) -> None:
        self._side = side
        self._names = [synonyms(label)[0] for label in side.labels]
        self.fingerprint = _digest("classes", embedder.fingerprint, *self._names)

    def of_vectors(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        raise ClassesUnsupportedError("class scores need the pictures themselves")

    def of_images(self, images: Sequence[RGB], count: int) -> list[list[Tag]]:
        scores = self._side.scores(images)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return [
            [Tag(self._names[place], float(row[place])) for place in best]
            for row, best in zip(scores, order.tolist(), strict=True)
        ]


class _PartTagger:
    """The tagger of one part of a mix."""

    def __init__(self, tagger: Tagger, place: slice) -> None:
        self._tagger, self._place = tagger, place
        self.fingerprint = tagger.fingerprint
        self.from_vectors = tagger.from_vectors
        self.least = tagger.least
        self.usual = tagger.usual

    def of_vectors(self, vectors: Vectors, count: int) -> list[list[Tag]]:
        return self._tagger.of_vectors(unit_rows(vectors[:, self._place]), count)

    def of_images(self, images: Sequence[RGB], count: int) -> list[list[Tag]]:
        return self._tagger.of_images(images, count)


def _digest(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
