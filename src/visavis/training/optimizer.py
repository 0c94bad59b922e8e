"""How the built-in model's weights follow their gradients: Muon for filters, AdamW for the rest."""

from typing import Any

import torch
from torch import Tensor, nn

from visavis.training.builtin_settings import Settings
from visavis.training.networks import Student


class Optimizer:
    """Muon (Jordan et al. 2024) for the inner convolutions, AdamW for everything else.

    Muon makes the update of a matrix orthogonal, so that rare directions of a filter bank learn as
    fast as common ones; a network sees the same quality after fewer pictures. A convolution counts
    as the matrix (out, in x height x width). Its steps are scaled to the size of AdamW's, so that
    one rate serves both.

    The student must be in channels_last: Muon then writes into the filters themselves, through
    matrices that share their memory. ValueError where they would not.
    """

    def __init__(self, student: Student, settings: Settings) -> None:
        convolutions = [m for m in student.body.modules() if isinstance(m, nn.Conv2d)]
        self._filters = [m.weight for m in convolutions if m.in_channels > 3]
        self._matrices = [nn.Parameter(_matrix(weight.detach())) for weight in self._filters]
        pairs = zip(self._filters, self._matrices, strict=True)
        if any(weight.data_ptr() != matrix.data_ptr() for weight, matrix in pairs):
            raise ValueError("a student that is not channels_last cannot follow Muon")
        own = {id(weight) for weight in self._filters}
        others = [p for p in student.parameters() if id(p) not in own]
        groups = [
            {"params": [p for p in others if p.ndim > 1], "weight_decay": settings.decay},
            {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._adamw = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.99))
        self._muon = torch.optim.Muon(
            self._matrices,
            lr=settings.rate,
            weight_decay=settings.decay,
            adjust_lr_fn="match_rms_adamw",
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._adamw.zero_grad()
        for weight in self._filters:
            weight.grad = None

    def step(self, rate: float) -> None:
        """Follow the gradients at this learning rate."""
        for group in (*self._adamw.param_groups, *self._muon.param_groups):
            group["lr"] = rate
        for weight, matrix in zip(self._filters, self._matrices, strict=True):
            matrix.grad = None if weight.grad is None else _matrix(weight.grad)
        self._adamw.step()
        self._muon.step()  # type: ignore[no-untyped-call]

    def state_dict(self) -> dict[str, Any]:
        """What has to be kept to go on."""
        return {"adamw": self._adamw.state_dict(), "muon": self._muon.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._adamw.load_state_dict(state["adamw"])
        self._muon.load_state_dict(state["muon"])


def _matrix(weight: Tensor) -> Tensor:
    """(out, in, height, width), stored channels last, as (out, height * width * in): no copy."""
    return weight.permute(0, 2, 3, 1).flatten(1)
