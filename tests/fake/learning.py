"""What every learner has to show: that all of it learns, and that it can learn by heart."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def check_gradients(module: nn.Module, loss: Tensor) -> int:
    """Every parameter that is trained gets a gradient from a loss; how many there are."""
    loss.backward()  # type: ignore[no-untyped-call]
    trained = [pair for pair in module.named_parameters() if pair[1].requires_grad]
    for name, parameter in trained:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    return len(trained)


def by_heart(
    module: nn.Module, loss: Callable[[], Tensor], steps: int, rate: float
) -> tuple[float, float]:
    """The loss of the first and of the last of so many steps on the same pictures."""
    optimizer = torch.optim.AdamW(module.parameters(), rate)
    first = value = loss()
    for _ in range(steps):
        value = loss()
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return first.item(), value.item()
