"""The closed-form end: its parts, its lengths, and that an edit moves it less."""

import numpy as np
import pytest
import torch
from recipes.visavis_s.assembling import assembled, packed
from recipes.visavis_s.colour import Colour
from recipes.visavis_s.graph import convolutions
from recipes.visavis_s.network import Network, chain
from recipes.visavis_s.rounding import agreement
from recipes.visavis_s.vector import (
    SOFTNESS,
    End,
    Parts,
    Projection,
    edit_whitening,
    joined,
    rooted,
)
from tests.unit.recipes.lite import SMALL, images, state
from torch.nn import functional

from visavis.training.graphs.tracing import session
from visavis.training.networks.colour import ColourHistogram


def features(count: int = 64) -> torch.Tensor:
    return torch.rand(count, 1280, generator=torch.Generator().manual_seed(1)) * 3


def parts(side: int = 32) -> Parts:
    generator = torch.Generator().manual_seed(2)
    histogram = ColourHistogram(side)
    colour = Colour.fit(histogram, histogram(images(32, side)), 8)
    return Parts(
        Projection.fit(features(), 24, 0.0),
        colour,
        0.1,
        torch.eye(32) + 0.1 * torch.randn(32, 32, generator=generator),
        torch.randn(1000, 6, generator=generator),
        torch.randn(6, generator=generator) * 0.01,
        0.1,
    )


def test_components_are_those_of_the_roots_strongest_first() -> None:
    found = Projection.fit(features(), 5, 0.0)
    roots = np.sqrt(features().numpy() + 1e-3)
    centred = roots - roots.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    overlap = np.abs(axes[:5] @ found.axes.numpy())
    assert np.allclose(overlap, np.eye(5), atol=1e-3)
    assert torch.allclose(found(features()).norm(dim=1), torch.ones(64), atol=1e-5)


def test_spread_takes_away_how_much_components_differ() -> None:
    """With all of it taken away, every component has the same variance."""
    roots = rooted(features())
    for spread, wanted in ((0.0, None), (1.0, 1.0)):
        fitted = Projection.fit(features(), 5, spread)
        variances = ((roots - fitted.mean) @ fitted.axes).var(dim=0, unbiased=False)
        if wanted is None:
            assert variances.max() > 1.05 * variances.min()
        else:
            assert variances.tolist() == pytest.approx([wanted] * 5, rel=1e-3)


def test_the_vector_is_what_its_description_says() -> None:
    made, shown, seen = parts(), images(4), features(4)
    scores = torch.randn(4, 1000, generator=torch.Generator().manual_seed(4))
    vectors, chances = End(made)(shown, seen, scores)
    root = functional.normalize((rooted(seen) - made.projection.mean) @ made.projection.axes)
    whole = torch.cat([root * 0.9**0.5, made.colour(shown) * 0.1**0.5], dim=1)
    visual = functional.normalize(functional.normalize(whole) @ made.whitening)
    meant = functional.normalize((scores * SOFTNESS).softmax(1) @ made.classes - made.mean)
    assert torch.allclose(vectors[:, :32], visual * 0.9**0.5, atol=1e-5)
    assert torch.allclose(vectors[:, 32:], meant * 0.1**0.5, atol=1e-5)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(4), atol=1e-5)
    assert torch.allclose(chances, scores.softmax(1))


def test_whitening_makes_what_edits_change_count_less() -> None:
    generator = torch.Generator().manual_seed(5)
    clean = functional.normalize(torch.randn(400, 16, generator=generator))
    moved = clean.clone()
    moved[:, 3] += torch.randn(400, generator=generator)  # all that edits do
    pairs = torch.cat([joined(clean, clean[:, :0], 0.0), joined(moved, clean[:, :0], 0.0)])
    matrix = edit_whitening(pairs, torch.arange(400).repeat(2), 0.3)
    others = [axis for axis in range(16) if axis != 3]
    assert float(matrix[3, 3]) < 0.7 * float(matrix[others, others].min())
    nothing = edit_whitening(pairs, torch.arange(400).repeat(2), 1.0)
    assert torch.allclose(nothing, torch.eye(16), atol=1e-4)


def test_the_whole_graph_packed_says_what_torch_says() -> None:
    made = state()
    net = Network(chain(made, SMALL), (made["_fc.weight"], made["_fc.bias"]))
    end = End(parts())
    whole = assembled(convolutions(net.chained(), net.classifier(), 32), end)
    with torch.inference_mode():
        vectors, chances = end(images(), *net(images()))
    for graph, near in ((whole, 1e-3), (packed(whole), 2e-2)):
        found = session(graph).run(["embedding", "classes"], {"input": images().numpy()})
        assert np.abs(found[0] - vectors.numpy()).max() < near
        assert np.abs(found[1] - chances.numpy()).max() < near
    assert len(packed(whole).SerializeToString()) < 0.6 * len(whole.SerializeToString())


def test_agreement_counts_the_neighbours_that_are_the_same() -> None:
    angles = np.linspace(0, 3, 21)
    ours = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert agreement(ours, ours) == {"cosine": 1.0, "worst": 1.0, "nearest": 1.0}
    mirrored = ours[::-1].copy()
    found = agreement(ours, mirrored)
    assert found["nearest"] < 0.6
    assert found["worst"] < 0
