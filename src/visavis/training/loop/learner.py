"""What a recipe hands to the loop: a network with its loss, and how to see how well it does."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor, nn

from visavis.errors import ModelError
from visavis.training.data.samples import Numbers
from visavis.training.settings import Rates

Batch = Mapping[str, Tensor]


class Learner(LightningModule):
    """A LightningModule that measures itself after each epoch.

    What is drawn by chance in a step (noise, dropout) follows from the seed and the step alone, so
    that a resumed training equals an unbroken one.
    """

    measure: str
    """The figure that decides which epoch is the best."""
    higher_is_better: bool
    knows: bool = False
    """Whether the weights are worth keeping before the first step; they count as epoch 0 then."""

    def __init__(self, rates: Rates, seed: int) -> None:
        super().__init__()
        self.rates, self.seed = rates, seed
        self.rows: list[dict[str, float]] = []
        """Of each epoch: `epoch`, `loss`, and the figures after it; epoch 0 has no loss."""
        # A plain number: in 64 bits, which not every device has.
        self._sum, self._count = 0.0, 0

    @property
    def latest(self) -> dict[str, float]:
        """The figures of the epoch before this one."""
        row = self.rows[-1] if self.rows else {}
        return {name: value for name, value in row.items() if name not in ("epoch", "loss")}

    def mean_loss(self) -> float:
        """Of the steps of this epoch so far."""
        return self._sum / max(1, self._count)

    @abstractmethod
    def batch(self, numbers: Numbers) -> dict[str, Tensor]:
        """What a step takes: the samples of these numbers."""

    @abstractmethod
    def losses(self, batch: Batch) -> Tensor:
        """The loss of a batch."""

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """Validation figures with the present weights; nothing where there is no validation."""

    def after_epoch(self, epoch: int, folder: Path) -> None:
        """Called after each epoch's figures, in the first process alone."""

    def exactly(self) -> torch.autocast:
        """A context for what has to be computed in 32 bits: small differences of large numbers."""
        return torch.autocast(self.device.type, enabled=False)

    def fresh(self) -> Iterator[nn.Parameter]:
        """Parameters of the loss, which are none of the model's and begin by chance."""
        yield from ()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Chance starts anew in each step."""
        torch.manual_seed((self.seed << 32) + self.global_step)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """What Lightning calls."""
        loss = self.losses(batch)
        self._sum += float(loss.detach())
        self._count += 1
        return loss

    @torch.no_grad()
    def measured(self) -> dict[str, float]:
        """`figures` as of a model that is used: without dropout, statistics or gradients."""
        self.eval()
        figures = self.figures()
        self.train()
        return figures

    def on_train_epoch_end(self) -> None:
        """Measure, and report to Lightning what may end the training."""
        if not math.isfinite(self.mean_loss()):
            raise ModelError(
                f"the loss is no number after epoch {self.current_epoch + 1}; train again with a "
                "lower --rate, or with --precision 32"
            )
        figures = self.measured()
        self.rows.append({"epoch": self.current_epoch + 1, "loss": self.mean_loss()} | figures)
        self._sum, self._count = 0.0, 0
        if self.measure in figures:
            self.log(self.measure, figures[self.measure])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The epochs so far, and the sums of the one under way, are part of the state."""
        checkpoint["epochs"] = [*self.rows]
        checkpoint["epoch_loss"] = [self._sum, self._count]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.rows = [*checkpoint["epochs"]]
        self._sum, self._count = checkpoint["epoch_loss"]

    def configure_optimizers(self) -> Any:
        """AdamW, and its schedule step by step."""
        rates = self.rates
        of = {id(parameter): rates.loss for parameter in self.fresh()}
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        groups = []
        for rate in dict.fromkeys((rates.rate, *of.values())):
            own = [p for p in trained if of.get(id(p), rates.rate) == rate]
            for decay, flat in ((rates.decay, False), (0.0, True)):
                part = [p for p in own if (p.ndim <= 1) == flat]
                groups.append({"params": part, "lr": rate, "weight_decay": decay})
        optimizer = torch.optim.AdamW([group for group in groups if group["params"]])
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        warmup = max(1, round(steps * self.rates.warmup))

        def factor_at(step: int) -> float:
            return min(1.0, (step + 1) / warmup) * (1 + math.cos(math.pi * step / steps)) / 2

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor_at)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
