"""The words of the built-in model: which there are, and the row of each in the semantic space.

Words are those that BERT's tokenizer knows whole (its order is by frequency), some of our own, the
broader words, the words of the class names, and British spellings. A row's direction is the word's
place; its length is how much the word says: rare words more than common ones, words for what can
be seen more than others. A text is the sum of its words' rows, made unit length, so that nothing
but the table is needed to read one.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from recipes.visavis_s.broader import HERE, read_lines
from recipes.visavis_s.semantic import Matrix, Semantic, Sentences, word_sentences

from visavis.embedders.base import unit_rows
from visavis.embedders.words.lookup import FUNCTION_WORDS
from visavis.embedders.words.table import TableWriter

COMMON = HERE / "common_words.txt"
BRITISH = HERE / "british.tsv"
RARE = 1e-3
"""A word of this frequency counts half as much as one that is never used."""
VISUAL = 2
"""The power of a word's greatest cosine with what can be seen."""
NAME_LENGTH = 1.0
"""The length of a phrase's row: that of a rare word for what can be seen."""
SAYING_NOTHING = frozenset({"photo", "photograph", "picture", "image", "pic", "shot"})
"""Words that every sentence to MiniLM begins with, and their like: they have no row."""
_WORD = re.compile("[a-z]{2,}")


@dataclass(frozen=True, slots=True)
class WordRows:
    """Words, and a row for each; a row's length is the word's weight."""

    words: tuple[str, ...]
    rows: Matrix
    """(words, 64)."""


def whole_words(tokenizer: Path) -> list[str]:
    """The words of two letters or more in a tokenizer.json's vocabulary, in its order."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    return [
        word for word in sorted(vocabulary, key=vocabulary.__getitem__) if _WORD.fullmatch(word)
    ]


def word_list(vocabulary: Iterable[str], semantic: Semantic, colours: Iterable[str]) -> list[str]:
    """All words that get a row, the commonest first; neither function words nor colours.

    Broader words of several parts are joined by underscores, as the table has its phrases.
    """
    own = " ".join(read_lines(COMMON)).split()
    of_labels = (word for label in semantic.labels for word in _WORD.findall(label.lower()))
    every = [*vocabulary, *own, *map(joined, semantic.kinds), *of_labels]
    left_out = FUNCTION_WORDS | SAYING_NOTHING | set(colours)
    return [word for word in dict.fromkeys(every) if word not in left_out]


def rows(
    read: Sentences,
    semantic: Semantic,
    mean: Matrix,
    vocabulary: Sequence[str],
    colours: Iterable[str] = (),
) -> WordRows:
    """The words of the model with their rows: single words, British spellings, class names.

    Args:
        read: What reads sentences, the same that the space was built with.
        semantic: The space.
        mean: m, the mean place of pictures: class names stand where their pictures do.
        vocabulary: Words by frequency (see `whole_words`).
        colours: Words that act on the visual part instead.
    """
    words = word_list(vocabulary, semantic, colours)
    sentences = read(word_sentences(word.replace("_", " ") for word in words))
    lengths = weights(words, vocabulary, sentences, semantic.seen)
    places = dict(zip(words, semantic.placed(sentences), strict=True))
    weight = dict(zip(words, lengths.tolist(), strict=True))
    for name, place in class_places(semantic, mean, frozenset(vocabulary)).items():
        if name in vocabulary and name in places:
            place = unit_rows((places[name] + place)[None])[0]
        if "_" in name or name in places:
            places[name] = place
    found = {word: weight.get(word, NAME_LENGTH) * place for word, place in places.items()}
    found |= {british: found[word] for british, word in british_words() if word in found}
    return WordRows(tuple(found), np.array([*found.values()], np.float32))


def weights(
    words: Sequence[str], vocabulary: Sequence[str], sentences: Matrix, seen: Matrix
) -> Matrix:
    """How much each word says: (words,).

    Frequencies follow Zipf's law by the place in the vocabulary; words that it lacks are rare.
    """
    places = {word: place for place, word in enumerate(vocabulary, 1)}
    total = float(np.sum(1 / np.arange(1, len(vocabulary) + 1)))
    ranks = np.array([places.get(word, len(vocabulary) + 1) for word in words])
    rare = RARE / (RARE + 1 / (ranks * total))
    visual = np.clip((sentences @ seen.T).max(axis=1), 0, 1) ** VISUAL
    return np.asarray(rare * visual, np.float32)


def class_places(semantic: Semantic, mean: Matrix, vocabulary: frozenset[str]) -> dict[str, Matrix]:
    """Where the pictures of a name's class stand; between them, for a name of several classes.

    Phrases and rare words (kuvasz) stand just there. A word of the vocabulary means more than the
    class that is called so (crane, mouse): `rows` puts it half-way, and it is here only if it is
    the class's first name, not "head" for promontory, head.
    """
    places = unit_rows(semantic.classes - mean)
    found: dict[str, list[Matrix]] = {}
    for label, place in zip(semantic.labels, places, strict=True):
        for number, name in enumerate(names_of(label)):
            if "_" in name or number == 0 or name not in vocabulary:
                found.setdefault(name, []).append(place)
    sums = [np.sum(rows, axis=0) for rows in found.values()]
    return dict(zip(found, unit_rows(np.array(sums, np.float32)), strict=True))


def names_of(label: str) -> list[str]:
    """All names of a class, joined: "tench, Tinca tinca" is tench and tinca_tinca."""
    return list(dict.fromkeys(joined(name) for name in label.split(",")))


def british_words(path: Path = BRITISH) -> list[tuple[str, str]]:
    """(British, American) pairs: a British word has the American one's row."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["british"], row["american"]) for row in csv.DictReader(file, delimiter="\t")]


def joined(name: str) -> str:
    """A name as a word of the table: in lower case, underscores for spaces."""
    return "_".join(name.lower().split())


def save(path: Path, words: WordRows) -> None:
    """Write words.bin.gz: rows of whole numbers with a scale for each, which keep their lengths."""
    bare = path.with_suffix("")
    with TableWriter(bare, words.rows.shape[1], kind="int8") as writer:
        writer.add(words.words, words.rows)
        writer.finish()
    path.write_bytes(gzip.compress(bare.read_bytes(), mtime=0))  # no date: the same bytes each time
    bare.unlink()
