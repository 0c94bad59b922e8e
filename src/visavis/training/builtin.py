"""The recipe of the built-in model, `visavis-s`.

    python -m visavis.training.builtin --data train-mix fashion --teacher mobilenet-v2 --out DIR

A small residual network learns, from pictures without labels, to see as a larger one does: its
embedding, place by place and as a whole; which pictures of a batch it finds alike; its class
scores. Beside that it learns to tell an edited copy of a picture from all other pictures.

The training checkpoints itself in DIR and goes on from there when it is started again, also with
more minutes or samples. All that is drawn by chance follows from the seed and the step, so a
stopped and resumed training equals an unbroken one (as long as its length is given in samples).
"""

import argparse
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from visavis.embedders.spec import ModelSpec, read_spec
from visavis.errors import SourceError
from visavis.training.builtin_settings import Settings, scaled
from visavis.training.calibrate import Labelled, Parts, Trial, best
from visavis.training.colour import Colour, ColourHistogram
from visavis.training.compose import composition
from visavis.training.distill import train_step
from visavis.training.export import export
from visavis.training.held_out import HeldOut, look, squashed
from visavis.training.pictures import Listed, Pictures, listed, open_pictures
from visavis.training.pool import Pool
from visavis.training.retriever import Retriever
from visavis.training.state import State, load, new_state, save
from visavis.training.teacher import Floats, Projection, Teacher

log = logging.getLogger("visavis.training")

NAME = "visavis-s"


@dataclass(frozen=True, slots=True)
class Data:
    """The training pictures: all of them, and who is trained on and who is held out."""

    entries: list[Listed]
    pictures: Pictures
    sha256: str
    """Of the files, in their order."""

    @property
    def kept(self) -> NDArray[np.int64]:
        """Numbers of the pictures to train on."""
        return np.array([i for i, entry in enumerate(self.entries) if not entry.held_out])

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Numbers of the pictures that are kept from training."""
        return np.array([i for i, entry in enumerate(self.entries) if entry.held_out])

    def images(self, numbers: NDArray[np.int64], side: int) -> Iterator[torch.Tensor]:
        """Whole pictures in batches (n, 3, side, side), in -1…1."""
        for start in range(0, len(numbers), 64):
            part = numbers[start : start + 64]
            squares = np.stack([squashed(self.pictures, int(i), side) for i in part])
            yield torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(
    data: Sequence[Path],
    teacher_folder: Path,
    out: Path,
    settings: Settings,
    *,
    rewind: float = 1.0,
    stop: threading.Event | None = None,
) -> ModelSpec | None:
    """Train, or go on training, until the schedule ends, and write `out/model`.

    `rewind` takes a training that is further back to this position of the schedule. When `stop`
    is set the training is checkpointed and None is returned. With a schedule of no length (no
    samples, no minutes) the checkpoint is exported as it is.
    """
    torch.set_num_threads(settings.threads)
    out.mkdir(parents=True, exist_ok=True)
    entries = listed(data)
    known = Data(entries, *open_pictures(entries, out / "cache", settings.picture_side))
    log.info("%d pictures, %d held out", len(known.kept), len(known.held_out))
    teacher = Teacher(teacher_folder, settings.threads, settings.device, strides(settings))
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        state = load(checkpoint, settings)
        state.position = min(state.position, rewind)
    else:
        state = new_state(settings, *fit_projections(known, teacher, settings))
    held_out = HeldOut(
        known.pictures, known.held_out, teacher, state.projection, settings.final_side
    )
    if settings.samples or settings.minutes:
        log.info("starting at step %d, position %.3f", state.step, state.position)
        loop(state, new_pool(state, known, teacher, settings), held_out, settings, out, stop)
        if state.position < 1:
            return None
    return write_model(state, known, held_out, teacher_folder, out / "model", settings)


def strides(settings: Settings) -> list[int]:
    """The strides at which the teacher's inner maps are followed."""
    return [stride for stride, _ in settings.shape.hints]


def fit_projections(
    data: Data, teacher: Teacher, settings: Settings
) -> tuple[Projection, list[Projection]]:
    """Projections of the teacher's embedding and inner maps, fitted to pictures like ours."""
    found: list[Floats] = []
    inner: list[list[Floats]] = [[] for _ in settings.shape.hints]
    rng = np.random.default_rng([settings.seed, 3])
    kept = data.kept
    for start in range(0, settings.projection_samples, 32):
        numbers = range(start, min(start + 32, settings.projection_samples))
        shown = [
            composition(data.pictures, kept, teacher.size, settings.mixture, settings.seed + 1, n)
            for n in numbers
        ]
        seen = teacher.look(shown)
        found.append(seen.maps.mean(axis=(2, 3)))
        for places, hint in zip(inner, seen.hints, strict=True):
            flat = hint.transpose(0, 2, 3, 1).reshape(-1, hint.shape[1])
            places.append(flat[rng.integers(0, len(flat), 8 * len(numbers))])
    whitening = settings.whitening
    hints = [
        Projection.fit(np.concatenate(places), numbers, whitening)
        for places, (_, numbers) in zip(inner, settings.shape.hints, strict=True)
    ]
    return Projection.fit(np.concatenate(found), settings.shape.learned, whitening), hints


def new_pool(state: State, data: Data, teacher: Teacher, settings: Settings) -> Pool:
    """The pool that the training draws from, still empty."""
    kept, mixture, seed = data.kept, settings.mixture, settings.seed
    return Pool(
        lambda number: composition(data.pictures, kept, teacher.size, mixture, seed, number),
        teacher,
        state.projection,
        state.hints,
        side=settings.side,
        cells=settings.side // 32,
        hint_cells=[settings.side // stride for stride in strides(settings)],
        capacity=settings.capacity,
        block=settings.fresh,
        classes=settings.shape.classes,
        threads=settings.threads,
    )


def loop(
    state: State,
    pool: Pool,
    held_out: HeldOut,
    settings: Settings,
    out: Path,
    stop: threading.Event | None = None,
) -> None:
    """Step until the schedule ends or `stop` is set; checkpoint, report and measure on the way."""
    blocks = settings.capacity // settings.fresh
    pool.advance(blocks + state.step)
    saved = told = time.monotonic()
    means: dict[str, float] = {}
    told_step = state.step
    while state.position < 1 and not (stop and stop.is_set()):
        if state.step % 10 == 0:
            torch.set_num_threads(useful_threads(settings))
        started = clock(settings)
        pool.advance(blocks + state.step)
        rng = np.random.default_rng([settings.seed, state.step])
        places = rng.choice(settings.capacity, settings.originals, replace=False)
        for name, value in train_step(state, pool.take(places), settings).items():
            means[name] = 0.98 * means.get(name, value) + 0.02 * value
        worked = clock(settings) - started
        state.position = min(1.0, state.position + advance(worked, settings))
        now = time.monotonic()
        if now - saved > settings.save_seconds:
            save(state, settings, out / "checkpoint.pt")
            saved = now
        if state.step % settings.tell_steps == 0:
            rate = (state.step - told_step) * settings.originals / (now - told)
            told, told_step = now, state.step
            _tell(state, rate, means)
        if state.position >= 1 or state.step % settings.measure_steps == 0:
            _measure(state, held_out, means, out / "curve.jsonl")
    save(state, settings, out / "checkpoint.pt")


def useful_threads(settings: Settings) -> int:
    """All threads, or one where the training gives way (`nice`) on a busy machine.

    Threads of a layer wait for the slowest; where other programs take turns on the cores, two get
    less done than one.
    """
    if os.nice(0) <= 0:
        return settings.threads
    others = os.getloadavg()[0] - torch.get_num_threads()
    return settings.threads if others < 0.75 else 1


def clock(settings: Settings) -> float:
    """Seconds of work so far.

    On a CPU those of its cores, so that pauses and busy neighbours do not count.
    """
    if settings.device == "cpu":
        return time.process_time() / settings.threads
    return time.monotonic()


def advance(seconds: float, settings: Settings) -> float:
    """How far a step of so many seconds' work brings the schedule."""
    if settings.samples:
        return settings.originals / settings.samples
    return seconds / (settings.minutes * 60)


def _tell(state: State, rate: float, means: dict[str, float]) -> None:
    parts = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
    done = state.position * 100
    log.info("step %d, %.1f %%, %.0f pictures/s, %s", state.step, done, rate, parts)


def _measure(state: State, held_out: HeldOut, means: dict[str, float], curve: Path) -> None:
    measures = held_out.report(state.averaged)
    line = {"step": state.step, "position": round(state.position, 4)} | measures
    log.info("held out: %s", line)
    with curve.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line | {"losses": means}) + "\n")


def write_model(
    state: State,
    data: Data,
    held_out: HeldOut,
    teacher_folder: Path,
    folder: Path,
    settings: Settings,
) -> ModelSpec:
    """Export the averaged weights, with the colour part and the blend that does best held out."""
    colour = fit_colour(data, settings)
    labels = [data.entries[i].label for i in data.held_out]
    products = look_at_products(data, state, colour, settings)
    tried = held_out.blends(state.averaged, colour, labels, products)
    chosen = best(tried)
    log.info("blend: %s", chosen)
    teacher = read_spec(teacher_folder)
    spec = export(
        Retriever(state.averaged, colour, chosen.blend),
        folder,
        name=NAME,
        images=held_out.images(0, 32),
        labels=class_labels(teacher_folder, teacher, settings.shape.classes),
        license="Apache-2.0",
        origin=f"trained by visavis.training.builtin; learned from {teacher.name}",
        records={
            "recipe": _recipe(state, data, teacher, settings),
            "metrics": _metrics(held_out.report(state.averaged), chosen, tried),
        },
    )
    log.info("wrote %s", folder)
    return spec


def class_labels(folder: Path, teacher: ModelSpec, count: int) -> list[str]:
    """The names of the teacher's last `count` classes (a background class comes first)."""
    if teacher.classes is None:
        raise SourceError(f"{folder}/model.json names no classes; a teacher needs class scores")
    names = (folder / teacher.classes.labels).read_text(encoding="utf-8").splitlines()
    if len(names) < count:
        raise SourceError(f"{folder / teacher.classes.labels} has {len(names)} of {count} labels")
    return names[-count:]


def fit_colour(data: Data, settings: Settings) -> Colour:
    """The colour part, fitted to up to 8,000 training pictures drawn by the seed."""
    rng = np.random.default_rng([settings.seed, 2])
    chosen = rng.choice(data.kept, min(8000, len(data.kept)), replace=False)
    histogram = ColourHistogram(settings.final_side)
    rows = [histogram(images) for images in data.images(chosen, settings.final_side)]
    return Colour.fit(histogram, torch.cat(rows), settings.colour)


def look_at_products(data: Data, state: State, colour: Colour, settings: Settings) -> Labelled:
    """All pictures whose colour is known, trained on or not: few are held out."""
    known = [i for i, entry in enumerate(data.entries) if entry.colour]
    images = data.images(np.array(known, np.int64), settings.final_side)
    labels = [data.entries[i].colour for i in known]
    if not known:
        return Labelled(Parts(*(np.zeros((0, 1), np.float32) for _ in "abc")), labels)
    return Labelled(look(state.averaged, colour, images), labels)


def _recipe(state: State, data: Data, teacher: ModelSpec, settings: Settings) -> dict[str, Any]:
    return {
        "recipe": "builtin",
        "settings": asdict(settings),
        "steps": state.step,
        "originals_seen": state.seen,
        "data": {"pictures": len(data.kept), "held_out": len(data.held_out), "sha256": data.sha256},
        "teacher": {"name": teacher.name, "sha256": teacher.sha256},
        "torch": torch.__version__,
    }


def _metrics(report: dict[str, float], chosen: Trial, tried: Sequence[Trial]) -> dict[str, Any]:
    return {
        "held_out": report,
        "blend": asdict(chosen),
        "blends_tried": [
            [
                *asdict(trial.blend).values(),
                *(round(v, 4) for v in (trial.precision, trial.recall, trial.products)),
            ]
            for trial in tried
        ],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of the recipe."""
    parser = argparse.ArgumentParser(description=f"Train the built-in model, {NAME}.")
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="picture folders")
    parser.add_argument("--teacher", type=Path, required=True, help="model folder to learn from")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and result")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0.0, help="length, in minutes of work")
    length.add_argument("--samples", type=int, default=0, help="length, in pictures shown")
    length.add_argument("--export", action="store_true", help="only write the model as it is")
    parser.add_argument(
        "--rewind", type=float, default=1.0, help="go on from this position of the schedule (0…1)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    parser.add_argument(
        "--scale", type=int, default=1, help="steps so many times as large (4 on a GPU)"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = replace(
        scaled(Settings(), options.scale),
        minutes=options.minutes,
        samples=options.samples,
        device=options.device,
        threads=options.threads,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    train(options.data, options.teacher, options.out, settings, rewind=options.rewind, stop=stop)


if __name__ == "__main__":
    main()
