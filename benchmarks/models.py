"""The network that the benchmarks of indexing and of cold searches run, where it is at hand."""

from pathlib import Path

MOBILENET = Path(__file__).parents[2] / "shared" / "weights" / "mobilenet-v2"
NO_MOBILENET = "left out: it needs the model folder ../shared/weights/mobilenet-v2"
