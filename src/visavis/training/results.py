"""What a recipe hands back, and what it needs for the last step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visavis.embedders.spec import ModelSpec
from visavis.images.decode import decode
from visavis.images.sources import Source
from visavis.training.inputs import Inputs
from visavis.types import RGB

_COMPARED = 16  # pictures that torch and the graph are compared on


@dataclass(frozen=True, slots=True)
class Result:
    """What a training made."""

    spec: ModelSpec
    told: str
    """How it was validated, in one sentence."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """What metrics.json says."""


def some_pictures(source: Source, data: Inputs) -> Sequence[RGB]:
    """Pictures of the data, evenly spread, read again."""
    count = len(data)
    places = np.linspace(0, count - 1, min(_COMPARED, count)).round().astype(int)
    entries = [data.samples[place].entry for place in places.tolist()]
    return [decode(source.read(entry), entry.uri).pixels for entry in entries]
