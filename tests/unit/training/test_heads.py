import numpy as np
import pytest
import torch
from torch import Tensor

from visavis.training.heads import Head, principal_components
from visavis.training.samples import Numbers


def rows(count: int, dim: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    spread = torch.arange(1, dim + 1) / dim
    return torch.randn(count, dim, generator=generator) * spread + 2


def apart(known: Tensor) -> Numbers:
    """A label for each, so that there is nothing to forget."""
    return np.arange(len(known))


def test_a_head_starts_with_the_principal_components_of_what_it_is_shown() -> None:
    known = rows(200, 12)
    head = Head(12, (32, 8)).eval()
    head.start(known, apart(known))
    found = head(known).detach().double().numpy()[:, :4]
    centred = (known - known.mean(dim=0)).double().numpy()
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    wanted = centred @ directions[:4].T
    scale = np.linalg.norm(wanted) / np.linalg.norm(found)
    assert np.allclose(np.abs(found) * scale, np.abs(wanted), atol=1e-4)
    lengths = head(known).detach().norm(dim=1)
    assert float(lengths.mean()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("count", [5, 40, 64, 500])
def test_a_head_keeps_the_angles_of_pictures_that_it_was_not_shown(count: int) -> None:
    known, others = rows(count, 128), rows(50, 128)
    head = Head(128, (64,)).eval()
    head.start(known, apart(known))
    mean = known.mean(dim=0)
    seen = torch.nn.functional.normalize(head(others).detach())
    wanted = torch.nn.functional.normalize(others - mean)
    error = (seen @ seen.T - wanted @ wanted.T).square().mean().sqrt()
    assert error < 0.15  # the 64 components alone are off by 0.25 with 40 or 64 pictures


def test_a_wider_result_than_the_base_keeps_all_angles() -> None:
    known = rows(100, 6)
    found = principal_components((known - known.mean(dim=0)).double(), 10, 0)
    assert found.shape == (6, 10)
    assert torch.allclose(found @ found.T, torch.eye(6, dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize("straight", [True, False])
@pytest.mark.parametrize("layers", [(8,), (16, 8), (16, 16, 8)])
def test_every_weight_gets_a_gradient(layers: tuple[int, ...], straight: bool) -> None:
    torch.manual_seed(0)
    head = Head(12, layers, straight=straight)
    head.start(rows(40, 12), np.arange(40) % 8)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(4):  # the dense layers' last weights begin at zero: gradients come through later
        optimizer.zero_grad()
        (head(rows(10, 12)) * torch.linspace(-1, 1, 8)).square().sum().backward()
        optimizer.step()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_last_width_of_nothing_is_that_of_the_base() -> None:
    known = rows(60, 12)
    head = Head(12, (32, 0)).eval()
    head.start(known, apart(known))
    assert head.dim == 12
    seen = torch.nn.functional.normalize(head(known).detach())
    wanted = torch.nn.functional.normalize(known - known.mean(dim=0))
    assert torch.allclose(seen @ seen.T, wanted @ wanted.T, atol=1e-5)
    assert Head(5000, (8, 0)).dim == 2048
