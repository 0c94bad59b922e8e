"""The autoencoder recipe: an embedding from pictures alone, without labels.

A network draws pictures again from a few numbers; these numbers are the embedding. What is
exported is the encoder.
"""

import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from visavis.embedders.spec import PreprocessSpec
from visavis.errors import UsageError
from visavis.images.sources import Source
from visavis.training.autoencoder_learner import AutoencoderLearner
from visavis.training.autoencoder_networks import Embedding
from visavis.training.autoencoder_settings import AutoencoderSettings
from visavis.training.batches import Draw, shuffled
from visavis.training.course import Done, Plan, data_facts, follow
from visavis.training.fitting import LoopSettings
from visavis.training.frozen_base import pixels_maker
from visavis.training.inputs import Inputs, inputs
from visavis.training.kept import default_cache, keep
from visavis.training.model_export import graph_of, write_model
from visavis.training.progress import Tell, silent
from visavis.training.results import Result, some_pictures
from visavis.training.samples import Numbers, label_numbers, named
from visavis.training.workplace import last_part, model_name


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A training that can begin: its pictures are read, and divided."""

    source: Source
    settings: AutoencoderSettings
    seed: int
    field: str | None
    data: Inputs
    train: Numbers
    validation: Numbers
    notes: list[str]
    """Things worth telling before it begins."""

    @property
    def told(self) -> str:
        """How it is validated, in one sentence."""
        how = "searching among them" if self.field else "drawing them again"
        return f"validated on {len(self.validation):,} pictures that are never trained on, by {how}"


def prepare(
    source: Source,
    settings: AutoencoderSettings,
    *,
    labels: str | None = None,
    seed: int = 0,
    cache: Path | None = None,
    tell: Tell = silent,
) -> Prepared:
    """Read the pictures and keep some back for validation.

    Args:
        source: The pictures.
        settings: Of the recipe.
        labels: A field by which the validation searches; the training itself sees no labels.
        seed: Of all chance.
        cache: Where decoded pictures are kept; None: `default_cache()`.
        tell: Is told how far it is.

    Raises:
        UsageError: there are too few pictures, or no two of the validation share a label.
    """
    known = named(source, labels)
    kept = keep(known.samples, source, pixels_maker(_preprocess(settings)), _place(cache), tell)
    data = inputs(None, kept)
    failed = [*known.failed, *data.failed]
    notes = [f"skipped {failure.uri}: {failure.reason}" for failure in failed] + known.notes
    held = max(2, round(settings.validation * len(data)))
    if len(data) - held < 2:
        why = f"; {notes[0]}" if notes else ""
        raise UsageError(
            f"{source.uri}: {len(data)} pictures are too few to train on some and validate on "
            f"others{why}"
        )
    order = np.random.default_rng([seed, 5]).permutation(len(data))
    train, validation = np.sort(order[held:]), np.sort(order[:held])
    if labels is not None and not _has_pair(data, validation):
        raise UsageError(
            f"no validation is possible by {labels!r}: no two of the {held} pictures kept for it "
            "share a value; leave out --labels, or raise --validation"
        )
    return Prepared(source, settings, seed, labels, data, train, validation, notes)


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

    def start() -> tuple[AutoencoderLearner, Draw]:
        order = shuffled(prepared.train, prepared.settings.batch, prepared.seed)
        return new_learner(prepared), order

    plan = Plan(_facts(prepared), gains=True, start=start)
    done = follow(plan, out, loop, resume=resume, stop=stop, tell=tell)
    return None if done is None else _export(prepared, done, out)


def new_learner(prepared: Prepared) -> AutoencoderLearner:
    """A learner with weights drawn by the seed."""
    torch.manual_seed(prepared.seed)
    return AutoencoderLearner(
        prepared.settings,
        prepared.data,
        prepared.train,
        prepared.validation,
        labelled=prepared.field is not None,
        seed=prepared.seed,
    )


def _preprocess(settings: AutoencoderSettings) -> PreprocessSpec:
    return PreprocessSpec(size=settings.side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def _place(cache: Path | None) -> Path:
    return cache or default_cache()


def _has_pair(data: Inputs, numbers: Numbers) -> bool:
    labels = label_numbers(data.labels)[numbers]
    return len(np.unique(labels)) < len(labels)


def _facts(prepared: Prepared) -> dict[str, Any]:
    return {
        "recipe": "autoencoder",
        "settings": asdict(prepared.settings),
        "data": data_facts(prepared.source, prepared.field, prepared.data),
    }


def _export(prepared: Prepared, done: Done[AutoencoderLearner], out: Path) -> Result:
    metrics = done.metrics(
        {
            "by": "image",
            "train": {"pictures": len(prepared.train)},
            "validation": {"pictures": len(prepared.validation)},
        }
    )
    preprocess = _preprocess(prepared.settings)
    pictures = some_pictures(prepared.source, prepared.data)
    with torch.random.fork_rng():
        encoder = Embedding(done.learner.encoder)
        model, difference = graph_of(encoder, preprocess, pictures)
    spec = write_model(
        out,
        model,
        difference,
        name=model_name(out),
        dim=prepared.settings.dim,
        preprocess=preprocess,
        license="",
        origin=f"visavis train autoencoder on {last_part(prepared.source.uri)}",
        records={"recipe": done.recipe, "metrics": metrics},
    )
    return Result(spec, prepared.told, metrics)
