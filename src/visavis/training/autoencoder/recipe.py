"""The autoencoder recipe: an embedding from pictures alone, without labels.

A network reconstructs pictures from a small vector, which is the embedding. What is
exported is the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from visavis.embedders.spec import PreprocessSpec
from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.sources.base import Source
from visavis.training.autoencoder.learner import AutoencoderLearner
from visavis.training.autoencoder.networks import Embedding
from visavis.training.autoencoder.settings import AutoencoderSettings
from visavis.training.data.batches import Draw, shuffled
from visavis.training.data.indexed import source_of
from visavis.training.data.inputs import Inputs
from visavis.training.data.samples import NamedSamples, Numbers, label_numbers, named
from visavis.training.data.splits import drawn_apart, with_copies
from visavis.training.loop.export import Exported, graph_of
from visavis.training.loop.recipe import Recipe, read
from visavis.training.networks.frozen_base import pixels_maker
from visavis.training.progress import Tell, silent
from visavis.types import RGB


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AutoencoderRecipe(Recipe[AutoencoderLearner]):
    """Draws pictures again; where there are labels, it is validated by searching."""

    name: ClassVar[str] = "autoencoder"
    settings: AutoencoderSettings

    @property
    def asked(self) -> str:
        """What the validation does."""
        return "searching among them" if self.labels else "drawing them again"

    @property
    def gains(self) -> bool:
        """Convolutions are worth bfloat16."""
        return True

    def learner(self) -> AutoencoderLearner:
        """Encoder and decoder."""
        return AutoencoderLearner(
            self.settings,
            self.data,
            self.train,
            self.validation,
            labelled=self.labels is not None,
            seed=self.seed,
        )

    def batches(self) -> Draw:
        """All pictures, shuffled."""
        return shuffled(self.train, self.settings.batch, self.seed)

    def export(self, learner: AutoencoderLearner, pictures: Sequence[RGB], out: Path) -> Exported:
        """The encoder."""
        preprocess = _preprocess(self.settings)
        graph, difference = graph_of(Embedding(learner.encoder), preprocess, pictures)
        return Exported(graph, difference, self.settings.dim, preprocess)


def prepare(
    source: Source | ImageIndex,
    settings: AutoencoderSettings,
    *,
    labels: str | None = None,
    known: NamedSamples | None = None,
    seed: int = 0,
    cache: Path | None = None,
    tell: Tell = silent,
) -> AutoencoderRecipe:
    """Read the pictures and keep some back for validation.

    Args:
        source: The pictures: a source, or an index.
        settings: Of the recipe.
        labels: A field by which the validation searches; the training itself sees no labels.
        known: What `named` gave, where it was asked already.
        seed: Of all chance.
        cache: Where decoded pictures are kept; None: `default_cache()`.
        tell: Called with how far it is.

    Raises:
        UsageError: there are too few pictures, or no two of the validation share a label.
    """
    source = source_of(source)
    makers = {"pictures": pixels_maker(_preprocess(settings))}
    known = known or named(source, labels, optional=True)
    data, notes = read(source, known, makers, cache, tell)
    labelled = _labelled(data, labels)
    if missing := len(data) - len(labelled):
        notes.append(f"{missing:,} pictures have no {labels!r}: they are trained on all the same")
    held = max(2, round(settings.validation * len(data)))
    contents = label_numbers(data.sha256)
    validation = drawn_apart(labelled, held, np.random.default_rng([seed, 5]), contents)
    train = np.setdiff1d(np.arange(len(data)), with_copies(validation, contents))
    if labels is not None and not _has_pair(data, validation):
        raise UsageError(
            f"no validation is possible by {labels!r}: no two of the {len(validation)} pictures "
            "kept for it share a value; leave out --labels, or raise --validation"
        )
    if labels is not None and len({data.labels[number] for number in validation}) < 2:
        raise UsageError(
            f"no validation is possible by {labels!r}: the {len(validation)} pictures kept for it "
            "share one value, and every answer would be right; leave out --labels, or raise "
            "--validation"
        )
    if min(len(train), len(validation)) < 2:
        why = f"; {notes[0]}" if notes else ""
        raise UsageError(
            f"{source.uri}: {len(data)} pictures are too few to train on some and validate on "
            f"others{why}"
        )
    return AutoencoderRecipe(
        source=source,
        settings=settings,
        labels=labels,
        seed=seed,
        data=data,
        notes=notes,
        train=train,
        validation=validation,
    )


def _preprocess(settings: AutoencoderSettings) -> PreprocessSpec:
    return PreprocessSpec(size=settings.side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def _labelled(data: Inputs, field: str | None) -> Numbers:
    """What can be validated by: all where nobody asked for labels."""
    pairs = enumerate(data.samples)
    return np.array([n for n, s in pairs if field is None or field in s.entry.fields], np.int64)


def _has_pair(data: Inputs, numbers: Numbers) -> bool:
    labels = label_numbers(data.labels)[numbers]
    return len(np.unique(labels)) < len(labels)
