"""The joint recipe: pictures and words in one space, in the manner of DeViSE.

A frozen base's embeddings of all pictures are computed once and kept; a head on top of them learns
to lay each picture where the words of its label and its captions lie. The result is a model folder
with two sides: base and head in one graph, and a table of words (Frome et al., "DeViSE: a deep
visual-semantic embedding model", NIPS 2013).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from visavis.disk import write_whole
from visavis.embedders.spec import WordsSpec
from visavis.embedders.words.aliases import read_aliases
from visavis.embedders.words.lookup import Words, open_words
from visavis.embedders.words.table import WordTable
from visavis.errors import UsageError, WordVectorsError
from visavis.image_index import ImageIndex
from visavis.sources.base import Source
from visavis.training.data.batches import Draw, shuffled
from visavis.training.data.indexed import IndexSource, source_of
from visavis.training.data.samples import (
    NamedSamples,
    Numbers,
    Sample,
    check_field,
    label_numbers,
    named,
)
from visavis.training.data.splits import drawn_apart, off, with_copies
from visavis.training.joint.head import JointHead
from visavis.training.joint.learner import JointLearner
from visavis.training.joint.settings import JointSettings, WordFields
from visavis.training.joint.targets import Phrases, Targets, phrases_of, targets_of
from visavis.training.joint.views import views_maker
from visavis.training.joint.words import Turn, turn_of, write_turned
from visavis.training.loop.export import Exported, check_graph, graph_on_base
from visavis.training.loop.recipe import Recipe, read
from visavis.training.networks.frozen_base import FrozenBase, chosen_base
from visavis.training.progress import Tell, silent
from visavis.types import RGB

_WORDS_FILE, _ALIASES_FILE = "words.bin", "aliases.txt"
_SHOWN = 10  # labels that a note names
_STEPS = 8  # in an epoch at least, where there are so many pictures


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class JointRecipe(Recipe[JointLearner]):
    """A head on top of a frozen base, that learns where words lie."""

    name: ClassVar[str] = "joint"
    settings: JointSettings
    said: WordFields
    on: FrozenBase
    table: WordTable
    phrases: Phrases
    turn: Turn
    targets: Targets
    aliases: bytes | None
    """What the file of other words held: it may be gone at the end."""

    @property
    def asked(self) -> str:
        """What the validation does."""
        return f"searching for them by their {'words' if self.targets.names else 'captions'}"

    @property
    def off(self) -> str:
        """Labels give whole pictures, and copies stay together."""
        kept = len(self.validation) / (len(self.train) + len(self.validation))
        why = "each label gives whole pictures, and exact copies stay together"
        return off(kept, self.settings.validation, why)

    @property
    def base(self) -> Mapping[str, Any]:
        """What records say of the base."""
        return self.on.facts

    @property
    def made_of(self) -> Sequence[str]:
        """Base and words."""
        return f"base {self.on.embedder.name}", f"words {self.said.words.name}"

    @property
    def fields(self) -> Mapping[str, str | None]:
        """Of labels and captions."""
        return {"labels": self.labels, "captions": self.said.captions}

    def own_facts(self) -> dict[str, Any]:
        """Which words."""
        words = {
            "file": self.said.words.name,
            "words": len(self.table),
            "dim": self.table.dim,
            "sha256": self.phrases.sha256(self.table),
        }
        return {"words": words}

    def divided(self) -> dict[str, Any]:
        """How the pictures were divided, and the labels with a known word."""
        return {
            "by": "image",
            "train": {"pictures": len(self.train), "labels": list(self.targets.names)},
            "validation": {"pictures": len(self.validation)},
        }

    def own_metrics(self, learner: JointLearner) -> dict[str, Any]:
        """How much the regression that it began with was held back."""
        return {"ridge": learner.ridge}

    def learner(self) -> JointLearner:
        """Its regression is solved; its dense layers are drawn."""
        settings = self.settings
        head = JointHead(self.on.embedder.dim, settings.hidden, self.table.dim, settings.straight)
        learner = JointLearner(
            head, self.data, self.targets, self.train, self.validation, settings, self.seed
        )
        learner.start()
        return learner

    def batches(self) -> Draw:
        """All pictures, shuffled, in several steps at least."""
        size = max(2, min(self.settings.batch, len(self.train) // _STEPS))
        return shuffled(self.train, size, self.seed)

    def export(self, learner: JointLearner, pictures: Sequence[RGB], out: Path) -> Exported:
        """Base and head; the words are written beside what will be the image side."""
        graph, difference = graph_on_base(learner.network, self.on, pictures)
        check_graph(out, graph, difference)
        count = self._write_words(out)
        spec = self.on.embedder.spec
        aliases = None if self.aliases is None else _ALIASES_FILE
        return Exported(
            graph,
            difference,
            self.table.dim,
            spec.preprocess,
            spec.license,
            WordsSpec(_WORDS_FILE, aliases),
            {"words": {"count": count, "bytes": (out / _WORDS_FILE).stat().st_size}},
        )

    def _write_words(self, out: Path) -> int:
        """Files that are there already are replaced, not changed: a server may have them mapped."""
        if self.aliases is not None:
            write_whole(out / _ALIASES_FILE, self.aliases)
        keep, used = self.settings.keep, self.phrases.used()
        partial = out / f"{_WORDS_FILE}.partial"
        count = write_turned(self.table, self.turn, partial, keep=keep, also=used)
        partial.replace(out / _WORDS_FILE)
        return count


def prepare(
    source: Source | ImageIndex,
    said: WordFields,
    base: str | None,
    settings: JointSettings,
    *,
    known: NamedSamples | None = None,
    device: str = "auto",
    seed: int = 0,
    cache: Path | None = None,
    tell: Tell = silent,
) -> JointRecipe:
    """Read the pictures, compute or find the base's embeddings, and look up all words.

    Args:
        source: The pictures: a source, or an index, whose vectors are taken as they are.
        said: What is known of them.
        base: A model's name or folder; None: that of an index, else `default_base()`.
        settings: Of the recipe.
        known: What `named` gave, where it was asked already.
        device: As in LoopSettings; the base runs there too, where ONNX Runtime can.
        seed: Of all chance.
        cache: Where rows are kept; None: `default_cache()`.
        tell: Called with how far it is.

    Raises:
        UsageError: fields or the split make no sense.
        WordVectorsError: the vectors cannot be read, or no word of any picture is known.
        ModelError: the base cannot be one.
    """
    source = source_of(source)
    settings = replace(settings, views=settings.views or _views(source))
    on = chosen_base(base, source, device)
    table = open_words(said.words)
    aliases = None if said.aliases is None else read_aliases(said.aliases)
    words = Words(table, aliases)
    known = known or named(source, said.field, lists=True)
    phrases = phrases_of(known.samples, said.labels, said.captions, words)
    _check(phrases, known.samples, said)
    usable = [known.samples[number] for number in np.flatnonzero(phrases.usable).tolist()]
    makers = {"rows": views_maker(on, settings.views)}
    data, notes = read(source, known._replace(samples=usable), makers, cache, tell)
    notes += [*table.notes, *_unsaid(phrases)]
    phrases = phrases_of(data.samples, said.labels, said.captions, words)
    contents = label_numbers(data.sha256)
    train, validation = _divided(phrases, contents, settings.validation, seed)
    turn = turn_of(table, _spoken(phrases.of(train)), settings.spread)
    return JointRecipe(
        source=source,
        settings=settings,
        labels=said.labels,
        seed=seed,
        data=data,
        notes=notes,
        train=train,
        validation=validation,
        said=said,
        on=on,
        table=table,
        phrases=phrases,
        turn=turn,
        targets=targets_of(phrases, table, turn, train),
        aliases=None if said.aliases is None else said.aliases.read_bytes(),
    )


def _views(source: Source) -> int:
    """What is looked at of a picture where nobody says: an index has seen the whole of it."""
    return 1 if isinstance(source, IndexSource) else 6


def _check(phrases: Phrases, samples: Sequence[Sample], said: WordFields) -> None:
    """That the fields are there, both of them where both are named, and tell pictures apart."""
    for option, field in (("--captions", said.captions), ("--labels", said.labels)):
        if field is not None:
            check_field(samples, field, option)
    descriptions = phrases.descriptions()
    if len(descriptions) > 1:
        return
    if descriptions:
        raise UsageError(
            "the same words describe all pictures that have known ones; there is nothing to tell "
            "apart"
        )
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
            f"{len(unknown)} of {len(phrases.named)} labels have no known word and are ignored"
            f": {shown}; name other words for them with --aliases"
        )
    if left_out := int((~phrases.usable).sum()):
        notes.append(f"{left_out:,} pictures were left out: no word is known of them")
    return notes


def _spoken(phrases: Phrases) -> list[list[int]]:
    """The words that are to lie apart: those of labels, or all of captions where there are none."""
    if phrases.named:
        return [*phrases.named.values()]
    return [[word] for word in sorted(phrases.used())]


def _divided(
    phrases: Phrases, contents: Numbers, share: float, seed: int
) -> tuple[Numbers, Numbers]:
    """Samples to train on and to validate by: a share of each label's, copies on one side.

    Labels whose share is less than half a picture give together what is missing.
    """
    chance = np.random.default_rng([seed, 1])
    first = np.array([own[0] if own else "" for own in phrases.labels])
    held, small = [], []
    for label in sorted(set(first.tolist())):
        numbers = np.flatnonzero(first == label)
        count = round(share * len(numbers))
        held.append(drawn_apart(numbers, count, chance, contents))
        if not count:
            small.append(numbers)
    missing = round(share * len(first)) - sum(map(len, held))
    if small and missing > 0:
        held.append(drawn_apart(np.concatenate(small), missing, chance, contents))
    validation = np.concatenate(held)
    if len(validation) < 2 and share:  # hardly a label has several pictures
        count = max(2, round(share * len(first)))
        validation = drawn_apart(np.arange(len(first)), count, chance, contents)
    validation = with_copies(validation, contents)
    train = np.setdiff1d(np.arange(len(first)), validation)
    if share and not len(validation):
        raise UsageError(
            f"no validation is possible: the {len(first)} pictures are exact copies of "
            f"{len(np.unique(contents))}, and copies stay together; add pictures, or train without "
            "a validation by --validation 0"
        )
    if len(train) < 2:
        raise UsageError(
            f"{len(first)} pictures are too few to train on some and validate on others; add "
            "pictures, or train without a validation by --validation 0"
        )
    return train, validation
