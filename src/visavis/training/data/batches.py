"""Batches in an order that follows from the seed and the epoch, so that a resumed training sees
what an unbroken one would have seen.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from visavis.training.data.samples import Numbers

Batch = TypeVar("Batch")

Draw = Callable[[int], Sequence[Numbers]]
"""The batches of an epoch, as numbers of samples: always as many."""


def shuffled(numbers: Numbers, size: int, seed: int) -> Draw:
    """All samples in a new order in each epoch; the last few that fill no batch are left out."""

    def draw(epoch: int) -> Sequence[Numbers]:
        order = np.random.default_rng([seed, 2, epoch]).permutation(numbers)
        count = max(1, len(order) // size)
        return [order[at * size : (at + 1) * size] for at in range(count)]

    return draw


class LabelBatches:
    """Batches of P labels with up to K pictures each.

    An epoch has at least as many pictures as there are: where labels have up to K of them, each is
    in it. Labels take turns, whatever their number of pictures, and so do the pictures of a label.
    Pictures whose label has no other are put together in groups of K, which take turns like labels:
    they are negatives for all others. With `sides` the pictures of a label come from each of its
    sides in equal parts, as far as there are enough.

    Args:
        numbers: (n,) of the samples.
        labels: (n,) the label of each, as a number.
        p: Groups in a batch.
        k: Pictures in a group.
        seed: Of the order.
        sides: (n,) a number for each; None: all are on one.
    """

    def __init__(
        self,
        numbers: Numbers,
        labels: Numbers,
        p: int,
        k: int,
        seed: int,
        sides: Numbers | None = None,
    ) -> None:
        groups = [numbers[labels == label] for label in np.unique(labels)]
        self._groups = [group for group in groups if len(group) > 1]
        self._side = (
            None if sides is None else dict(zip(numbers.tolist(), sides.tolist(), strict=True))
        )
        self._single = np.concatenate([group for group in groups if len(group) == 1] or [[]])
        self._p, self._k, self._seed = p, k, seed
        sizes = [len(group) for group in self._groups] + self._filled(len(self._single))
        batch = min(p, len(sizes)) * sum(min(k, size) for size in sizes) / len(sizes)  # on average
        self.count = math.ceil(round(len(numbers) / batch, 6))

    def __call__(self, epoch: int) -> Sequence[Numbers]:
        """The batches of an epoch, no picture twice in one."""
        chance = np.random.default_rng([self._seed, 3, epoch])
        single = chance.permutation(self._single).astype(np.int64)
        groups = [*self._groups]
        groups += [single[at : at + self._k] for at in range(0, len(single), self._k)]
        decks = [_Sides(self._divided(group), chance) for group in groups]
        turns = _Deck(np.arange(len(groups)), chance)
        size = min(self._p, len(groups))
        return [
            np.concatenate([decks[turn].draw(self._k) for turn in turns.draw(size).tolist()])
            for _ in range(self.count)
        ]

    def _filled(self, single: int) -> list[int]:
        """How many pictures are in each of the groups of single ones."""
        return [min(self._k, single - at) for at in range(0, single, self._k)]

    def _divided(self, group: Numbers) -> list[Numbers]:
        if self._side is None:
            return [group]
        sides = np.array([self._side[number] for number in group.tolist()])
        return [group[sides == side] for side in np.unique(sides)]


class _Sides:
    """Decks that each give as much as the others, as far as they have it."""

    def __init__(self, sides: Sequence[Numbers], chance: np.random.Generator) -> None:
        self._decks = [_Deck(side, chance) for side in sorted(sides, key=len)]

    def draw(self, count: int) -> Numbers:
        """The next few, all different."""
        drawn: list[Numbers] = []
        left = count
        for place, deck in enumerate(self._decks):  # what a small one lacks the larger ones give
            drawn.append(deck.draw(left // (len(self._decks) - place)))
            left -= len(drawn[-1])
        return np.concatenate(drawn)


class _Deck:
    """Things that are drawn in turn; when none is left all are shuffled again."""

    def __init__(self, things: Numbers, chance: np.random.Generator) -> None:
        self._things, self._chance = things, chance
        self._left = chance.permutation(things)

    def draw(self, count: int) -> Numbers:
        """The next few, all different."""
        drawn, self._left = self._left[:count], self._left[count:]
        missing = min(count, len(self._things)) - len(drawn)
        if missing:
            again = self._chance.permutation(self._things)
            others = again[~np.isin(again, drawn)][:missing]
            self._left = again[~np.isin(again, others)]
            drawn = np.concatenate([drawn, others])
        return drawn


class Batches(Generic[Batch]):
    """What the loop iterates over: each batch is made when its turn comes.

    It can be stopped within an epoch and go on there: `state_dict` says how far it is. Several
    processes share an epoch, each taking every `world`th batch.
    """

    def __init__(self, draw: Draw, make: Callable[[Numbers], Batch]) -> None:
        self._draw, self._make = draw, make
        self._count = len(draw(0))
        self._epoch = self._done = 0
        self.rank, self.world = 0, 1

    @property
    def sampler(self) -> "Batches[Batch]":
        """What Lightning passes the epoch to."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return max(1, self._count // self.world)

    def __iter__(self) -> Iterator[Batch]:
        batches = self._draw(self._epoch)
        self._done %= len(self)  # a loop that counts never asks for the end of an epoch
        while self._done < len(self):
            at = self.rank + self._done * self.world
            self._done += 1
            yield self._make(batches[at % len(batches)])

    def state_dict(self) -> dict[str, Any]:
        """How many batches of the epoch were handed out; 0 when it is over."""
        return {"done": self._done % len(self)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after so many batches."""
        self._done = state["done"]
