"""Whether a model folder works: what `visavis models check` runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visavis.embedders.base import embed
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.runtime.checksum import verify
from visavis.embedders.spec import SPEC_FILE, ModelSpec, TextSpec, read_spec
from visavis.embedders.two_sided import TwoSidedEmbedder, open_folder
from visavis.errors import ExtraMissingError, ModelError, ModelSpecError
from visavis.types import RGB, Vectors

_SPEED_RUNS = 5
_SHARE_OFF = 0.01  # what rounding may change


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
    """Score of the two drawn pictures; 1.0 would mean that the model distinguishes nothing."""
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
    first, second = embed(embedder, pictures)
    similarity = float(first @ second)
    if similarity > 1 - 1e-6 and not may_be_alike:
        raise ModelError(
            f"{folder}: two different pictures get the same embedding; "
            "look at output, pool and preprocess in its model.json"
        )
    _check_share(embedder, first)
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
        texts = words.examples()
        if not texts:
            raise ModelError(f"{words.table.path} has no word that says anything; make it again")
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


def _check_share(embedder: OnnxEmbedder, vector: Vectors) -> None:
    """That the semantic part of a picture's vector is as long as its share says."""
    for block in embedder.blocks:
        found = float(np.square(vector[block.place], dtype=np.float64).sum())
        if block.semantic and abs(found - block.share) > _SHARE_OFF:
            raise ModelSpecError(
                f"{embedder.folder / SPEC_FILE}: semantic.share is {block.share:g}, but the "
                f"squared length of a picture's last {embedder.dim - block.place.start} dimensions "
                f"is {found:.3f}; correct it, or make the model again"
            )


def _check_labels(embedder: OnnxEmbedder, pictures: Sequence[RGB]) -> None:
    """That the scores of the classifier, if there is one, have a label each; else ModelError."""
    if embedder.classes is not None:
        embedder.classes.scores(pictures)


def _check_files(folder: Path, spec: ModelSpec) -> None:
    names = [] if spec.classes is None else [spec.classes.labels]
    if isinstance(spec.text, TextSpec):
        names += [spec.text.file, spec.text.tokenizer]
    elif spec.text is not None:
        others = [spec.text.aliases, spec.text.colours, spec.text.tags]
        names += [spec.text.words, *filter(None, others)]
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
