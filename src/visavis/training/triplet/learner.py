"""The triplet recipe's learner: the network with its loss and its validation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Generator, Tensor, nn

from visavis.training.data.inputs import Inputs, mirrored, reframed
from visavis.training.data.samples import Numbers, label_numbers
from visavis.training.data.splits import Split, drawn_labels
from visavis.training.loop.learner import Batch, Learner
from visavis.training.networks.embedding import EmbeddingNetwork
from visavis.training.settings import Rates
from visavis.training.triplet.losses import MetricLoss
from visavis.training.validation import retrieval_figures
from visavis.types import Vectors

_BLOCK = 256  # samples embedded at once
_NUMBERS = 2**26  # that a head begins from, in 64 bits each: time and memory go with it
_SEARCHED = 5_000  # of the training's samples, at most: all are embedded after each epoch
_LEAST = 1000  # samples that a head begins from, however many numbers they have


class TripletLearner(Learner):
    """Learns which samples belong together.

    Args:
        network: What is trained.
        loss: Of its embeddings.
        data: All samples.
        parts: Which are trained on and which are kept for validation.
        rates: How weights follow their gradients.
        seed: Of all chance.
        sides: (n,) a number for each sample: those on other sides are to be found; None: all are.
    """

    measure = "map"
    higher_is_better = True

    def __init__(
        self,
        network: EmbeddingNetwork,
        loss: MetricLoss,
        data: Inputs,
        parts: Split,
        rates: Rates,
        seed: int,
        *,
        sides: Numbers | None = None,
    ) -> None:
        super().__init__(rates, seed)
        self.network, self.loss = network, loss
        self._data, self._parts, self._sides = data, parts, sides
        held, others = parts.validation, parts.train
        if len(others) > _SEARCHED:
            drawn = np.random.default_rng([seed, 6]).choice(len(others), _SEARCHED, False)
            others = others[np.sort(drawn)]
        self.searched = np.concatenate([held, others])
        """What the validation's samples, which come first, are searched for among."""
        self.knows = network.head.straight is not None and network.base is None
        self._labels = label_numbers(data.labels)
        train = np.unique(self._labels[parts.train])
        self._classes = np.searchsorted(train, self._labels)  # of what is trained on: 0, 1, 2 …

    def batch(self, numbers: Numbers) -> dict[str, Tensor]:
        """What a step takes."""
        return self._data.take(numbers) | {"labels": torch.from_numpy(self._classes[numbers])}

    def losses(self, batch: Batch) -> Tensor:
        """The metric loss; pictures are mirrored by chance, and reframed where a base sees them."""
        pictures = batch.get("pictures")
        if pictures is not None:
            generator = Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
            pictures = mirrored(pictures, generator)
            if self.network.base is not None:
                pictures = reframed(pictures, generator)
        embeddings = self.network(batch.get("rows"), pictures)
        with self.exactly():
            value: Tensor = self.loss(embeddings.float(), batch["labels"])
        return value

    def figures(self) -> dict[str, float]:
        """mAP and recall@1 of the validation's samples among these and those that are trained on.

        Among themselves a few are soon all found, and no epoch could be told from another.
        """
        numbers, asks = self.searched, len(self._parts.validation)
        if not asks:
            return {}
        labels, sides = self._labels[numbers], self._sides_of(numbers)
        return retrieval_figures(self.vectors(numbers), labels, self.seed, sides, asks)

    @torch.no_grad()
    def vectors(self, numbers: Numbers) -> Vectors:
        """What an index would hold of these samples."""
        return np.concatenate(
            [
                self.network.vectors(part.get("rows"), part.get("pictures")).float().cpu().numpy()
                for part in self._parts_of(numbers)
            ]
        )

    @torch.no_grad()
    def start(self, most: int = 20_000) -> None:
        """Let the head begin from what the base knows of the training's samples.

        Of more than `most`, or of more than 512 MB in all, whole labels are drawn.
        """
        train, inputs = self._parts.train, self.network.head.inputs
        most = min(most, max(_LEAST, _NUMBERS // inputs))
        numbers = train[drawn_labels(self._labels[train], most, self.seed, self._sides_of(train))]
        self.eval()
        rows = [
            self.network.joined(part.get("rows"), part.get("pictures"))
            for part in self._parts_of(numbers)
        ]
        labels, sides = self._labels[numbers], self._sides_of(numbers)
        self.network.head.start(torch.cat(rows), labels, self.seed, sides)
        self.train()

    def fresh(self) -> Iterator[nn.Parameter]:
        """ArcFace's directions; the other losses learn nothing themselves."""
        yield from self.loss.parameters()

    def _sides_of(self, numbers: Numbers) -> Numbers | None:
        return None if self._sides is None else self._sides[numbers]

    def _parts_of(self, numbers: Numbers) -> Iterator[dict[str, Tensor]]:
        for start in range(0, len(numbers), _BLOCK):
            taken = self._data.take(numbers[start : start + _BLOCK])
            yield {name: part.to(self.device) for name, part in taken.items()}
