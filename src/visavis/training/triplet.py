"""The triplet recipe: embeddings that are near for pictures of the same label.

A base's embeddings of all pictures are computed once and kept; a head on top of them learns which
pictures belong together. What is exported is base and head in one graph. With `unfreeze` the base
is visavis-s's network and is trained with the head.
"""

import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from visavis.embedders.registry import model_info
from visavis.embedders.spec import ModelSpec, PreprocessSpec
from visavis.errors import UsageError
from visavis.images.sources import Source
from visavis.training.batches import Batches, LabelBatches
from visavis.training.curves import draw_curves
from visavis.training.embedding_network import EmbeddingNetwork, Whole
from visavis.training.fitting import Fitted, LoopSettings, fit, settled
from visavis.training.frozen_base import FrozenBase, default_base, open_base, pixels_maker
from visavis.training.heads import Head
from visavis.training.inputs import Inputs, inputs
from visavis.training.kept import default_cache, keep
from visavis.training.metric_losses import MetricLoss
from visavis.training.model_export import graph_of, graph_on_base, write_model
from visavis.training.own_base import OwnBase, known_base, new_base, pictures_of
from visavis.training.pixel_branch import PixelBranch
from visavis.training.progress import Tell, silent
from visavis.training.results import Result, some_pictures
from visavis.training.samples import data_hash, label_numbers, named
from visavis.training.splits import Split, split
from visavis.training.triplet_learner import TripletLearner
from visavis.training.triplet_settings import TripletSettings
from visavis.training.validation import retrieval_figures
from visavis.training.workplace import STATE, begin, check_out, last_part, model_name, versions


@dataclass(frozen=True, slots=True, eq=False)
class _Base:
    """What is trained on top of: a frozen base, or an own one."""

    name: str
    preprocess: PreprocessSpec
    frozen: FrozenBase | None = None
    own: OwnBase | None = None
    learned: bool = True
    """Whether an own base has learned before."""
    license: str = ""

    def facts(self) -> dict[str, Any]:
        """For the record of the recipe."""
        if self.frozen is None:
            return {"name": self.name}
        return {"name": self.name, "fingerprint": self.frozen.embedder.fingerprint}


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A training that can begin: its samples are read, and divided."""

    source: Source
    settings: TripletSettings
    seed: int
    data: Inputs
    parts: Split
    notes: list[str]
    """Things worth telling before it begins."""
    base: _Base
    field: str


def prepare(
    source: Source,
    labels: str,
    base: str | None,
    settings: TripletSettings,
    *,
    seed: int = 0,
    cache: Path | None = None,
    tell: Tell = silent,
) -> Prepared:
    """Read the pictures, compute or find the base's embeddings, and divide the samples.

    Args:
        source: The pictures.
        labels: The field that says what belongs together.
        base: A model's name or folder; None: `default_base()`, or with `settings.unfreeze` a
            network of weights from chance.
        settings: Of the recipe.
        seed: Of all chance.
        cache: Where rows are kept; None: `default_cache()`.
        tell: Is told how far it is.

    Raises:
        UsageError: labels, settings or the split make no sense.
        ModelError: the base cannot be one.
    """
    chosen = _base(base, settings, seed)
    known = named(source, labels)
    place = cache or default_cache()
    rows = pictures = None
    if chosen.frozen is not None:
        rows = keep(known.samples, source, chosen.frozen.maker, place, tell)
    if settings.pixels or settings.unfreeze:
        pictures = keep(known.samples, source, pixels_maker(chosen.preprocess), place, tell)
    data = inputs(rows, pictures)
    failed = [*known.failed, *data.failed]
    if not len(data):
        raise UsageError(f"{source.uri}: none of its pictures can be read ({failed[0].reason})")
    parts = split(data.labels, settings.validation, settings.split, seed)
    notes = [f"skipped {failure.uri}: {failure.reason}" for failure in failed] + known.notes
    if parts.single:
        shown = ", ".join(parts.single[:3]) + (" …" if len(parts.single) > 3 else "")
        notes.append(f"{len(parts.single)} labels have one picture, used as negatives: {shown}")
    return Prepared(source, settings, seed, data, parts, notes, chosen, labels)


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
    check_out(out, resume=resume)
    settings, parts = prepared.settings, prepared.parts
    loop = settled(loop, gains=settings.unfreeze)
    recipe = _recipe(prepared, loop)
    begin(out, recipe, resume=resume)
    with torch.random.fork_rng():
        learner = learner_of(prepared)
        order = LabelBatches(
            parts.train,
            label_numbers(prepared.data.labels)[parts.train],
            settings.p,
            settings.k,
            prepared.seed,
        )
        batches = Batches(order, learner.batch)
        fitted = fit(learner, batches, out / STATE, loop, resume=resume, stop=stop, tell=tell)
    if not fitted.finished or not fitted.first:
        return None
    draw_curves(out / "curves.png", fitted.rows)
    metrics = _metrics(prepared, learner, fitted)
    spec = _export(learner.network, prepared, out, {"recipe": recipe, "metrics": metrics})
    return Result(spec, parts.told, metrics)


def _base(model: str | None, settings: TripletSettings, seed: int) -> _Base:
    if not settings.unfreeze:
        model = model or default_base()
        if model is None:
            raise UsageError(
                "name a model to train on top of with --base (`visavis models list` shows them)"
            )
        frozen = open_base(model)
        spec = frozen.embedder.spec
        return _Base(spec.name, spec.preprocess, frozen=frozen, license=spec.license)
    if model is None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            own = new_base(settings.shape)
        return _Base("visavis-s from chance", pictures_of(settings.side), own=own, learned=False)
    info = model_info(model)
    if info.folder is None:
        raise UsageError(f"--unfreeze: {model} has no weights to train; name a folder of visavis-s")
    own, preprocess = known_base(info.folder)
    return _Base(info.name, preprocess, own=own, license=info.license)


def learner_of(prepared: Prepared) -> TripletLearner:
    """A learner whose head begins from what the base knows; all else is drawn by the seed."""
    settings, base = prepared.settings, prepared.base
    torch.manual_seed(prepared.seed)
    branch = PixelBranch(base.preprocess.size) if settings.pixels else None
    dim = base.own.dim if base.own else base.frozen.embedder.dim if base.frozen else 0
    head = Head(dim + (branch.dim if branch else 0), settings.layers, straight=settings.straight)
    network = EmbeddingNetwork(base.own, branch, head, settings.loss.metric)
    loss = MetricLoss(settings.loss, len(prepared.parts.train_labels), settings.layers[-1])
    learner = TripletLearner(
        network,
        loss,
        prepared.data,
        prepared.parts,
        settings.rates,
        prepared.seed,
        slowly=base.learned,
    )
    learner.start()
    return learner


def _recipe(prepared: Prepared, loop: LoopSettings) -> dict[str, Any]:
    data = prepared.data
    return {
        "recipe": "triplet",
        "settings": asdict(prepared.settings),
        "loop": asdict(loop),
        "base": prepared.base.facts(),
        "data": {
            "source": last_part(prepared.source.uri),
            "labels": prepared.field,
            "pictures": len(data),
            "sha256": data_hash(data.samples, data.sha256),
        },
        "versions": versions(),
    }


def _metrics(prepared: Prepared, learner: TripletLearner, fitted: Fitted) -> dict[str, Any]:
    held = prepared.parts.validation
    shape: dict[str, Any] = {
        "split": prepared.parts.to_dict(),
        "epochs": len(fitted.rows),
        "best_epoch": fitted.best_epoch,
        "validation": fitted.figures,
    }
    if len(held) and prepared.base.frozen is not None:
        rows = prepared.data.take(held)["rows"].numpy()
        labels = label_numbers(prepared.data.labels)[held]
        shape["base"] = retrieval_figures(rows, labels, prepared.seed)
    return shape


def _export(
    network: EmbeddingNetwork, prepared: Prepared, out: Path, records: dict[str, Any]
) -> ModelSpec:
    base = prepared.base
    pictures = some_pictures(prepared.source, prepared.data)
    with torch.random.fork_rng():
        if base.frozen is not None:
            model, difference = graph_on_base(network, base.frozen, pictures)
        else:
            model, difference = graph_of(Whole(network), base.preprocess, pictures)
    return write_model(
        out,
        model,
        difference,
        name=model_name(out),
        dim=prepared.settings.layers[-1],
        preprocess=base.preprocess,
        license=base.license,
        origin=f"visavis train triplet on {last_part(prepared.source.uri)}, base {base.name}",
        records=records,
    )
