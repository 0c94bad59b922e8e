"""What the frozen teachers say about every clean picture: made once, kept in a file."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image as Picture
from recipes.visavis_s.graph import convolutions
from recipes.visavis_s.network import Network
from recipes.visavis_s.pictures import batches
from recipes.visavis_s.vector import rooted
from torch import Tensor
from torch.nn import functional

from visavis.training.graphs.tracing import session

log = logging.getLogger("recipes.visavis_s")


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the teachers say; rows are pictures."""

    vectors: Tensor
    """(n, dim), unit length."""
    scores: Tensor
    """(n, 1000), probabilities."""


def outputs(network: Network, pictures: Sequence[Picture], side: int) -> tuple[Tensor, Tensor]:
    """Features (n, 1280) and scores (n, 1000) of pictures; by ONNX Runtime, which is quicker."""
    runner = session(convolutions(network.chained(), network.classifier(), side))
    found = []
    for number, images in enumerate(batches(pictures, side, 8)):
        found.append(runner.run(["features", "scores"], {"input": images.numpy()}))
        if number % 250 == 0:
            log.info("targets at %d pixels: %d of %d", side, number * 8, len(pictures))
    features, scores = (torch.from_numpy(np.concatenate(part)) for part in zip(*found, strict=True))
    return features, scores


def make(teachers: Sequence[tuple[Network, int]], pictures: Sequence[Picture], dim: int) -> Targets:
    """Vectors of networks, each at its own size, joined, in `dim` half-whitened components.

    The scores are the mean of theirs.
    """
    vectors, scores = [], []
    for network, side in teachers:
        features, said = outputs(network, pictures, side)
        found = rooted(features)
        vectors.append(functional.normalize(found - found.mean(dim=0), dim=1))
        scores.append(said.softmax(dim=1))
    joined = torch.cat(vectors, dim=1)
    joined -= joined.mean(dim=0)
    values, axes = torch.linalg.eigh((joined.T @ joined / len(joined)).double())
    kept = values.argsort(descending=True)[:dim]
    projection = (axes[:, kept] * values[kept].clamp(min=1e-9) ** -0.25).float()
    return Targets(functional.normalize(joined @ projection, dim=1), torch.stack(scores).mean(0))


def kept(
    path: Path, teachers: Sequence[tuple[Network, int]], pictures: Sequence[Picture], dim: int
) -> Targets:
    """The targets in a file, made and written where it is not there yet."""
    if not path.is_file():
        made = make(teachers, pictures, dim)
        torch.save(asdict(made), path)
        return made
    found = torch.load(path, weights_only=True)
    return Targets(found["vectors"], found["scores"])
