"""The joint recipe: pictures and words in one space, in the manner of DeViSE.

A frozen base's embeddings of all pictures are computed once and kept; a head on top of them learns
to lay each picture where the words of its label and its captions lie. The result is a model folder
with two sides: base and head in one graph, and a table of words (Frome et al., "DeViSE: a deep
visual-semantic embedding model", NIPS 2013).
"""

import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from visavis.embedders.aliases import read_aliases
from visavis.embedders.spec import ModelSpec, WordsSpec
from visavis.embedders.word_table import WordTable
from visavis.embedders.words import Words, open_words
from visavis.errors import UsageError, WordVectorsError
from visavis.images.sources import Source
from visavis.training.batches import Draw, shuffled
from visavis.training.course import Done, Plan, data_facts, follow
from visavis.training.fitting import LoopSettings
from visavis.training.frozen_base import FrozenBase, default_base, open_base
from visavis.training.inputs import Inputs, inputs
from visavis.training.joint_head import JointHead
from visavis.training.joint_learner import JointLearner
from visavis.training.joint_settings import JointSettings
from visavis.training.joint_targets import Phrases, Targets, phrases_of, targets_of
from visavis.training.joint_views import views_maker
from visavis.training.joint_words import Turn, turn_of, write_turned
from visavis.training.kept import default_cache, keep
from visavis.training.model_export import graph_on_base, write_model
from visavis.training.progress import Tell, silent
from visavis.training.results import Result, some_pictures
from visavis.training.samples import Numbers, named
from visavis.training.workplace import last_part, model_name

_WORDS_FILE, _ALIASES_FILE = "words.bin", "aliases.txt"
_SHOWN = 10  # labels that a note names
_STEPS = 8  # in an epoch at least, where there are so many pictures


@dataclass(frozen=True, slots=True)
class Said:
    """Where it stands what pictures show, and which words are known."""

    words: Path
    """GloVe, word2vec or fastText vectors; see word_file.py."""
    labels: str | None = None
    """A field with a label, or several: `dog | grass`, or a JSON list."""
    captions: str | None = None
    """A field with a sentence, or a JSON list of several."""
    aliases: Path | None = None
    """Other words for words that the vectors lack; see aliases.py."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A training that can begin: its samples are read, and divided."""

    source: Source
    said: Said
    settings: JointSettings
    seed: int
    base: FrozenBase
    data: Inputs
    train: Numbers
    validation: Numbers
    table: WordTable
    phrases: Phrases
    turn: Turn
    targets: Targets
    notes: list[str]
    """Things worth telling before it begins."""

    @property
    def told(self) -> str:
        """How it is validated, in one sentence."""
        if not len(self.validation):
            return f"trained on all {len(self.train):,} pictures, nothing was kept for validation"
        what = "words" if self.targets.names else "captions"
        return (
            f"validated on {len(self.validation):,} pictures that are never trained on, by "
            f"searching for them by their {what}"
        )


def prepare(
    source: Source,
    said: Said,
    base: str | None,
    settings: JointSettings,
    *,
    seed: int = 0,
    cache: Path | None = None,
    tell: Tell = silent,
) -> Prepared:
    """Read the pictures, compute or find the base's embeddings, and look up all words.

    Args:
        source: The pictures.
        said: What is known of them.
        base: A model's name or folder; None: `default_base()`.
        settings: Of the recipe.
        seed: Of all chance.
        cache: Where rows are kept; None: `default_cache()`.
        tell: Is told how far it is.

    Raises:
        UsageError: fields or the split make no sense.
        WordVectorsError: the vectors cannot be read, or no word of any picture is known.
        ModelError: the base cannot be one.
    """
    if said.labels is None and said.captions is None:
        raise UsageError("say with --labels or --captions which field tells what pictures show")
    frozen = _base(base)
    table = open_words(said.words)
    words = Words(table, None if said.aliases is None else read_aliases(said.aliases))
    both = said.labels is not None and said.captions is not None
    known = named(source, None if both else said.labels or said.captions)
    phrases = phrases_of(known.samples, said.labels, said.captions, words)
    _check(phrases, known.samples, said)
    samples = [known.samples[number] for number in np.flatnonzero(phrases.told).tolist()]
    unsaid = _unsaid(phrases)
    rows = keep(samples, source, views_maker(frozen, settings.views), _place(cache), tell)
    data = inputs(rows, None)
    failed = [*known.failed, *data.failed]
    if not len(data):
        raise UsageError(f"{source.uri}: none of its pictures can be read ({failed[0].reason})")
    phrases = phrases_of(data.samples, said.labels, said.captions, words)
    train, validation = _divided(phrases, settings.validation, seed)
    trained = phrases.of(train)
    turn = turn_of(table, _spoken(trained), settings.spread)
    notes = [f"skipped {failure.uri}: {failure.reason}" for failure in failed]
    notes += [*known.notes, *table.notes, *unsaid]
    targets = targets_of(phrases, table, turn, train)
    return Prepared(
        source,
        said,
        settings,
        seed,
        frozen,
        data,
        train,
        validation,
        table,
        phrases,
        turn,
        targets,
        notes,
    )


def train(
    prepared: Prepared,
    out: Path,
    loop: LoopSettings,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    tell: Tell = silent,
) -> Result | None:
    """Train and write the model folder `out`.

    None when it was asked to stop (a checkpoint is there), and in all processes but the first.
    """

    def start() -> tuple[JointLearner, Draw]:
        count = len(prepared.train)
        size = max(2, min(prepared.settings.batch, count // _STEPS))
        return learner_of(prepared), shuffled(prepared.train, size, prepared.seed)

    plan = Plan(_facts(prepared), gains=False, start=start)
    done = follow(plan, out, loop, resume=resume, stop=stop, tell=tell)
    return None if done is None else _export(prepared, done, out)


def learner_of(prepared: Prepared) -> JointLearner:
    """A learner whose regression is solved; its dense layers are drawn by the seed."""
    torch.manual_seed(prepared.seed)
    settings = prepared.settings
    dim = prepared.base.embedder.dim
    head = JointHead(dim, settings.hidden, prepared.table.dim, settings.straight)
    learner = JointLearner(
        head,
        prepared.data,
        prepared.targets,
        prepared.train,
        prepared.validation,
        settings,
        prepared.seed,
    )
    learner.start()
    return learner


def _base(model: str | None) -> FrozenBase:
    model = model or default_base()
    if model is None:
        raise UsageError(
            "name a model to train on top of with --base (`visavis models list` shows them)"
        )
    return open_base(model)


def _place(cache: Path | None) -> Path:
    return cache or default_cache()


def _check(phrases: Phrases, samples: Sequence[Any], said: Said) -> None:
    """That the fields are there, and hold a known word."""
    if phrases.told.any():
        return
    for option, field in (("--captions", said.captions), ("--labels", said.labels)):
        fields = {name for sample in samples for name in sample.entry.fields}
        if field is not None and field not in fields:
            there = ", ".join(sorted(fields)) or "none"
            raise UsageError(f"{option}: no picture has a field {field!r}; fields: {there}")
    unknown = ", ".join(map(repr, phrases.unknown[:_SHOWN]))
    raise WordVectorsError(
        f"{said.words}: no word of any label or caption is known{f' ({unknown})' * bool(unknown)}; "
        "give other vectors, or name other words with --aliases"
    )


def _unsaid(phrases: Phrases) -> list[str]:
    """What cannot be used for want of known words."""
    notes = []
    if unknown := phrases.unknown:
        shown = ", ".join(map(repr, unknown[:_SHOWN])) + (" …" if len(unknown) > _SHOWN else "")
        notes.append(
            f"{len(unknown)} of {len(phrases.named)} labels have no known word and are passed "
            f"over: {shown}; name other words for them with --aliases"
        )
    if left_out := int((~phrases.told).sum()):
        notes.append(f"{left_out:,} pictures were left out: no word is known of them")
    return notes


def _spoken(phrases: Phrases) -> list[list[int]]:
    """The words that are to lie apart: those of labels, or all of captions where there are none."""
    if phrases.named:
        return [*phrases.named.values()]
    return [[word] for word in sorted(phrases.used())]


def _divided(phrases: Phrases, share: float, seed: int) -> tuple[Numbers, Numbers]:
    """Samples to train on and to validate by: a share of each label's."""
    chance = np.random.default_rng([seed, 1])
    first = np.array([own[0] if own else "" for own in phrases.labels])
    held = []
    for label in sorted(set(first.tolist())):
        numbers = chance.permutation(np.flatnonzero(first == label))
        held.append(numbers[: round(share * len(numbers))])
    validation = np.sort(np.concatenate(held)).astype(np.int64)
    if len(validation) < 2 and share:  # hardly a label has several pictures
        validation = np.sort(chance.permutation(len(first))[: max(2, round(share * len(first)))])
    train = np.setdiff1d(np.arange(len(first)), validation)
    if len(train) < 2:
        raise UsageError(
            f"{len(first)} pictures are too few to train on some and validate on others; add "
            "pictures, or train without a validation by --validation 0"
        )
    return train, validation


def _facts(prepared: Prepared) -> dict[str, Any]:
    said, base = prepared.said, prepared.base.embedder
    return {
        "recipe": "joint",
        "settings": asdict(prepared.settings),
        "base": {"name": base.name, "fingerprint": base.fingerprint},
        "data": data_facts(prepared.source, said.labels, prepared.data)
        | {"captions": said.captions},
        "words": {
            "file": said.words.name,
            "words": len(prepared.table),
            "dim": prepared.table.dim,
            "sha256": prepared.phrases.sha256(prepared.table),
        },
    }


def _export(prepared: Prepared, done: Done[JointLearner], out: Path) -> Result:
    metrics = done.metrics(
        {
            "by": "image",
            "train": {"pictures": len(prepared.train), "labels": list(prepared.targets.names)},
            "validation": {"pictures": len(prepared.validation)},
        }
    ) | {"ridge": done.learner.ridge}
    metrics["words"] = _write_words(prepared, out)
    pictures = some_pictures(prepared.source, prepared.data)
    with torch.random.fork_rng():
        model, difference = graph_on_base(done.learner.network, prepared.base, pictures)
    base, said = prepared.base.embedder.spec, prepared.said
    spec: ModelSpec = write_model(
        out,
        model,
        difference,
        name=model_name(out),
        dim=prepared.table.dim,
        preprocess=base.preprocess,
        license=base.license,
        origin=f"visavis train joint on {last_part(prepared.source.uri)}, base {base.name}, "
        f"words {said.words.name}",
        records={"recipe": done.recipe, "metrics": metrics},
        text=WordsSpec(_WORDS_FILE, None if said.aliases is None else _ALIASES_FILE),
    )
    return Result(spec, prepared.told, metrics)


def _write_words(prepared: Prepared, out: Path) -> dict[str, int]:
    """The text side, beside what will be the image side; its size for people."""
    path = out / _WORDS_FILE
    count = write_turned(
        prepared.table,
        prepared.turn,
        path,
        keep=prepared.settings.keep,
        also=prepared.phrases.used(),
    )
    if prepared.said.aliases is not None:
        shutil.copyfile(prepared.said.aliases, out / _ALIASES_FILE)
    return {"count": count, "bytes": path.stat().st_size}
