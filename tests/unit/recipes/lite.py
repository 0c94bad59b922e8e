"""A small network of EfficientNet-Lite's kind with weights drawn by a seed."""

import torch
from recipes.visavis_s.network import Weights
from torch import Tensor

SMALL = Weights("small", "0", "small.pth", "", 32, "335", "121")


def state() -> dict[str, Tensor]:
    """A state dict like the package's: a stem, three blocks, a head, a classifier."""
    generator = torch.Generator().manual_seed(7)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    made: dict[str, Tensor] = {}

    def layer(conv: str, norm: str, *shape: int) -> None:
        fan = shape[1] * shape[2] * shape[3]
        made[f"{conv}.weight"] = drawn(*shape) * (2 / fan) ** 0.5
        made[f"{norm}.weight"] = 1 + 0.2 * drawn(shape[0])
        made[f"{norm}.bias"] = 0.3 * drawn(shape[0]) + 0.3
        made[f"{norm}.running_mean"] = 0.2 * drawn(shape[0])
        made[f"{norm}.running_var"] = 0.5 + drawn(shape[0]).square()

    layer("_conv_stem", "_bn0", 8, 3, 3, 3)
    layer("_blocks.0._depthwise_conv", "_blocks.0._bn1", 8, 1, 3, 3)
    layer("_blocks.0._project_conv", "_blocks.0._bn2", 8, 8, 1, 1)
    for number, (wide, kernel, out) in enumerate(((16, 3, 12), (24, 5, 12)), 1):
        name = f"_blocks.{number}."
        layer(f"{name}_expand_conv", f"{name}_bn0", wide, 8 if number == 1 else 12, 1, 1)
        layer(f"{name}_depthwise_conv", f"{name}_bn1", wide, 1, kernel, kernel)
        layer(f"{name}_project_conv", f"{name}_bn2", out, wide, 1, 1)
    layer("_conv_head", "_bn1", 1280, 12, 1, 1)
    made["_fc.weight"], made["_fc.bias"] = drawn(1000, 1280) * 0.03, drawn(1000) * 0.1
    return made


def images(count: int = 4, side: int = 32) -> Tensor:
    """Smooth images (count, 3, side, side) in -1…1."""
    coarse = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(3)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, side, mode="bilinear")
