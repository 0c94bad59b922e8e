import colorsys

import numpy as np
import torch

from visavis.training.networks.colour import ColourHistogram

RED, GREY, ORANGE = (1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 0.5, 0.0)


def flat(*colours: tuple[float, float, float]) -> torch.Tensor:
    """A picture of 32 x 32 for each colour, in -1…1."""
    return torch.tensor(colours)[:, :, None, None].expand(-1, 3, 32, 32) * 2 - 1


def by_hand(colour: tuple[float, float, float]) -> np.ndarray:
    """The histogram of a picture of one colour, bin by bin, after colorsys."""
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    shares = np.zeros((16, 4, 4))
    for h in range(16):
        away = abs(hue * 16 - 0.5 - h) % 16
        for s in range(4):
            for v in range(4):
                shares[h, s, v] = (
                    max(0.0, 1 - min(away, 16 - away))
                    * max(0.0, 1 - abs(min(max(saturation * 4 - 0.5, 0), 3) - s))
                    * max(0.0, 1 - abs(min(max(value * 4 - 0.5, 0), 3) - v))
                )
    kept: np.ndarray = (np.sqrt(shares[:, 1:] + 1e-5) - 1e-5**0.5).ravel()
    return kept


def test_a_histogram_is_that_of_the_standard_library() -> None:
    rng = np.random.default_rng(1)
    colours = [(float(r), float(g), float(b)) for r, g, b in rng.random((40, 3))]
    found = ColourHistogram(32)(flat(*colours)).numpy()
    assert np.abs(found - np.stack([by_hand(colour) for colour in colours])).max() < 1e-3


def test_grey_counts_nothing_and_full_colour_one() -> None:
    lengths = ColourHistogram(32)(flat(RED, GREY, ORANGE)).norm(dim=1)
    assert torch.allclose(lengths, torch.tensor([1.0, 0.0, 1.0]), atol=0.01)


def test_the_middle_of_a_picture_counts_more_than_its_border() -> None:
    image = flat(GREY).clone()
    border, middle = image.clone(), image.clone()
    border[:, :, :8] = flat(RED)[:, :, :8]
    middle[:, :, 12:20] = flat(RED)[:, :, 12:20]
    histogram = ColourHistogram(32)
    assert histogram(middle).norm() > 1.2 * histogram(border).norm()


def test_a_shade_more_light_moves_little_and_another_hue_much() -> None:
    red, lighter, orange, blue = ColourHistogram(32)(
        flat(RED, (1.0, 0.05, 0.05), ORANGE, (0.0, 0.0, 1.0))
    )
    assert red @ lighter > 0.9
    assert red @ orange < 0.5
    assert red @ blue == 0
