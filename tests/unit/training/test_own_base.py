"""The network of visavis-s as a base, with the weights that its own recipe wrote."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from visavis.embedders.preprocess import Preprocess
from visavis.embedders.registry import model_info
from visavis.embedders.spec import read_spec
from visavis.errors import ModelError, UsageError
from visavis.images.drawn import draw_gallery
from visavis.training.colour import Colour, ColourHistogram
from visavis.training.export import export, plain_graph, small_graph
from visavis.training.networks import Shape, Student, TwoScales
from visavis.training.own_base import known_base, new_base, pictures_of
from visavis.training.retriever import Blend, Retriever

SHAPE = Shape(8, (8, 12, 16, 24), (1, 1, 1, 1), learned=10, copy=6, classes=5, hints=((8, 4),))


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(count)) * 2 - 1


@pytest.fixture
def shipped(tmp_path: Path) -> tuple[Path, Student]:
    """A model folder as the recipe `builtin` writes it, and the network in it."""
    torch.manual_seed(1)
    student = Student(SHAPE)
    for module in student.modules():  # as if it had been trained: blocks begin as their shortcuts
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.5)
    student.train()
    with torch.no_grad():
        for _ in range(10):
            student(images(8))
    student.eval()
    histogram = ColourHistogram(32)
    colour = Colour(histogram, torch.randn(histogram.dim, 6))
    plain = plain_graph(Retriever(TwoScales(student, 32), colour, Blend(0.6, 0.2, 0.2)), images(4))
    export(
        small_graph(plain, images(16), images(4)),
        tmp_path / "visavis-s",
        name="visavis-s",
        labels=[*"abcde"],
        license="Apache-2.0",
        origin="a test",
        records={"recipe": {"settings": {"shape": asdict(SHAPE)}}},
    )
    return tmp_path / "visavis-s", student


def test_the_weights_of_the_shipped_model_are_taken_over(shipped: tuple[Path, Student]) -> None:
    folder, student = shipped
    base, preprocess = known_base(folder)
    assert preprocess == read_spec(folder).preprocess
    with torch.inference_mode():
        learned, copy, _ = student.summary(images(6))
        wanted = torch.nn.functional.normalize(torch.cat([learned, copy], dim=1))
        found = base(images(6))
    assert found.shape == (6, 16)
    assert (found * wanted).sum(dim=1).min() > 0.999  # stored with 8 bits


def test_all_of_it_can_be_trained(shipped: tuple[Path, Student]) -> None:
    base, _ = known_base(shipped[0])
    base(images(4)).square().mul(torch.linspace(0, 1, 16)).sum().backward()
    for name, parameter in base.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_folder_of_another_recipe_is_refused(shipped: tuple[Path, Student]) -> None:
    folder, _ = shipped
    (folder / "recipe.json").write_text(json.dumps({"recipe": "triplet"}))
    with pytest.raises(ModelError, match="only visavis-s can"):
        known_base(folder)


def test_a_folder_with_weights_of_another_shape_is_refused(
    shipped: tuple[Path, Student],
) -> None:
    folder, _ = shipped
    shape = asdict(SHAPE) | {"learned": 12}
    (folder / "recipe.json").write_text(json.dumps({"settings": {"shape": shape}}))
    with pytest.raises(ModelError, match=r"the weights learned.weight are missing"):
        known_base(folder)


def test_a_new_base_gives_unit_vectors() -> None:
    found = new_base(SHAPE).eval()(images(3))
    assert torch.allclose(found.norm(dim=1), torch.ones(3), atol=1e-5)


def test_sides_that_the_network_cannot_halve_are_refused() -> None:
    assert pictures_of(64).size == 64
    with pytest.raises(UsageError, match="--size must be a multiple of 32, not 50"):
        pictures_of(50)


def test_the_model_that_comes_with_the_package_is_taken_over_too() -> None:
    base, preprocess = known_base(model_info("visavis-s").folder or Path())
    drawn = [picture.pixels for picture in draw_gallery(8)]  # two products, four views of each
    prepared = torch.from_numpy(Preprocess(preprocess)(drawn))
    with torch.inference_mode():
        vectors = base(prepared)
    alike = vectors @ vectors.T - 2 * torch.eye(8)
    assert base.dim == 192
    assert [int(place) // 4 for place in alike.argmax(dim=1)] == [0, 0, 0, 0, 1, 1, 1, 1]
