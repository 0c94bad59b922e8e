"""The colour part of the built-in model's vector: a histogram, fitted to many pictures."""

import math

import torch
from torch import Tensor, nn

from visavis.training.networks.colour import ColourHistogram


class Colour(nn.Module):
    """A colour histogram in fewer numbers: rotated and half whitened, but not centred (PCA).

    Common colours count less than rare ones. Not centred, because nothing has to stay nothing: the
    vector of a grey picture is zero. Scaled so that the mean squared length is one.
    """

    @torch.no_grad()
    def __init__(self, histogram: ColourHistogram, matrix: Tensor) -> None:
        """`matrix` is (192, dim)."""
        super().__init__()
        self.histogram = histogram
        self.rotation = nn.Linear(len(matrix), matrix.shape[1], bias=False).requires_grad_(False)
        self.rotation.weight.copy_(matrix.T)

    @classmethod
    def fit(cls, histogram: ColourHistogram, rows: Tensor, dim: int) -> "Colour":
        """The part fitted to histograms (n, 192) of many pictures."""
        known = rows.double()
        values, vectors = torch.linalg.eigh(known.T @ known / len(known))
        kept = values.argsort(descending=True)[:dim]
        matrix = vectors[:, kept] * values[kept].clamp(min=1e-12) ** -0.25
        # Eigenvectors have no sign of their own; one is chosen, so that machines agree.
        matrix = matrix * torch.where(matrix.sum(dim=0) < 0, -1.0, 1.0)
        length = math.sqrt(float((known @ matrix).square().sum(dim=1).mean()))
        return cls(histogram, (matrix / length).float())

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (n, 3, side, side) in -1…1 to (n, dim)."""
        numbers: Tensor = self.rotation(self.histogram(x))
        return numbers
