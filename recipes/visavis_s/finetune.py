"""Fine-tuning: the network learns to see an edited picture as two see the clean one.

    python -m recipes.visavis_s.finetune --weights FOLDER --data DIR DIR --out DIR --steps 3000

Teachers are Lite0 itself and Lite2, frozen, joined; their vectors of the clean pictures are made
once. In each step a batch of pictures, three quarters of them edited, is asked for that vector (by
cosine, and among those of the batch), and for the
teachers' class scores, so that the 1,000 class scores stay what they are. The first blocks are
frozen: they cost most and have least to learn. While the rate falls, weights are rounded to the 7
bits that they will have (network.py).

The training keeps a checkpoint and goes on from there; what is drawn follows from the seed and the
step. The rate stays and falls to zero over the last part of `--steps`, which may be given anew as
long as the fall has not begun.
"""

import argparse
import json
import logging
import pickle
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import ImageOps
from PIL.Image import Image as Picture
from recipes.visavis_s.edits import edited
from recipes.visavis_s.equalise import equalised, largest
from recipes.visavis_s.learner import Learner, Settings
from recipes.visavis_s.network import LITE0, LITE2, Network
from recipes.visavis_s.pictures import batches, open_picture, rows, squashed
from recipes.visavis_s.targets import Targets, kept, outputs
from torch import Tensor, nn

from visavis.errors import UsageError, VisavisError

log = logging.getLogger("recipes.visavis_s")

STOPPED = 130
"""Exit code of a training that was asked to stop; its checkpoint is written."""

_SAVED = 120.0  # seconds between checkpoints
_TOLD = 25  # steps between lines of the log


class Training:
    """Pictures, their targets, and a learner on its way; `run` takes it to its end.

    Args:
        learner: The network in training.
        pictures: What is shown.
        known: Their targets.
        settings: How.
        steps: How many steps in all.
        out: Folder of the checkpoint and the curve.
    """

    def __init__(
        self,
        learner: Learner,
        pictures: Sequence[Picture],
        known: Targets,
        settings: Settings,
        steps: int,
        out: Path,
    ) -> None:
        self.learner, self.pictures, self.known = learner, pictures, known
        self.settings, self.steps, self.out = settings, steps, out
        self.step = 0
        self.optimizer = learner.optimizer()
        self.means: dict[str, float] = {}

    @property
    def checkpoint(self) -> Path:
        """The file that the training goes on from."""
        return self.out / "checkpoint.pt"

    def resume(self) -> bool:
        """Go on from the checkpoint; False when there is none.

        Raises UsageError when it is of another training, or its rate has begun to fall towards
        another end.
        """
        if not self.checkpoint.is_file():
            return False
        state = torch.load(self.checkpoint, weights_only=True)
        same = state["settings"] == asdict(self.settings)
        if not same or state["pictures"] != len(self.pictures):
            raise UsageError(f"{self.checkpoint} is of another training; name another --out")
        falling = self.settings.falling(state["step"], min(state["steps"], self.steps))
        if state["steps"] != self.steps and falling:
            raise UsageError(
                f"{self.checkpoint} is at step {state['step']} of {state['steps']}, where the rate "
                "falls; give the same --steps"
            )
        self.learner.load_state_dict(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint, at once or not at all."""
        state: dict[str, Any] = {
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "steps": self.steps,
            "settings": asdict(self.settings),
            "pictures": len(self.pictures),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def run(self, stop: threading.Event) -> bool:
        """Train to the end, or until `stop` is set; whether it is at its end."""
        begun = saved = time.monotonic()
        first = self.step
        with ThreadPoolExecutor(1) as maker:
            coming = maker.submit(self.shown, self.step)
            while self.step < self.steps and not stop.is_set():
                images, which = coming.result()
                coming = maker.submit(self.shown, self.step + 1)
                self.move(images, which)
                if self.step % _TOLD == 0:
                    seconds = time.monotonic() - begun
                    self._tell((self.step - first) * self.settings.batch / seconds)
                if time.monotonic() - saved > _SAVED:
                    self.save()
                    saved = time.monotonic()
        self.save()
        return self.step >= self.steps

    def shown(self, step: int) -> tuple[Tensor, Tensor]:
        """The images of a step, and which pictures they show."""
        settings = self.settings
        chance = random.Random(f"{settings.seed} {step}")
        which = chance.sample(range(len(self.pictures)), settings.batch)
        views = []
        for place, number in enumerate(which):
            picture = self.pictures[number]
            if place >= settings.clean:
                views.append(edited(picture, chance))
            else:
                views.append(ImageOps.mirror(picture) if chance.random() < 0.5 else picture)
        falling = settings.falling(step, self.steps)
        images = squashed(views, settings.last_side if falling else settings.side)
        return images.contiguous(memory_format=torch.channels_last), torch.tensor(which)

    def move(self, images: Tensor, which: Tensor) -> None:
        """One step."""
        settings = self.settings
        self.learner.network.whole = settings.falling(self.step, self.steps)
        for group in self.optimizer.param_groups:
            share = settings.rate_at(self.step, self.steps)
            group["lr"] = settings.rate * group["size"] * share
        parts = self.learner.losses(images, which, self.known)
        total = parts["cosine"] + settings.among * parts["among"]
        total = total + settings.scores * parts["scores"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.learner.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        for name, part in parts.items():
            value = float(part.detach())
            self.means[name] = 0.98 * self.means.get(name, value) + 0.02 * value

    def _tell(self, rate: float) -> None:
        line = {"step": self.step} | {name: round(mean, 4) for name, mean in self.means.items()}
        log.info("%s of %d, %.1f pictures/s", line, self.steps, rate)
        with (self.out / "curve.jsonl").open("a", encoding="utf-8") as curve:
            curve.write(json.dumps(line) + "\n")


def tuned_state(checkpoint: Path) -> tuple[dict[str, Tensor], int]:
    """The network's weights in a checkpoint, and the steps so far.

    Raises UsageError when it is no checkpoint of this training, or one that is not at its end.
    """
    try:
        found = torch.load(checkpoint, weights_only=True)
        state, step, steps = found["learner"], found["step"], found["steps"]
    except (OSError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise UsageError(f"{checkpoint} is no checkpoint of the fine-tuning ({error})") from error
    if step < steps:
        raise UsageError(f"{checkpoint} is at step {step} of {steps}; train on to its end")
    own = "network."
    return {k.removeprefix(own): v for k, v in state.items() if k.startswith(own)}, step


def prepared(
    weights: Path, data: Sequence[Path], out: Path, steps: int, settings: Settings
) -> Training:
    """The training of these pictures, where it is. Raises VisavisError."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    pictures = [open_picture(row) for row in rows(data) if not row.held_out]
    log.info("%d pictures", len(pictures))
    network = _equalised(Network.read(weights, LITE0), pictures)
    teachers = [(network, LITE0.side), (Network.read(weights, LITE2), LITE2.side)]
    out.mkdir(parents=True, exist_ok=True)
    known = kept(out / "targets.pt", teachers, pictures, settings.dim)
    learner = Learner(network, settings)
    learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    training = Training(learner, pictures, known, settings, steps, out)
    if not training.resume():
        some = slice(None, None, max(1, len(pictures) // 4000))
        learner.begin(outputs(network, pictures[some], LITE0.side)[0], known.vectors[some])
    return training


def _equalised(network: Network, pictures: Sequence[Picture]) -> Network:
    some = batches(pictures[:: max(1, len(pictures) // 128)], LITE0.side, 16)
    chained = network.chained()
    return network.with_chain(equalised(chained, largest(chained, some)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the training is at its end, 130 when it was stopped before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--weights", type=Path, required=True, help="folder of the packages' files")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="picture folders")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, required=True, help="length of the whole training")
    given = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        training = prepared(given.weights, given.data, given.out, given.steps, Settings())
    except VisavisError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0 if training.run(stop) else STOPPED


if __name__ == "__main__":
    sys.exit(main())
