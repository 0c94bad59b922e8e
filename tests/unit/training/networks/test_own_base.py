"""A network of weights from chance as a base."""

import pytest
import torch

from visavis.errors import UsageError
from visavis.training.networks.own_base import fresh_base
from visavis.training.settings import NetworkShape

SHAPE = NetworkShape(8, (8, 12, 16, 24), (1, 1, 1, 1), dim=10)


def images(count: int, side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(count, 3, side, side, generator=generator) * 2 - 1


def test_it_gives_unit_vectors_of_pictures_of_any_side_in_steps_of_32() -> None:
    base = fresh_base(SHAPE, 32, 1).learns.eval()
    for side in (32, 96):
        found = base(images(3, side))
        assert found.shape == (3, 10)
        assert torch.allclose(found.norm(dim=1), torch.ones(3), atol=1e-5)


def test_its_maps_are_a_thirty_second_of_the_side() -> None:
    assert fresh_base(SHAPE, 32, 1).learns.body(images(2, 96)).shape == (2, 24, 3, 3)


def test_all_of_it_can_be_trained() -> None:
    base = fresh_base(SHAPE, 32, 1).learns
    for module in base.modules():  # blocks begin as their shortcuts, which would hide the rest
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.5)
    base(images(4)).mul(torch.linspace(0, 1, 10)).sum().backward()
    for name, parameter in base.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_seed_makes_its_weights_and_moves_no_other_chance() -> None:
    torch.manual_seed(5)
    one, two, other = (fresh_base(SHAPE, 32, seed).learns for seed in (1, 1, 2))
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert drawn == torch.rand(1)
    same = [torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(one.embedding.weight, other.embedding.weight)


def test_sides_that_the_network_cannot_halve_are_refused() -> None:
    assert fresh_base(SHAPE, 64, 1).preprocess.size == 64
    with pytest.raises(UsageError, match="--size must be a multiple of 32, at most 1,024, not 50"):
        fresh_base(SHAPE, 50, 1)
