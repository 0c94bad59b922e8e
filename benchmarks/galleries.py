"""Indexes full of clustered vectors, and an embedder that turns chosen vectors into queries."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from visavis import ImageIndex
from visavis.embedders.base import unit_rows
from visavis.flows.binding import Binding
from visavis.flows.relation.cuts import settle
from visavis.store.base import ModelFacts
from visavis.store.sqlite.store import SqliteStore
from visavis.types import RGB, ImageRecord, Vectors

DIM = 256
NOISE = 0.9  # length of a picture's deviation from its cluster's centre, which has length 1
PER_CLUSTER = 100
SHELVES = 100  # `shelf=7` keeps one record in a hundred
GENERATOR = (
    f"vectors: n/{PER_CLUSTER} cluster centres, uniform on the sphere; each vector is a centre plus"
    f" Gaussian noise of expected length {NOISE}, made unit length; seed 7; fresh queries are drawn"
    " the same way from the same centres"
)

_BATCH = 10_000
_FIRST = 255  # begins a vector's picture, and ends none
_ROOT = "/photos"


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clustered unit vectors, drawn from a seed."""

    count: int
    dim: int = DIM
    seed: int = 7

    def vectors(self) -> Iterator[Vectors]:
        """All of them, a block at a time."""
        for start in range(0, self.count, _BATCH):
            yield self._drawn(start + 1, min(_BATCH, self.count - start))

    def fresh(self, count: int) -> Vectors:
        """Others from the same clusters."""
        return self._drawn(0, count)

    def _drawn(self, stream: int, count: int) -> Vectors:
        centres = self._centres()
        random = np.random.default_rng([self.seed, 1, stream])
        chosen = centres[random.integers(0, len(centres), count)]
        noise = random.standard_normal(chosen.shape, np.float32)
        return unit_rows(chosen + noise * np.float32(NOISE / np.sqrt(self.dim)))

    def _centres(self) -> Vectors:
        random = np.random.default_rng([self.seed, 0])
        shape = max(1, self.count // PER_CLUSTER), self.dim
        return unit_rows(random.standard_normal(shape, np.float32))


class ChosenVectors:
    """An embedder whose pictures are vectors: the bytes of the one are the pixels of the other."""

    name = "chosen"
    ref = "chosen"
    fingerprint = "c" * 16
    side = None

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """What `pixels` hid in each picture, also where that was turned."""
        size = 4 * self.dim
        rows = [np.frombuffer(_upright(image)[:size], np.float32) for image in images]
        return np.array(rows, np.float32).reshape(len(images), self.dim)


def _upright(image: RGB) -> bytes:
    row = image.reshape(-1, 3)
    return (row[1:] if row[0, 0] == _FIRST else row[-2::-1]).tobytes()


def pixels(vector: Vectors) -> RGB:
    """A vector as a picture one pixel high, for ChosenVectors."""
    data = vector.astype(np.float32).tobytes()
    data = bytes([_FIRST] * 3) + data + bytes(3 + -len(data) % 3)
    return np.frombuffer(data, np.uint8).reshape(1, -1, 3)


class GalleryIndex(ImageIndex):
    """An ImageIndex over vectors of ChosenVectors; everything but the model is the real thing."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store)
        self._model = _ChosenBinding(store, "cpu")


class _ChosenBinding(Binding):
    def embedder(self, threads: int | None = None) -> ChosenVectors:
        return ChosenVectors(self._store.model().dim)


@dataclass(frozen=True, slots=True)
class Model:
    """The model that an index is said to have been made by."""

    name: str
    ref: str
    fingerprint: str

    @classmethod
    def chosen(cls) -> Self:
        """The double."""
        return cls(ChosenVectors.name, ChosenVectors.ref, ChosenVectors.fingerprint)


def record_id(number: int) -> str:
    """A name like those in people's folders: 35 characters."""
    return f"2019/07 summer at lake/{number:08}.jpg"


def fill(folder: Path, clusters: Clusters, model: Model) -> None:
    """Make an index of these vectors, unless a finished one is there already."""
    done = folder / "filled"
    if done.exists():
        return
    store = SqliteStore.create(
        folder, ModelFacts(model.name, model.ref, model.fingerprint, clusters.dim)
    )
    try:
        source = store.source("folder", _ROOT).number
        first = 0
        for block in clusters.vectors():
            store.upsert(source, [_record(first + at) for at in range(len(block))], block)
            first += len(block)
        settle(store)
    finally:
        store.close()
    done.touch()


def _record(number: int) -> ImageRecord:
    id = record_id(number)
    return ImageRecord(
        id=id,
        uri=f"{_ROOT}/{id}",
        size=200_000 + number,
        modified=1_700_000_000.0 + number,
        sha256=hashlib.sha256(id.encode()).hexdigest(),
        width=1024,
        height=768,
        fields={"shelf": number % SHELVES, "kind": ("lamp", "chair", "table")[number % 3]},
    )


def as_stored(vectors: Vectors) -> Vectors:
    """Vectors as an index has them: rounded to float16, made unit length again."""
    return unit_rows(vectors.astype(np.float16))


def nearest(queries: Vectors, vectors: Vectors, count: int) -> NDArray[np.int64]:
    """The positions of each query's true nearest, by brute force: (n, count), in no order."""
    best_scores = np.empty((len(queries), 0), np.float32)
    best_places = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(vectors), _BATCH):
        scores = queries @ vectors[start : start + _BATCH].T
        places = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
        scores, places = np.hstack([best_scores, scores]), np.hstack([best_places, places])
        kept = np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count]
        best_scores = np.take_along_axis(scores, kept, 1)
        best_places = np.take_along_axis(places, kept, 1)
    return best_places
