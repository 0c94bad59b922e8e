"""The losses of metric learning with the mining that goes with them, from
pytorch-metric-learning.
"""

from typing import Any

from pytorch_metric_learning.losses import ArcFaceLoss, MultiSimilarityLoss, TripletMarginLoss
from pytorch_metric_learning.miners import (
    BatchHardMiner,
    MultiSimilarityMiner,
    TripletMarginMiner,
)
from torch import Tensor, nn

from visavis.training.networks.distances import distance_of
from visavis.training.triplet.settings import LossSettings

_ARC_DEGREES = 28.6  # half a radian, as in Deng et al., "ArcFace", CVPR 2019
_ARC_SCALE = 64.0


class MetricLoss(nn.Module):
    """The loss of a batch: mining first, then the mean over what was mined.

    * triplet: max(0, ε + D(q, p) - D(q, n)) over triplets of a query, a positive and a negative.
      semihard: those with D(q, p) < D(q, n) <= D(q, p) + ε (Schroff et al., "FaceNet", CVPR 2015);
      hard: of every query the farthest positive and the nearest negative (Hermans et al., "In
      defense of the triplet loss", 2017); all: every triplet whose loss is above 0.
    * multi-similarity: Wang et al., CVPR 2019.
    * arcface: Deng et al., CVPR 2019; it learns a direction for every label, which is thrown away
      afterwards. These begin by chance and are the only parameters that a loss has.

    Args:
        settings: Which.
        labels: How many labels are trained on.
        dim: Dimensions of an embedding.
    """

    def __init__(self, settings: LossSettings, labels: int, dim: int) -> None:
        super().__init__()
        self.miner: nn.Module | None = miner_of(settings)
        self.loss: nn.Module
        match settings.loss:
            case "triplet":
                distance = distance_of(settings.metric)
                self.loss = TripletMarginLoss(margin=settings.margin, distance=distance)
            case "multi-similarity":
                self.loss = MultiSimilarityLoss()
            case "arcface":
                self.loss = ArcFaceLoss(labels, dim, _ARC_DEGREES, _ARC_SCALE)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """One number for (n, dim) embeddings, of any length, and (n,) labels."""
        mined: Any = None if self.miner is None else self.miner(embeddings, labels)
        value: Tensor = self.loss(embeddings, labels, mined)
        return value


def miner_of(settings: LossSettings) -> nn.Module | None:
    """What chooses the pairs or triplets of a batch; None where the loss takes all."""
    if settings.loss == "arcface":
        return None
    if settings.loss == "multi-similarity":
        chosen: nn.Module = MultiSimilarityMiner(epsilon=0.1)
        return chosen
    distance = distance_of(settings.metric)
    if settings.mining == "hard":
        chosen = BatchHardMiner(distance=distance)
    else:
        chosen = TripletMarginMiner(settings.margin, settings.mining, distance=distance)
    return chosen
