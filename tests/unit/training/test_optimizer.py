"""Muon against an exact decomposition, on the weights that the student itself uses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from visavis.training.builtin_settings import Settings
from visavis.training.networks import Student
from visavis.training.optimizer import Optimizer

RATE = 0.01


def student(settings: Settings) -> Student:
    torch.manual_seed(2)
    made = Student(settings.shape)
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def draw_gradients(network: Student) -> None:
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def filters(network: Student) -> list[torch.Tensor]:
    """The convolutions that Muon moves: all but the first, which sees three colours."""
    found = [m for m in network.body.modules() if isinstance(m, torch.nn.Conv2d)]
    return [m.weight for m in found[1:]]


def test_a_step_moves_each_filter_bank_along_its_orthogonal_gradient(settings: Settings) -> None:
    network = student(settings)
    optimizer = Optimizer(network, replace(settings, decay=0.0))
    draw_gradients(network)
    before = [weight.detach().clone() for weight in filters(network)]
    optimizer.step(RATE)
    assert len(before) > 5
    for old, weight in zip(before, filters(network), strict=True):
        assert weight.grad is not None
        gradient = weight.grad.flatten(1).double().numpy()
        moved = (weight.detach() - old).flatten(1).double().numpy()
        # The size of an AdamW step: an orthogonal matrix times 0.2 times the root of its long side.
        steps = -moved / (RATE * 0.2 * np.sqrt(max(gradient.shape)))
        left, _, right = np.linalg.svd(gradient, full_matrices=False)
        seen = left.T @ steps @ right.T
        # Newton and Schulz's five rounds, in bfloat16, bring singular values near one, not to it.
        assert np.abs(np.diag(seen) - 1).max() < 0.45
        assert np.abs(seen - np.diag(np.diag(seen))).max() < 0.1
        assert np.linalg.svd(steps, compute_uv=False)[-1] > 0.5


def test_everything_else_takes_a_step_of_adam(settings: Settings) -> None:
    network = student(settings)
    optimizer = Optimizer(network, replace(settings, decay=0.0))
    draw_gradients(network)
    by_muon = {id(weight) for weight in filters(network)}
    others = [p for p in network.parameters() if id(p) not in by_muon]
    before = [p.detach().clone() for p in others]
    optimizer.step(RATE)
    for old, parameter in zip(before, others, strict=True):
        assert parameter.grad is not None
        # Adam's first step is the rate, against the sign of the gradient.
        expected = old - RATE * parameter.grad.sign()
        assert torch.allclose(parameter.detach(), expected, atol=1e-4)


def test_decay_shrinks_matrices_and_leaves_single_numbers(settings: Settings) -> None:
    network = student(settings)
    optimizer = Optimizer(network, replace(settings, decay=0.5))
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = [p.detach().clone() for p in network.parameters()]
    optimizer.step(RATE)
    for old, parameter in zip(before, network.parameters(), strict=True):
        left = 1 - RATE * 0.5 if parameter.ndim > 1 else 1
        assert torch.allclose(parameter.detach(), old * left, atol=1e-6)


def test_a_step_after_a_restart_equals_one_without(settings: Settings) -> None:
    def stepped(*, restart: bool) -> list[torch.Tensor]:
        network = student(settings)
        optimizer = Optimizer(network, settings)
        draw_gradients(network)
        optimizer.step(RATE)
        if restart:
            kept = optimizer.state_dict()
            optimizer = Optimizer(network, settings)
            optimizer.load_state_dict(kept)
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step(RATE / 2)
        return [p.detach().clone() for p in network.parameters()]

    pairs = zip(stepped(restart=False), stepped(restart=True), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_no_gradient_is_left_behind(settings: Settings) -> None:
    network = student(settings)
    optimizer = Optimizer(network, settings)
    draw_gradients(network)
    optimizer.zero_grad()
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())


def test_a_student_whose_filters_muon_would_not_reach_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="channels_last"):
        Optimizer(Student(settings.shape), settings)
