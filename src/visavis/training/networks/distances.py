"""How far apart two embeddings are, for losses and miners; the index itself always uses the dot
product of unit vectors.

Cosine, Euclidean and Manhattan are those of pytorch-metric-learning; χ² is our own. Each takes
embeddings of any length: cosine and Euclidean compare their directions, Manhattan and χ² their
shares of the sum of absolute values.
"""

import torch
from pytorch_metric_learning.distances import BaseDistance, CosineSimilarity, LpDistance
from torch import Tensor

from visavis.training.settings import Metric

_TINY = 1e-12


class ChiSquare(BaseDistance):  # type: ignore[misc]
    """χ² distance of histograms, which are divided by their sums first.

        D(p, q) = ½ · Σ (pᵢ - qᵢ)² / (pᵢ + qᵢ),  0 … 1

    Entries must not be negative. Source: Rubner, Puzicha, Tomasi and Buhmann, "Empirical
    evaluation of dissimilarity measures for color and texture", CVIU 2001.
    """

    def __init__(self) -> None:
        super().__init__(p=1)

    def compute_mat(self, query_emb: Tensor, ref_emb: Tensor) -> Tensor:
        """(n, dim) and (m, dim) to (n, m)."""
        return chi_square(query_emb[:, None], ref_emb[None])

    def pairwise_distance(self, query_emb: Tensor, ref_emb: Tensor) -> Tensor:
        """(n, dim) and (n, dim) to (n,)."""
        return chi_square(query_emb, ref_emb)


def chi_square(p: Tensor, q: Tensor) -> Tensor:
    """χ² along the last axis of shares, which are not negative and add up to one."""
    # A bin that both lack counts nothing; without the tiny number it would be 0 / 0.
    return ((p - q).square() / (p + q + _TINY)).sum(dim=-1) / 2


def distance_of(metric: Metric) -> BaseDistance:
    """The distance of a name. With cosine, pytorch-metric-learning counts 1 - similarity."""
    match metric:
        case "cosine":
            return CosineSimilarity()
        case "euclidean":
            return LpDistance(p=2)
        case "manhattan":
            return LpDistance(p=1)
        case "chi2":
            return ChiSquare()


def shares(raw: Tensor) -> Tensor:
    """Any numbers (n, dim) as a histogram: not negative, rows adding up to one.

    The softmax of rows whose length is √dim: an entry is about one in size, whatever the network's
    scale.
    """
    even: Tensor = torch.nn.functional.normalize(raw) * raw.shape[1] ** 0.5
    return even.softmax(dim=1)
