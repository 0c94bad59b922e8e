"""A model whose vectors an index keeps in fewer dimensions: their principal components.

The map is fitted to the first pictures of the index and lies beside its database. Source: Jégou and
Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening",
ECCV 2012; without the whitening, which few pictures make worse.
"""

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from visavis.disk import reason, write_whole
from visavis.embedders.base import Embedder, embed, reads_words, unit_rows
from visavis.errors import IndexDamagedError, UsageError
from visavis.types import RGB, Vectors

Halves = NDArray[np.float16]


class ReducedEmbedder:
    """Another model's vectors less a mean, along some axes.

    Args:
        base: The model.
        mean: (base.dim,).
        axes: (dim, base.dim), of unit length and at right angles.
    """

    def __init__(self, base: Embedder, mean: Halves, axes: Halves) -> None:
        self.base = base
        self.dim = len(axes)
        self.name, self.ref, self.side = f"{base.name}-pca{self.dim}", base.ref, base.side
        self.kept = mean, axes
        """As they were given."""
        self._mean, self._axes = mean.astype(np.float32), axes.astype(np.float32)
        facts = base.fingerprint.encode() + mean.tobytes() + axes.tobytes()
        self.fingerprint = hashlib.sha256(facts).hexdigest()[:16]

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """One unit vector for each picture, in order: (n, dim) float32."""
        return unit_rows((embed(self.base, images) - self._mean) @ self._axes.T)

    def write(self, folder: Path) -> None:
        """Keep the map in the folder of an index."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(_place(folder, self.fingerprint), mean=self.kept[0], axes=self.kept[1])


def check_reduction(base: Embedder, dim: int) -> None:
    """Raise UsageError for a model that cannot be reduced to so many dimensions."""
    if not 1 <= dim < base.dim:
        raise UsageError(f"--reduce is from 1 to below the {base.dim} of {base.name}, not {dim}")
    if reads_words(base):
        raise UsageError(
            f"{base.name} reads words, and a reduced index does not; leave out --reduce, or use a "
            "model that only sees"
        )


def fit(base: Embedder, rows: Vectors, dim: int) -> ReducedEmbedder:
    """The principal components of some pictures' vectors (n, base.dim).

    Raises UsageError where they are too few for so many dimensions.
    """
    mean = rows.mean(axis=0)
    centred = rows - mean
    # The eigenvectors of the small matrix of pictures give those of the large one.
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    good = values > 1e-6 * max(float(values[-1]), 1e-12)
    if int(good.sum()) < dim:
        raise UsageError(
            f"{len(rows)} pictures are too few to choose {dim} dimensions by; begin with more "
            f"pictures, or with --reduce {max(1, int(good.sum()) // 2)}"
        )
    values, vectors = values[: -dim - 1 : -1], vectors[:, : -dim - 1 : -1]
    axes = (vectors / np.sqrt(values)).T.astype(np.float32) @ centred
    return ReducedEmbedder(base, mean.astype(np.float16), axes.astype(np.float16))


def as_kept(base: Embedder, folder: Path, fingerprint: str) -> Embedder:
    """A model as an index has it: reduced, where the index of that fingerprint is.

    Raises IndexDamagedError for a map that cannot be read.
    """
    path = _place(folder, fingerprint)
    if not path.is_file():
        return base
    try:
        with np.load(path) as kept:
            mean, axes = kept["mean"], kept["axes"]
        if axes.shape[1:] != (base.dim,):
            return base  # the model has become another one, which its index will report
        return ReducedEmbedder(base, mean, axes)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise IndexDamagedError(
            f"{path} cannot be read ({reason(error)}); restore it from a backup, or make every "
            f"vector again with: visavis index --rebuild --model {base.ref} --index {folder}"
        ) from error


def carry_over(folder: Path, to: Path | None, fingerprint: str) -> bool:
    """Give a copy of an index its map, where the index has one; whether the copy has it then.

    Without a folder `to` there is no place for it. Raises OSError.
    """
    path = _place(folder, fingerprint)
    if path.is_file() and to is not None:
        write_whole(_place(to, fingerprint), path.read_bytes())
    return not path.is_file() or to is not None


def forget_others(folder: Path, fingerprint: str) -> None:
    """Delete the maps of models that an index does not have any more."""
    for path in folder.glob("reduction-*.npz"):
        if path != _place(folder, fingerprint):
            path.unlink(missing_ok=True)


def _place(folder: Path, fingerprint: str) -> Path:
    return folder / f"reduction-{fingerprint}.npz"
