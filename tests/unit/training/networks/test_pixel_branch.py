import numpy as np
import pytest
import torch
from labelled import some_pictures

from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import PreprocessSpec
from visavis.training.networks.pixel_branch import FromInput, PixelBranch


def flat(*colours: tuple[int, int, int]) -> torch.Tensor:
    """Pictures of one colour each, in -1…1."""
    rows = torch.tensor(colours, dtype=torch.float32) / 127.5 - 1
    return rows[:, :, None, None].expand(-1, -1, 64, 64)


def test_colours_that_a_network_forgets_are_told_apart() -> None:
    branch = PixelBranch(64).eval()
    shown = flat((200, 30, 30), (190, 40, 35), (30, 30, 200))
    red, other_red, blue = branch(shown).detach()
    assert float(red @ other_red) > 2 * float(red @ blue)
    assert branch.dim == len(red)


@pytest.mark.parametrize("side", [32, 100, 224])
def test_pictures_of_any_size_give_the_same_number_of_values(side: int) -> None:
    branch = PixelBranch(side)
    assert branch(torch.zeros(2, 3, side, side)).shape == (2, branch.dim)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_what_a_graph_takes_is_turned_back_into_the_picture(
    layout: str, channels: str, dtype: type[np.generic]
) -> None:
    spec = PreprocessSpec(
        size=40, channels=channels, layout=layout, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)
    )
    pictures = some_pictures(3, side=40)
    prepare = Preprocess(spec, dtype)
    found = FromInput(spec, normalised=dtype is not np.uint8)(torch.from_numpy(prepare(pictures)))
    wanted = np.stack([np.asarray(prepare.resized(picture)) for picture in pictures])
    shown = (found.permute(0, 2, 3, 1).numpy() + 1) * 127.5
    assert np.abs(shown - wanted).max() < 0.5
