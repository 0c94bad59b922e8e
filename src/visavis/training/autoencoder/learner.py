"""The autoencoder recipe's learner: encoder and decoder, what is hidden from them, validation."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional

from visavis.training.autoencoder.networks import Decoder, Encoder
from visavis.training.autoencoder.settings import AutoencoderSettings
from visavis.training.autoencoder.ssim import ssim
from visavis.training.data.inputs import Inputs, mirrored
from visavis.training.data.samples import Numbers, label_numbers
from visavis.training.loop.learner import Batch, Learner
from visavis.training.validation import retrieval_figures
from visavis.types import Vectors

_CELLS = 4  # patches along a side, at least: one would hide all of a picture or nothing
_BLOCK = 64  # pictures looked at together outside of steps


class AutoencoderLearner(Learner):
    """Learns to reconstruct pictures from a small vector.

    Args:
        settings: Of the recipe.
        data: All samples.
        train: Which are trained on.
        validation: Which are kept for validation.
        labelled: Whether the samples have labels, by which the validation can search.
        seed: Of all chance.
    """

    def __init__(
        self,
        settings: AutoencoderSettings,
        data: Inputs,
        train: Numbers,
        validation: Numbers,
        *,
        labelled: bool,
        seed: int,
    ) -> None:
        super().__init__(settings.rates, seed)
        self.measure = "map" if labelled else "reconstruction"
        self.higher_is_better = labelled
        self.encoder = Encoder(settings.side, settings.dim, settings.widths)
        self.decoder = Decoder(settings.side, settings.dim, settings.widths)
        self.to(memory_format=torch.channels_last)
        self._settings, self._data = settings, data
        self._train, self._validation = train, validation
        self._labels = label_numbers(data.labels) if labelled else None

    def batch(self, numbers: Numbers) -> dict[str, Tensor]:
        """What a step takes."""
        return self._data.take(numbers)

    def losses(self, batch: Batch) -> Tensor:
        """How much the reconstructions differ from what was not yet hidden."""
        generator = Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
        pictures = mirrored(batch["pictures"], generator)
        shown = hidden(pictures, self._settings, generator)
        drawn = self.decoder(self.encoder(shown.to(memory_format=torch.channels_last)))
        with self.exactly():
            return difference(drawn.float(), pictures, self._settings.loss).mean()

    def figures(self) -> dict[str, float]:
        """How well pictures are drawn again and, where there are labels, how well they search."""
        total, vectors = 0.0, []
        for start in range(0, len(self._validation), _BLOCK):
            numbers = self._validation[start : start + _BLOCK]
            pictures = self._data.take(numbers)["pictures"].to(self.device)
            latents = self.encoder(pictures)
            drawn = self.decoder(latents)
            total += float(difference(drawn, pictures, self._settings.loss).sum())
            vectors.append(functional.normalize(latents).cpu().numpy())
        found: Vectors = np.concatenate(vectors)
        figures = {"reconstruction": total / len(self._validation)}
        if self._labels is not None:
            figures |= retrieval_figures(found, self._labels[self._validation], self.seed)
        return figures

    @torch.no_grad()
    def after_epoch(self, epoch: int, folder: Path) -> None:
        """Draw the same pictures again every few epochs, the first and the last among them."""
        settings = self._settings
        last = self.trainer.should_stop or epoch == self.trainer.max_epochs
        if epoch % settings.draw_epochs and epoch != 1 and not last:
            return
        pictures = self._data.take(self._validation[: settings.shown])["pictures"]
        self.eval()
        drawn = self.decoder(self.encoder(pictures.to(self.device))).cpu()
        self.train()
        place = folder / "reconstructions"
        place.mkdir(exist_ok=True)
        sheet = torch.cat([_in_a_row(pictures / 2 + 0.5), _in_a_row(drawn)], dim=1)
        pixels = (sheet.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
        Image.fromarray(pixels.numpy()).save(place / f"epoch-{epoch:03}.png")


def difference(drawn: Tensor, pictures: Tensor, loss: str) -> Tensor:
    """(n,): of pictures drawn in 0…1 and their originals in -1…1."""
    originals = pictures / 2 + 0.5
    if loss == "ssim":
        return 1 - ssim(drawn, originals)
    return (drawn - originals).square().mean(dim=(1, 2, 3))


def hidden(pictures: Tensor, settings: AutoencoderSettings, generator: Generator) -> Tensor:
    """What the encoder is shown: all of a picture, a noisy one, or one with grey patches."""
    count, _, side, _ = pictures.shape
    if settings.variant == "denoising":
        noise = torch.randn(pictures.shape, generator=generator).to(pictures.device)
        return pictures + noise * (2 * settings.noise)
    if settings.variant == "masked":
        cells = max(side // settings.patch, min(_CELLS, side))
        kept = torch.rand(count, 1, cells, cells, generator=generator) >= settings.hidden
        mask = functional.interpolate(kept.float(), size=side, mode="nearest")
        return pictures * mask.to(pictures.device)
    return pictures


def _in_a_row(pictures: Tensor) -> Tensor:
    """(n, 3, h, w) to (3, h, n * w)."""
    return torch.cat(list(pictures), dim=2)
