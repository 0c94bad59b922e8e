"""What training gains, on objects, products and pictures that were never trained on.

    python -m benchmarks.training_quality --data ../shared/data --base FOLDER-OF-MOBILENET-V2

Every set and model gives a report in benchmarks/results/training, and docs/results.md is made
again. Everything is drawn by seeds: which objects are trained on, and the trainings themselves.
No setting was chosen by these figures: the defaults come from validations within the training
objects, and every variant that is measured is shown.
"""

import argparse
import csv
import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training_table import RESULTS
from visavis.embedders.spec import ModelSpec, PreprocessSpec
from visavis.evaluation.compare import compare
from visavis.evaluation.report import Report, evaluate, summary
from visavis.evaluation.tasks import Options, same_task
from visavis.image_index import ImageIndex
from visavis.metrics import bootstrap_interval
from visavis.sources.base import open_source

SEEDS = (0, 1)


@dataclass(frozen=True)
class Question:
    """One protocol on a set's held-out half."""

    name: str
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Half:
    """A set whose labels are divided: some to train on, the others to measure on."""

    set: str
    label: str
    train: int
    """How many labels are trained on."""
    questions: tuple[Question, ...]
    both: bool = False
    """Whether the other half is then trained on, and each object measured once."""
    across: str | None = None
    """What the trainings are told to search across."""


HALVES = (
    Half("ukbench", "object_id", 62, (Question("ukbench"),), both=True),
    Half(
        "grocery",
        "label",
        60,
        (
            Question("grocery-iconic", Options(("kind=iconic",), "kind=natural")),
            Question("grocery-natural", Options(("kind=natural",))),
        ),
        across="kind",
    ),
)
VARIANTS: dict[str, dict[str, Any]] = {
    "head": {},
    "head-mixed": {"across": None},
    "visavis-s-head": {"base": "visavis-s"},
    "head-pixels": {"pixels": True},
    "linear": {"layers": (0,)},
    "head-256": {"layers": (512, 512, 256)},
    "dense-from-chance": {"straight": False, "layers": (512, 512, 256), "rate": 1e-3},
    "head-multi-similarity": {"loss": "multi-similarity"},
    "head-arcface": {"loss": "arcface"},
    "visavis-s-head-pixels": {"base": "visavis-s", "pixels": True},
}
WHOLE = (
    ("ukbench", "object_id"),
    ("clothing", "label"),
    ("grocery", "label"),
    ("pascal", "label"),
)


def main() -> None:
    given = _parser().parse_args()
    data, base = given.data.resolve(), str(given.base.resolve())
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        if given.only != "autoencoder":
            _heads(data, base, Path(work), given.variants or list(VARIANTS), given.missing)
        if given.only != "heads":
            _autoencoder(data, base, Path(work), given.epochs)
    from benchmarks.quality import write_page

    write_page()


def _heads(data: Path, base: str, work: Path, variants: list[str], missing: bool) -> None:
    bases = {"mobilenet-v2": base, "visavis-s": "visavis-s"}
    folds = {half.set: _folds(half, data, work) for half in HALVES}
    before = {half.set: _before(half, folds[half.set], bases, work) for half in HALVES}
    for variant in variants:
        for half in HALVES:
            files = [RESULTS / f"{question.name}-{variant}.json" for question in half.questions]
            if missing and all(file.exists() for file in files):
                continue
            settings = {"across": half.across} | VARIANTS[variant]
            below = settings.pop("base", "mobilenet-v2")
            if variant == "head-mixed" and half.across is None:
                continue
            runs = [_run(half, folds[half.set], bases[below], settings, s, work) for s in SEEDS]
            for question, report in runs[0][0].items():
                report["training"] = runs[0][1]
                report["against_base"] = {
                    d.measure: d.to_dict()
                    for d in compare(report, before[half.set][below][question], below)
                }
                report["seeds"] = [found[question]["metrics"] for found, _ in runs]
                _keep(f"{question}-{variant}", question, variant, report)


def _before(
    half: Half, folds: list[tuple[Path, Path]], bases: dict[str, str], work: Path
) -> dict[str, dict[str, Report]]:
    """What the bases find as they are."""
    found = {}
    for name, model in bases.items():
        found[name] = _joined([_measured(half, model, held_out, work) for _, held_out in folds])
        for question, report in found[name].items():
            _keep(f"{question}-{name}", question, name, report)
    return found


def _run(
    half: Half,
    folds: list[tuple[Path, Path]],
    base: str,
    settings: dict[str, Any],
    seed: int,
    work: Path,
) -> tuple[dict[str, Report], list[dict[str, Any]]]:
    """What heads of one seed find, and how they were trained."""
    found, facts = [], []
    for trained_on, held_out in folds:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            out = Path(folder) / "head"
            facts.append(_train_head(trained_on, half.label, base, out, settings, seed))
            found.append(_measured(half, str(out), held_out, work))
    return _joined(found), facts


def _folds(half: Half, data: Path, work: Path) -> list[tuple[Path, Path]]:
    """Pairs of catalogues: the labels that are trained on, and the others."""
    with (data / half.set / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = sorted({row[half.label] for row in rows})
    drawn = np.random.default_rng(0).permutation(len(labels))
    held = {labels[at] for at in drawn[: len(labels) - half.train].tolist()}
    paths = []
    for place, chosen in (("some", False), ("others", True)):
        path = work / place / f"{half.set}.csv"
        path.parent.mkdir(exist_ok=True)
        _write(path, [row for row in rows if (row[half.label] in held) == chosen], data / half.set)
        paths.append(path)
    some, others = paths
    return [(some, others), (others, some)] if half.both else [(some, others)]


def _joined(parts: list[dict[str, Report]]) -> dict[str, Report]:
    """The reports of several folds as one: each query counts once, searched in its own half."""
    joined = {}
    for question, first in parts[0].items():
        every = [part[question] for part in parts]
        report = dict(first)
        values = {
            name: np.concatenate([one["per_query"]["values"][name] for one in every])
            for name in first["per_query"]["values"]
        }
        report["metrics"] = {name: round(float(v.mean()), 6) for name, v in values.items()}
        groups = _groups(every)
        report["intervals"] = {
            name: [round(end, 6) for end in bootstrap_interval(v, groups=groups)]
            for name, v in values.items()
        }
        report["per_query"] = {
            "ids": [id for one in every for id in one["per_query"]["ids"]],
            "values": {name: v.tolist() for name, v in values.items()},
            **({} if groups is None else {"groups": groups}),
        }
        report["data"] = first["data"] | {
            "hash": "+".join(one["data"]["hash"] for one in every),
            "queries": sum(one["data"]["queries"] for one in every),
            "searched": [one["data"]["records"] for one in every],
        }
        joined[question] = report
    return joined


def _groups(parts: list[Report]) -> list[int] | None:
    """What is drawn whole, of all folds: no two share an object."""
    every = [part["per_query"].get("groups") for part in parts]
    if None in every:
        return None
    return [len(parts) * number + at for at, groups in enumerate(every) for number in groups]


def _write(path: Path, rows: list[dict[str, str]], folder: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["id", *rows[0]])
        table.writeheader()
        for row in rows:
            table.writerow({"id": row["path"], **row, "path": str(folder / row["path"])})


def _train_head(
    catalogue: Path, label: str, base: str, out: Path, variant: dict[str, Any], seed: int
) -> dict[str, Any]:
    """Train as `visavis train triplet` does; what its records say."""
    from visavis.training.loop.recipe import train
    from visavis.training.settings import LoopSettings, Rates
    from visavis.training.triplet.recipe import prepare
    from visavis.training.triplet.settings import LossSettings, TripletSettings

    loss = {key: variant[key] for key in ("loss", "metric", "mining") if key in variant}
    rest = {key: value for key, value in variant.items() if key not in loss}
    if "rate" in rest:
        rest["rates"] = Rates(rest.pop("rate"))
    settings = replace(TripletSettings(), loss=LossSettings(**loss), **rest)
    cache = catalogue.parent / "cache"
    made = prepare(open_source(catalogue), label, base, settings, seed=seed, cache=cache)
    result = train(made, out, LoopSettings(seed=seed, device="cpu"))
    assert result is not None
    recipe = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
    split = result.metrics["split"]
    return {
        "data": recipe["data"],
        "labels_trained": split["train"]["labels"],
        "labels_validated": len(split["validation"]["labels"]),
        "epochs": result.metrics["epochs"],
        "best_epoch": result.metrics["best_epoch"],
        "across": recipe["settings"]["across"],
        "validation": result.metrics["validation"],
        "validation_of_base": result.metrics["base"],
    }


def _measured(half: Half, model: str, catalogue: Path, work: Path) -> dict[str, Report]:
    found = {}
    with (
        tempfile.TemporaryDirectory(dir=work) as folder,
        ImageIndex.create(Path(folder) / "index", model) as index,
    ):
        index.add(catalogue)
        for question in half.questions:
            task = same_task(index, half.label, question.options)
            found[question.name] = evaluate(index, task)[0]
    return found


def _autoencoder(data: Path, base: str, work: Path, epochs: int) -> None:
    models = {
        "raw pixels": str(_pixels_model(work / "raw-pixels", centred=False)),
        "raw pixels, less their mean": str(_pixels_model(work / "centred-pixels", centred=True)),
        "classic": "classic",
        "mobilenet-v2": base,
    }
    out = work / "autoencoder"
    facts = _train_autoencoder(data / "train-mix", work, out, epochs)
    models["autoencoder"] = str(out)
    for name, label in WHOLE:
        catalogue = work / "whole" / f"{name}.csv"
        catalogue.parent.mkdir(exist_ok=True)
        with (data / name / "labels.csv").open(newline="", encoding="utf-8") as file:
            _write(catalogue, list(csv.DictReader(file)), data / name)
        half = Half(name, label, 0, (Question(f"{name}-whole"),))
        reports = {
            called: _measured(half, model, catalogue, work)[f"{name}-whole"]
            for called, model in models.items()
        }
        for called, report in reports.items():
            if called == "autoencoder":
                report["training"] = facts
                report["against_pixels"] = {
                    d.measure: d.to_dict()
                    for d in compare(report, reports["raw pixels"], "raw pixels")
                }
            file_name = f"{name}-whole-{called.replace(', ', '-').replace(' ', '-')}"
            _keep(file_name, f"{name}-whole", called, report)


def _train_autoencoder(folder: Path, work: Path, out: Path, epochs: int) -> dict[str, Any]:
    from visavis.training.autoencoder.recipe import prepare
    from visavis.training.autoencoder.settings import AutoencoderSettings
    from visavis.training.loop.recipe import train
    from visavis.training.settings import LoopSettings

    settings = AutoencoderSettings(side=64, dim=256)
    made = prepare(open_source(folder / "labels.csv"), settings, cache=work / "cache")
    result = train(made, out, LoopSettings(epochs, device="cpu"))
    assert result is not None
    recipe = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
    return {
        "data": recipe["data"],
        "settings": recipe["settings"],
        "epochs": result.metrics["epochs"],
        "validation": result.metrics["validation"],
    }


def _pixels_model(folder: Path, *, centred: bool) -> Path:
    """A model folder whose vectors are the pixels themselves, 32 × 32 of them."""
    import hashlib

    from onnx import TensorProto, helper

    nodes = [helper.make_node("Flatten", ["input"], ["flat"])]
    if centred:
        nodes.append(helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1], keepdims=1))
        nodes.append(helper.make_node("Sub", ["flat", "mean"], ["pixels"]))
    else:
        nodes.append(helper.make_node("Identity", ["flat"], ["pixels"]))
    dim = 3 * 32 * 32
    graph = helper.make_graph(
        nodes,
        "pixels",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", dim])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = model.SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content)
    preprocess = PreprocessSpec(size=32)
    digest = hashlib.sha256(content).hexdigest()
    spec = ModelSpec(folder.name, "model.onnx", digest, "pixels", "none", dim, preprocess)
    (folder / "model.json").write_text(spec.to_json())
    return folder


def _keep(name: str, question: str, called: str, report: Report) -> None:
    """The report without single queries, classes, and what depends on the machine's mood."""
    kept = summary(report)
    for key in ("curves", "seconds", "by_class", "latency"):
        kept.pop(key, None)
    kept["set"], kept["model"]["name"] = question, called
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path.name, kept["metrics"], flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_quality", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--base", type=Path, required=True, help="folder of mobilenet-v2")
    parser.add_argument("--only", choices=["heads", "autoencoder"])
    parser.add_argument("--variant", dest="variants", action="append", choices=list(VARIANTS))
    parser.add_argument(
        "--missing", action="store_true", help="train no heads whose reports are there"
    )
    parser.add_argument("--epochs", type=int, default=12, help="of the autoencoder")
    return parser


if __name__ == "__main__":
    main()
