"""Vectors of the windows of a picture by any model: from one map, or window by window."""

import threading
from collections.abc import Sequence

import numpy as np

from visavis.embedders.base import Embedder, embed, unit_rows
from visavis.embedders.blocks import visual_part
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.parts.codes import BITS, Codes, codes
from visavis.embedders.parts.salience import BLANKS, Blank, subjects
from visavis.embedders.parts.split import LARGER, SplitNetwork, seems_to_split, split
from visavis.embedders.parts.windows import WINDOWS
from visavis.images.decode import crop
from visavis.types import RGB, Subject, Vectors

_METHOD = 1  # of another number, codes cannot be compared


class PartsEmbedder:
    """Looks at the windows of pictures with a model. Safe to use from several threads at once.

    Where the model's network ends with the mean of a map, all windows are seen in one look at the
    picture in twice the size; else each is a picture of its own, and costs as much.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._guard = threading.Lock()
        self._tried = False
        self._network: SplitNetwork | None = None
        self._blank: Blank | None = None

    @property
    def network(self) -> SplitNetwork | None:
        """The halves of the model's network; None: windows are looked at one by one."""
        with self._guard:
            if not self._tried:
                model = self.embedder
                if isinstance(model, OnnxEmbedder):
                    path = model.folder / model.spec.file
                    self._network = split(path, model.spec, model.threads, model.device)
                self._tried = True
            return self._network

    @property
    def seems_to_split(self) -> bool:
        """Whether the model's network looks as if it had halves; it is not opened for that."""
        model = self.embedder
        if not isinstance(model, OnnxEmbedder):
            return False
        return seems_to_split(model.folder / model.spec.file, model.spec)

    @property
    def made_by(self) -> str:
        """What has to be the same for two pictures' codes to be compared."""
        way = "windows" if self.network is None else "map"
        return f"{_METHOD} {way} {self.embedder.fingerprint}"

    @property
    def side(self) -> int | None:
        """The shorter side in pixels that is looked at; None: all the pixels there are."""
        return None if self.embedder.side is None else LARGER * self.embedder.side

    def vectors(self, picture: RGB) -> Vectors:
        """How the windows look, without what they show: (14, dim), of unit length."""
        network = self.network
        if network is None:
            found = embed(self.embedder, [crop(picture, box) for box in WINDOWS])
        else:
            found = network.windows(picture, network.maps([picture])[0])
        return visual_part(self.embedder, unit_rows(found))

    def codes(self, pictures: Sequence[RGB]) -> Codes:
        """The codes of the windows of some pictures: (n, 14, 32)."""
        found = [codes(self.vectors(picture)) for picture in pictures]
        return np.array(found, np.uint8).reshape(len(found), len(WINDOWS), BITS // 8)

    def subjects(self, picture: RGB) -> list[Subject]:
        """Up to three boxes around what stands out; none where the network has no halves."""
        network = self.network
        if network is None:
            return []
        if self._blank is None:  # two threads may both find it out, and find the same
            grey = [np.full((8, 8, 3), level, np.uint8) for level in BLANKS]
            self._blank = Blank.of(network.maps(grey))
        return subjects(network.maps([picture])[0], self._blank)
