import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from visavis.training.data.samples import Numbers
from visavis.training.networks.heads import Head, principal_components
from visavis.training.networks.whitening import chosen_shrinkage, whitening


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


def direct(known: Tensor, labels: Numbers, dim: int) -> Tensor:
    """(inputs, dim): where a head starts, with matrices of all numbers times all numbers."""
    centred = known.double() - known.double().mean(dim=0)
    matrix = whitening(centred, labels, chosen_shrinkage(centred, labels, 0))
    moved = centred @ matrix
    _, vectors = np.linalg.eigh((moved.T @ moved / len(moved)).numpy())
    found = torch.from_numpy(vectors[:, ::-1].copy())[:, : min(len(known) - 1, dim // 2)]
    found = found * torch.where(found.sum(dim=0) < 0, -1.0, 1.0)
    inputs, left = len(matrix), dim - found.shape[1]
    drawn = torch.randn(
        inputs, left, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    rest = torch.linalg.qr((torch.eye(inputs) - found @ found.T) @ drawn)[0]
    scale = ((inputs - found.shape[1]) / left) ** 0.5
    matrix = matrix @ torch.cat([found, rest * scale], dim=1)
    wanted: Tensor = matrix / (centred @ matrix).norm(dim=1).mean()
    return wanted


@pytest.mark.parametrize(("count", "inputs", "dim"), [(40, 100, 20), (24, 150, 80), (60, 30, 10)])
def test_a_head_of_a_wide_base_starts_where_the_direct_way_leads(
    count: int, inputs: int, dim: int
) -> None:
    known, labels = rows(count, inputs), np.arange(count) // 4
    head = Head(inputs, (dim,))
    head.start(known, labels)
    assert head.straight is not None
    assert torch.allclose(
        head.straight.weight.detach().T.double(), direct(known, labels, dim), atol=1e-6
    )


def test_a_wider_result_than_a_wide_base_keeps_all_angles() -> None:
    known = rows(20, 50)
    found = principal_components((known - known.mean(dim=0)).double(), 60, 0)
    assert found.shape == (50, 60)
    assert torch.allclose(found @ found.T, torch.eye(50, dtype=torch.float64), atol=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is told in other units, or not at all")
def test_the_flattened_output_of_a_large_network_makes_no_square_of_it() -> None:
    """25,088 numbers, as of VGG16: their square would take 5 GB."""
    code = (
        "import resource, numpy as np, torch\n"
        "from visavis.training.networks.heads import Head\n"
        "head, before = Head(25088, (64,)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "head.start(torch.randn(96, 25088), np.arange(96) // 4)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(ran.stdout) < 500_000  # kilobytes; a dozen matrices of 19 MB are alive at once
