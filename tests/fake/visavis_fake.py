"""Embedders with meaning and without weights: the vector is the picture's mean colour.

"The dark red picture is nearest to the red one" is then a true statement that a test can make. The
folder is a plug-in as a third party would install it, so child processes can load them by name.
"""

import os
import signal
import threading
import time
from collections.abc import Sequence

import numpy as np

from visavis.embedders.base import unit_rows
from visavis.types import RGB, Vectors


class FakeEmbedder:
    """The mean colour of each upright stripe of a picture; it counts what it was given."""

    side: int | None = 32

    def __init__(self, stripes: int = 1, name: str = "fake") -> None:
        self.name = self.ref = name
        self.dim = 3 * stripes
        self.fingerprint = f"mean colour of {stripes}"
        self.embedded = 0
        self._stripes = stripes
        self._guard = threading.Lock()

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        with self._guard:
            self.embedded += len(images)
        rows = [
            [stripe.mean(axis=(0, 1)) for stripe in np.array_split(image, self._stripes, axis=1)]
            for image in images
        ]
        return unit_rows(np.array(rows, np.float32).reshape(len(images), self.dim))


class PickyEmbedder(FakeEmbedder):
    """Has no vector for a picture that is white all over, nor for those it is given with."""

    def __init__(self) -> None:
        super().__init__(name="fake-picky")

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        if any(image.min() == 255 for image in images):
            return np.full((len(images), self.dim), np.nan, np.float32)
        return super().embed_images(images)


class SlowEmbedder(FakeEmbedder):
    """Takes 20 ms for a picture, for ever for a white one, and dies of a black one."""

    def __init__(self) -> None:
        super().__init__(name="fake-slow")

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        if any(image.max() == 0 for image in images):
            os.kill(os.getpid(), signal.SIGKILL)
        while any(image.min() == 255 for image in images):
            time.sleep(1)
        time.sleep(0.02 * len(images))
        return super().embed_images(images)


def colour(*, threads: int | None, device: str) -> FakeEmbedder:
    return FakeEmbedder()


def halves(*, threads: int | None, device: str) -> FakeEmbedder:
    return FakeEmbedder(2, "fake-halves")


def picky(*, threads: int | None, device: str) -> FakeEmbedder:
    return PickyEmbedder()


def slow(*, threads: int | None, device: str) -> FakeEmbedder:
    return SlowEmbedder()
