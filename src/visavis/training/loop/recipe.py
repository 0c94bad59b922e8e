"""The frame of every recipe: read the pictures, train, write the model and its records.

A recipe is a subclass of `Recipe`, which says what is its own: what learns, in which batches, and
what is exported. Its module has a function `prepare` that makes one.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch

from visavis.embedders.spec import ModelSpec
from visavis.errors import ImageError, ModelError, UsageError
from visavis.images.decode import decode
from visavis.sources.base import Source
from visavis.training.data.batches import Batches, Draw
from visavis.training.data.indexed import IndexSource
from visavis.training.data.inputs import Inputs, inputs
from visavis.training.data.row_cache import CachedRows, Maker, cache_rows, default_cache
from visavis.training.data.samples import NamedSamples, Numbers, data_hash
from visavis.training.loop.curves import draw_curves
from visavis.training.loop.export import Exported, write_model
from visavis.training.loop.fitting import check_device, fit, settled
from visavis.training.loop.learner import Learner
from visavis.training.loop.workplace import (
    STATE,
    advising,
    begin,
    check_out,
    last_part,
    model_name,
    versions,
)
from visavis.training.progress import Tell, silent
from visavis.training.settings import LoopSettings
from visavis.types import RGB

_COMPARED = 16  # pictures that torch and the graph are compared on
_TRIED = 64  # at most, where some are gone: URLs take their time to fail

AnyLearner = TypeVar("AnyLearner", bound=Learner)


@dataclass(frozen=True, slots=True)
class Result:
    """What a training made."""

    spec: ModelSpec
    summary: str
    """How it was validated, in one sentence."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """What metrics.json says."""
    notes: list[str] = field(default_factory=list)
    """Things worth telling of how it was written."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Recipe(ABC, Generic[AnyLearner]):
    """A training that can begin: its pictures are read, and divided."""

    name: ClassVar[str]

    source: Source
    settings: Any
    """The recipe's own, a dataclass."""
    labels: str | None
    """The field with the labels."""
    seed: int
    """Of all chance."""
    data: Inputs
    notes: list[str]
    """Things worth telling before it begins."""
    train: Numbers
    """The samples that are trained on."""
    validation: Numbers

    @property
    def summary(self) -> str:
        """How it is validated, in one sentence."""
        if not len(self.validation):
            return f"trained on all {len(self.train):,} pictures, nothing was kept for validation"
        return (
            f"validated on {len(self.validation):,} pictures that are never trained on{self.off}, "
            f"by {self.asked}"
        )

    @property
    def off(self) -> str:
        """Why another share is validated on than was asked for; nothing where it is that one."""
        return ""

    @property
    def asked(self) -> str:
        """What the validation does: "searching among them"."""
        return "searching among them"

    @property
    def base(self) -> Mapping[str, Any]:
        """What records say of the base, its `name` among it; nothing where there is none."""
        return {}

    @property
    def made_of(self) -> Sequence[str]:
        """What else is recorded of where the model comes from."""
        return (f"base {self.base['name']}",) if self.base else ()

    @property
    def fields(self) -> Mapping[str, str | None]:
        """The fields that say what pictures show."""
        return {"labels": self.labels}

    @property
    def gains(self) -> bool:
        """Whether the network is worth bfloat16 where the machine has it."""
        return False

    def own_facts(self) -> dict[str, Any]:
        """What recipe.json says besides what it says of every recipe."""
        return {}

    def divided(self) -> dict[str, Any]:
        """What metrics.json says of how the pictures were divided."""
        return {
            "by": "image",
            "train": {"pictures": len(self.train)},
            "validation": {"pictures": len(self.validation)},
        }

    def own_metrics(self, learner: AnyLearner) -> dict[str, Any]:
        """What metrics.json says besides what it says of every recipe."""
        return {}

    @abstractmethod
    def learner(self) -> AnyLearner:
        """What learns, as it begins; what it draws by chance follows from torch's generator."""

    @abstractmethod
    def batches(self) -> Draw:
        """Which samples make up the batches."""

    @abstractmethod
    def export(self, learner: AnyLearner, pictures: Sequence[RGB], out: Path) -> Exported:
        """The graph of what was learned; files of another side are written to `out`."""

    def facts(self) -> dict[str, Any]:
        """What recipe.json says of what is trained on what, without a path."""
        return {
            "recipe": self.name,
            "settings": asdict(self.settings),
            **({"base": dict(self.base)} if self.base else {}),
            "data": {
                "source": last_part(self.source.uri),
                **self.fields,
                "pictures": len(self.data),
                "sha256": data_hash(self.data.samples, self.data.sha256),
            },
            **self.own_facts(),
        }

    @property
    def origin(self) -> str:
        """Where the model comes from, in one line."""
        return ", ".join(
            (f"visavis train {self.name} on {last_part(self.source.uri)}", *self.made_of)
        )


def read(
    source: Source,
    known: NamedSamples,
    makers: Mapping[str, Maker],
    cache: Path | None = None,
    tell: Tell = silent,
) -> tuple[Inputs, list[str]]:
    """What is kept of these pictures, made now where it is not there, and what to report of them.

    Args:
        source: Of the pictures.
        known: Its pictures, or some of them.
        makers: Of `rows`, of `pictures`, or of both.
        cache: Where they are kept; None: `default_cache()`.
        tell: Called with how far it is.

    Raises:
        UsageError: none of them can be read.
    """
    place = cache or default_cache()
    kept = {name: _kept(known, source, maker, place, tell) for name, maker in makers.items()}
    data = inputs(kept.get("rows"), kept.get("pictures"))
    failed = [*known.failed, *data.failed]
    if not len(data):
        raise UsageError(f"{source.uri}: none of its pictures can be read ({failed[0].reason})")
    skipped = [f"skipped {failure.uri}: {failure.reason}" for failure in failed]
    return data, [*skipped, *known.notes]


def _kept(known: NamedSamples, source: Source, maker: Maker, place: Path, tell: Tell) -> CachedRows:
    """An index has rows already; the rest is made, and kept."""
    if isinstance(source, IndexSource) and (found := source.rows(known.samples, maker)) is not None:
        return found
    return cache_rows(known.samples, source, maker, place, tell)


def learner_of(recipe: Recipe[AnyLearner]) -> AnyLearner:
    """The learner as it begins; chance follows from the seed alone."""
    torch.manual_seed(recipe.seed)
    return recipe.learner()


def train(
    recipe: Recipe[AnyLearner] | Callable[[], Recipe[AnyLearner]],
    out: Path,
    loop: LoopSettings,
    *,
    resume: bool = False,
    force: bool = False,
    stop: threading.Event | None = None,
    tell: Tell = silent,
) -> Result | None:
    """Train and write the model folder `out`.

    `recipe` may be what prepares one: then it is called once all that is cheap was checked.
    None when it was asked to stop (a checkpoint is there), and in all processes but the first.
    With `resume` and more epochs a finished training is prolonged; `force` writes a model though it
    finds less than its base. Raises UsageError for a folder, a device or a training to go on with
    that does not fit, ModelError for a model that is not worth writing.
    """
    check_out(out, resume=resume)
    check_device(loop)
    if not isinstance(recipe, Recipe):
        recipe = recipe()
    loop = settled(loop, gains=recipe.gains)
    record = {**recipe.facts(), "loop": asdict(loop), "versions": versions()}
    begin(out, record, resume=resume)
    with torch.random.fork_rng(), advising(out):
        learner = learner_of(recipe)
        batches = Batches(recipe.batches(), learner.batch)
        fitted = fit(learner, batches, out / STATE, loop, resume=resume, stop=stop, tell=tell)
        _check_finite(learner)
    if not fitted.finished or not fitted.first:
        return None
    draw_curves(out / "curves.png", fitted.rows)
    own_metrics = recipe.own_metrics(learner)
    if not force:
        _check_gain(out, own_metrics, learner.measure)
    notes: list[str] = []
    pictures, own = _compared_on(recipe.source, recipe.data, notes)
    with torch.random.fork_rng():
        exported = recipe.export(learner, pictures, out)
    metrics = {
        "split": recipe.divided(),
        "epochs": fitted.rows[-1]["epoch"],
        "best_epoch": fitted.best_epoch,
        "validation": fitted.figures,
        **own_metrics,
        **exported.metrics,
        "graph": {"difference": exported.difference, "pictures": own},
    }
    records = {"recipe": record, "metrics": metrics}
    spec = write_model(out, exported, name=model_name(out), origin=recipe.origin, records=records)
    return Result(spec, recipe.summary, metrics, notes)


def _check_finite(learner: Learner) -> None:
    """Raise ModelError for weights that a last step made no numbers."""
    if not all(bool(value.isfinite().all()) for value in learner.parameters()):
        raise ModelError(
            "the weights are no numbers after the last epoch; train again with a lower --rate, or "
            "with --precision 32"
        )


def _check_gain(out: Path, metrics: Mapping[str, Any], measure: str) -> None:
    """Raise ModelError for a model that finds less than what it was trained on top of."""
    if "gain" in metrics and (lost := metrics["gain"][measure]["difference"]) < 0:
        raise ModelError(
            f"{out}: the model was not written, as it finds less than its base by itself (mAP "
            f"{lost:+.3f} on the validation); use the base, or see what to try in the docs "
            "(train-your-own); --resume with --force writes it all the same"
        )


def _compared_on(source: Source, data: Inputs, notes: list[str]) -> tuple[list[RGB], int]:
    """Pictures of the data, evenly spread, read again; how many of them are the data's.

    Others take the places of those that are gone by now, and drawn ones where all are: what was
    trained is not lost with them. `notes` gets a sentence then.
    """
    count = len(data)
    spread = np.linspace(0, count - 1, min(_COMPARED, count)).round().astype(int).tolist()
    others = (place for place in range(count) if place not in spread)
    rest = [*islice(others, _TRIED - len(spread))]
    found: list[RGB] = []
    lost: list[str] = []
    for place in [*spread, *rest]:
        if len(found) == len(spread):
            break
        entry = data.samples[place].entry
        try:
            found.append(decode(source.read(entry), entry.uri).pixels)
        except ImageError as error:
            lost.append(str(error))
    if lost:
        notes.append(
            f"{len(lost)} picture{'s' * (len(lost) > 1)} of the training cannot be read any more "
            f"({lost[0]}); the model was compared with its graph on {len(found)} that can"
            + ("" if found else f", and on {_COMPARED} drawn by chance")
        )
    return found or _drawn(), len(found)


def _drawn() -> list[RGB]:
    """Pictures of large and of small patches, in colours drawn by chance."""
    chance = np.random.default_rng(0)
    sides = np.geomspace(2, 64, _COMPARED).round().astype(int).tolist()
    coarse = [chance.integers(0, 256, (side, side, 3), np.uint8) for side in sides]
    return [
        picture.repeat(128 // len(picture), 0).repeat(128 // len(picture), 1) for picture in coarse
    ]
