"""What every export of a network goes through."""

import numpy as np
import torch

from visavis.training.graphs.tracing import merged, session, traced
from visavis.training.networks.own_base import OwnBase, fresh_base
from visavis.training.settings import NetworkShape


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1


def network() -> OwnBase:
    """A network with statistics of its own, so that merging them is no accident."""
    base = fresh_base(NetworkShape(8, (8, 12, 16, 24), (1, 1, 1, 1), dim=10), 32, 1).learns.train()
    for module in base.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    with torch.no_grad():
        for _ in range(20):
            base(images(8))
    return base.eval()


def test_merging_the_normalisation_changes_no_answer() -> None:
    model = network()
    alone = merged(model)
    with torch.inference_mode():
        assert torch.allclose(model(images(4)), alone(images(4)), atol=1e-5)
    assert any(isinstance(part, torch.nn.BatchNorm2d) for part in model.modules())
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in alone.modules())


def test_the_graph_says_what_torch_says_for_any_batch() -> None:
    model = merged(network())
    runner = session(traced(model, (images(1),), ["input"], ["embedding"], 17))
    for count in (1, 5):
        with torch.inference_mode():
            ours = model(images(count)).numpy()
        assert np.allclose(runner.run(None, {"input": images(count).numpy()})[0], ours, atol=1e-5)
