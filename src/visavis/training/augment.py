"""Edits, in batches: what happens to pictures on their way through the web.

All functions take pictures (n, 3, h, w) in 0…1 and a generator, and return new ones; a chance is
drawn for each picture by itself. The generator is the CPU's, so that the same seed makes the same
edits wherever the pictures are.
"""

import io
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional


def flipped(images: Tensor, chosen: Tensor) -> Tensor:
    """The chosen pictures (or maps) mirrored left to right."""
    return torch.where(_each(chosen, images), images.flip(3), images)


def varied(images: Tensor, generator: Generator) -> Tensor:
    """Mild changes of half of the pictures: what the embedding should hardly notice.

    Colours stay: who does not know them does not tell one red mug from a blue one. The teacher
    sees recoloured pictures too, and says what they look like then.
    """
    chosen = chance(len(images), 0.5, generator).nonzero()[:, 0]
    changed = images.clone()
    part = blurred(images[chosen], 0.2, 2.0, generator)
    part = coarse(part, 0.15, 40, generator)
    part = noisy(part, 0.15, generator)
    changed[chosen] = recompressed(part, 0.15, 12, generator)
    return changed


def edited(images: Tensor, generator: Generator) -> Tensor:
    """Copies as they are found: cut, framed, captioned, turned, recoloured, blurred, compressed."""
    images = flipped(images, chance(len(images), 0.2, generator))
    images = reframed(images, generator)
    images = recoloured(images, 0.5, 0.15, generator)
    images = blurred(images, 0.25, 4.0, generator)
    images = coarse(images, 0.15, 24, generator)
    images = noisy(images, 0.1, generator)
    return recompressed(images, 0.3, 8, generator)


def chance(count: int, share: float, generator: Generator) -> Tensor:
    """(count,) booleans, true with the probability `share`."""
    return torch.rand(count, generator=generator) < share


def uniform(images: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    """A number between low and high for each picture, (n, 1, 1, 1), where the pictures are."""
    drawn = torch.rand(len(images), 1, 1, 1, generator=generator) * (high - low) + low
    return drawn.to(images.device)


def recoloured(images: Tensor, share: float, grey: float, generator: Generator) -> Tensor:
    """Another brightness, contrast, saturation and tint; some pictures lose their colour."""
    count = len(images)
    luma = (images * images.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    saturation = uniform(images, 0.3, 1.7, generator)
    contrast = uniform(images, 0.5, 1.6, generator)
    tint = 1 + (torch.rand(count, 3, 1, 1, generator=generator) - 0.5) * 0.3
    bright = uniform(images, -0.25, 0.25, generator)
    middle = luma.mean(dim=(2, 3), keepdim=True)
    changed = (luma + (images - luma) * saturation) * tint.to(images.device)
    changed = (changed - middle) * contrast + middle + bright
    kept = torch.where(_each(chance(count, share, generator), images), changed.clamp(0, 1), images)
    return torch.where(_each(chance(count, grey, generator), images), luma.expand_as(kept), kept)


def blurred(images: Tensor, share: float, largest: float, generator: Generator) -> Tensor:
    """Gaussian blur with a standard deviation of 0.5 … `largest` pixels at 128 pixels."""
    chosen = chance(len(images), share, generator).nonzero()[:, 0]
    if not len(chosen):
        return images
    count, side = len(chosen), images.shape[-1]
    sigma = uniform(images[chosen], 0.5, largest, generator).flatten() * side / 128
    reach = max(1, min(side // 2 - 1, int(largest * side / 128 * 2.5)))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32, device=images.device)
    kernel = torch.exp(-((offsets / sigma[:, None]) ** 2) / 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, dim=0)
    planes = images[chosen].reshape(1, count * 3, side, side)
    padded = functional.pad(planes, (reach, reach, reach, reach), mode="reflect")
    smooth = functional.conv2d(padded, kernel[:, None, None, :], groups=count * 3)
    smooth = functional.conv2d(smooth, kernel[:, None, :, None], groups=count * 3)
    changed = images.clone()
    changed[chosen] = smooth.reshape(count, 3, side, side)
    return changed


def coarse(images: Tensor, share: float, smallest: int, generator: Generator) -> Tensor:
    """Shrunk (to `smallest` … 90 of 128 pixels) and enlarged again, all chosen ones alike."""
    chosen = chance(len(images), share, generator).nonzero()[:, 0]
    side = images.shape[-1]
    small = int(torch.randint(smallest, 91, (1,), generator=generator)) * side // 128
    if not len(chosen):
        return images
    shrunk = functional.interpolate(images[chosen], size=max(small, 2), mode="area")
    changed = images.clone()
    changed[chosen] = functional.interpolate(shrunk, size=side, mode="bilinear")
    return changed


def noisy(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Gaussian noise with a standard deviation up to 0.08."""
    chosen = chance(len(images), share, generator).nonzero()[:, 0]
    changed = images.clone()
    part = images[chosen]
    noise = torch.randn(part.shape, generator=generator).to(part.device)
    changed[chosen] = (part + noise * uniform(part, 0.01, 0.08, generator)).clamp(0, 1)
    return changed


def recompressed(images: Tensor, share: float, worst: int, generator: Generator) -> Tensor:
    """Through JPEG with a quality of `worst` … 60."""
    chosen = chance(len(images), share, generator).nonzero()[:, 0].tolist()
    qualities = torch.randint(worst, 61, (len(chosen),), generator=generator).tolist()
    changed = images.clone()
    for index, quality in zip(chosen, qualities, strict=True):
        pixels = (images[index] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        packed = io.BytesIO()
        Image.fromarray(pixels).save(packed, "JPEG", quality=quality)
        with Image.open(packed) as image:
            again = torch.from_numpy(np.array(image))
        changed[index] = again.permute(2, 0, 1).float() / 255
    return changed


def reframed(images: Tensor, generator: Generator) -> Tensor:
    """Cut, turned, tilted, framed, captioned or shown in a window; some pictures stay as they are.

    One affine map a picture says where it goes; what it leaves free takes one colour, and then
    bars and lines like writing are drawn over it.
    """
    count = len(images)
    kinds = torch.multinomial(_KIND_SHARES, count, replacement=True, generator=generator).tolist()
    numbers = torch.rand(count, 6, generator=generator)
    maps = torch.stack(
        [_KINDS[kind](row) for kind, row in zip(kinds, numbers.tolist(), strict=True)]
    )
    fill = torch.rand(count, 3, 1, 1, generator=generator)
    plain = torch.rand(count, 1, 1, 1, generator=generator)
    fill = torch.where(plain < 0.35, fill.new_ones(()), torch.where(plain < 0.6, 0.0, fill))
    fill = fill.to(images.device)
    grid = functional.affine_grid(maps.to(images.device), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images - fill, grid, align_corners=False) + fill
    moved = moved.clamp(0, 1)
    for index, kind in enumerate(kinds):
        if _KINDS[kind] in (_captioned, _windowed):
            _write(moved[index], maps[index], fill[index], generator)
    return moved


def _same(_: Sequence[float]) -> Tensor:
    return _affine(1, 1, 0, 0)


def _cut(draw: Sequence[float]) -> Tensor:
    width, height = 0.45 + 0.5 * draw[0], 0.45 + 0.5 * draw[1]
    return _affine(width, height, (1 - width) * (2 * draw[2] - 1), (1 - height) * (2 * draw[3] - 1))


def _turned(draw: Sequence[float]) -> Tensor:
    move = (0.8 + 0.3 * draw[1]) * _rotation(np.deg2rad(40 * draw[0] - 20))
    return torch.from_numpy(np.concatenate([move, np.zeros((2, 1))], axis=1)).float()


def _tilted(draw: Sequence[float]) -> Tensor:
    """As from another side, or lying: turned by any angle in half of the cases, foreshortened."""
    widest = np.pi if draw[0] < 0.5 else np.pi / 6
    turn, lean = widest * (2 * draw[1] - 1), np.pi * draw[2]
    short = np.diag([1.0, 1 + 0.8 * draw[3]])
    move = (0.75 + 0.4 * draw[4]) * _rotation(turn) @ _rotation(lean) @ short @ _rotation(-lean)
    return torch.from_numpy(np.concatenate([move, np.zeros((2, 1))], axis=1)).float()


def _rotation(angle: float) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _framed(draw: Sequence[float]) -> Tensor:
    return _affine(1 / (1 - 0.35 * draw[0]), 1 / (1 - 0.35 * draw[1]), 0, 0)


def _captioned(draw: Sequence[float]) -> Tensor:
    inner = 1 - (0.08 + 0.22 * draw[0])
    side = 1 if draw[1] < 0.7 else -1
    return _affine(1, 1 / inner, 0, side * (1 / inner - 1))


def _windowed(draw: Sequence[float]) -> Tensor:
    width, height = 1 / (0.55 + 0.4 * draw[0]), 1 / (0.5 + 0.4 * draw[1])
    return _affine(width, height, (width - 1) * (draw[2] - 0.5), (height - 1) * (draw[3] - 0.5))


def _affine(width: float, height: float, x: float, y: float) -> Tensor:
    """Where a place of the new picture (-1…1) is found in the old one."""
    return torch.tensor([[width, 0.0, x], [0.0, height, y]])


_KINDS = (_same, _cut, _turned, _tilted, _framed, _captioned, _windowed)
_KIND_SHARES = torch.tensor([0.14, 0.26, 0.1, 0.16, 0.1, 0.1, 0.14])


def _write(image: Tensor, place: Tensor, fill: Tensor, generator: Generator) -> None:
    """Lines like writing, and sometimes a bar, above and below the picture; changes `image`."""
    side = image.shape[-1]
    # Rows y of the new picture (-1…1) show the old one where |y * scale + shift| <= 1.
    scale, shift = float(place[1, 1]), float(place[1, 2])
    top = round(((-1 - shift) / scale + 1) / 2 * side)
    bottom = round(((1 - shift) / scale + 1) / 2 * side)
    drawn = torch.rand(3, 1, 1, generator=generator).to(image.device)
    ink = (fill < 0.5).float() if bool(chance(1, 0.7, generator)) else drawn
    for start, end in ((0, top), (bottom, side)):
        if end - start < 5:
            continue
        if bool(chance(1, 0.4, generator)):
            image[:, start:end] = torch.rand(3, 1, 1, generator=generator).to(image.device)
        height = int(torch.randint(2, max(3, min(9, end - start - 2)), (1,), generator=generator))
        for line in range(start + 2, end - height, height + 3):
            letters = chance(side // 2, 0.65, generator).repeat_interleave(2)
            letters[int(torch.randint(side // 4, side, (1,), generator=generator)) :] = False
            rows = image[:, line : line + height, : len(letters)]
            rows[:] = torch.where(letters.to(image.device), ink, rows)


def _each(flags: Tensor, images: Tensor) -> Tensor:
    return flags[:, None, None, None].to(images.device)
