"""Which words and class names may be shown as tags, and from which cosine on.

A tag is a broader word or the name of a class, near enough to the semantic part of a picture's
vector. How near is measured on pictures that nothing was made from: `PRECISION` of what is shown
must be right, in each source of pictures by itself, and of each name that enough pictures have.

Some names are never shown (hidden_tags.txt): those too general, and those that would insult,
expose or accuse the person in a picture when they are wrong, which one time in five they may be.
Names of animals are shown only where no picture of a person has come as near.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from recipes.visavis_s.broader import HERE, TABLE, Broader, read_broader, read_lines
from recipes.visavis_s.pictures import Row
from recipes.visavis_s.semantic import Matrix, Semantic, first_name
from recipes.visavis_s.words import WordRows, joined

from visavis.embedders.base import unit_rows

HIDDEN = HERE / "hidden_tags.txt"
LABELS = HERE / "pictured_labels.tsv"
PRECISION = 0.8
SHOWN = 3
"""Tags that a picture has at most."""
LOWEST = 0.5
_STEP = 0.01
_OF_LABEL = (
    5.0  # pictures that a label counts for: eight hundred motorcycles are one kind of picture
)
_FEW = 10.0  # pictures with a name, counted so, below which its own precision says nothing
_MARGIN = 0.02  # that an animal's name must be above what any picture of a person reached
_ANIMALS = 398  # the first so many classes are animals
_NOBODY = frozenset({"Faces", "person"})  # labels of pictures that show a person and no animal

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """Pictures of which it is known what they show: all that the cuts are measured on."""

    vectors: Matrix
    """Their semantic parts: (pictures, 64), unit length."""
    sources: tuple[str, ...]
    labels: tuple[str, ...]

    def only(self, flags: Sequence[bool]) -> "Known":
        """Those that are flagged."""
        kept = [place for place, flag in enumerate(flags) if flag]
        sources, labels = (
            tuple(column[place] for place in kept) for column in (self.sources, self.labels)
        )
        return Known(self.vectors[kept], sources, labels)


def known(rows: Sequence[Row], vectors: Matrix) -> Known:
    """The held-out pictures of train-mix whose label says what they show.

    Args:
        rows: Rows of train-mix (see `pictures.rows`); what is not held out is passed over.
        vectors: The semantic part of each row's picture.
    """
    unknown = {"BACKGROUND_Google", ""}
    kept = [
        place
        for place, row in enumerate(rows)
        if row.held_out and "source" in row.fields and row.fields["label"] not in unknown
    ]
    return Known(
        unit_rows(vectors[kept]),
        tuple(rows[place].fields["source"] for place in kept),
        tuple(rows[place].fields["label"] for place in kept),
    )


def cuts(
    semantic: Semantic, words: WordRows, pictures: Known, table: Path = TABLE
) -> dict[str, float]:
    """The names that may be shown as tags, each with the least cosine from which on it is.

    Args:
        semantic: The space.
        words: The rows of the words: a tag is as near as its row.
        pictures: What the cuts are measured on.
        table: The broader words.
    """
    kinds = read_broader(table, len(semantic.labels))[0]
    telling = [bool(says(label, semantic, kinds)[0]) for label in pictures.labels]
    of_words = _cuts(kind_names(kinds), semantic, words, pictures, kinds)
    of_classes = _cuts(class_names(semantic), semantic, words, pictures.only(telling), kinds)
    near = _nearest_person(words, pictures)
    found = of_classes | of_words
    for name, classes in (class_names(semantic) | kind_names(kinds)).items():
        if name in found and max(classes) < _ANIMALS:
            found[name] = max(found[name], near[name] + _MARGIN)
    ordered = sorted(found.items(), key=lambda pair: (pair[1], pair[0]))
    return {name: round(cut, 2) for name, cut in ordered if cut < 1}


def _cuts(
    names: Mapping[str, frozenset[int]],
    semantic: Semantic,
    words: WordRows,
    pictures: Known,
    kinds: Broader,
) -> dict[str, float]:
    """The cuts of names of one sort, as their pictures' labels judge them."""
    rows = dict(zip(words.words, words.rows, strict=True))
    shown = [name for name in names if name in rows]
    cosines = pictures.vectors @ unit_rows(np.stack([rows[name] for name in shown])).T
    right = rightness(shown, names, pictures, semantic, kinds)
    counts = label_weights(pictures.labels)
    own = own_cuts(cosines, right, counts)
    common = common_cut(np.where(cosines >= own, cosines, -1), right, counts, pictures.sources)
    return {name: max(cut, common) for name, cut in zip(shown, own.tolist(), strict=True)}


def kind_names(kinds: Broader) -> dict[str, frozenset[int]]:
    """The broader words that may be shown, as words of the table, and the classes of each."""
    hidden = hidden_names()
    return {
        joined(word): frozenset(np.flatnonzero(row).tolist())
        for word, row in zip(kinds.words, kinds.classes, strict=True)
        if joined(word) not in hidden
    }


def class_names(semantic: Semantic) -> dict[str, frozenset[int]]:
    """The first names of classes that may be shown, and the class or classes of each."""
    hidden = hidden_names()
    found: dict[str, frozenset[int]] = {}
    for number, label in enumerate(semantic.labels):
        name = joined(first_name(label))
        if name not in hidden:
            found[name] = found.get(name, frozenset()) | {number}
    return found


def hidden_names(path: Path = HIDDEN) -> frozenset[str]:
    """The names that are never shown, as words of the table."""
    return frozenset(joined(name) for line in read_lines(path) for name in line.split(";"))


def rightness(
    shown: Sequence[str],
    names: Mapping[str, frozenset[int]],
    pictures: Known,
    semantic: Semantic,
    kinds: Broader,
) -> Flags:
    """(pictures, shown): whether a name is right for a picture, as far as its label says.

    A label says classes, and words besides (pictured_labels.tsv; of one picture for each ImageNet
    class the class itself). A name is right that shares a class with it or is one of its words, so
    what a picture shows besides its label counts as wrong.
    """
    said = {label: says(label, semantic, kinds) for label in set(pictures.labels)}
    flags = np.zeros((len(pictures.labels), len(shown)), np.bool_)
    for row, label in enumerate(pictures.labels):
        classes, words = said[label]
        flags[row] = [name in words or bool(classes & names[name]) for name in shown]
    return flags


def says(label: str, semantic: Semantic, kinds: Broader) -> tuple[frozenset[int], frozenset[str]]:
    """The classes and the words that are right for pictures with a label of train-mix."""
    numbers: dict[str, set[int]] = {}
    for number, name in enumerate(map(first_name, semantic.labels)):
        numbers.setdefault(name, set()).add(number)
    listed = _listed(LABELS).get(label)
    if listed is None:
        return frozenset(numbers.get(label, ())), frozenset()
    classes = {number for name in listed[0] for number in numbers.get(name, ())}
    words = set(map(joined, listed[1]))
    if label == "dog":  # any breed
        classes |= set(np.flatnonzero(kinds.classes[kinds.words.index("dog")]).tolist())
    return frozenset(classes), frozenset(words)


def label_weights(labels: Sequence[str]) -> Matrix:
    """How much each picture counts: those of a label together as no more than a few."""
    counts = Counter(labels)
    return np.array([min(1.0, _OF_LABEL / counts[label]) for label in labels], np.float32)


def own_cuts(cosines: Matrix, right: Flags, counts: Matrix) -> NDArray[np.float64]:
    """For each name the least cosine from which on enough of it is right.

    A name of which too little is known has `LOWEST`; one that is never right enough has 1.
    """
    best = _nearest(cosines) & (cosines >= LOWEST)
    return np.array(
        [
            _least(cosines[here, place], right[here, place], counts[here])
            if counts[here].sum() >= _FEW
            else LOWEST
            for place, here in enumerate(best.T)
        ]
    )


def common_cut(cosines: Matrix, right: Flags, counts: Matrix, sources: Sequence[str]) -> float:
    """The least cosine from which on enough of what is shown is right, in every source."""
    best = _nearest(cosines)
    every = np.broadcast_to(counts[:, None], best.shape)
    of = np.array(sources)
    return max(
        _least(cosines[here & best], right[here & best], every[here & best])
        for source in sorted(set(sources))
        for here in [np.broadcast_to((of == source)[:, None], best.shape)]
    )


def _least(cosines: Matrix, right: Flags, counts: Matrix) -> float:
    """The least cut for which what is above it is right often enough; 1 if there is none."""
    for cut in np.arange(LOWEST, 1.0, _STEP):
        above = cosines >= cut
        total = counts[above].sum()
        if total and counts[above & right].sum() >= PRECISION * total:
            return float(cut)
    return 1.0


def _nearest(cosines: Matrix) -> Flags:
    """Which names are among the nearest of a picture: no more than are ever shown."""
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :SHOWN]
    flags = np.zeros(cosines.shape, np.bool_)
    np.put_along_axis(flags, order, True, axis=1)
    return flags


def _nearest_person(words: WordRows, pictures: Known) -> dict[str, float]:
    """How near a picture of a person ever was to each word; -1 where there is no such picture."""
    people = np.array([label in _NOBODY for label in pictures.labels], np.bool_)
    cosines = pictures.vectors[people] @ unit_rows(words.rows).T
    most = np.max(cosines, axis=0, initial=-1.0)
    return dict(zip(words.words, most.tolist(), strict=True))


def _listed(path: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Label → its classes' first names, its words."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["label"]: (_split(row["classes"], ","), _split(row["words"], ";"))
            for row in csv.DictReader(file, delimiter="\t")
        }


def _split(text: str | None, sign: str) -> list[str]:
    return [part.strip() for part in (text or "").split(sign) if part.strip()]


def save(path: Path, found: Mapping[str, float] | Iterable[tuple[str, float]]) -> None:
    """Write tags.tsv: a name, a tab, the least cosine."""
    pairs = found.items() if isinstance(found, Mapping) else found
    path.write_text("".join(f"{name}\t{cut:.2f}\n" for name, cut in pairs), encoding="utf-8")
