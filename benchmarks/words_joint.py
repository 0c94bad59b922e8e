"""What `visavis train joint` gains, on the pictures of pascal that it is not trained on.

    python -m benchmarks.words_joint --data ../shared/data \\
        --base ../shared/weights/mobilenet-v2 --words ../shared/words/glove-10k.50d.txt

Trains on four fifths of every class, and measures on the others as benchmarks.quality_words does:
the model, other losses, the regression that it begins with, another base; and, for classes that
were never trained, five trainings that each leave four classes out, and their words out of all
captions. No setting was chosen by these figures: cross-validations within the training pictures
decided, the number of epochs too. Reports go to benchmarks/results/words.
"""

import argparse
import csv
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.quality import PAGE, all_reports
from benchmarks.quality_table import table
from benchmarks.quality_words import (
    WORDS,
    by_class_word,
    held_back,
    keep,
    measure,
    of_both_words,
    own_word_among_tags,
)
from visavis.embedders.base import embed
from visavis.embedders.words.lookup import Words
from visavis.embedders.words.table import WordTable
from visavis.images.decode import decode
from visavis.sources.base import open_source
from visavis.training.data.batches import Batches, shuffled
from visavis.training.joint.learner import JointLearner
from visavis.training.joint.recipe import JointRecipe, prepare
from visavis.training.joint.settings import JointSettings, WordFields
from visavis.training.joint.targets import Phrases, targets_of
from visavis.training.joint.words import turn_of, write_turned
from visavis.training.loop.fitting import fit
from visavis.training.loop.recipe import learner_of, train
from visavis.training.settings import LoopSettings
from visavis.types import Vectors

EPOCHS = 15
TRAINED_ON = "the other 640 of pascal"
ALL = JointSettings(validation=0)
SEED = 0
LEFT_OUT = 4  # classes in a draw

Row = dict[str, str]


class Pascal:
    """The set, divided."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "pascal"
        with (self.folder / "labels.csv").open(newline="", encoding="utf-8") as file:
            # In the order of an index's ids, which are the paths: the draw depends on it.
            self.rows: list[Row] = sorted(csv.DictReader(file), key=lambda row: row["path"])
        test = set(held_back([row["label"] for row in self.rows]))
        self.test = [row for number, row in enumerate(self.rows) if number in test]
        self.train = [row for number, row in enumerate(self.rows) if number not in test]
        self.names = sorted({row["label"] for row in self.rows})

    def written(self, rows: Sequence[Row], path: Path) -> Path:
        """A catalogue of some pictures."""
        with path.open("w", newline="", encoding="utf-8") as file:
            table_of = csv.writer(file)
            table_of.writerow(("path", "label", "captions_json"))
            for row in rows:
                place = (self.folder / row["path"]).resolve()
                table_of.writerow((place, row["label"], row["captions_json"]))
        return path


def main() -> None:
    given = _parser().parse_args()
    WORDS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(given.data, given.base, given.words, given.out or Path(work), Path(work))
        for part in given.parts.split(","):
            getattr(bench, part)()
    PAGE.write_text(table(*all_reports()), encoding="utf-8")


class Bench:
    """The measurements, each a report or several."""

    def __init__(self, data: Path, base: Path, words: Path, out: Path, work: Path) -> None:
        self.data, self.base, self.words, self.out, self.work = data, base, words, out, work
        self.pascal = Pascal(data)
        self.catalogue = self.pascal.written(self.pascal.train, out / "train.csv")
        self.rows: torch.Tensor | None = None
        """Of the test pictures, by `base`."""

    def joint(self) -> None:
        """The model as it comes, but for the validation that it does not need."""
        self._trained(str(self.base), f"{self.base.name}, joint", ALL)

    def hinge(self) -> None:
        """The other loss."""
        name = f"{self.base.name}, joint, hinge-rank"
        self._trained(str(self.base), name, replace(ALL, loss="hinge-rank"))

    def labels(self) -> None:
        """Without captions."""
        self._trained(str(self.base), f"{self.base.name}, joint, labels alone", ALL, None)

    def captions(self) -> None:
        """With more weight on captions."""
        name = f"{self.base.name}, joint, caption weight 0.6"
        self._trained(str(self.base), name, replace(ALL, captions=0.6))

    def small(self) -> None:
        """The network that ships with visavis as the base."""
        self._trained("visavis-s", "visavis-s, joint", ALL)

    def ridge(self) -> None:
        """The regression alone: to words as they are in the file, and to those turned apart."""
        plain = replace(ALL, spread=0)
        self._solved("ridge regression to the words", plain, None)
        self._solved("what joint begins with", ALL, "captions_json")

    def unseen(self) -> None:
        """Classes whose pictures and words are left out of the training, each once."""
        order = np.random.default_rng(SEED).permutation(self.pascal.names).tolist()
        values: dict[str, list[float]] = {"joint": [], "begin": [], "plain": []}
        draws = []
        for start in range(0, len(order), LEFT_OUT):
            left_out = sorted(order[start : start + LEFT_OUT])
            found = self._without(left_out)
            means = {name: round(float(np.mean(column)), 6) for name, column in found.items()}
            draws.append({"classes": left_out, **means})
            print(draws[-1], flush=True)
            for name, column in found.items():
                values[name] += column
        facts = {
            "model": {"name": f"{self.base.name}, joint", "fingerprint": "", "dim": 0},
            "trained_on": TRAINED_ON,
            "notes": [],
            "draws": draws,
        }
        columns = {f"r_precision, {name}": np.array(column) for name, column in values.items()}
        keep("unseen", self.pascal.folder, len(self.pascal.test), facts, columns)

    def _trained(
        self, base: str, name: str, settings: JointSettings, captions: str | None = "captions_json"
    ) -> None:
        out = self.out / re.sub("[^a-z0-9-]+", "-", name)
        made = self._prepared(base, settings, self.catalogue, captions)
        train(made, out, LoopSettings(EPOCHS, device="cpu", threads=1))
        measure(self.data, out, name, self.work, trained_on=TRAINED_ON)

    def _prepared(
        self, base: str, settings: JointSettings, catalogue: Path, captions: str | None
    ) -> JointRecipe:
        said = WordFields(self.words, "label", captions)
        made = prepare(open_source(catalogue), said, base, settings, cache=self.out / "cache")
        print("\n".join([*made.notes, made.summary]), flush=True)
        return made

    def _solved(self, name: str, settings: JointSettings, captions: str | None) -> None:
        made = self._prepared(str(self.base), settings, self.catalogue, captions)
        vectors, words = self._begun(made)
        labels = [row["label"] for row in self.pascal.test]
        texts = [row["captions_json"] for row in self.pascal.test]
        figures = by_class_word(words, vectors, labels)
        figures |= own_word_among_tags(words, vectors, labels)
        both = of_both_words(words, vectors, texts)
        facts = {
            "model": {
                "name": f"{self.base.name}, {name}",
                "fingerprint": "",
                "dim": made.table.dim,
            },
            "trained_on": TRAINED_ON,
            "notes": [],
            "both_words": both,
        }
        keep("pascal", self.pascal.folder, len(vectors), facts, figures)

    def _begun(self, made: JointRecipe) -> tuple[Vectors, "TableOfWords"]:
        """What a training begins with says of the test pictures, and its words."""
        learner = learner_of(made).eval()
        return self._vectors(made, learner), self._words(made)

    def _vectors(self, made: JointRecipe, learner: JointLearner) -> Vectors:
        if self.rows is None:
            pictures = [
                decode((self.pascal.folder / row["path"]).read_bytes(), row["path"]).pixels
                for row in self.pascal.test
            ]
            self.rows = torch.from_numpy(embed(made.on.embedder, pictures))
        with torch.inference_mode():
            found: Vectors = learner.network.vectors(self.rows, None).numpy()
        return found

    def _words(self, made: JointRecipe) -> "TableOfWords":
        path = self.work / "words.bin"
        path.unlink(missing_ok=True)  # the one before may still be mapped
        write_turned(made.table, made.turn, path, keep=len(made.table))
        return TableOfWords(WordTable(path))

    def _without(self, left_out: Sequence[str]) -> dict[str, list[float]]:
        """R-precision of the names of classes that a training never saw."""
        whole = self._prepared(str(self.base), ALL, self.catalogue, "captions_json")
        plain, made = without(whole, left_out, 0.0), without(whole, left_out, ALL.spread)
        silent = Phrases(
            plain.phrases.labels, [[] for _ in plain.data.samples], plain.phrases.named
        )
        targets = targets_of(silent, plain.table, plain.turn, plain.train)
        plain = replace(plain, phrases=silent, targets=targets)
        found = {"plain": self._of(left_out, *self._begun(plain))}
        found["begin"] = self._of(left_out, *self._begun(made))
        learner = learner_of(made)
        order = shuffled(made.train, ALL.batch, made.seed)
        place = self.work / f"without-{left_out[0]}" / "training"
        loop = LoopSettings(EPOCHS, device="cpu", precision="32", threads=1)
        fit(learner, Batches(order, learner.batch), place, loop)
        found["joint"] = self._of(left_out, self._vectors(made, learner.eval()), self._words(made))
        return found

    def _of(self, names: Sequence[str], vectors: Vectors, model: Any) -> list[float]:
        labels = [row["label"] for row in self.pascal.test]
        every = by_class_word(model, vectors, labels)["r_precision"]
        return [float(every[self.pascal.names.index(name)]) for name in names]


class TableOfWords(Words):
    """Words, asked like a model's text side."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each."""
        return self.embed(texts)


def without(made: JointRecipe, left_out: Sequence[str], spread: float) -> JointRecipe:
    """The same training without some classes: their pictures, and their words in all captions."""
    taboo = {word for name in left_out for word in made.phrases.named[name]}
    kept = {name: words for name, words in made.phrases.named.items() if name not in left_out}
    phrases = Phrases(
        [[label for label in said if label in kept] for said in made.phrases.labels],
        [
            [[word for word in caption if word not in taboo] for caption in captions]
            for captions in made.phrases.captions
        ],
        kept,
    )
    train = np.flatnonzero([bool(said) for said in phrases.labels])
    turn = turn_of(made.table, kept.values(), spread)
    targets = targets_of(phrases, made.table, turn, train)
    return replace(made, phrases=phrases, train=train, turn=turn, targets=targets)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.words_joint", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--base", type=Path, required=True, help="a model folder")
    parser.add_argument("--words", type=Path, required=True, help="word vectors")
    parser.add_argument("--out", type=Path, help="where to leave models and base embeddings")
    parser.add_argument(
        "--parts", default="joint,ridge,unseen,hinge,labels,captions,small", help="which to measure"
    )
    return parser


if __name__ == "__main__":
    main()
