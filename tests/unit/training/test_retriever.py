import pytest
import torch

from visavis.training.colour import Colour, ColourHistogram
from visavis.training.networks import Shape, Student
from visavis.training.retriever import Blend, Retriever

TINY = Shape(8, (8, 12, 16, 24), (1, 1, 1, 1), 8, 6, 5, hints=())


def test_the_score_of_grey_pictures_is_the_weighted_mean_of_two_cosines() -> None:
    torch.manual_seed(0)
    student = Student(TINY).eval()
    images = (torch.rand(2, 1, 32, 32) * 2 - 1).expand(2, 3, 32, 32)
    colour = Colour(ColourHistogram(32), torch.rand(192, 3))
    with torch.inference_mode():
        seen = student(images)
        vectors, classes = Retriever(student, colour, Blend(0.6, 0.3, 0.1))(images)

    def cosine(rows: torch.Tensor) -> float:
        return torch.cosine_similarity(rows[0], rows[1], dim=0).item()

    expected = (0.6 * cosine(seen.learned) + 0.3 * cosine(seen.copy)) / 0.9
    assert vectors.shape == (2, 8 + 6 + 3)
    assert (vectors[0] @ vectors[1]).item() == pytest.approx(expected, abs=1e-5)
    assert vectors.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert classes.sum(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_whitened_vectors_are_products_of_unit_length() -> None:
    torch.manual_seed(0)
    student = Student(TINY).eval()
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    colour, blend = Colour(ColourHistogram(32), torch.rand(192, 3)), Blend(0.6, 0.3, 0.1)
    half = torch.rand(17, 17)
    with torch.inference_mode():
        plain = Retriever(student, colour, blend)(images)[0]
        vectors = Retriever(student, colour, blend, half + half.T)(images)[0]
    expected = plain @ (half + half.T)
    assert torch.allclose(vectors, expected / expected.norm(dim=1, keepdim=True), atol=1e-5)


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to one"):
        Blend(0.5, 0.5, 0.5)
