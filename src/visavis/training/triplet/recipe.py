"""The triplet recipe: embeddings that are near for pictures of the same label.

A base's embeddings of all pictures are computed once and kept; a head on top of them learns which
pictures belong together. What is exported is base and head in one graph. With `unfreeze` the base
is visavis-s's network and is trained with the head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from visavis.errors import UsageError
from visavis.filters import as_label
from visavis.image_index import ImageIndex
from visavis.sources.base import Source
from visavis.training.data.batches import Draw, LabelBatches
from visavis.training.data.indexed import source_of
from visavis.training.data.inputs import Inputs
from visavis.training.data.samples import NamedSamples, Numbers, check_field, label_numbers, named
from visavis.training.data.splits import Split, check_labels, split
from visavis.training.loop.export import Exported, graph_of, graph_on_base
from visavis.training.loop.recipe import Recipe, read
from visavis.training.networks.embedding import EmbeddingNetwork, PixelsToVectors
from visavis.training.networks.frozen_base import FrozenBase, chosen_base, pixels_maker
from visavis.training.networks.heads import Head
from visavis.training.networks.own_base import FreshBase, fresh_base
from visavis.training.networks.pixel_branch import PixelBranch
from visavis.training.progress import Tell, silent
from visavis.training.triplet.learner import TripletLearner
from visavis.training.triplet.losses import MetricLoss
from visavis.training.triplet.settings import TripletSettings
from visavis.training.validation import gain_figures, partners, retrieval_figures
from visavis.types import RGB


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TripletRecipe(Recipe[TripletLearner]):
    """A head on top of a base, that learns from labels."""

    name: ClassVar[str] = "triplet"
    settings: TripletSettings
    parts: Split
    on: FrozenBase | FreshBase
    sides: Numbers | None = None
    """A number for each value of the field that is searched across."""

    @property
    def summary(self) -> str:
        """How it is validated, in one sentence."""
        return self.parts.summary

    @property
    def base(self) -> Mapping[str, Any]:
        """What records say of the base."""
        return self.on.facts

    @property
    def gains(self) -> bool:
        """A head alone is too small for bfloat16."""
        return self.settings.unfreeze

    def divided(self) -> dict[str, Any]:
        """How the pictures were divided."""
        return self.parts.to_dict()

    def own_metrics(self, learner: TripletLearner) -> dict[str, Any]:
        """How well a frozen base finds by itself, and what was gained on it."""
        asks, numbers = len(self.validation), learner.searched
        if not asks or self.on.learns is not None:
            return {}
        rows = self.data.take(numbers)["rows"].numpy()
        labels = label_numbers(self.data.labels)[numbers]
        sides = None if self.sides is None else self.sides[numbers]
        found = learner.vectors(numbers)
        by_label = self.parts.by == "label"
        return {
            "searched": len(numbers),
            "base": retrieval_figures(rows, labels, self.seed, sides, asks),
            "gain": gain_figures(found, rows, labels, self.seed, sides, asks, by_label=by_label),
        }

    def learner(self) -> TripletLearner:
        """Its head begins from what the base knows; all else is drawn."""
        settings, on = self.settings, self.on
        branch = PixelBranch(on.preprocess.size) if settings.pixels else None
        width = on.dim + (branch.dim if branch else 0)
        head = Head(width, settings.layers, straight=settings.straight)
        network = EmbeddingNetwork(on.learns, branch, head, settings.loss.metric)
        loss = MetricLoss(settings.loss, len(self.parts.train_labels), head.dim)
        learner = TripletLearner(
            network,
            loss,
            self.data,
            self.parts,
            settings.rates,
            self.seed,
            sides=self.sides,
        )
        learner.start()
        return learner

    def batches(self) -> Draw:
        """P labels with K pictures each."""
        numbers, settings = self.train, self.settings
        labels = label_numbers(self.data.labels)[numbers]
        on = None if self.sides is None else self.sides[numbers]
        return LabelBatches(numbers, labels, settings.p, settings.k, self.seed, on)

    def export(self, learner: TripletLearner, pictures: Sequence[RGB], out: Path) -> Exported:
        """Base and head."""
        network, on = learner.network, self.on
        if isinstance(on, FrozenBase):
            graph, difference = graph_on_base(network, on, pictures)
        else:
            graph, difference = graph_of(PixelsToVectors(network), on.preprocess, pictures)
        return Exported(graph, difference, network.head.dim, on.preprocess, on.license)


def prepare(
    source: Source | ImageIndex,
    labels: str,
    base: str | None,
    settings: TripletSettings,
    *,
    known: NamedSamples | None = None,
    device: str = "auto",
    seed: int = 0,
    cache: Path | None = None,
    tell: Tell = silent,
) -> TripletRecipe:
    """Read the pictures, compute or find the base's embeddings, and divide the samples.

    Args:
        source: The pictures: a source, or an index, whose vectors are taken as they are.
        labels: The field that says what belongs together.
        base: A model's name or folder; None: that of an index, else `default_base()`, or with
            `settings.unfreeze` a network of weights from chance.
        settings: Of the recipe.
        known: What `named` gave, where it was asked already.
        device: As in LoopSettings; the base runs there too, where ONNX Runtime can.
        seed: Of all chance.
        cache: Where rows are kept; None: `default_cache()`.
        tell: Called with how far it is.

    Raises:
        UsageError: labels, settings or the split make no sense.
        ModelError: the base cannot be one.
    """
    source = source_of(source)
    on = _base(source, base, settings, seed, device)
    makers = {"rows": on.maker} if isinstance(on, FrozenBase) else {}
    if settings.pixels or settings.unfreeze:
        makers["pictures"] = pixels_maker(on.preprocess)
    known = known or named(source, labels)
    check_labels([sample.label for sample in known.samples])
    if settings.across is not None:
        check_field(known.samples, settings.across, "--across")
    data, notes = read(source, known, makers, cache, tell)
    parts = split(data.labels, settings.validation, settings.split, seed, data.sha256)
    if parts.single:
        shown = ", ".join(parts.single[:3]) + (" …" if len(parts.single) > 3 else "")
        notes.append(f"{len(parts.single)} labels have one picture, used as negatives: {shown}")
    return TripletRecipe(
        source=source,
        settings=settings,
        labels=labels,
        seed=seed,
        data=data,
        notes=notes,
        train=parts.train,
        validation=parts.validation,
        parts=parts,
        on=on,
        sides=_sides(data, parts, settings.across),
    )


def _base(
    source: Source, model: str | None, settings: TripletSettings, seed: int, device: str
) -> FrozenBase | FreshBase:
    if not settings.unfreeze:
        return chosen_base(model, source, device)
    if model is not None:
        raise UsageError(
            f"--unfreeze trains a network from scratch, without the base {model}; leave out "
            "--base, or leave out --unfreeze to train a head on top of it"
        )
    return fresh_base(settings.shape, settings.side, seed)


def _sides(data: Inputs, parts: Split, field: str | None) -> Numbers | None:
    if field is None:
        return None
    values = [as_label(sample.entry.fields.get(field, "")) for sample in data.samples]
    sides, labels = label_numbers(values), label_numbers(data.labels)
    for name, numbers in (("training", parts.train), ("validation", parts.validation)):
        if len(numbers) and not partners(labels[numbers], sides[numbers]).any():
            raise UsageError(
                f"--across {field}: no two pictures of a label differ in it among those of the "
                f"{name}; name a field in which pictures of the same label differ, or change "
                "--validation"
            )
    return sides
