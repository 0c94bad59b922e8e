from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from visavis.training.builtin_settings import Settings, scaled
from visavis.training.distill import batch_losses, make_batch, rate_at, train_step
from visavis.training.pool import Examples
from visavis.training.state import State, new_state
from visavis.training.teacher import Projection


def examples(settings: Settings, count: int) -> Examples:
    """Coloured noise, and what a teacher could say of it."""
    rng = np.random.default_rng(1)
    shape, cells = settings.shape, settings.side // 32
    pixels = rng.integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    scores = rng.random((count, shape.classes)).astype(np.float32)
    return Examples(
        pixels.repeat(settings.side // 4, axis=1).repeat(settings.side // 4, axis=2),
        rng.normal(size=(count, shape.learned)).astype(np.float32),
        rng.normal(size=(count, shape.learned, cells, cells)).astype(np.float32),
        scores / scores.sum(axis=1, keepdims=True),
        [
            rng.normal(
                size=(count, numbers, settings.side // stride, settings.side // stride)
            ).astype(np.float32)
            for stride, numbers in shape.hints
        ],
    )


def started(settings: Settings) -> State:
    dim = settings.shape.learned
    plain = Projection(np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32))
    return new_state(settings, plain, [])


def test_every_weight_gets_a_gradient(settings: Settings) -> None:
    state = started(settings)
    state.student.train()
    batch = make_batch(examples(settings, 8), settings, 0, settings.side)
    for parameter in state.student.parameters():  # blocks start at zero, which hides their inside
        torch.nn.init.normal_(parameter, 0, 0.1, generator=torch.Generator().manual_seed(1))
    batch_losses(state.student, batch, settings)["total"].backward()  # type: ignore[no-untyped-call]
    silent = [
        name
        for name, parameter in state.student.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert silent == []


def test_every_loss_compares_its_own_part_and_the_total_is_their_weighted_sum(
    settings: Settings,
) -> None:
    state = started(settings)
    batch = make_batch(examples(settings, 8), settings, 0, settings.side)
    with torch.inference_mode():
        losses = batch_losses(state.student, batch, settings)
        seen = state.student(batch.images)
    hints = functional.cosine_similarity(seen.hints[0][:8], batch.hints[0], dim=1)
    assert losses["hints"].item() == pytest.approx(1 - hints.mean().item(), abs=1e-5)
    copies = functional.cosine_similarity(seen.learned[8:], batch.vectors[:4])
    assert losses["edited"].item() == pytest.approx(1 - copies.mean().item(), abs=1e-5)
    weights = {
        "vector": 1.0,
        "map": settings.map_weight,
        "hints": settings.hint_weight,
        "relation": settings.relation_weight,
        "scores": settings.scores_weight,
        "edited": settings.edited_weight,
        "copy": settings.copy_weight,
    }
    total = sum(weight * losses[name].item() for name, weight in weights.items())
    assert losses["total"].item() == pytest.approx(total, rel=1e-5)
    assert all(losses[name].item() > 0.01 for name in weights)


def test_ten_pictures_are_learned_by_heart(settings: Settings) -> None:
    settings = replace(settings, sides=((1.0, 32),), originals=10, rate=1e-2)
    state = started(settings)
    known = examples(settings, 10)
    losses = [train_step(state, known, settings) for _ in range(120)]
    assert losses[0]["vector"] > 0.8
    assert losses[0]["hints"] > 0.8
    assert np.mean([loss["hints"] for loss in losses[-10:]]) < 0.8 * losses[0]["hints"]
    assert np.mean([loss["vector"] for loss in losses[-10:]]) < 0.3
    assert np.mean([loss["copy"] for loss in losses[-10:]]) < 0.8 * losses[0]["copy"]


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(settings: Settings) -> None:
    known = examples(settings, 8)

    def run(seed: int) -> list[float]:
        chosen = replace(settings, seed=seed)
        state = started(chosen)
        return [train_step(state, known, chosen)["total"] for _ in range(3)]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_small_pictures_are_compared_with_a_coarser_map(settings: Settings) -> None:
    batch = make_batch(examples(settings, 8), settings, 0, 32)
    assert batch.images.shape == (12, 3, 32, 32)
    assert batch.maps.shape == (8, settings.shape.learned, 1, 1)


def test_the_average_follows_the_network(settings: Settings) -> None:
    state = started(settings)
    known = examples(settings, 8)
    before = [p.clone() for p in state.averaged.parameters()]
    train_step(state, known, settings)
    pairs = zip(before, state.averaged.parameters(), state.student.parameters(), strict=True)
    moved = 0
    for old, averaged, student in pairs:
        between = (averaged - old) * (student - averaged)
        assert (between >= -1e-9).all()
        moved += int((averaged != old).sum())
    assert moved > 0


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    settings = replace(Settings(), rate=1.0, warmup=10, hold=0.5)
    assert rate_at(0.0, 0, settings) == 0.1
    assert rate_at(0.1, 9, settings) == 1.0
    assert rate_at(0.5, 500, settings) == 1.0
    assert rate_at(0.75, 750, settings) == 0.5
    assert rate_at(1.0, 1000, settings) == 0.0


def test_larger_steps_keep_the_span_of_the_average() -> None:
    plain = Settings()
    large = scaled(plain, 4)
    assert large.originals == 4 * plain.originals
    assert large.rate == 2 * plain.rate
    assert abs(large.average - plain.average**4) < 1e-9
    assert large.capacity % large.fresh == 0


def test_pictures_grow_with_the_schedule() -> None:
    settings = replace(Settings(), sides=((0.5, 96), (0.8, 128), (1.0, 160)))
    sides = [settings.side_at(position) for position in (0, 0.49, 0.5, 0.79, 0.8, 1.0)]
    assert sides == [96, 96, 128, 128, 160, 160]
    assert settings.side == 160
