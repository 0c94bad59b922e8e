"""How well models find by words, tag, and follow a class, on the pictures beside the repository.

    python -m benchmarks.quality_words --data ../shared/data \\
        --classifier ../shared/weights/mobilenet-v2 --words ../shared/words/glove-10k.50d.txt
    python -m benchmarks.quality_words --data ../shared/data --model FOLDER --trained-on pascal

`--classifier` with `--words` makes and measures a ConSE model, and measures the classifier's
classes; `--model` measures a model folder that reads words. Reports go to benchmarks/results/words,
and docs/results.md is made again.
"""

import argparse
import csv
import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import PAGE, RESULTS, all_reports
from benchmarks.quality_table import table
from visavis import ImageIndex, metrics
from visavis.embedders.adding.conse import make_conse
from visavis.embedders.base import TextEmbedder, classes_of
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.embedders.words.lookup import Words
from visavis.errors import UnknownWordError
from visavis.evaluation.gallery import load_gallery
from visavis.evaluation.report import machine
from visavis.types import Vectors

WORDS = RESULTS / "words"
SEED = 0
TEST_SHARE = 0.2
TAGS = 10
QUERIES = 150  # pictures that classes are tried on

PASCAL_CLASSES = {  # an ImageNet class for each of PASCAL's that has one of the same things
    "aeroplane": "airliner",
    "bicycle": "mountain bike",
    "bird": "robin",
    "boat": "speedboat",
    "bottle": "wine bottle",
    "bus": "minibus",
    "car": "sports car",
    "cat": "tabby",
    "chair": "folding chair",
    "cow": "ox",
    "diningtable": "dining table",
    "dog": "beagle",
    "horse": "sorrel",
    "motorbike": "moped",
    "pottedplant": "pot",
    "sheep": "ram",
    "sofa": "studio couch",
    "train": "passenger car",
    "tvmonitor": "monitor",
}

PERSON = {
    *("person", "people", "man", "men", "woman", "women", "lady", "boy", "boys", "girl", "girls"),
    *("child", "children", "kid", "kids", "rider", "riders", "cyclist", "cyclists", "jockey"),
}

PAIRS = {  # two words, and those that say in captions that a picture shows the one or the other
    "person + horse": (PERSON, {"horse", "horses", "pony"}),
    "person + bicycle": (PERSON, {"bicycle", "bicycles", "bike", "bikes"}),
}

Report = dict[str, Any]
Floats = NDArray[np.float64]


class Reader(Protocol):
    """Anything that reads words."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each."""
        ...


def main() -> None:
    given = _parser().parse_args()
    WORDS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        if given.classifier is not None:
            made = make_conse(str(given.classifier), given.words, Path(work) / "conse")
            name = f"{given.classifier.name}, ConSE with {given.words.stem}"
            measure(given.data, made.folder, name, Path(work), note=_said(made.unknown))
            measure_classes(given.data, given.classifier, Path(work))
        for model in given.models:
            measure(given.data, model, model.name, Path(work), trained_on=given.trained_on)
    PAGE.write_text(table(*all_reports()), encoding="utf-8")


def _said(unknown: Sequence[str]) -> str:
    return f"{len(unknown)} classes without a known word"


def measure(
    data: Path, model: Path, name: str, work: Path, trained_on: str = "", note: str = ""
) -> None:
    """The reports of one model that reads words."""
    with _indexed(data / "pascal", model, work) as index:
        embedder = index.embedder()
        assert isinstance(embedder, TextEmbedder), f"{model} reads no words"
        facts: Report = {
            "model": {"name": name, "fingerprint": embedder.fingerprint, "dim": embedder.dim},
            "trained_on": trained_on,
            "notes": [note] if note else [],
        }
        gallery = load_gallery(index)
        labels = [str(record.fields["label"]) for record in gallery.records]
        test = held_back(labels)
        chosen = [labels[row] for row in test]
        figures = by_class_word(embedder, gallery.vectors[test], chosen)
        figures |= own_word_among_tags(words_of(embedder), gallery.vectors[test], chosen)
        captions = [str(gallery.records[row].fields["captions_json"]) for row in test]
        both = of_both_words(embedder, gallery.vectors[test], captions)
        keep("pascal", data / "pascal", len(test), {**facts, "both_words": both}, figures)
    with _indexed(data / "flickr", model, work) as index:
        figures = by_caption(index)
        keep("flickr", data / "flickr", len(index), facts, figures)


def held_back(labels: Sequence[str], seed: int = SEED) -> list[int]:
    """A fifth of the pictures of each label, drawn by the seed; the rest may be trained on."""
    names = np.array(labels)
    chance = np.random.default_rng(seed)
    kept = []
    for label in sorted(set(labels)):
        rows = chance.permutation(np.flatnonzero(names == label))
        kept += rows[: round(TEST_SHARE * len(rows))].tolist()
    return sorted(kept)


def by_class_word(model: Reader, vectors: Vectors, labels: Sequence[str]) -> dict[str, Floats]:
    """Each class's own name as a query: the share of its pictures among the first."""
    names = sorted(set(labels))
    values: dict[str, list[float]] = {"precision@5": [], "r_precision": []}
    for name, query in zip(names, model.embed_texts(names), strict=True):
        ranks = _ranks(vectors @ query, [label == name for label in labels])
        values["precision@5"].append(metrics.precision_at(ranks, 5))
        values["r_precision"].append(metrics.r_precision(ranks, labels.count(name)))
    return {measure: np.array(column) for measure, column in values.items()}


def of_both_words(
    model: Reader, vectors: Vectors, captions: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Two words asked together and one by one: the share of pictures that show both.

    Among the first n, where n pictures show both by their captions.
    """
    said = [set(re.findall("[a-z]+", text.lower())) for text in captions]
    found = {}
    for name, (first, second) in PAIRS.items():
        right = [bool(first & words) and bool(second & words) for words in said]
        one, other = name.split(" + ")
        found[name] = {"pictures": float(sum(right))}
        for which, text in (("both", f"{one} {other}"), ("first", one), ("second", other)):
            ranks = _ranks(vectors @ model.embed_texts([text])[0], right)
            found[name][which] = round(metrics.r_precision(ranks, sum(right)), 6)
    return found


def words_of(model: object) -> Words | None:
    """The vocabulary of a model whose text side is a table of words."""
    return model.words() if isinstance(model, TwoSidedEmbedder) else None


def own_word_among_tags(
    words: Words | None, vectors: Vectors, labels: Sequence[str]
) -> dict[str, Floats]:
    """Whether a picture's class, or a word that stands for it, is among its first tags."""
    if words is None:
        return {}
    own = {label: _own_words(words, label) for label in set(labels)}
    found = [
        bool(own[label] & {tag.name for tag in tags})
        for label, tags in zip(labels, words.tags(vectors, TAGS), strict=True)
    ]
    return {f"own word in {TAGS} tags": np.array(found, np.float64)}


def _own_words(words: Words, label: str) -> set[str]:
    return {words.table.word(number) for number in words.look_up(label)[0]}


def by_caption(index: ImageIndex) -> dict[str, Floats]:
    """Each caption as a query for its picture; five of a picture count as one.

    A caption of unknown words alone cannot be asked, and counts as missed.
    """
    model = index.embedder()
    assert isinstance(model, TextEmbedder)
    gallery = load_gallery(index)
    values: dict[str, list[float]] = {"recall@1": [], "recall@10": []}
    for row, record in enumerate(gallery.records):
        captions = json.loads(str(record.fields["captions_json"]))
        places = np.array([_place(model, gallery.vectors, row, text) for text in captions])
        values["recall@1"].append(float((places < 1).mean()))
        values["recall@10"].append(float((places < 10).mean()))
    return {measure: np.array(column) for measure, column in values.items()}


def _place(model: TextEmbedder, vectors: Vectors, row: int, text: str) -> int:
    """How many pictures are nearer to a text than the one that it describes."""
    try:
        scores = vectors @ model.embed_texts([text])[0]
    except UnknownWordError:
        return len(vectors)
    return int((scores > scores[row]).sum())


def measure_classes(data: Path, model: Path, work: Path) -> None:
    """What `--class` does: alone, and to a search by a picture of another class."""
    with _indexed(data / "pascal", model, work) as index:
        embedder = index.embedder()
        gallery = load_gallery(index)
        labels = np.array([str(record.fields["label"]) for record in gallery.records])
        names = list(PASCAL_CLASSES)
        directions = classes_of(embedder).directions(list(PASCAL_CLASSES.values()))
        alone = [
            _share(gallery.vectors @ d, labels, n) for n, d in zip(names, directions, strict=True)
        ]
        queries = np.random.default_rng(SEED).permutation(len(labels))[:QUERIES]
        values: dict[str, Floats] = {"class alone": np.array(alone)}
        for weight in (0.0, 0.5, 1.0):
            rows = [
                _bent(gallery.vectors, labels, int(q), names, directions, weight) for q in queries
            ]
            share, similarity = np.array(rows).T
            values[f"class, weight {weight:g}"] = share
            values[f"similarity, weight {weight:g}"] = similarity
        facts = {
            "model": {
                "name": embedder.name,
                "fingerprint": embedder.fingerprint,
                "dim": embedder.dim,
            },
            "trained_on": "",
            "notes": [],
        }
        keep("classes", data / "pascal", len(labels), facts, values)


def _share(scores: Vectors, labels: NDArray[np.str_], name: str) -> float:
    return float((labels[np.argsort(-scores, kind="stable")[:10]] == name).mean())


def _bent(
    vectors: Vectors,
    labels: NDArray[np.str_],
    query: int,
    names: Sequence[str],
    directions: Vectors,
    weight: float,
) -> tuple[float, float]:
    """Of the first ten with each class of another name: the class's share, and how similar."""
    shares, similar = [], []
    for name, direction in zip(names, directions, strict=True):
        if name == labels[query]:
            continue
        asked = vectors[query] + weight * direction
        scores = vectors @ (asked / np.linalg.norm(asked))
        scores[query] = -2
        best = np.argsort(-scores, kind="stable")[:10]
        shares.append(float((labels[best] == name).mean()))
        similar.append(float((vectors[best] @ vectors[query]).mean()))
    return float(np.mean(shares)), float(np.mean(similar))


def _ranks(scores: Vectors, right: Sequence[bool]) -> NDArray[np.int64]:
    order = np.argsort(-scores, kind="stable")
    return np.flatnonzero(np.array(right)[order]) + 1


def _indexed(data: Path, model: Path, work: Path) -> ImageIndex:
    folder = work / f"{data.name}-{hashlib.sha256(str(model).encode()).hexdigest()[:8]}"
    index = ImageIndex.create(folder, str(model))
    index.add(data / "labels.csv", image_column="path")
    return index


def keep(name: str, data: Path, pictures: int, facts: Report, values: dict[str, Floats]) -> None:
    """Write a report: the mean of each column of values, and its interval."""
    report = {
        "set": name,
        **facts,
        "metrics": {measure: round(float(column.mean()), 6) for measure, column in values.items()},
        "intervals": {
            measure: [round(bound, 6) for bound in metrics.bootstrap_interval(column)]
            for measure, column in values.items()
        },
        "data": {"hash": data_hash(data), "pictures": pictures},
        "machine": machine(),
    }
    path = WORDS / f"{name}-{plain(report['model']['name'])}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path.name, report["metrics"], flush=True)


def data_hash(data: Path) -> str:
    """Of the labels and the pictures that they name."""
    digest = hashlib.sha256((data / "labels.csv").read_bytes())
    with (data / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            digest.update(hashlib.sha256((data / row["path"]).read_bytes()).digest())
    return digest.hexdigest()


def plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality_words", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--classifier", type=Path, help="a model folder that tells classes")
    parser.add_argument("--words", type=Path, help="word vectors, for --classifier")
    parser.add_argument("--model", dest="models", type=Path, action="append", default=[])
    parser.add_argument("--trained-on", default="", help="what --model saw, for the table")
    return parser


if __name__ == "__main__":
    main()
