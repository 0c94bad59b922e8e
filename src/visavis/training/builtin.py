"""The recipe of the built-in model, `visavis-s`.

    python -m visavis.training.builtin --data train-mix fashion --teacher mobilenet-v2 --out DIR

A small residual network learns, from pictures without labels, to see as a larger one does: its
embedding, place by place and as a whole; which pictures of a batch it finds alike; its class
scores. Beside that it learns to tell an edited copy of a picture from all other pictures.

The training checkpoints itself in DIR and goes on from there when it is started again with the
same settings, pictures and teacher. Its length may be another: the part of the schedule that is
left then takes that part of the new length. A training at its end has nothing left; `--rewind`
takes it back to a point from which it goes on. recipe.json tells of all that.

All that is drawn by chance follows from the seed and the step, so a stopped and resumed training
equals an unbroken one (as long as its length is given in samples).
"""

import argparse
import json
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from visavis.embedders.spec import ModelSpec
from visavis.errors import UsageError, VisavisError
from visavis.training.builtin_data import Data, entries_of, open_data
from visavis.training.builtin_model import NAME, write_model
from visavis.training.builtin_settings import Settings, scaled
from visavis.training.compose import composition
from visavis.training.distill import train_step
from visavis.training.held_out import HeldOut
from visavis.training.pool import Pool
from visavis.training.state import State, load, new_state, save
from visavis.training.teacher import Floats, Projection, Teacher

log = logging.getLogger("visavis.training")

STOPPED = 130
"""Exit code of a training that was asked to stop; its checkpoint is written."""


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

    Raises:
        UsageError: the checkpoint is of another training, is at its end and asked for another
            length, or is missing where it should be exported.
        SourceError: the folders cannot be trained on, or the checkpoint cannot be read.
        ImageError: a picture is missing or broken.
        ModelError: the folder's model cannot be a teacher.
    """
    torch.set_num_threads(settings.threads)
    checkpoint = out / "checkpoint.pt"
    lasts = bool(settings.samples or settings.minutes)
    if not lasts and not checkpoint.is_file():
        raise UsageError(f"{checkpoint} does not exist; train with --minutes or --samples first")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder with --out")
    entries = entries_of(data)
    teacher = Teacher(teacher_folder, settings.threads, settings.device, strides(settings))
    known = open_data(entries, out / "cache", settings.picture_side)
    log.info("%d pictures, %d held out", len(known.kept), len(known.held_out))
    if checkpoint.is_file():
        state = load(checkpoint, settings, known.sha256, teacher.sha256)
    else:
        state = new_state(settings, *fit_projections(known, teacher, settings))
    if lasts:
        check_length(state, settings, rewind, out)
        state.begin(settings, known.sha256, teacher.sha256, rewind=rewind)
    held_out = HeldOut(
        known.pictures, known.held_out, teacher, state.projection, settings.final_side
    )
    if lasts and state.position < 1:
        log.info("starting at step %d, position %.3f", state.step, state.position)
        loop(state, new_pool(state, known, teacher, settings), held_out, settings, out, stop)
        if state.position < 1:
            return None
    return write_model(state, known, held_out, teacher_folder, out / "model", settings)


def check_length(state: State, settings: Settings, rewind: float, out: Path) -> None:
    """Raise UsageError when a training at its end is asked for another length, which does nothing.

    Asked for the same again, it only writes its model, and says so.
    """
    if min(state.position, rewind) < 1:
        return
    last = state.runs[-1]
    if (settings.samples, settings.minutes) != (last.samples, last.minutes):
        raise UsageError(
            f"{out}: that training is at its end, and another length does not take it further; "
            "take it back with --rewind 0.5 to go on, or only write its model with --export"
        )
    log.info("the training is at its end; its model is written again (--rewind 0.5 takes it back)")


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


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set, instead of what they do otherwise."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def chosen_settings(options: argparse.Namespace) -> Settings:
    """The settings that the command line asks for; UsageError for values that make no sense."""
    plain = Settings()
    blocks = plain.capacity // plain.fresh
    largest = plain.capacity // plain.originals
    if options.minutes is not None and not 0 < options.minutes < math.inf:
        raise UsageError(f"--minutes must be more than zero, not {options.minutes:g}")
    if options.samples is not None and options.samples < 1:
        raise UsageError(f"--samples must be at least 1, not {options.samples}")
    if not 0 <= options.rewind <= 1:
        raise UsageError(f"--rewind must lie in 0…1, not {options.rewind:g}")
    if options.export and options.rewind < 1:
        raise UsageError("--rewind has no effect on --export; leave one of them out")
    if options.threads < 1:
        raise UsageError(f"--threads must be at least 1, not {options.threads}")
    if not 1 <= options.scale <= largest or blocks % options.scale:
        raise UsageError(
            f"--scale must divide {blocks} and be at most {largest} (1, 2, 4, 8 …), "
            f"not {options.scale}"
        )
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no GPU here; leave out --device")
    return replace(
        scaled(plain, options.scale),
        minutes=options.minutes or 0.0,
        samples=options.samples or 0,
        device=options.device,
        threads=options.threads,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the recipe; returns its exit code.

    0: the model is written. 130: asked to stop, the checkpoint is written. An error is one
    sentence and the code of `visavis.errors`: 2, or 5 for a teacher that cannot be used.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("visavis").setLevel(logging.INFO)  # libraries tell too much
    try:
        settings = chosen_settings(options)
        with stopping() as stop:
            spec = train(
                options.data,
                options.teacher,
                options.out,
                settings,
                rewind=options.rewind,
                stop=stop,
            )
    except VisavisError as error:
        return _tell_error(str(error), error.exit_code)
    except OSError as error:
        reason = f"{error.filename or 'the system'}: {error.strerror or error}"
        return _tell_error(reason, UsageError.exit_code)
    if spec is None:
        log.info("stopped; the same command goes on from %s", options.out / "checkpoint.pt")
        return STOPPED
    return 0


def _tell_error(sentence: str, code: int) -> int:
    sys.stderr.write(f"error: {sentence}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=f"Train the built-in model, {NAME}, or go on with a training in --out.",
        epilog="Exit codes: 0 the model is written; 130 asked to stop, the checkpoint is written; "
        "2 usage, pictures or checkpoint; 5 the teacher.",
    )
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="picture folders")
    parser.add_argument("--teacher", type=Path, required=True, help="model folder to learn from")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and result")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="length, in minutes of work")
    length.add_argument("--samples", type=int, help="length, in pictures shown")
    length.add_argument("--export", action="store_true", help="only write the model as it is")
    parser.add_argument(
        "--rewind",
        type=float,
        default=1.0,
        help="go back to this position of the schedule (0…1) and on from there; a training at its "
        "end goes on in no other way",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    parser.add_argument(
        "--scale", type=int, default=1, help="steps so many times as large (4 on a GPU)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
