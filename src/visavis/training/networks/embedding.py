"""What a triplet training trains: a base (its own, or rows that are there), a branch, a head."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.training.networks.distances import shares
from visavis.training.networks.frozen_base import Pooled
from visavis.training.networks.heads import Head
from visavis.training.networks.pixel_branch import FromInput, PixelBranch
from visavis.training.settings import Metric


class EmbeddingNetwork(nn.Module):
    """Base embeddings and pictures to embeddings.

    Args:
        base: A network that is trained too, pictures (n, 3, side, side) in -1…1 to unit rows;
            None: rows come from a frozen base.
        branch: A look at the pictures beside the base; None: there is none.
        head: On top of both.
        metric: What the embeddings will be compared by in the loss.
    """

    def __init__(
        self, base: nn.Module | None, branch: PixelBranch | None, head: Head, metric: Metric
    ) -> None:
        super().__init__()
        self.base, self.branch, self.head, self.metric = base, branch, head, metric

    def joined(self, rows: Tensor | None, pictures: Tensor | None) -> Tensor:
        """What the head takes: the base's rows, and the branch's beside them."""
        if self.base is not None:
            rows = self.base(pictures)
        assert rows is not None
        return rows if self.branch is None else torch.cat([rows, self.branch(pictures)], dim=1)

    def forward(self, rows: Tensor | None, pictures: Tensor | None) -> Tensor:
        """Embeddings (n, dim) for the loss: of any length, but for χ², where they are shares."""
        raw: Tensor = self.head(self.joined(rows, pictures))
        return shares(raw) if self.metric == "chi2" else raw

    def vectors(self, rows: Tensor | None, pictures: Tensor | None) -> Tensor:
        """What is searched: unit vectors. Of shares these are the square roots, whose dot product
        falls as χ² grows."""
        embeddings = self(rows, pictures)
        return embeddings.sqrt() if self.metric == "chi2" else functional.normalize(embeddings)


class OnTop(nn.Module):
    """The part of the exported graph that follows a frozen base's tensor."""

    def __init__(self, network: EmbeddingNetwork, pooled: Pooled, pixels: FromInput) -> None:
        super().__init__()
        self.network, self.pooled, self.pixels = network, pooled, pixels

    def forward(self, tensor: Tensor, picture: Tensor | None = None) -> Tensor:
        """The base's tensor, and its input where there is a branch, to unit vectors."""
        pictures = None if picture is None else self.pixels(picture)
        return self.network.vectors(self.pooled(tensor), pictures)


class PixelsToVectors(nn.Module):
    """A network with its own base, from pictures (n, 3, side, side) in -1…1 to unit vectors."""

    def __init__(self, network: EmbeddingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, dim)."""
        return self.network.vectors(None, pictures)
