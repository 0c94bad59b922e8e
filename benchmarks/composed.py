"""How well "the same, but …" is answered: a picture with a colour, and a picture with words.

    python -m benchmarks.composed --data ../shared/data --model visavis-s

Every model indexes the sets anew and is asked through `ImageIndex.search`; nothing that says what a
picture shows is in the index. The settings of the fusion and of palettes were chosen on one half of
the questions; what is reported is the other half alone, which was looked at along the way:

colour by value    fashion. A picture A and the name of a colour; right are the pictures of A's
                   article type with that baseColour, of which there are three or more, A being of
                   another. P@10. 400 pairs are drawn; reported are those whose A is in the second
                   half of a random order of all pictures.
colour of another  the same with a picture B, of another type and another colour than A, whose
picture            baseColour the answers are to have.
colour alone       fashion; the name of a colour alone, P@10 by baseColour, for 17 names. (Not
                   halved: there is one question a name.)
picture and colour fashion. A picture A and a colour word; right is A's article type in the colour
word               (families of baseColour, as of words_builtin). Mean average precision over all
                   pictures. Reported: every second article type, in a random order.
the same among     pascal. A picture A of a class and a colour that none of its captions has; right
photographs        are the class's pictures of which two captions or more have it, three to twenty
                   of them. Mean average precision. Reported: every second class.
picture and scene  the same with words for places and for what else is there.
word

"sum" is the sum of the unit vectors of both, as one question; for a value there is none. Intervals
draw article types or classes with all their questions; differences are paired by question.
Reports go to benchmarks/results/words, and docs/results.md is made again.
"""

import argparse
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import write_page
from benchmarks.quality_words import WORDS, data_hash, plain
from benchmarks.words_builtin import COLOURS, Asked, indexed
from visavis import RecordTerm, TextTerm, VectorTerm, metrics
from visavis.embedders.base import reads_words
from visavis.embedders.blocks import reach
from visavis.evaluation.report import machine
from visavis.types import ColourTerm, Term

FIRST = 10
FEWEST, MOST = 3, 20
"""Right pictures of a question."""
PAIRS = 400
A_SET = 80
"""Questions of a set that are reported, at most."""
EACH = 3
"""Questions of one group and one word, at most."""

NAMES = {
    "Navy Blue": "navy",
    **{
        name: name.lower()
        for name in (
            *("Black", "Blue", "White", "Grey", "Brown", "Red", "Green", "Purple", "Pink"),
            *("Yellow", "Beige", "Maroon", "Silver", "Olive", "Orange", "Gold"),
        )
    },
}
"""Values of baseColour with the names of colours that ask for them."""

SCENES = (
    "grass field snow beach street road water sky sofa|couch bed table man woman child|boy|girl "
    "people track tree|trees mountain|mountains city room kitchen fence window runway car|cars "
    "night dog horse boat|boats bicycle|bike"
)
"""Words that captions have, with others that say the same."""


class Question(NamedTuple):
    """A picture, and what is to be otherwise."""

    picture: int
    other: Term
    right: NDArray[np.bool_]
    group: str


class Found(NamedTuple):
    """What questions got, side by side."""

    values: dict[str, list[float]]
    groups: list[str]


def main() -> None:
    given = _parser().parse_args()
    WORDS.mkdir(parents=True, exist_ok=True)
    for model in given.models:
        with tempfile.TemporaryDirectory() as work:
            keep(given.data, model, measure(given.data, model, Path(work)))
    write_page()


def measure(data: Path, model: str, work: Path) -> tuple[dict[str, Found], dict[str, Any]]:
    """What each kind of question got, and what the model says of itself."""
    fashion, pascal = (indexed(data / name, model, work / name) for name in ("fashion", "pascal"))
    embedder = fashion.index.embedder()
    facts = {"fingerprint": embedder.fingerprint, "dim": embedder.dim}
    found = {
        "colour by value": first_ten(fashion, by_value(fashion.rows)),
        "colour of another picture": first_ten(fashion, by_picture(fashion.rows)),
        "colour alone": alone(fashion),
    }
    if reads_words(embedder):
        found["picture and colour word"] = whole(fashion, colour_words(fashion.rows))
        found["the same among photographs"] = whole(pascal, said_words(pascal.rows, list(COLOURS)))
        found["picture and scene word"] = whole(pascal, said_words(pascal.rows, SCENES.split()))
    for asked in (fashion, pascal):
        asked.index.close()
    return found, facts


# -- questions -------------------------------------------------------------------------------------


def by_value(rows: Sequence[dict[str, str]]) -> list[Question]:
    """A picture and the name of a colour."""
    chance, names, found = np.random.default_rng(5), list(NAMES), list[Question]()
    while len(found) < PAIRS:
        at, name = int(chance.integers(len(rows))), names[chance.integers(len(names))]
        if rows[at]["baseColour"] != name:
            found += _asked(rows, at, name, ColourTerm(NAMES[name]))
    return _reported(found, len(rows))


def by_picture(rows: Sequence[dict[str, str]]) -> list[Question]:
    """A picture and another, whose colours are meant."""
    chance, found = np.random.default_rng(6), list[Question]()
    while len(found) < PAIRS:
        at, other = (int(one) for one in chance.integers(len(rows), size=2))
        same = (rows[at][name] == rows[other][name] for name in ("label", "baseColour"))
        if rows[other]["baseColour"] and not any(same):
            term = ColourTerm(RecordTerm(str(other)))
            found += _asked(rows, at, rows[other]["baseColour"], term)
    return _reported(found, len(rows))


def _asked(rows: Sequence[dict[str, str]], at: int, colour: str, term: Term) -> list[Question]:
    """The question, if enough pictures are right."""
    label = rows[at]["label"]
    right = np.array([row["label"] == label and row["baseColour"] == colour for row in rows])
    right[at] = False
    return [Question(at, term, right, label)] if right.sum() >= FEWEST else []


def _reported(questions: Iterable[Question], pictures: int) -> list[Question]:
    kept = np.random.default_rng(1).permutation(pictures) >= pictures // 2
    return [question for question in questions if kept[question.picture]]


def colour_words(rows: Sequence[dict[str, str]]) -> list[Question]:
    """A picture and a colour word."""
    family = {name: word for word, names in COLOURS.items() for name in names.split("|")}
    colours = np.array([family.get(row["baseColour"], "") for row in rows])
    labels = np.array([row["label"] for row in rows])
    found = []
    for word in COLOURS:
        for label in sorted(set(labels.tolist())):
            right = (labels == label) & (colours == word)
            if right.sum() >= FEWEST:
                others = np.flatnonzero((labels == label) & (colours != word)).tolist()
                found += [Question(at, TextTerm(word), right, label) for at in others]
    return _some(found)


def said_words(rows: Sequence[dict[str, str]], asked: Sequence[str]) -> list[Question]:
    """A picture and a word of other pictures' captions; a group of words says the same."""
    said = [
        Counter(
            word
            for caption in json.loads(row["captions_json"])
            for word in set(re.findall("[a-z]+", caption.lower()))
        )
        for row in rows
    ]
    labels = np.array([row["label"] for row in rows])
    found = []
    for words in (group.split("|") for group in asked):
        times = np.array([max(one[word] for word in words) for one in said])
        for label in sorted(set(labels.tolist()) - set(words)):
            right = (labels == label) & (times >= 2)
            if FEWEST <= right.sum() <= MOST:
                others = np.flatnonzero((labels == label) & (times == 0)).tolist()
                found += [Question(at, TextTerm(words[0]), right, label) for at in others]
    return _some(found)


def _some(questions: Sequence[Question]) -> list[Question]:
    """Some of every second group, few of one group and one word."""
    groups = sorted({question.group for question in questions})
    kept = set(np.random.default_rng(9).permutation(groups)[1::2].tolist())
    chance = np.random.default_rng(3)
    count: Counter[tuple[str, str]] = Counter()
    found: list[Question] = []
    for at in chance.permutation(len(questions)):
        question = questions[at]
        key = question.group, str(question.other)
        if question.group in kept and count[key] < EACH and len(found) < A_SET:
            count[key] += 1
            found.append(question)
    return found


# -- answers ---------------------------------------------------------------------------------------


def ranks(asked: Asked, terms: list[Term], question: Question, limit: int) -> NDArray[np.int64]:
    """The ranks of what is right, the picture itself left out of the answer."""
    found = asked.index.search(terms, limit=limit + 1).matches
    ids = [int(match.record.id) for match in found]
    flags = question.right[[id for id in ids if id != question.picture]]
    return np.flatnonzero(flags[:limit]) + 1


def first_ten(asked: Asked, questions: Sequence[Question]) -> Found:
    """The share of the first ten that is right: by both, by the picture alone, by a sum."""
    values: dict[str, list[float]] = {"both": [], "picture alone": []}
    for question in questions:
        picture = RecordTerm(str(question.picture))
        ways: dict[str, list[Term]] = {
            "both": [picture, question.other],
            "picture alone": [picture],
        }
        if isinstance(question.other, ColourTerm) and isinstance(question.other.colour, RecordTerm):
            ways["sum"] = [picture, question.other.colour]
        for way, terms in ways.items():
            here = ranks(asked, terms, question, FIRST)
            values.setdefault(way, []).append(metrics.precision_at(here, FIRST))
    return Found(values, [question.group for question in questions])


def whole(asked: Asked, questions: Sequence[Question]) -> Found:
    """Average precision over all pictures: by both, by a sum, by the picture alone."""
    values: dict[str, list[float]] = {"both": [], "sum": [], "picture alone": []}
    for question in questions:
        picture = RecordTerm(str(question.picture))
        ways: dict[str, list[Term]] = {
            "both": [picture, question.other],
            "sum": [_summed(asked, question)],
            "picture alone": [picture],
        }
        for way, terms in ways.items():
            here = ranks(asked, terms, question, len(asked.rows))
            values[way].append(metrics.average_precision(here, int(question.right.sum())))
    return Found(values, [question.group for question in questions])


def _summed(asked: Asked, question: Question) -> VectorTerm:
    """The picture's vector and the words', each as if it could score 1."""
    embedder = asked.index.embedder()
    assert reads_words(embedder)
    assert isinstance(question.other, TextTerm)
    [text] = embedder.embed_texts([question.other.text])
    vector = asked.index.store.vector(str(question.picture)) + text / reach(embedder, text)
    return VectorTerm(np.asarray(vector, np.float32))


def alone(fashion: Asked) -> Found:
    """Names of colours."""
    values = []
    for base, name in NAMES.items():
        right = np.array([row["baseColour"] == base for row in fashion.rows])
        found = fashion.index.search(ColourTerm(name), limit=FIRST).matches
        values.append(float(right[[int(match.record.id) for match in found]].mean()))
    return Found({"both": values}, list(NAMES))


# -- reports ---------------------------------------------------------------------------------------


def keep(data: Path, model: str, measured: tuple[dict[str, Found], dict[str, Any]]) -> None:
    """Write a model's report."""
    found, facts = measured
    report = {
        "set": "composed",
        "model": {"name": Path(model).name, **facts},
        "measures": {kind: _summary(one) for kind, one in found.items()},
        "data": {name: data_hash(data / name) for name in ("fashion", "pascal")},
        "machine": machine(),
    }
    path = WORDS / f"composed-{plain(Path(model).name)}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for kind, one in found.items():
        print(kind, _summary(one), flush=True)


def _summary(found: Found) -> dict[str, Any]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(found.groups))}
    groups = [numbers[name] for name in found.groups]

    def interval(values: NDArray[np.float64]) -> list[float]:
        return [round(end, 6) for end in metrics.bootstrap_interval(values, groups=groups)]

    both = np.array(found.values["both"])
    ways = {way: np.array(values) for way, values in found.values.items()}
    return {
        "questions": len(both),
        "groups": len(numbers),
        "mean": {way: round(float(values.mean()), 6) for way, values in ways.items()},
        "interval": {way: interval(values) for way, values in ways.items()},
        "gain": {way: interval(both - values) for way, values in ways.items() if way != "both"},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.composed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--model", dest="models", action="append", required=True, help="repeatable")
    return parser


if __name__ == "__main__":
    main()
