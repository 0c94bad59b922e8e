import numpy as np
import pytest
import torch

from visavis.training.networks import Shape, Student
from visavis.training.retriever import Blend, Palette, Retriever, opponent, palette_colours

RED, GREEN, GREY = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 0.5, 0.5)


def palette() -> Palette:
    return Palette(opponent(torch.tensor([RED, GREEN, GREY])), 100.0, patch=4)


def flat(*colours: tuple[float, float, float]) -> torch.Tensor:
    """One picture of vertical stripes, 8 pixels each, in -1…1."""
    columns = torch.tensor(colours).T.repeat_interleave(8, dim=1)
    return columns[None, :, None, :].expand(1, 3, 8, -1) * 2 - 1


def test_a_palette_holds_the_square_roots_of_the_shares_of_colours() -> None:
    found = palette()(flat(RED, RED, RED, GREEN))
    assert np.allclose(found.numpy(), [[0.75**0.5, 0.25**0.5, 0]], atol=1e-3)


def test_palette_colours_are_the_centres_of_the_clusters() -> None:
    rng = torch.Generator().manual_seed(1)
    spots = torch.tensor([RED, GREEN, GREY]).repeat(50, 1)
    pixels = (spots + torch.randn(150, 3, generator=rng) * 0.01).clamp(0, 1)
    centres = palette_colours(pixels, 3, seed=2)
    distances = torch.cdist(opponent(torch.tensor([RED, GREEN, GREY])), centres)
    assert distances.min(dim=1).values.max() < 0.05


def test_the_score_of_two_pictures_is_the_weighted_mean_of_three_cosines() -> None:
    torch.manual_seed(0)
    student = Student(Shape(8, (8, 12, 16, 24), (1, 1, 1, 1), 8, 6, 5)).eval()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        seen, colours = student(images), palette()(images)
        vectors, classes = Retriever(student, palette(), Blend(0.6, 0.3, 0.1))(images)

    def cosine(rows: torch.Tensor) -> float:
        return torch.cosine_similarity(rows[0], rows[1], dim=0).item()

    expected = 0.6 * cosine(seen.learned) + 0.3 * cosine(seen.copy) + 0.1 * cosine(colours)
    assert vectors.shape == (2, 8 + 6 + 3)
    assert (vectors[0] @ vectors[1]).item() == pytest.approx(expected, abs=1e-5)
    assert vectors.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert classes.sum(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to one"):
        Blend(0.5, 0.5, 0.5)
