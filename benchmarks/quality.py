"""How well models find, on the sets of pictures beside the repository.

    python -m benchmarks.quality --data ../shared/data --model classic --model visavis-s \\
        --model ../shared/weights/mobilenet-v2 \\
        --model 0.8:../shared/weights/mobilenet-v2+0.2:classic --peer /somewhere/else/bin/python
    python -m benchmarks.quality                      # only makes docs/results.md again

Every set and model gives a report in benchmarks/results (without the values of single queries) and
docs/results.md is the table of all reports that are there. Models that are measured in one run are
also compared query by query: the differences are kept in the reports. `--peer` is the Python of an
environment with fastdup, whose embeddings are put to the same questions (peer_fastdup.py); without
it, its reports stay as they are.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality_table import COLUMNS, table
from benchmarks.training_table import training_reports
from visavis.evaluation.compare import compare
from visavis.evaluation.copies import ORIGINALS
from visavis.evaluation.edits import ELEVEN
from visavis.evaluation.gallery import Gallery
from visavis.evaluation.report import Report, evaluate, summary
from visavis.evaluation.tasks import Options, Task, copies_task, same_task
from visavis.image_index import ImageIndex
from visavis.images.decode import decode
from visavis.images.files import local_path, read_file
from visavis.metrics import bootstrap_interval
from visavis.types import ImageRecord, Vectors

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "results.md"
DISTRACTORS = 5500  # of train-mix, drawn by the seed


@dataclass(frozen=True)
class Set:
    """One protocol over one catalogue."""

    name: str
    catalogue: str
    """Folder of the data, or "copies" for the one that is put together here."""
    same: str | None = None
    options: Options = field(default_factory=Options)


SETS = (
    Set("ukbench", "ukbench", "object_id"),
    Set("pascal", "pascal", "label"),
    Set("clothing", "clothing", "label"),
    Set("grocery", "grocery", "label"),
    Set("grocery-iconic", "grocery", "label", Options(("kind=iconic",), "kind=natural")),
    Set("copies-eleven", "copies", options=Options(queries="set=flickr", edits=ELEVEN)),
    Set("copies", "copies", options=Options(queries="set=flickr")),
)


def main() -> None:
    given = _parser().parse_args()
    RESULTS.mkdir(exist_ok=True)
    if given.data is not None:
        with tempfile.TemporaryDirectory() as work:
            for chosen in SETS:
                if chosen.name in (given.sets or [s.name for s in SETS]):
                    _run(chosen, given.data.resolve(), given.models, given.peer, Path(work))
    write_page()


def write_page() -> None:
    """Make docs/results.md again from the reports that are there."""
    every = all_reports()
    PAGE.write_text(table(*every), encoding="utf-8")
    print(f"{PAGE.name}: {sum(map(len, every))} reports")


def all_reports() -> tuple[list[Report], ...]:
    """Reports of searches by picture and words, training, relations, marks, parts, subjects."""
    names = ("words", "relations", "marks", "anywhere", "subjects")
    by_picture, by_words, related, marked, anywhere, subjects = (
        [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
        for folder in (RESULTS, *(RESULTS / name for name in names))
    )
    return by_picture, by_words, training_reports(), related, marked, anywhere, subjects


def _run(chosen: Set, data: Path, models: list[str], peer: str | None, work: Path) -> None:
    catalogue = _catalogue(chosen, data, work)
    reports: list[Report] = []
    for model in models or (["classic"] if peer else []):
        with ImageIndex.create(work / f"{chosen.catalogue}-{_plain(model)}", model) as index:
            index.add(catalogue, image_column="path")
            task = _task(chosen, index)
            if peer is not None:
                reports.append(_measured(index, _by_peer(task, peer, work), "fastdup"))
            if models:
                reports.append(_measured(index, task))
        peer = None  # once is enough
    for report in reports:
        differences = paired(chosen.name, report, reports)
        _keep(chosen, summary(report) | {"against": differences})


def paired(name: str, report: Report, reports: Sequence[Report]) -> dict[str, Any]:
    """The differences to the others on the same queries: model → measure → what `compare` found.

    Of the measures only those that the page shows of this set.
    """
    shown = {column.measure for column in COLUMNS if column.set == name}
    return {
        other["model"]["name"]: {
            difference.measure: difference.to_dict()
            for difference in compare(report, other, other["model"]["name"])
            if difference.measure in shown
        }
        for other in reports
        if other is not report
    }


def _catalogue(chosen: Set, data: Path, work: Path) -> Path:
    """The catalogue of a set; the one for copies has flickr's pictures and the distractors."""
    if chosen.catalogue != "copies":
        return data / chosen.catalogue / "labels.csv"
    path = work / "copies.csv"
    rows = [("flickr", name) for name in _names(data / "flickr")]
    chance = random.Random(0)
    rows += [("train-mix", n) for n in chance.sample(_names(data / "train-mix"), DISTRACTORS)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "path", "set"))
        writer.writerows((f"{part}/{name}", data / part / name, part) for part, name in rows)
    return path


def _names(folder: Path) -> list[str]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return [row["path"] for row in csv.DictReader(file)]


def _task(chosen: Set, index: ImageIndex) -> Task:
    if chosen.same is None:
        return copies_task(index, ORIGINALS, chosen.options)
    return same_task(index, chosen.same, chosen.options)


def _measured(index: ImageIndex, task: Task, peer: str | None = None) -> Report:
    """The report; of classes only the edits, which the page shows."""
    report = evaluate(index, task)[0]
    if task.units.unit == "query":
        report["intervals_by_value"] = _by_value(task, report["per_query"]["values"])
    del report["curves"], report["seconds"]
    if task.kind != "copies":
        del report["by_class"]
    if peer is not None:
        report["model"] = {"name": peer, "fingerprint": None, "dim": task.vectors.shape[1]}
        del report["latency"]
    return report


def _by_value(task: Task, values: dict[str, list[float]]) -> dict[str, list[float]]:
    """Intervals with whole values of the field drawn: all queries of an object or a class."""
    names = [question.group for question in task.questions]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    groups = [numbers[name] for name in names]
    found = {
        measure: bootstrap_interval(np.array(column), groups=groups)
        for measure, column in values.items()
    }
    return {measure: [round(end, 6) for end in ends] for measure, ends in found.items()}


def _keep(chosen: Set, report: Report) -> None:
    report["set"] = chosen.name
    path = RESULTS / f"{chosen.name}-{_plain(report['model']['name'])}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path.name, report["metrics"], flush=True)


def _plain(model: str) -> str:
    """A model's name as a file's."""
    return "".join(c if c.isalnum() or c in "-." else "_" for c in Path(model).name)


def _by_peer(task: Task, python: str, work: Path) -> Task:
    """The same questions with the peer's vectors, of unit length."""
    folder = work / "peer"
    folder.mkdir(exist_ok=True)
    files = list(_files(task, folder))
    listed, out = folder / "paths.txt", folder / "vectors.npz"
    listed.write_text("\n".join(dict.fromkeys(str(path) for path in files)))
    script = str(HERE / "peer_fastdup.py")
    subprocess.run([python, script, str(listed), str(out)], check=True, stdout=sys.stderr)
    found = np.load(out)
    vectors = found["vectors"] / np.linalg.norm(found["vectors"], axis=1, keepdims=True)
    rows = {str(path): row for row, path in enumerate(found["paths"])}
    missing = [path for path in files if str(path) not in rows]
    if missing:
        print(f"fastdup left out {len(missing)} pictures, such as {missing[0]}", file=sys.stderr)
    zero = np.zeros(vectors.shape[1], np.float32)  # what it cannot see, it cannot find
    every: Vectors = np.stack(
        [vectors[rows[str(path)]] if str(path) in rows else zero for path in files]
    ).astype(np.float32)
    size = len(task.gallery)
    return replace(task, gallery=Gallery(task.gallery.records, every[:size]), vectors=every[size:])


def _files(task: Task, folder: Path) -> Iterator[Path]:
    """A file for every picture of the gallery, then for every query, in formats the peer reads."""
    for number, record in enumerate(task.gallery.records):
        yield _readable(record, folder / f"gallery-{number}.bmp")
    for number, record in enumerate(task.queries):
        if task.edits is None:
            yield _readable(record, folder / f"query-{number}.bmp")
            continue
        edit, original = str(record.fields["edit"]), str(record.fields["original"])
        path = folder / f"query-{number}{'.jpg' if edit == 'jpeg' else '.bmp'}"
        path.write_bytes(task.edits.copy(edit, original))
        yield path


def _readable(record: ImageRecord, copy: Path) -> Path:
    from PIL import Image

    path = local_path(record.uri)
    if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        return path
    Image.fromarray(decode(read_file(record.uri), record.uri).pixels).save(copy)
    return copy


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, help="folder of the sets; without it: the page alone")
    options: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--model", dest="models", metavar="MODEL", **options)
    parser.add_argument("--set", dest="sets", choices=[s.name for s in SETS], **options)
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with fastdup")
    return parser


if __name__ == "__main__":
    main()
