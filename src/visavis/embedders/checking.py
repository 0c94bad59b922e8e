"""Whether a model folder works: what `visavis models check` runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visavis.embedders.checksum import verify
from visavis.embedders.onnx import OnnxEmbedder
from visavis.embedders.spec import ModelSpec, TextSpec, read_spec
from visavis.embedders.two_sided import TwoSidedEmbedder, open_folder
from visavis.errors import ExtraMissingError, ModelError
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
    text_ms: float | None = None
    """To embed one text, the median of five; None: it reads no words, or that was not tried."""
    note: str | None = None
    """What was not tried, and why."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a check."""
        return asdict(self)


def check_model(folder: Path, *, device: str = "cpu", may_be_alike: bool = False) -> CheckReport:
    """Verify the checksum, load the model, and embed two drawn pictures and two words.

    Two pictures with one vector are an error, unless they `may_be_alike`: a model made of few
    classes can be right in that.

    Raises:
        ModelError: one of its kinds, saying what is wrong.
    """
    spec = read_spec(folder)
    verify(folder / spec.file, spec.sha256, trust_marker=False)
    _check_files(folder, spec)
    start = time.perf_counter()
    embedder = open_folder(folder, device=device)
    embedder.open()
    loaded = time.perf_counter()
    pictures = [_rings(spec.preprocess.side), _stripes(spec.preprocess.side)]
    first, second = embedder.embed_images(pictures)
    similarity = float(first @ second)
    if similarity > 1 - 1e-6 and not may_be_alike:
        raise ModelError(
            f"{folder}: two different pictures get the same embedding; "
            "look at output, pool and preprocess in its model.json"
        )
    text_ms, note = _check_text(embedder, folder)
    _check_labels(embedder, pictures[:1])
    return CheckReport(
        name=spec.name,
        dim=spec.dim,
        fingerprint=embedder.fingerprint,
        sha256=spec.sha256,
        load_ms=(loaded - start) * 1e3,
        image_ms=_milliseconds(lambda: embedder.embed_images(pictures[:1])),
        similarity=similarity,
        text_ms=text_ms,
        note=note,
    )


def _check_text(embedder: OnnxEmbedder, folder: Path) -> tuple[float | None, str | None]:
    """Milliseconds for a text, or why there are none. ModelError when the text side fails."""
    if not isinstance(embedder, TwoSidedEmbedder):
        return None, None
    if (words := embedder.words()) is not None:
        texts = [words.table.word(0), words.table.word(len(words.table) - 1)]
    else:
        texts = ["a cat", "two red houses"]
    try:
        first, second = embedder.embed_texts(texts)
    except ExtraMissingError as error:
        return None, f"its text side was not tried: {error}"
    if len(set(texts)) == 2 and float(first @ second) > 1 - 1e-6:
        raise ModelError(
            f"{folder}: two different texts get the same vector; look at text in its model.json"
        )
    return _milliseconds(lambda: embedder.embed_texts(texts[:1])), None


def _check_labels(embedder: OnnxEmbedder, pictures: Sequence[RGB]) -> None:
    """That the scores of the classifier, if there is one, have a label each; else ModelError."""
    if embedder.classes is not None:
        embedder.classes.scores(pictures)


def _check_files(folder: Path, spec: ModelSpec) -> None:
    names = [] if spec.classes is None else [spec.classes.labels]
    if isinstance(spec.text, TextSpec):
        names += [spec.text.file, spec.text.tokenizer]
    elif spec.text is not None:
        names += [spec.text.words, *filter(None, [spec.text.aliases])]
    for name in names:
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is not there, but model.json names it")


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_SPEED_RUNS):
        start = time.perf_counter()
        work()
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
