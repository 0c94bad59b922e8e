from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from visavis.training.augment import (
    blurred,
    coarse,
    edited,
    flipped,
    noisy,
    recoloured,
    recompressed,
    reframed,
    varied,
)

Edit = Callable[[Tensor, Generator], Tensor]

EDITS: dict[str, Edit] = {
    "edited": edited,
    "varied": varied,
    "reframed": reframed,
    "recoloured": lambda x, g: recoloured(x, 1.0, 0.2, g),
    "blurred": lambda x, g: blurred(x, 1.0, 4.0, g),
    "coarse": lambda x, g: coarse(x, 1.0, 24, g),
    "noisy": lambda x, g: noisy(x, 1.0, g),
    "recompressed": lambda x, g: recompressed(x, 1.0, 8, g),
}


def pictures(count: int = 24, side: int = 32) -> Tensor:
    return torch.rand(count, 3, side, side, generator=Generator().manual_seed(5))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edit_keeps_shape_and_range_and_leaves_its_input_alone(edit: Edit) -> None:
    images = pictures()
    before = images.clone()
    made = edit(images, Generator().manual_seed(1))
    assert made.shape == images.shape
    assert made.min() >= -1e-6
    assert made.max() <= 1 + 1e-6
    assert not torch.equal(made, images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_the_same_generator_makes_the_same_edits(edit: Edit) -> None:
    images = pictures()
    first, again = (edit(images, Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, edit(images, Generator().manual_seed(8)))


def test_only_the_chosen_pictures_are_flipped() -> None:
    images = pictures(2)
    made = flipped(images, torch.tensor([True, False]))
    assert torch.equal(made[0], images[0].flip(2))
    assert torch.equal(made[1], images[1])


def test_blur_removes_detail_and_keeps_the_mean() -> None:
    images = pictures(8, 64)
    made = blurred(images, 1.0, 4.0, Generator().manual_seed(1))
    assert (made.std(dim=(1, 2, 3)) < images.std(dim=(1, 2, 3))).all()
    assert torch.allclose(made.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.03)


def test_greyscale_pictures_have_three_equal_channels() -> None:
    made = recoloured(pictures(4), 0.0, 1.0, Generator().manual_seed(1))
    assert torch.allclose(made, made[:, :1].expand_as(made))


def test_some_pictures_keep_their_frame() -> None:
    images = pictures(400, 16)
    made = reframed(images, Generator().manual_seed(1))
    kept = (made - images).abs().amax(dim=(1, 2, 3)) < 1e-4
    assert 0.08 < kept.float().mean() < 0.2


def test_some_pictures_lie_on_their_head() -> None:
    images = torch.zeros(400, 3, 16, 16)
    images[:, :, :8] = 1.0
    made = reframed(images, Generator().manual_seed(1))[:, :, 4:12, 6:10].mean(dim=(1, 3))
    upside_down = made[:, 4:].mean(dim=1) > made[:, :4].mean(dim=1) + 0.5
    assert 0.01 < upside_down.float().mean() < 0.08  # a quarter of the 8 % that may take any angle
