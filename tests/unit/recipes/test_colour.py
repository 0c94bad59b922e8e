import torch
from recipes.visavis_s.colour import Colour

from visavis.training.networks.colour import ColourHistogram


def test_the_fitted_part_keeps_grey_at_nothing_and_a_mean_length_of_one() -> None:
    histogram = ColourHistogram(32)
    drawn = torch.rand(200, 3, 1, 1, generator=torch.Generator().manual_seed(2)) * 2 - 1
    rows = histogram(drawn.expand(-1, 3, 32, 32))
    colour = Colour.fit(histogram, rows, 20)
    found = colour.rotation(rows)
    assert found.shape == (200, 20)
    assert abs(float(found.square().sum(dim=1).mean()) - 1) < 1e-5
    assert colour(torch.zeros(1, 3, 32, 32)).abs().max() < 1e-6
    # Half whitened: what varies 16 times as much comes out 4 times as long.
    spread = found.square().mean(dim=0)
    raw = torch.linalg.eigvalsh(rows.T @ rows / 200).flip(0)[:20]
    assert torch.allclose(spread / spread[0], (raw / raw[0]).sqrt(), atol=1e-3)
