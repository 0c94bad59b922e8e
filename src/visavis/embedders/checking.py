"""Whether a model folder works: what `visavis models check` runs."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visavis.embedders.checksum import verify
from visavis.embedders.onnx import OnnxEmbedder
from visavis.embedders.spec import ModelSpec, read_spec
from visavis.errors import ModelError
from visavis.types import RGB

_SPEED_RUNS = 5


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found; that there is one means that the model works."""

    name: str
    dim: int
    fingerprint: str
    sha256: str
    load_ms: float
    """To open it, all threads."""
    image_ms: float
    """To embed one picture of the model's size, preprocessing included; the median of five."""
    similarity: float
    """Score of the two drawn pictures; 1.0 would mean that the model tells nothing apart."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a check."""
        return asdict(self)


def check_model(folder: Path, *, device: str = "cpu") -> CheckReport:
    """Verify the checksum, load the model, and embed two drawn pictures.

    Raises:
        ModelError: one of its kinds, saying what is wrong.
    """
    spec = read_spec(folder)
    verify(folder / spec.file, spec.sha256, trust_marker=False)
    _check_files(folder, spec)
    start = time.perf_counter()
    embedder = OnnxEmbedder(folder, device=device)
    loaded = time.perf_counter()
    pictures = [_rings(spec.preprocess.side), _stripes(spec.preprocess.side)]
    first, second = embedder.embed_images(pictures)
    similarity = float(first @ second)
    if similarity > 1 - 1e-6:
        raise ModelError(
            f"{folder}: two different pictures get the same embedding; "
            "look at output, pool and preprocess in its model.json"
        )
    return CheckReport(
        name=spec.name,
        dim=spec.dim,
        fingerprint=embedder.fingerprint,
        sha256=spec.sha256,
        load_ms=(loaded - start) * 1e3,
        image_ms=_milliseconds(embedder, pictures[0]),
        similarity=similarity,
    )


def _check_files(folder: Path, spec: ModelSpec) -> None:
    names = [] if spec.classes is None else [spec.classes.labels]
    if spec.text is not None:
        names += [spec.text.file, spec.text.tokenizer]
    for name in names:
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is not there, but model.json names it")


def _milliseconds(embedder: OnnxEmbedder, picture: RGB) -> float:
    times = []
    for _ in range(_SPEED_RUNS):
        start = time.perf_counter()
        embedder.embed_images([picture])
        times.append(time.perf_counter() - start)
    return sorted(times)[_SPEED_RUNS // 2] * 1e3


def _rings(side: int) -> RGB:
    """Blue and orange rings around the middle."""
    across = np.linspace(-1, 1, side)
    inside = np.hypot(across[:, None], across[None, :]) % 0.5 < 0.25
    return _two_colours(inside, (240, 140, 30), (20, 60, 150))


def _stripes(side: int) -> RGB:
    """Green and white stripes."""
    columns = np.arange(side) * 8 // side % 2 == 0
    return _two_colours(np.tile(columns, (side, 1)), (30, 160, 60), (250, 250, 250))


def _two_colours(mask: Any, there: tuple[int, ...], elsewhere: tuple[int, ...]) -> RGB:
    return np.where(mask[..., None], there, elsewhere).astype(np.uint8)
