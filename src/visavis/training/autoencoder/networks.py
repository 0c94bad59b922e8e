"""A convolutional autoencoder: pictures through a narrow place, and back."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from visavis.training.networks.residual import Block, convolution


class Encoder(nn.Module):
    """Pictures (n, 3, side, side) in -1…1 to latents (n, dim) of mean 0 and variance 1.

    Args:
        side: Of the pictures, a multiple of 2 to the power of one more than there are widths.
        dim: Of the latent.
        widths: Channels at a quarter of the side, an eighth, and so on; a residual block of each.
    """

    def __init__(self, side: int, dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.grid = side >> (len(widths) + 1)
        layers: list[nn.Module] = [convolution(3, widths[0], 3, 2), nn.ReLU()]
        inner = widths[0]
        for width in widths:
            layers.append(Block(inner, width, 2))
            inner = width
        self.body = nn.Sequential(*layers)
        self.narrow = nn.Linear(inner * self.grid**2, dim)
        # Latents are compared by their angle, which means something around a common middle only.
        self.even = nn.BatchNorm1d(dim, affine=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, dim)."""
        latents: Tensor = self.even(self.narrow(self.body(pictures).flatten(1)))
        return latents


class Decoder(nn.Module):
    """Latents (n, dim) back to pictures (n, 3, side, side) in 0…1, layer by layer as they came."""

    def __init__(self, side: int, dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.grid = side >> (len(widths) + 1)
        self.wide = nn.Linear(dim, widths[-1] * self.grid**2)
        layers: list[nn.Module] = []
        inner = widths[-1]
        for width in [*widths[-2::-1], widths[0]]:
            layers += [_doubled(), Block(inner, width, 1)]
            inner = width
        self.body = nn.Sequential(*layers)
        self.last = nn.Sequential(_doubled(), nn.Conv2d(inner, 3, 3, padding=1))

    def forward(self, latents: Tensor) -> Tensor:
        """(n, 3, side, side)."""
        wide = functional.relu(self.wide(latents))
        features = self.body(wide.reshape(len(latents), -1, self.grid, self.grid))
        pictures: Tensor = self.last(features).sigmoid()
        return pictures


def _doubled() -> nn.Upsample:
    """Twice the side, between neighbours: whole cells, or pixels that a layer deals out by itself,
    would draw their grid into every picture."""
    return nn.Upsample(scale_factor=2, mode="bilinear")


class Embedding(nn.Module):
    """An encoder whose latents are made unit length."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, dim)."""
        return functional.normalize(self.encoder(pictures))
