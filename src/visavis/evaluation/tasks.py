"""A protocol made ready: what is asked, of which gallery, with what vectors."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from visavis.embedders.base import Embedder
from visavis.embedders.blocks import reaches, visual_part
from visavis.errors import UsageError
from visavis.evaluation.copies import EditedSource, chosen_edits, draw_task
from visavis.evaluation.gallery import Gallery, load_gallery
from visavis.evaluation.ground_truth import GroundTruth, Question, from_file, same_value
from visavis.evaluation.units import Units, by_answers, by_original, by_value
from visavis.filters import alike_note, as_label, list_note
from visavis.flows.ingest import Progress
from visavis.image_index import ImageIndex
from visavis.sources.base import Location, as_source
from visavis.types import Entry, ImageRecord, Vectors

_SHOWN = 10  # unreadable query pictures that are named


@dataclass(frozen=True, slots=True)
class Options:
    """How a protocol chooses its queries and its gallery."""

    where: tuple[str, ...] = ()
    """Filter expressions: the records that are searched."""
    queries: str | None = None
    """A folder or catalogue of query pictures, or a filter such as kind=natural over the index's
    records; None: the gallery's own records."""
    sample: int | None = None
    """At most so many queries (originals, for copies), drawn by the seed; None: all."""
    seed: int = 0
    device: str = "cpu"
    """Where query pictures are embedded."""
    image_column: str | None = None
    """The column that names the pictures, where `queries` is a catalogue."""
    edits: tuple[str, ...] = ()
    """For copies: the names of the edits that are asked about; none: all of them."""
    without: frozenset[str] = frozenset()
    """Ids of records that are left out, as another index that is compared lacks them."""
    unasked: frozenset[str] = frozenset()
    """Ids of query pictures that are left out, as another model could not take them. They are no
    ids of records, though they may read the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Everything that is asked, and of what."""

    kind: Literal["same", "truth", "copies"]
    protocol: dict[str, Any]
    """What has to agree for two reports to be compared."""
    gallery: Gallery
    questions: tuple[Question, ...]
    queries: tuple[ImageRecord, ...]
    """One for each question."""
    vectors: Vectors
    """(questions, dim)."""
    hash: str
    """SHA-256 of ids, contents and right answers: the same for every model."""
    notes: tuple[str, ...] = ()
    edits: EditedSource | None = None
    """Makes the pictures of edited copies again."""

    @property
    def units(self) -> Units:
        """What a sample is drawn of when an interval is made."""
        if self.kind == "copies":
            return by_original([str(record.fields["original"]) for record in self.queries])
        return (by_value if self.kind == "same" else by_answers)(self.questions)


@dataclass(slots=True)
class _Queries:
    """Query records with their vectors."""

    records: tuple[ImageRecord, ...]
    vectors: Vectors
    own: bool
    """Whether they are records of the index."""
    notes: list[str] = field(default_factory=list)
    lost: frozenset[str] = frozenset()
    """Ids of pictures that could not be read, or not by the model; the notes name them."""


def same_task(
    index: ImageIndex, name: str, options: Options, progress: Progress | None = None
) -> Task:
    """Records that share a value of a field are each other's positives.

    Raises UsageError for a field that nobody has, queries without positives, an empty gallery.
    """
    gallery = load_gallery(index, options.where, options.without)
    queries = _queries(index, gallery, options, progress)
    idle = bool(options.without | options.unasked)  # then it is no error in the data
    truth = same_value(queries.records, gallery, name, own=queries.own, idle=idle)
    if truth.left_out:
        queries.notes.append(
            f"{truth.left_out:,} records were not asked about: they have no {name!r}, or share it "
            "with nobody"
        )
    queries.notes += _doubts(truth, queries, gallery, name)
    if all(question.sought >= len(gallery) - question.itself for question in truth.questions):
        queries.notes.append(
            f"all pictures that are searched share one {name!r}: every answer is right, whatever "
            "the model"
        )
    return _task("same", {"field": name}, gallery, queries, truth, options)


def _doubts(truth: GroundTruth, queries: _Queries, gallery: Gallery, name: str) -> Iterator[str]:
    """What may make figures better or worse than they are, in sentences."""
    records = (*queries.records, *gallery.records)
    values = {as_label(r.fields[name]) for r in records if name in r.fields}
    yield from filter(None, (alike_note(values, name), list_note(values, name)))
    contents = Counter(record.sha256 for record in gallery.records)
    asked = {record.id: record.sha256 for record in queries.records}
    copied = sum(contents[asked[q.id]] > q.itself for q in truth.questions)
    if copied:
        yield (
            f"{copied:,} of {len(truth.questions):,} queries have exact copies under other ids "
            "among what is searched, which are found at once and count as others do"
        )


def truth_task(
    index: ImageIndex, path: Path, options: Options, progress: Progress | None = None
) -> Task:
    """The right answers are read from a file; see `ground_truth`."""
    gallery = load_gallery(index, options.where, options.without)
    queries = _queries(index, gallery, options, progress)
    unasked = options.unasked | (options.without if queries.own else queries.lost)
    truth = from_file(path, queries.records, gallery, without=options.without, unasked=unasked)
    return _task("truth", {"file": path.name}, gallery, queries, truth, options)


def copies_task(
    index: ImageIndex, originals: int, options: Options, progress: Progress | None = None
) -> Task:
    """Edited copies of drawn records are asked; see `copies`. `options.sample` is not used."""
    edits = chosen_edits(options.edits)
    gallery = load_gallery(index, options.where, options.without)
    if options.queries is None:
        candidates: Sequence[ImageRecord] = gallery.records
    else:
        ids = gallery.rows().keys()
        chosen = index.records(_expression(options.queries))
        candidates = [record for record in chosen if record.id in ids]
    drawn = draw_task(gallery, candidates, originals, options.seed)
    fewer = len(drawn.originals) < originals
    source = EditedSource([*drawn.originals, *drawn.strangers], options.seed, edits)
    queries = _visual(_embedded(index, source, options, progress), index.embedder())
    strangers = {record.id for record in drawn.strangers}
    if all(record.fields["original"] in strangers for record in queries.records):
        raise UsageError(f"{index.path}: no original could be read; index the pictures again")
    if fewer:
        queries.notes.append(
            f"{len(drawn.originals):,} originals were drawn, not {originals:,}: there are "
            f"{len(candidates):,} pictures, and a third of them are strangers"
        )
    truth = GroundTruth(drawn.questions(queries.records))
    facts: dict[str, Any] = {"originals": len(drawn.originals), "strangers": len(drawn.strangers)}
    facts["edits"] = list(edits)
    return _task("copies", facts, drawn.gallery, queries, truth, options, source)


def _task(
    kind: Literal["same", "truth", "copies"],
    facts: dict[str, Any],
    gallery: Gallery,
    queries: _Queries,
    truth: GroundTruth,
    options: Options,
    edits: EditedSource | None = None,
) -> Task:
    questions = truth.questions
    protocol: dict[str, Any] = {"kind": kind, **facts, "where": list(options.where)}
    protocol["queries"] = _name(options.queries, queries)
    if kind == "copies":
        protocol["seed"] = options.seed
    rows = {record.id: row for row, record in enumerate(queries.records)}
    chosen = [rows[question.id] for question in questions]
    records = tuple(queries.records[row] for row in chosen)
    task = Task(
        kind,
        protocol,
        gallery,
        questions,
        records,
        queries.vectors[chosen],
        data_hash(gallery, questions, records),
        tuple(queries.notes),
        edits,
    )
    return sampled(task, options.sample, options.seed)


def sampled(task: Task, sample: int | None, seed: int) -> Task:
    """The task with at most so many of its questions, drawn by the seed; copies keep all."""
    if task.kind == "copies" or sample is None or sample >= len(task.questions):
        return task
    chance = np.random.default_rng(seed)
    drawn = np.sort(chance.choice(len(task.questions), sample, replace=False)).tolist()
    questions = tuple(task.questions[at] for at in drawn)
    queries = tuple(task.queries[at] for at in drawn)
    return replace(
        task,
        protocol=task.protocol | {"sample": sample, "seed": seed},
        questions=questions,
        queries=queries,
        vectors=task.vectors[drawn],
        hash=data_hash(task.gallery, questions, queries),
    )


def _name(given: str | None, queries: _Queries) -> str | None:
    """A filter as it is; of a catalogue the name alone, not where it lies on this machine."""
    return given if given is None or queries.own else Path(given).name


def _queries(
    index: ImageIndex, gallery: Gallery, options: Options, progress: Progress | None
) -> _Queries:
    if options.queries is None:
        return _Queries(gallery.records, gallery.vectors, own=True)
    if Path(options.queries).exists():
        return _embedded(index, options.queries, options, progress)
    chosen = load_gallery(index, [_expression(options.queries)], options.without)
    return _Queries(chosen.records, chosen.vectors, own=True)


def is_filter(queries: str) -> bool:
    """Whether `Options.queries` chooses records of the index, and names no pictures."""
    return any(sign in queries for sign in "=<>~") and not Path(queries).exists()


def _expression(text: str) -> str:
    if not any(sign in text for sign in "=<>~"):
        raise UsageError(
            f"--queries {text}: there is no such folder or catalogue, and it is no filter such as "
            "kind=natural"
        )
    return text


def _embedded(
    index: ImageIndex, location: Location, options: Options, progress: Progress | None
) -> _Queries:
    """Pictures that the index need not have, embedded by its model in an index of their own."""
    index.embedder()  # raises when the model is gone or is not the one that made the index
    with (
        TemporaryDirectory(prefix="visavis-") as folder,
        ImageIndex.create(
            Path(folder) / "queries", index.info().model_ref, device=options.device
        ) as made,
    ):
        report = made.add(location, image_column=options.image_column, progress=progress)
        what = location if isinstance(location, str) else "the copies"
        taken = {record.id for record in made.records()}
        if not taken:
            why = f" ({report.failed[0].reason})" if report.failed else ""
            raise UsageError(f"{what}: no query picture could be read{why}")
        if options.unasked.issuperset(taken):
            raise UsageError(f"{what}: there is no query picture that all models can take")
        found = load_gallery(made, without=options.unasked)
    lost = _named(location, options) - taken if report.failed else frozenset()
    failed = [f"not asked: {failure.uri}: {failure.reason}" for failure in report.failed]
    notes = failed[:_SHOWN]
    if len(failed) > _SHOWN:
        notes.append(f"not asked: {len(failed) - _SHOWN:,} more that could not be read")
    return _Queries(found.records, found.vectors, own=False, notes=notes, lost=lost)


def _visual(queries: _Queries, embedder: Embedder) -> _Queries:
    """The same, asked with the visual part of the vectors alone where the model has another."""
    vectors = visual_part(embedder, queries.vectors)
    if vectors is queries.vectors:
        return queries
    vectors = (vectors / reaches(embedder, vectors)[:, None]).astype(np.float32)
    note = "copies were asked for with the visual part of the vectors alone"
    return replace(queries, vectors=vectors, notes=[note, *queries.notes])


def _named(location: Location, options: Options) -> frozenset[str]:
    """The ids of all pictures of a source, whether they can be read or not."""
    source = as_source(location, image_column=options.image_column)
    return frozenset(entry.id for entry in source.entries() if isinstance(entry, Entry))


def data_hash(
    gallery: Gallery, questions: Sequence[Question], queries: Sequence[ImageRecord]
) -> str:
    """SHA-256 of what is asked of what, whichever model answers.

    Ids, contents (by their own SHA-256), right answers and junk go in; paths and vectors do not.
    """
    digest = hashlib.sha256()
    sets: dict[frozenset[str], bytes] = {}  # questions of a class share theirs

    def add(*parts: str) -> None:
        digest.update("\0".join(parts).encode() + b"\n")

    def of(ids: frozenset[str]) -> str:
        if ids not in sets:
            sets[ids] = hashlib.sha256("\n".join(sorted(ids)).encode()).digest()
        return sets[ids].hex()

    for record in gallery.records:
        add("gallery", record.id, record.sha256)
    for question, record in zip(questions, queries, strict=True):
        add("query", question.id, record.sha256, of(question.positives), of(question.junk))
        add(str(question.itself), question.group or "")
    return digest.hexdigest()


def sources(index: ImageIndex) -> str:
    """What was indexed, by the last part of each name: reports should not reveal this machine."""
    return ", ".join(_last_part(source.uri) for source in index.info().sources)


def _last_part(uri: str) -> str:
    parts: Iterable[str] = [part for part in uri.split("/") if part]
    kept = list(parts)[-2:] if Path(uri).suffix else list(parts)[-1:]
    return "/".join(kept)
