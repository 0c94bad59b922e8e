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
from visavis.training.batches import Draw, LabelBatches
from visavis.training.course import Done, Plan, data_facts, follow
from visavis.training.embedding_network import EmbeddingNetwork, Whole
from visavis.training.fitting import LoopSettings
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
from visavis.training.samples import Numbers, label_numbers, named
from visavis.training.splits import Split, split
from visavis.training.triplet_learner import TripletLearner
from visavis.training.triplet_settings import TripletSettings
from visavis.training.validation import partners, retrieval_figures
from visavis.training.workplace import last_part, model_name


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
    sides: Numbers | None = None
    """A number for each value of the field that is searched across."""


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
    sides = _sides(data, parts, settings.across)
    notes = [f"skipped {failure.uri}: {failure.reason}" for failure in failed] + known.notes
    if parts.single:
        shown = ", ".join(parts.single[:3]) + (" …" if len(parts.single) > 3 else "")
        notes.append(f"{len(parts.single)} labels have one picture, used as negatives: {shown}")
    return Prepared(source, settings, seed, data, parts, notes, chosen, labels, sides)


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
    settings, parts = prepared.settings, prepared.parts

    def start() -> tuple[TripletLearner, Draw]:
        numbers, sides = parts.train, prepared.sides
        labels = label_numbers(prepared.data.labels)[numbers]
        on = None if sides is None else sides[numbers]
        order = LabelBatches(numbers, labels, settings.p, settings.k, prepared.seed, on)
        return learner_of(prepared), order

    plan = Plan(_facts(prepared), gains=settings.unfreeze, start=start)
    done = follow(plan, out, loop, resume=resume, stop=stop, tell=tell)
    if done is None:
        return None
    metrics = _metrics(prepared, done)
    records = {"recipe": done.recipe, "metrics": metrics}
    return Result(_export(done.learner.network, prepared, out, records), parts.told, metrics)


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


def _sides(data: Inputs, parts: Split, field: str | None) -> Numbers | None:
    if field is None:
        return None
    values = [str(sample.entry.fields.get(field, "")) for sample in data.samples]
    sides, labels = label_numbers(values), label_numbers(data.labels)
    for name, numbers in (("training", parts.train), ("validation", parts.validation)):
        if len(numbers) and not partners(labels[numbers], sides[numbers]).any():
            raise UsageError(
                f"--across {field}: no two pictures of a label differ in it among those of the "
                f"{name}; name a field that tells pictures of the same label apart, or change "
                "--validation"
            )
    return sides


def learner_of(prepared: Prepared) -> TripletLearner:
    """A learner whose head begins from what the base knows; all else is drawn by the seed."""
    settings, base = prepared.settings, prepared.base
    torch.manual_seed(prepared.seed)
    branch = PixelBranch(base.preprocess.size) if settings.pixels else None
    dim = base.own.dim if base.own else base.frozen.embedder.dim if base.frozen else 0
    head = Head(dim + (branch.dim if branch else 0), settings.layers, straight=settings.straight)
    network = EmbeddingNetwork(base.own, branch, head, settings.loss.metric)
    loss = MetricLoss(settings.loss, len(prepared.parts.train_labels), head.dim)
    learner = TripletLearner(
        network,
        loss,
        prepared.data,
        prepared.parts,
        settings.rates,
        prepared.seed,
        slowly=base.learned,
        sides=prepared.sides,
    )
    learner.start()
    return learner


def _facts(prepared: Prepared) -> dict[str, Any]:
    return {
        "recipe": "triplet",
        "settings": asdict(prepared.settings),
        "base": prepared.base.facts(),
        "data": data_facts(prepared.source, prepared.field, prepared.data),
    }


def _metrics(prepared: Prepared, done: Done[TripletLearner]) -> dict[str, Any]:
    held = prepared.parts.validation
    shape = done.metrics(prepared.parts.to_dict())
    if len(held) and prepared.base.frozen is not None:
        rows = prepared.data.take(held)["rows"].numpy()
        labels = label_numbers(prepared.data.labels)[held]
        asked = None if prepared.sides is None else prepared.sides[held]
        shape["base"] = retrieval_figures(rows, labels, prepared.seed, asked)
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
        dim=network.head.dim,
        preprocess=base.preprocess,
        license=base.license,
        origin=f"visavis train triplet on {last_part(prepared.source.uri)}, base {base.name}",
        records=records,
    )
