"""Model folders: model.json and the network that it names."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from visavis.embedders.base import unit_rows
from visavis.embedders.blocks import two_blocks
from visavis.embedders.classes.names import FolderClasses
from visavis.embedders.runtime.checksum import verify
from visavis.embedders.runtime.network import Network
from visavis.embedders.runtime.pooling import pooled
from visavis.embedders.spec import SPEC_FILE, ModelSpec, read_spec
from visavis.errors import ModelSpecError
from visavis.types import RGB, Vectors


class OnnxEmbedder:
    """A model folder: model.json and the files that it names.

    Args:
        folder: The model folder. The weights' checksum is verified when the file is new or has
            changed since it was last found right (see `checksum`).
        ref: What loads it again; None: the folder's absolute path.
        threads: As for `Network`.
        device: As for `Network`.

    Raises:
        ModelError: one of its kinds, saying which file and what to do.
    """

    lazy: ClassVar[bool] = False
    """Whether the network is opened when the first picture comes, rather than at once."""

    def __init__(
        self,
        folder: Path,
        *,
        ref: str | None = None,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.folder = folder.absolute()
        self.spec = read_spec(self.folder)
        self.name = self.spec.name
        self.ref = ref or str(self.folder)
        self.fingerprint = fingerprint(self.spec)
        self.dim = self.spec.dim
        self.side: int | None = self.spec.preprocess.side
        self.blocks = two_blocks(self.dim, self.spec.semantic)
        self.threads, self.device = threads, device
        verify(self.folder / self.spec.file, self.spec.sha256)
        if not self.lazy:
            self.open()  # so that what is wrong is reported now

    def open(self) -> None:
        """Open the network, unless it is open. Raises ModelError."""
        _ = self._network

    @cached_property
    def _network(self) -> Network:
        return Network(
            self.folder / self.spec.file,
            self.spec.output,
            self.spec.preprocess,
            threads=self.threads,
            device=self.device,
        )

    @cached_property
    def classes(self) -> FolderClasses | None:
        """Its classifier, if model.json names one."""
        if self.spec.classes is None:
            return None
        return FolderClasses(
            self.folder, self.spec, self.spec.classes, threads=self.threads, device=self.device
        )

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """One unit vector for each picture, in order: (n, dim) float32.

        Memory does not grow with the number of pictures, but for the result.

        Raises:
            ModelSpecError: the network gives another number of values than `dim` says.
            ModelError: ONNX Runtime failed.
        """
        rows = np.empty((len(images), self.dim), dtype=np.float32)
        step = self._network.batch
        for start in range(0, len(images), step):
            rows[start : start + step] = self._rows(images[start : start + step])
        return unit_rows(rows)

    def _rows(self, images: Sequence[RGB]) -> NDArray[np.float32]:
        path = self.folder / SPEC_FILE
        try:
            rows = pooled(self._network(images), self.spec.pool, self.dim)
        except ValueError as error:
            raise ModelSpecError(f"{path}: output {self.spec.output!r}: {error}") from error
        if rows.shape[1] != self.dim:
            raise ModelSpecError(
                f"{path}: dim is {self.dim}, but {self.spec.output!r} with pool "
                f"{self.spec.pool!r} gives {rows.shape[1]} dimensions; correct dim, or choose "
                "pool average or gem for a map"
            )
        return rows


def fingerprint(spec: ModelSpec) -> str:
    """16 hex digits of what shapes a vector: weights, tensor, pooling and preprocessing.

    What shapes questions alone (words, colours) or reads vectors (semantic, tags) is not in it.
    """
    preprocess = {key: value for key, value in asdict(spec.preprocess).items() if value is not None}
    shape = [spec.sha256, spec.output, spec.pool, spec.dim, preprocess]
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]
