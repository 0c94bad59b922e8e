"""The joint recipe's learner: the head with its loss, and how well words find its pictures."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from visavis import metrics
from visavis.training.data.inputs import Inputs
from visavis.training.data.samples import Numbers
from visavis.training.joint.head import JointHead
from visavis.training.joint.losses import cosine_loss, hinge_rank_loss, same_words
from visavis.training.joint.settings import JointSettings
from visavis.training.joint.targets import Targets
from visavis.training.loop.learner import Batch, Learner
from visavis.training.networks.embedding import EmbeddingNetwork
from visavis.types import Vectors

_BLOCK = 512  # samples embedded at once
_SOLVED = 5_000  # pictures that the regression is solved on, at most
_DEPTH, _DEEP = 10, 50
"""The first answers that are looked at, and the pictures that are searched at least for so many: of
a dozen pictures, ten are nearly all."""


class JointLearner(Learner):
    """Learns to lay pictures where their words are.

    Args:
        head: What is trained.
        data: All samples, with several views of each.
        targets: Where they belong.
        train: Samples that are trained on.
        validation: Samples that are kept from it.
        settings: Of the recipe.
        seed: Of all chance.
    """

    higher_is_better = True

    def __init__(
        self,
        head: JointHead,
        data: Inputs,
        targets: Targets,
        train: Numbers,
        validation: Numbers,
        settings: JointSettings,
        seed: int,
    ) -> None:
        super().__init__(settings.rates, seed)
        self._depth = _DEPTH if len(validation) >= _DEEP else 1
        self.measure = "map" if targets.names else f"recall@{self._depth}"
        self.network = EmbeddingNetwork(None, None, head, "cosine")
        self.head = head
        self.knows = head.straight is not None
        self._data, self._targets, self._settings = data, targets, settings
        self._train, self._validation = train, validation
        self.ridge = 0.0

    def start(self) -> None:
        """Solve the regression, on the pictures that are trained on."""
        numbers = self._train
        if len(numbers) > _SOLVED:
            drawn = np.random.default_rng([self.seed, 4]).choice(len(numbers), _SOLVED, False)
            numbers = numbers[np.sort(drawn)]
        goals = self._targets.of(numbers).goals(self._settings.captions)
        self.ridge = self.head.solve(self._data.take(numbers)["rows"], goals, self.seed)

    def batch(self, numbers: Numbers) -> dict[str, Tensor]:
        """What a step takes."""
        chosen, targets = torch.from_numpy(numbers), self._targets
        return {
            "rows": self._data.take(numbers)["rows"],
            "own": targets.own[chosen],
            "captions": targets.captions[chosen],
        }

    def losses(self, batch: Batch) -> Tensor:
        """The loss of one view of each picture, drawn by chance."""
        self.head.begin()
        rows = batch["rows"]
        generator = Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
        drawn = torch.randint(rows.shape[1], (len(rows),), generator=generator)
        pictures = self.network.vectors(rows[torch.arange(len(rows)), drawn.to(rows.device)], None)
        with self.exactly():
            return self._loss(pictures.float(), batch["own"], batch["captions"])

    def _loss(self, pictures: Tensor, own: Tensor, captions: Tensor) -> Tensor:
        """Labels and captions apart, each against what else there is of its kind in the batch."""
        there = own.any(dim=0)
        labels = self._targets.labels.to(pictures.device)[there]
        said = captions.abs().sum(dim=1) > 0
        alone = torch.eye(len(captions), dtype=torch.bool, device=captions.device)[:, said]
        # A picture that shares a label with another's caption is no wrong answer to it.
        related = (own.float() @ own.float().T > 0)[:, said]
        weight = self._settings.captions if there.any() else 1.0
        weight = weight if said.any() else 0.0
        total = pictures.sum() * 0
        if weight < 1:
            total = total + (1 - weight) * self._one(pictures, labels, own[:, there], None)
        if weight > 0:
            total = total + weight * self._one(pictures, captions[said], alone, related)
        return total

    def _one(self, pictures: Tensor, words: Tensor, own: Tensor, related: Tensor | None) -> Tensor:
        if self._settings.loss == "cosine":
            return cosine_loss(pictures, words, own)
        fair = same_words(own, words)
        fair = fair if related is None else fair | related
        return hinge_rank_loss(pictures, words, own, fair, self._settings.margin)

    def figures(self) -> dict[str, float]:
        """mAP of the labels' words, and recall of captions, among the validation's samples.

        That is recall@10, of fewer than fifty samples recall@1.
        """
        numbers = self._validation
        if not len(numbers):
            return {}
        vectors = self.vectors(numbers)
        found: dict[str, float] = {}
        own = self._targets.own[torch.from_numpy(numbers)].numpy()
        if own.any():
            found["map"] = word_map(vectors, self._targets.labels.numpy(), own)
        captions = self._targets.captions[torch.from_numpy(numbers)].numpy()
        if captions.any():
            found[f"recall@{self._depth}"] = caption_recall(vectors, captions, self._depth)
        return found

    @torch.no_grad()
    def vectors(self, numbers: Numbers) -> Vectors:
        """What an index would hold of these samples."""
        return np.concatenate([*self._embedded(numbers)])

    def _embedded(self, numbers: Numbers) -> Iterator[Any]:
        for start in range(0, len(numbers), _BLOCK):
            rows = self._data.take(numbers[start : start + _BLOCK])["rows"][:, 0]
            yield self.network.vectors(rows.to(self.device), None).float().cpu().numpy()


def word_map(vectors: Vectors, words: Vectors, own: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """Mean over words of the average precision with which each finds its pictures.

    Args:
        vectors: (n, dim) of the pictures.
        words: (m, dim); those that are no picture's do not ask.
        own: (n, m), whether a word is a picture's.
    """
    precision: list[float] = []
    for place in np.flatnonzero(own.any(axis=0)).tolist():
        order = np.argsort(-(vectors @ words[place]), kind="stable")
        ranks = np.flatnonzero(own[order, place]) + 1
        precision.append(metrics.average_precision(ranks, len(ranks)))
    return float(np.mean(precision))


def caption_recall(vectors: Vectors, captions: Vectors, count: int) -> float:
    """The share of captions, (n, dim), that find their picture among the first `count`.

    Pictures whose caption is zeros are searched and do not ask.
    """
    asking: Sequence[int] = np.flatnonzero(captions.any(axis=1)).tolist()
    found = []
    for number in asking:
        scores = vectors @ captions[number]
        found.append(int((scores > scores[number]).sum()) < count)
    return float(np.mean(found))
