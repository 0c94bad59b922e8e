"""How often a relation is right, and how often the cut of similar is wrong.

    python -m benchmarks.relations --data ../shared/data

The protocol, over all pictures of six sets (5,727) in one index of the built-in model:

copies       every edit of evaluation/edits.py of 100 originals, other ones than those that the
             thresholds were chosen on; right where the first match is the original (or a file like
             it, byte for byte) and is called exact or near_duplicate. With the extra `dups`, and
             in the core alone.
look-alikes  200 records of a set, each asked without itself: how many get a near duplicate. Other
             views of one object, catalogue pictures in one pose, packages of one design.
recoloured   200 coloured products, hue turned by 90 and by 180 degrees.
false match  in an index of each set alone: of all records, how many find something similar among
             the records that are not related, when one in a hundred is asked for; among all
             records, and among a half and a tenth of them. By brute force over the vectors.

The report goes to benchmarks/results/relations, and docs/results.md is made again.
"""

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from PIL import Image

from benchmarks.quality import write_page
from benchmarks.relations_table import RESULTS
from visavis import ImageIndex
from visavis.evaluation.edits import EDITS, edited
from visavis.evaluation.report import machine
from visavis.flows.relation import judge
from visavis.flows.relation.cuts import Cuts
from visavis.images.decode import decode
from visavis.images.files import local_path, read_file
from visavis.matching.local import has_opencv
from visavis.types import RGB, ImageRecord, ImageTerm, Query

SETS = {
    "ukbench": "object_id",
    "pascal": "label",
    "grocery": "label",
    "clothing": "label",
    "fashion": "label",
    "flickr": "",
}
"""The sets, and the field that says what is related."""
COLOURLESS = {"Black", "White", "Grey", "Silver", "Steel", "Charcoal", "Off White", "NA", ""}
COPIES = ("exact", "near_duplicate")
CHOSEN_ON, SEED = 7, 11
ORIGINALS, ASKED = 100, 200
_DRAWS = 10


class Held(NamedTuple):
    """A record of the index of everything, and the set that it is of."""

    of: str
    record: ImageRecord


def main() -> None:
    """Measure, write the report, and make the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        report = measured(data, Path(folder))
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{report['model']}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write_page()


def measured(data: Path, folder: Path) -> dict[str, Any]:
    """All figures."""
    with ImageIndex.create(folder / "all.index") as index:
        for name in SETS:
            index.add(data / name / "images")
        held = [Held(_set_of(record, data), record) for record in index.records()]
        chance = random.Random(CHOSEN_ON)
        seen = set(chance.sample(range(len(held)), ORIGINALS))
        fresh = [one for at, one in enumerate(held) if at not in seen]
        originals = random.Random(SEED).sample(fresh, ORIGINALS)
        report: dict[str, Any] = {
            "model": index.info().model,
            "pictures": len(index),
            "originals": len(originals),
            "machine": machine(),
            "copies": {},
        }
        for kind in ("dups", "core"):
            with _features(kind == "dups"):
                report["copies"][kind] = _copies(index, originals)
                print(kind, report["copies"][kind], flush=True)
        report["look_alikes"] = {name: _look_alikes(index, held, name) for name in SETS}
        report["recoloured"] = _recoloured(data)
        print(report["look_alikes"], report["recoloured"], flush=True)
    report["false_match"] = {name: _false_match(data, folder, name) for name in SETS}
    print(report["false_match"], flush=True)
    return report


@contextmanager
def _features(wanted: bool) -> Iterator[None]:
    """Answers as where the extra is installed, or as where it is not."""
    if wanted and not has_opencv():
        raise SystemExit("OpenCV is missing: pip install 'visavis[dups]'")
    asking = cast(Any, judge)  # the module that asks whether the extra is there
    asking.has_opencv = lambda: wanted
    try:
        yield
    finally:
        asking.has_opencv = has_opencv


def _set_of(record: ImageRecord, data: Path) -> str:
    return Path(local_path(record.uri)).resolve().relative_to(data.resolve()).parts[0]


def _pixels(record: ImageRecord) -> RGB:
    return decode(read_file(str(local_path(record.uri))), record.uri).pixels


def _copies(index: ImageIndex, originals: Sequence[Held]) -> dict[str, Any]:
    right: Counter[str] = Counter()
    called, wrong = 0, 0
    for of, original in originals:
        pixels = _pixels(original)
        for edit in EDITS:
            copy = edited(edit, pixels, random.Random(f"{edit} {of} {original.id}"))
            first = index.answer(Query((ImageTerm(copy),), limit=1)).matches[0]
            is_it = first.record.sha256 == original.sha256
            copied = first.relation in COPIES
            right[edit] += is_it and copied
            called += copied
            wrong += copied and not is_it
    return {
        "recall": {edit: right[edit] / len(originals) for edit in EDITS},
        "mean": sum(right.values()) / len(originals) / len(EDITS),
        "called": called,
        "wrong": wrong,
    }


def _look_alikes(index: ImageIndex, held: Sequence[Held], name: str) -> dict[str, Any]:
    """Asked with the file, so that local features have their say; files like it do not count."""
    own = [one.record for one in held if one.of == name]
    asked = random.Random(SEED).sample(own, ASKED)
    near, variants = 0, 0
    for record in asked:
        twins = [one.id for one in own if one.sha256 == record.sha256]
        if len(twins) > 1:
            continue
        found = index.answer(
            Query((ImageTerm(read_file(str(local_path(record.uri)))),), limit=1, without=record.id)
        )
        near += found.verdict in COPIES
        variants += found.verdict == "variant"
    return {"asked": len(asked), "near_duplicate": near, "variant": variants}


def _recoloured(data: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, ImageIndex.create(Path(folder)) as shop:
        shop.add(data / "fashion" / "labels.csv")
        products = [
            record
            for record in shop.records()
            if str(record.fields.get("baseColour", "")) not in COLOURLESS
        ]
        relations: Counter[str] = Counter()
        for record in random.Random(SEED).sample(products, ASKED):
            hue, saturation, value = Image.fromarray(_pixels(record)).convert("HSV").split()
            for turn in (64, 128):
                turned = hue.point([(level + turn) % 256 for level in range(256)])
                copy = Image.merge("HSV", (turned, saturation, value)).convert("RGB")
                found = shop.answer(Query((ImageTerm(np.asarray(copy)),), limit=32))
                its = [m.relation for m in found.matches if m.record.sha256 == record.sha256]
                relations[str(its[0]) if its else "not found"] += 1
    total = sum(relations.values())
    return {"asked": total, **{name: count / total for name, count in sorted(relations.items())}}


def _false_match(data: Path, folder: Path, name: str) -> dict[str, Any]:
    with ImageIndex.create(folder / f"{name}.index") as index:
        index.add(data / name / "labels.csv")
        rows = list(index.rows())
        vectors = np.stack([vector for _, vector in rows])
        field = SETS[name]
        groups = np.array([str(record.fields.get(field, record.id)) for record, _ in rows])
        cuts, made_by = Cuts(index.store), index.store.model().fingerprint
        scores = np.where(groups[:, None] == groups[None], -1.0, vectors @ vectors.T)
        chance = np.random.default_rng(SEED)
        report: dict[str, Any] = {"cut": cuts.cut(len(rows), 0.01, made_by)}
        for share in (1.0, 0.5, 0.1):
            rates = []
            for _ in range(1 if share == 1.0 else _DRAWS):
                kept = chance.random(len(rows)) < share
                cut = cuts.cut(int(kept.sum()), 0.01, made_by)
                assert cut is not None
                rates.append(float((scores[:, kept].max(axis=1) >= cut).mean()))
            report[f"{share:g}"] = float(np.mean(rates))
    return report


if __name__ == "__main__":
    main()
