"""The network in training: what it is asked for, and how its weights move."""

from dataclasses import dataclass

import torch
from recipes.visavis_s.network import FIRST, Network
from recipes.visavis_s.targets import Targets
from recipes.visavis_s.vector import rooted
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that shapes the result."""

    batch: int = 32
    clean: int = 8  # pictures of a batch that are shown as they are
    side: int = 192  # pixels; the pictures have no more
    last_side: int = 224  # while the rate falls
    frozen: int = 2  # the last block that keeps its weights
    dim: int = 384  # numbers of the target
    rate: float = 1e-3  # a step's change, as a share of the size of a layer's weights
    warmup: int = 100
    fall: float = 0.5  # the last part of the steps, over which the rate falls to zero
    temperature: float = 0.07
    among: float = 0.3  # weight of finding the picture among those of its batch
    scores: float = 0.1  # weight of the class scores
    seed: int = 20
    threads: int = 1

    def falling(self, step: int, steps: int) -> bool:
        """Whether the rate falls at this step of so many."""
        return step >= steps * (1 - self.fall)

    def rate_at(self, step: int, steps: int) -> float:
        """The rate's share of its highest: a short rise, a plateau, a fall in a line to zero."""
        rest = (steps - step) / (self.fall * steps)
        return max(0.0, min(1.0, (step + 1) / self.warmup, rest))


class Learner(nn.Module):
    """The network and the linear map from its features to the target."""

    def __init__(self, network: Network, settings: Settings) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(1280, settings.dim)
        self._settings = settings
        for (name, *_), weight, bias in zip(
            network.plan, network.weights, network.biases, strict=True
        ):
            for part in (weight, bias):
                part.requires_grad_(_block(name) > settings.frozen)

    @torch.no_grad()
    def begin(self, features: Tensor, vectors: Tensor) -> None:
        """Set the linear map to the ridge regression from features (n, 1280) to vectors."""
        x = rooted(features).double()
        middle = x.mean(dim=0)
        x = x - middle
        inner = x.T @ x + len(x) / 1e3 * torch.eye(x.shape[1], dtype=torch.float64)
        solved = torch.linalg.solve(inner, x.T @ vectors.double())
        self.head.weight.copy_(solved.T)
        self.head.bias.copy_(vectors.double().mean(dim=0) - middle @ solved)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors (n, dim) and class scores before softmax (n, 1000)."""
        features, scores = self.network(images)
        return functional.normalize(self.head(rooted(features)), dim=1), scores

    def losses(self, images: Tensor, which: Tensor, known: Targets) -> dict[str, Tensor]:
        """The parts of the loss for images of the pictures `which`.

        cosine: how far the vectors are from their pictures' targets. among: finding the picture
        among those of the batch. scores: how far the class scores are from the teachers'.
        """
        vectors, scores = self(images)
        wanted, temperature = known.vectors[which], self._settings.temperature
        own = torch.arange(len(which))
        return {
            "cosine": (1 - (vectors * wanted).sum(dim=1)).mean(),
            "among": functional.cross_entropy(vectors @ wanted.T / temperature, own),
            "scores": functional.kl_div(
                scores.log_softmax(dim=1), known.scores[which], reduction="batchmean"
            ),
        }

    def optimizer(self) -> torch.optim.Optimizer:
        """AdamW whose rate for each tensor is a share of the tensor's own size.

        Folding batch normalisation into the weights leaves layers of very different size.
        """
        groups = []
        for parameter in self.parameters():
            if parameter.requires_grad:
                size = float(parameter.detach().square().mean().sqrt().clamp(min=1e-3))
                groups.append(
                    {"params": [parameter], "lr": self._settings.rate * size, "size": size}
                )
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)


def _block(name: str) -> int:
    """The block that a convolution belongs to; those before and after all blocks count so."""
    return -1 if name == FIRST else int(name.split(".")[1]) if "." in name else 99
