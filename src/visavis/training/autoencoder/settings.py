"""The settings of the autoencoder recipe."""

from dataclasses import dataclass, field
from typing import Literal

from visavis.errors import UsageError
from visavis.training.settings import LARGEST_SIDE, Rates

Variant = Literal["plain", "denoising", "masked"]
VARIANTS: tuple[Variant, ...] = ("plain", "denoising", "masked")
Target = Literal["mse", "ssim"]
TARGETS: tuple[Target, ...] = ("mse", "ssim")

_WIDEST = 4096


@dataclass(frozen=True, slots=True)
class AutoencoderSettings:
    """Everything that shapes the result, besides the pictures."""

    side: int = 128  # pixels, both ways
    dim: int = 64  # of the latent, which is the embedding
    widths: tuple[int, ...] = (32, 64, 128)  # channels at 1/4, 1/8 and 1/16 of the side
    variant: Variant = "plain"  # what the encoder is shown of a picture
    loss: Target = "mse"
    noise: float = 0.2  # standard deviation, denoising; of pixels in 0…1
    hidden: float = 0.5  # share of the patches, masked
    patch: int = 16  # pixels of a side, masked
    batch: int = 64
    rates: Rates = field(default_factory=lambda: Rates(rate=2e-3, decay=1e-4))
    validation: float = 0.1  # share of the pictures
    shown: int = 8  # pictures whose reconstructions are drawn
    draw_epochs: int = 5  # between the drawings

    def __post_init__(self) -> None:
        if not self.widths or not all(1 <= width <= _WIDEST for width in self.widths):
            raise UsageError(
                f"--widths wants whole numbers from 1 to {_WIDEST:,} joined by commas: 32,64,128"
            )
        step = 2 ** (len(self.widths) + 1)
        if not step <= self.side <= LARGEST_SIDE or self.side % step:
            raise UsageError(
                f"--size must be a multiple of {step} with {len(self.widths)} widths, at most "
                f"{LARGEST_SIDE:,}, not {self.side}"
            )
        for name, value, known in (
            ("--variant", self.variant, VARIANTS),
            ("--loss", self.loss, TARGETS),
        ):
            if value not in known:
                raise UsageError(f"{name} is one of {', '.join(known)}, not {value!r}")
        if not 1 <= self.dim <= _WIDEST or self.batch < 2:
            raise UsageError(f"--dim must be from 1 to {_WIDEST:,}, and --batch 2 or more")
        if not 0 <= self.noise <= 10 or not 0 <= self.hidden < 1 or self.patch < 1:
            raise UsageError("noise is from 0 to 10, hidden a share below 1, and patch 1 or more")
        if self.shown < 1 or self.draw_epochs < 1:
            raise UsageError("one picture or more is drawn again, every one epoch or more")
        if not 0 < self.validation <= 0.9:
            raise UsageError(f"--validation is a share above 0, up to 0.9, not {self.validation:g}")
