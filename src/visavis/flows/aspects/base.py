"""An aspect of images as a flow makes it, and those that there are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import Embedder
from visavis.embedders.parts.codes import BITS
from visavis.embedders.parts.looking import PartsEmbedder
from visavis.embedders.parts.windows import WINDOWS
from visavis.types import RGB

PARTS = "parts"
"""The codes of the windows of a picture: crops and pictures within pictures are found by them."""


class Aspect(Protocol):
    """What is kept of an image beside its vector. Safe to use from several threads at once."""

    @property
    def size(self) -> int:
        """Bytes of a value."""
        ...

    @property
    def made_by(self) -> str:
        """What makes the values; see AspectFacts."""
        ...

    @property
    def side(self) -> int | None:
        """The shorter side in pixels that it is made of; None: all the pixels there are."""
        ...

    def of(self, pictures: Sequence[RGB]) -> NDArray[np.uint8]:
        """A value for each picture, in order: (n, size); raises as `Embedder.embed_images` does."""
        ...


class Parts:
    """The codes of the windows of pictures; see `visavis.embedders.parts`."""

    def __init__(self, embedder: Embedder) -> None:
        self.looking = PartsEmbedder(embedder)
        self.size = len(WINDOWS) * BITS // 8
        self.side = self.looking.side

    @property
    def made_by(self) -> str:
        """The way, and the model."""
        return self.looking.made_by

    def of(self, pictures: Sequence[RGB]) -> NDArray[np.uint8]:
        """The codes of each picture's windows, one after the other: (n, 448)."""
        return self.looking.codes(pictures).reshape(len(pictures), self.size)


MAKERS: Mapping[str, Callable[[Embedder], Aspect]] = {PARTS: Parts}
"""What makes an aspect with an index's model, by the name under which stores keep it."""
