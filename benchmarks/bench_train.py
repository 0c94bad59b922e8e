"""Training: the triplet recipe over embeddings that are there, and the autoencoder's loop."""

import importlib.util
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns
from visavis.types import Entry

if TYPE_CHECKING:
    from visavis.training.autoencoder.learner import AutoencoderLearner
    from visavis.training.data.inputs import Inputs

_PICTURES = {"full": 5000, "small": 5000, "tiny": 120}
_EPOCHS = {"full": 20, "small": 20, "tiny": 2}
_OF_A_LABEL = 10
_DIM = 1280  # of a base embedding, as of MobileNetV2

_STEPS = {"full": 12, "small": 8, "tiny": 3}
_ROUNDS = {"full": 3, "small": 2, "tiny": 1}
_SIDE = {"full": 128, "small": 128, "tiny": 32}
_BATCH = 64


def run(size: Size, work: Path) -> Report:
    """Minutes of 20 epochs; pictures a second in the loop against those of a bare one."""
    report = Report("train", size)
    if importlib.util.find_spec("lightning") is None:
        report.notes.append("left out: it needs pip install 'visavis[train]'")
        return report
    count, epochs = _PICTURES[size], _EPOCHS[size]
    report.figures.append(
        Figure(
            f"triplet, {epochs} epochs on the embeddings of {count:,} pictures",
            "s",
            [_triplet_seconds(count, epochs, work)],
            bound=Bound(120, of="value"),
        )
    )
    report.figures += _autoencoder(size, work)
    report.notes.append(
        "seconds of the triplet recipe hold validation and checkpoints after each epoch; rates are "
        "taken between the first step and the last; all in 32 bits"
    )
    return report


def _triplet_seconds(count: int, epochs: int, work: Path) -> float:
    import tempfile

    from visavis.training.data.batches import Batches, LabelBatches
    from visavis.training.data.samples import label_numbers
    from visavis.training.data.splits import split
    from visavis.training.loop.fitting import fit
    from visavis.training.networks.embedding import EmbeddingNetwork
    from visavis.training.networks.heads import Head
    from visavis.training.settings import LoopSettings
    from visavis.training.triplet.learner import TripletLearner
    from visavis.training.triplet.losses import MetricLoss
    from visavis.training.triplet.settings import LossSettings, TripletSettings

    settings = TripletSettings()
    rng = np.random.default_rng(1)
    middles = rng.normal(size=(count // _OF_A_LABEL, _DIM))
    rows = middles.repeat(_OF_A_LABEL, axis=0) + 2 * rng.normal(size=(count, _DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    data = _inputs(rows.astype(np.float32), None)
    parts = split(data.labels, 0.2)
    head = Head(_DIM, settings.layers)
    network = EmbeddingNetwork(None, None, head, "cosine")
    loss = MetricLoss(LossSettings(), len(parts.train_labels), head.dim)
    learner = TripletLearner(network, loss, data, parts, settings.rates, 0)
    started = time.perf_counter()
    learner.start()
    labels = label_numbers(data.labels)[parts.train]
    order = LabelBatches(parts.train, labels, settings.p, settings.k, 0)
    loop = LoopSettings(epochs, patience=epochs, device="cpu")
    with tempfile.TemporaryDirectory(dir=work) as folder:
        fit(learner, Batches(order, learner.batch), Path(folder) / "training", loop)
    return time.perf_counter() - started


def _autoencoder(size: Size, work: Path) -> list[Figure]:
    from visavis.training.autoencoder.settings import AutoencoderSettings

    side, steps = _SIDE[size], _STEPS[size]
    settings = replace(AutoencoderSettings(), side=side, batch=_BATCH)
    if size == "tiny":
        settings = replace(settings, widths=(8, 8), batch=8)
    shape = (settings.batch * steps + 8, side, side, 3)
    rng = np.random.default_rng(2)
    pixels = np.memmap(work / f"pixels-{side}.bin", np.uint8, "w+", shape=shape)
    pixels[:] = rng.integers(0, 256, shape, np.uint8)
    busy: list[float] = []

    def in_the_loop() -> float:
        rate, used = _loop_rate(settings, pixels, work)
        busy.append(used)
        return rate

    ours, bare = in_turns(
        _ROUNDS[size], in_the_loop, lambda: _bare_rate(_learner(settings, pixels), pixels, steps)
    )
    enough = Bound(1.6, of="value", at_least=True) if (os.cpu_count() or 1) >= 2 else None
    return [
        Figure(
            f"autoencoder, {side} pixels, batches of {settings.batch}",
            "pictures/s",
            ours,
            Floor("the same network and optimizer in a bare torch loop on ready tensors", bare),
            Bound(0.7, at_least=True),
        ),
        Figure("cores that it keeps busy", "cores", busy, bound=enough),
    ]


def _learner(settings: Any, pixels: NDArray[np.uint8]) -> "AutoencoderLearner":
    import torch

    from visavis.training.autoencoder.learner import AutoencoderLearner

    torch.manual_seed(0)
    numbers = np.arange(len(pixels))
    data = _inputs(None, pixels)
    return AutoencoderLearner(settings, data, numbers[:-8], numbers[-8:], labelled=False, seed=0)


def _loop_rate(settings: Any, pixels: NDArray[np.uint8], work: Path) -> tuple[float, float]:
    """Pictures a second between the first step and the last, and processors kept busy."""
    import tempfile

    from visavis.training.data.batches import Batches, shuffled
    from visavis.training.loop.fitting import fit
    from visavis.training.progress import Progress
    from visavis.training.settings import LoopSettings

    learner = _learner(settings, pixels)
    order = shuffled(np.arange(len(pixels) - 8), settings.batch, 0)
    seen: list[tuple[float, float]] = []

    def tell(progress: Progress) -> None:
        if progress.done:
            seen.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory(dir=work) as folder:
        loop = LoopSettings(1, device="cpu", precision="32")
        fit(learner, Batches(order, learner.batch), Path(folder) / "training", loop, tell=tell)
    wall, busy = (last - first for first, last in zip(seen[0], seen[-1], strict=True))
    return settings.batch * (len(seen) - 1) / wall, busy / wall


def _bare_rate(learner: "AutoencoderLearner", pixels: NDArray[np.uint8], steps: int) -> float:
    import torch

    from visavis.training.autoencoder.learner import difference

    batch = (len(pixels) - 8) // steps
    ready = [learner.batch(np.arange(at * batch, (at + 1) * batch)) for at in range(steps)]
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-3)
    learner.train()
    started = 0.0
    for number, part in enumerate(ready):
        if number == 1:  # the first step sets memory up, there as here
            started = time.perf_counter()
        pictures = part["pictures"].to(memory_format=torch.channels_last)
        drawn = learner.decoder(learner.encoder(pictures))
        optimizer.zero_grad()
        difference(drawn, pictures, "mse").mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return batch * (steps - 1) / (time.perf_counter() - started)


def _inputs(rows: NDArray[np.float32] | None, pixels: NDArray[np.uint8] | None) -> "Inputs":
    """What a cache would hold."""
    from visavis.training.data.inputs import inputs
    from visavis.training.data.row_cache import CachedRows
    from visavis.training.data.samples import Sample

    def kept(values: NDArray[Any]) -> CachedRows:
        samples = [
            Sample(Entry(str(at), str(at), 0, 0.0, {}), f"label-{at // _OF_A_LABEL}")
            for at in range(len(values))
        ]
        return CachedRows(samples, [""] * len(values), values, np.arange(len(values)))

    return inputs(None if rows is None else kept(rows), None if pixels is None else kept(pixels))
