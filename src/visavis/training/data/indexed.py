"""An index as what is trained on: its records with their fields, its vectors, their pictures."""

from collections.abc import Sequence

import numpy as np

from visavis.image_index import ImageIndex
from visavis.images.files import path_text
from visavis.sources.base import Source
from visavis.sources.records import RecordsSource
from visavis.training.data.row_cache import CachedRows, Maker
from visavis.training.data.samples import Sample
from visavis.types import Failure

_GONE = "it has left the index since the training began"


class IndexSource(RecordsSource):
    """The pictures that an index has. They are read, where they have to be, where they lie.

    Args:
        index: Stays open as long as it is trained on.
    """

    def __init__(self, index: ImageIndex) -> None:
        super().__init__(index)
        self.index = index
        self.uri = path_text(str(index.path.absolute()))

    def rows(self, samples: Sequence[Sample], maker: Maker) -> CachedRows | None:
        """What the index has of what this maker makes; None when it is not its model's."""
        if maker.key != self.index.info().fingerprint:
            return None
        places = {sample.entry.id: place for place, sample in enumerate(samples)}
        rows = np.zeros((len(samples), *maker.shape), np.float32)
        sha256 = [""] * len(samples)
        for record, vector in self.index.rows():
            place = places.get(record.id)
            if place is not None:
                rows[place], sha256[place] = vector, record.sha256
        there = np.flatnonzero([bool(content) for content in sha256])
        left = there.tolist()
        gone = [Failure(s.entry.uri, _GONE) for s, c in zip(samples, sha256, strict=True) if not c]
        return CachedRows([samples[n] for n in left], [sha256[n] for n in left], rows, there, gone)


def source_of(source: Source | ImageIndex) -> Source:
    """What is trained on, as a source."""
    return IndexSource(source) if isinstance(source, ImageIndex) else source
