"""One step of the distillation: a batch with its edits, the losses, the optimiser."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from visavis.training.augment import edited, flipped, varied
from visavis.training.builtin_settings import Settings
from visavis.training.losses import copy_loss, direction_loss, hint_loss, relation_loss, scores_loss
from visavis.training.networks import Student
from visavis.training.pool import Examples
from visavis.training.state import State


@dataclass(frozen=True, slots=True)
class Batch:
    """Originals first, then edited copies of the first of them."""

    images: Tensor
    vectors: Tensor
    maps: Tensor
    hints: list[Tensor]
    scores: Tensor


def make_batch(examples: Examples, settings: Settings, step: int, side: int) -> Batch:
    """The pictures of one step with their edits, in -1…1, and what the teacher says of them."""
    generator = Generator().manual_seed(settings.seed * 1_000_003 + step)
    device = settings.device
    pixels = torch.from_numpy(examples.pixels).to(device).permute(0, 3, 1, 2).float() / 255
    mirror = torch.rand(len(pixels), generator=generator) < 0.5
    originals = varied(flipped(pixels, mirror), generator)
    copies = edited(pixels[: settings.copies], generator)
    images = torch.cat([originals, copies]) * 2 - 1
    maps = flipped(torch.from_numpy(examples.maps).to(device), mirror)
    hints = [flipped(torch.from_numpy(hint).to(device), mirror) for hint in examples.hints]
    if side != settings.side:
        images = functional.interpolate(images, size=side, mode="bilinear", antialias=True)
        maps = functional.adaptive_avg_pool2d(maps, side // 32)
        hints = [
            functional.adaptive_avg_pool2d(hint, hint.shape[-1] * side // settings.side)
            for hint in hints
        ]
    return Batch(
        images.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(examples.vectors).to(device),
        maps,
        hints,
        torch.from_numpy(examples.scores).to(device),
    )


def batch_losses(student: Student, batch: Batch, settings: Settings) -> dict[str, Tensor]:
    """Every loss of a batch by name; `total` is their weighted sum."""
    with torch.autocast(settings.device, torch.bfloat16, enabled=settings.bfloat16):
        seen = student(batch.images)
    count = len(batch.vectors)
    learned, copy, logits = seen.learned.float(), seen.copy.float(), seen.logits.float()
    parts = {
        "vector": direction_loss(learned[:count], batch.vectors),
        "map": direction_loss(seen.map[:count].float(), batch.maps),
        "hints": hint_loss([hint[:count].float() for hint in seen.hints], batch.hints),
        "relation": relation_loss(learned[:count], batch.vectors),
        "scores": scores_loss(logits[:count], batch.scores),
        "edited": direction_loss(learned[count:], batch.vectors[: settings.copies]),
        "copy": copy_loss(copy[:count], copy[count:], settings.sharpness),
    }
    parts["total"] = (
        parts["vector"]
        + settings.map_weight * parts["map"]
        + settings.hint_weight * parts["hints"]
        + settings.relation_weight * parts["relation"]
        + settings.scores_weight * parts["scores"]
        + settings.edited_weight * parts["edited"]
        + settings.copy_weight * parts["copy"]
    )
    return parts


def rate_at(position: float, step: int, settings: Settings) -> float:
    """The learning rate: a warm-up, a plateau, a straight fall to zero.

    A plateau rather than one long curve, so that a training can be taken back to it and go on.
    """
    fall = min(1.0, (1 - position) / (1 - settings.hold))
    return settings.rate * min(1.0, (step + 1) / settings.warmup) * max(fall, 0.0)


def train_step(state: State, examples: Examples, settings: Settings) -> dict[str, float]:
    """One step of the optimiser and of the averaged weights; the losses by name."""
    state.student.train()
    batch = make_batch(examples, settings, state.step, settings.side_at(state.position))
    parts = batch_losses(state.student, batch, settings)
    state.optimizer.zero_grad()
    parts["total"].backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.student.parameters(), settings.clip)
    state.optimizer.step(rate_at(state.position, state.step, settings))
    keep = min(settings.average, (state.step + 1) / (state.step + 10))
    with torch.no_grad():
        ours, theirs = state.averaged.state_dict(), state.student.state_dict()
        for name, value in ours.items():
            if value.is_floating_point():
                value.lerp_(theirs[name], 1 - keep)
    state.step += 1
    state.seen += len(examples.pixels)
    return {name: value.item() for name, value in parts.items()}
