"""How well a model that reads words finds by them, asked as users ask.

    python -m benchmarks.words_builtin --data ../shared/data --model visavis-s --model FOLDER

Every model indexes the sets anew and is asked through `ImageIndex.search`, words alone, against
what pictures show: file names and captions stay out of the index. The protocol:

caption: recall@10   flickr; each of the five captions of a picture is a query, right where the
                     picture is among the first ten. Intervals draw pictures, with all captions.
name: precision@10,  pascal; the names of the 20 classes, as the labels have them but for "dining
name: r_precision    table", "potted plant" and "tv monitor". Intervals draw classes.
colour and noun      fashion; "red shoes" for every colour and noun that five pictures or more have.
                     Colours are families of the field baseColour, nouns groups of the field label
                     (below). Right is what has both; the share of right ones among the first ten,
                     or as many as there are. Intervals draw nouns with all their colours.
colour in captions   pascal; "black dog" for every class and colour that captions have: two or more
                     of three or more pictures of the class. Mean average precision over all
                     pictures. Intervals draw classes with all their colours.
by looks             these two, by the model alone, which does not put what has the colour first.
two words            pascal and flickr; right is what shows both by its captions; the share of right
                     ones among the first n, where n are right. Intervals draw queries.

Reports go to benchmarks/results/words, and docs/results.md is made again.
"""

import argparse
import csv
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import write_page
from benchmarks.quality_words import PERSON, WORDS, data_hash, plain
from visavis import ImageIndex, metrics
from visavis.errors import UnknownWordError
from visavis.evaluation.report import machine
from visavis.types import By, TextTerm

FIRST = 10
FEWEST = 5
"""Pictures that a colour and a noun must have in common to be a query."""
FEW, TWICE = 3, 2
"""The same of a class and a colour in captions, and how many captions of a picture name it."""

NAMES = {
    "diningtable": "dining table",
    "pottedplant": "potted plant",
    "tvmonitor": "tv monitor",
}
COLOURS = {
    "red": "Red|Maroon|Burgundy|Rust",
    "orange": "Orange|Peach",
    "yellow": "Yellow|Mustard|Gold",
    "green": "Green|Olive|Fluorescent Green|Sea Green|Lime Green|Khaki",
    "blue": "Blue|Navy Blue|Turquoise Blue|Teal",
    "purple": "Purple|Lavender|Mauve",
    "pink": "Pink|Magenta|Rose",
    "brown": "Brown|Tan|Coffee Brown|Beige|Copper|Bronze|Mushroom Brown|Taupe",
    "black": "Black",
    "white": "White|Off White|Cream",
    "grey": "Grey|Silver|Steel|Charcoal|Grey Melange",
}
NOUNS = {
    "shirt": "Shirts",
    "t-shirt": "Tshirts",
    "shoes": "Casual Shoes|Sports Shoes|Formal Shoes",
    "sandals": "Sandals|Sports Sandals",
    "watch": "Watches",
    "handbag": "Handbags",
    "sunglasses": "Sunglasses",
    "wallet": "Wallets",
    "backpack": "Backpacks",
    "jeans": "Jeans",
    "shorts": "Shorts",
    "socks": "Socks",
    "belt": "Belts",
    "tie": "Ties",
    "sweater": "Sweaters",
    "dress": "Dresses",
    "perfume": "Perfume and Body Mist",
}
SAID = {
    "person": frozenset(PERSON),
    "cat": frozenset({"cat", "cats", "kitten", "kittens"}),
    "sofa": frozenset({"sofa", "sofas", "couch", "couches"}),
    "horse": frozenset({"horse", "horses", "pony"}),
    "dog": frozenset({"dog", "dogs", "puppy", "puppies"}),
    "beach": frozenset({"beach", "beaches"}),
    "bicycle": frozenset({"bicycle", "bicycles", "bike", "bikes"}),
    "street": frozenset({"street", "streets"}),
    "snow": frozenset({"snow", "snowy"}),
    "water": frozenset({"water"}),
}
"""The words that say in a caption that a picture shows something."""
TWO_WORDS = (
    ("pascal", "cat", "sofa"),
    ("pascal", "person", "horse"),
    ("pascal", "bicycle", "street"),
    ("pascal", "person", "bicycle"),
    ("flickr", "dog", "beach"),
    ("flickr", "bicycle", "street"),
    ("flickr", "person", "bicycle"),
    ("flickr", "dog", "snow"),
    ("flickr", "dog", "water"),
)

Row = dict[str, str]


@dataclass
class Values:
    """What each query got, and what is drawn together with it for the interval."""

    values: list[float]
    groups: list[int]

    @classmethod
    def one_by_one(cls, values: Iterable[float]) -> "Values":
        """Every query by itself."""
        listed = list(values)
        return cls(listed, list(range(len(listed))))


@dataclass
class Asked:
    """A set of pictures in an index, whose ids are the numbers of the catalogue's rows."""

    rows: list[Row]
    index: ImageIndex

    def found(self, text: str, limit: int, by: By = "both") -> list[int]:
        """The rows of the pictures found for a text, best first; none for unknown words alone."""
        try:
            result = self.index.search(TextTerm(text), limit=limit, by=by)
        except UnknownWordError:
            return []
        return [int(match.record.id) for match in result.matches]

    def share(self, text: str, right: NDArray[np.bool_], limit: int, by: By = "both") -> float:
        """How many of the first `limit` pictures are right."""
        return float(right[self.found(text, limit, by)].sum() / limit)

    def precision(self, text: str, right: NDArray[np.bool_], by: By) -> float:
        """The average precision over all pictures."""
        ranks = np.flatnonzero(right[self.found(text, len(self.rows), by)]) + 1
        return metrics.average_precision(ranks, int(right.sum()))


def main() -> None:
    given = _parser().parse_args()
    WORDS.mkdir(parents=True, exist_ok=True)
    for model in given.models:
        with tempfile.TemporaryDirectory() as work:
            keep(given.data, model, measure(given.data, model, Path(work)))
    write_page()


def measure(data: Path, model: str, work: Path) -> tuple[dict[str, Values], dict[str, Any]]:
    """The values of every measure, and what the model says of itself."""
    sets = {
        name: indexed(data / name, model, work / name) for name in ("flickr", "pascal", "fashion")
    }
    embedder = sets["pascal"].index.embedder()
    facts = {"fingerprint": embedder.fingerprint, "dim": embedder.dim}
    found = {f"caption: recall@{FIRST}": by_caption(sets["flickr"])}
    found |= by_name(sets["pascal"])
    ways: tuple[tuple[str, By], ...] = (("", "both"), (", by looks", "looks"))
    for way, by in ways:
        found[f"colour and noun{way}"] = by_colour(sets["fashion"], by)
        found[f"colour in captions{way}"] = by_said_colour(sets["pascal"], by)
    found |= {"two words": by_two_words(sets)}
    for asked in sets.values():
        asked.index.close()
    return found, facts


def indexed(folder: Path, model: str, work: Path) -> Asked:
    """The pictures of a set, without anything in names or fields that says what they show."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pictures = work / "pictures"
    pictures.mkdir(parents=True)
    catalogue = work / "rows.csv"
    with catalogue.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "path"))
        for number, row in enumerate(rows):
            link = pictures / f"{number}{Path(row['path']).suffix}"
            link.symlink_to((folder / row["path"]).resolve())
            writer.writerow((number, link))
    index = ImageIndex.create(work / "index", model)
    index.add(catalogue, image_column="path", id_column="id")
    return Asked(rows, index)


def by_caption(flickr: Asked) -> Values:
    """Whether a picture is among the first ten for each of its captions."""
    values, groups = [], []
    for number, row in enumerate(flickr.rows):
        for caption in json.loads(row["captions_json"]):
            values.append(float(number in flickr.found(caption, FIRST)))
            groups.append(number)
    return Values(values, groups)


def by_name(pascal: Asked) -> dict[str, Values]:
    """The names of the classes as words."""
    labels = np.array([row["label"] for row in pascal.rows])
    names = sorted(set(labels.tolist()))
    texts = [NAMES.get(name, name) for name in names]
    right = [labels == name for name in names]
    return {
        f"name: precision@{FIRST}": Values.one_by_one(
            pascal.share(text, flags, FIRST) for text, flags in zip(texts, right, strict=True)
        ),
        "name: r_precision": Values.one_by_one(
            pascal.share(text, flags, int(flags.sum()))
            for text, flags in zip(texts, right, strict=True)
        ),
    }


def colour_queries(rows: Sequence[Row]) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """(colour, noun, which pictures are right) for all that enough pictures have in common."""
    found = []
    for noun, labels in NOUNS.items():
        for colour, names in COLOURS.items():
            right = np.array(
                [
                    row["label"] in labels.split("|") and row["baseColour"] in names.split("|")
                    for row in rows
                ]
            )
            if right.sum() >= FEWEST:
                found.append((colour, noun, right))
    return found


def by_said_colour(pascal: Asked, by: By) -> Values:
    """ "black dog": the average precision of the class's pictures that captions call so."""
    said = [
        Counter(word for caption in json.loads(row["captions_json"]) for word in words_in(caption))
        for row in pascal.rows
    ]
    labels = np.array([row["label"] for row in pascal.rows])
    names = sorted(set(labels.tolist()))
    values, groups = [], []
    for colour in COLOURS:
        times = np.array([one[colour] for one in said])
        for group, name in enumerate(names):
            right = (labels == name) & (times >= TWICE)
            if right.sum() >= FEW:
                values.append(pascal.precision(f"{colour} {NAMES.get(name, name)}", right, by))
                groups.append(group)
    return Values(values, groups)


def by_colour(fashion: Asked, by: By = "both") -> Values:
    """ "red shoes": the share of pictures that are both; a noun's queries are a group."""
    queries = colour_queries(fashion.rows)
    nouns = list(NOUNS)
    return Values(
        [
            fashion.share(f"{c} {noun}", right, min(FIRST, int(right.sum())), by)
            for c, noun, right in queries
        ],
        [nouns.index(noun) for _, noun, _ in queries],
    )


def by_two_words(sets: dict[str, Asked]) -> Values:
    """ "dog beach": the share of pictures that show both by their captions."""
    values = []
    for name, first, second in TWO_WORDS:
        said = [words_of(row["captions_json"]) for row in sets[name].rows]
        right = np.array([bool(SAID[first] & words and SAID[second] & words) for words in said])
        values.append(sets[name].share(f"{first} {second}", right, max(1, int(right.sum()))))
    return Values.one_by_one(values)


def words_of(captions: str) -> set[str]:
    """The words of a picture's captions."""
    return words_in(" ".join(json.loads(captions)))


def words_in(text: str) -> set[str]:
    """The words of a text."""
    return set(re.findall("[a-z]+", text.lower()))


def keep(data: Path, model: str, measured: tuple[dict[str, Values], dict[str, Any]]) -> None:
    """Write a model's report."""
    found, facts = measured
    report = {
        "set": "builtin",
        "model": {"name": Path(model).name, **facts},
        "metrics": {name: round(float(np.mean(one.values)), 6) for name, one in found.items()},
        "intervals": {
            name: [
                round(end, 6)
                for end in metrics.bootstrap_interval(np.array(one.values), groups=one.groups)
            ]
            for name, one in found.items()
        },
        "queries": {name: len(one.values) for name, one in found.items()},
        "data": {name: data_hash(data / name) for name in ("flickr", "pascal", "fashion")},
        "machine": machine(),
    }
    path = WORDS / f"builtin-{plain(Path(model).name)}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path.name, report["metrics"], flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.words_builtin", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument(
        "--model", dest="models", action="append", required=True, help="reads words; repeatable"
    )
    return parser


if __name__ == "__main__":
    main()
