"""What of a figure about words is the split's luck, and what the model's: ten splits of pascal.

    python -m benchmarks.words_splits --data ../shared/data \\
        --base ../shared/weights/mobilenet-v2 --words ../shared/words/glove-10k.50d.txt

As benchmarks.words_joint, on other draws of the fifth that is kept from training, the first of them
the same. The base looks at the pictures once; regressions and heads are made anew for each draw.
Reports go to benchmarks/results/words.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.quality import PAGE, all_reports
from benchmarks.quality_table import table
from benchmarks.quality_words import (
    WORDS,
    by_class_word,
    held_back,
    keep,
    of_both_words,
    own_word_among_tags,
)
from benchmarks.words_joint import ALL, EPOCHS, Pascal, TableOfWords
from visavis.embedders.words.table import WordTable
from visavis.sources.base import open_source
from visavis.training.data.batches import Batches, shuffled
from visavis.training.joint.learner import JointLearner
from visavis.training.joint.recipe import JointRecipe, prepare
from visavis.training.joint.settings import JointSettings, WordFields
from visavis.training.joint.targets import Phrases, targets_of
from visavis.training.joint.words import turn_of, write_turned
from visavis.training.loop.fitting import fit
from visavis.training.loop.recipe import learner_of
from visavis.training.settings import LoopSettings

SPLITS = 10
RIDGE = "ridge regression to the words"
_ABOVE = ", above one word"

Floats = NDArray[np.float64]
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to train."""

    settings: JointSettings
    captions: bool = True
    epochs: int = EPOCHS
    """0: only what it begins with."""


WAYS = {
    RIDGE: Way(replace(ALL, spread=0), captions=False, epochs=0),
    "what joint begins with": Way(ALL, epochs=0),
    "joint": Way(ALL),
    "joint, caption weight 0.6": Way(replace(ALL, captions=0.6)),
}


def main() -> None:
    given = _parser().parse_args()
    WORDS.mkdir(parents=True, exist_ok=True)
    pascal = Pascal(given.data)
    with tempfile.TemporaryDirectory() as work:
        found = measured(given, pascal, Path(work))
    against = found[RIDGE]
    for name, splits in found.items():
        facts = {
            "model": {"name": f"{given.base.name}, {name}", "fingerprint": "", "dim": 0},
            "trained_on": "the other 640 of pascal",
            "notes": [],
            "splits": splits,
        }
        columns = {measure: _column(splits, measure) for measure in splits[0]}
        if name != RIDGE:
            gains = {
                f"gain in {measure}": column - _column(against, measure)
                for measure, column in columns.items()
                if _ABOVE not in measure
            }
            columns |= gains
        keep("splits", pascal.folder, len(pascal.test), facts, columns)
    PAGE.write_text(table(*all_reports()), encoding="utf-8")


def measured(given: argparse.Namespace, pascal: Pascal, work: Path) -> dict[str, list[Figures]]:
    """The figures of each way, split by split."""
    catalogue = pascal.written(pascal.rows, work / "all.csv")
    said = WordFields(given.words, "label", "captions_json")
    whole = prepare(open_source(catalogue), said, str(given.base), ALL, cache=given.cache)
    found: dict[str, list[Figures]] = {name: [] for name in WAYS}
    labels = [row["label"] for row in pascal.rows]
    for split in range(given.splits):
        test = np.array(held_back(labels, split))
        rows = [pascal.rows[place] for place in test.tolist()]
        for name, way in WAYS.items():
            place = work / f"{split}-{len(found[name])}-{name}"
            found[name].append(figures(way, whole, test, rows, place))
            print(split, name, found[name][-1], flush=True)
    return found


def figures(
    way: Way, whole: JointRecipe, test: NDArray[np.int64], rows: Sequence[Any], place: Path
) -> Figures:
    """What one way gets on the pictures of one split that it was not trained on."""
    made = divided(whole, way, test)
    learner = _trained(made, way.epochs, place)
    with torch.inference_mode():
        views = made.data.take(test)["rows"][:, 0]
        vectors = learner.network.vectors(views, None).numpy()
    path = place.with_suffix(".bin")
    write_turned(made.table, made.turn, path, keep=len(made.table))
    words = TableOfWords(WordTable(path))
    labels = [row["label"] for row in rows]
    columns = by_class_word(words, vectors, labels) | own_word_among_tags(words, vectors, labels)
    both = of_both_words(words, vectors, [row["captions_json"] for row in rows])
    return {measure: round(float(column.mean()), 6) for measure, column in columns.items()} | dict(
        _both(both)
    )


def divided(whole: JointRecipe, way: Way, test: NDArray[np.int64]) -> JointRecipe:
    """The training of a way without the pictures of a test.

    Samples are in the order of the catalogue's rows, which all can be read.
    """
    phrases = whole.phrases
    if not way.captions:
        phrases = Phrases(phrases.labels, [[] for _ in phrases.captions], phrases.named)
    train = np.setdiff1d(np.arange(len(whole.data)), test)
    turn = turn_of(whole.table, phrases.named.values(), way.settings.spread)
    targets = targets_of(phrases, whole.table, turn, train)
    return replace(
        whole, settings=way.settings, phrases=phrases, train=train, turn=turn, targets=targets
    )


def _trained(made: JointRecipe, epochs: int, place: Path) -> JointLearner:
    learner = learner_of(made)
    if epochs:
        batches = Batches(shuffled(made.train, made.settings.batch, made.seed), learner.batch)
        fit(learner, batches, place, LoopSettings(epochs, device="cpu", precision="32", threads=1))
    return learner.eval()


def _both(found: dict[str, dict[str, float]]) -> Iterator[tuple[str, float]]:
    """The share of pictures that show both, and by how much it is above that of one word alone."""
    for name, shares in found.items():
        yield name, shares["both"]
        yield f"{name}{_ABOVE}", shares["both"] - max(shares["first"], shares["second"])


def _column(splits: Sequence[Figures], measure: str) -> Floats:
    return np.array([split[measure] for split in splits])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.words_splits", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--base", type=Path, required=True, help="a model folder")
    parser.add_argument("--words", type=Path, required=True, help="word vectors")
    parser.add_argument("--cache", type=Path, help="where base embeddings are kept")
    parser.add_argument("--splits", type=int, default=SPLITS, help="how many")
    return parser


if __name__ == "__main__":
    main()
