"""What of a map is kept with the index, so that it need not be made again."""

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from visavis.flows.mapping.layout import Positions
from visavis.store.base import VectorStore
from visavis.store.capabilities import has_evidence

_NOTE = "map-1"  # another one when what is kept changes
_KEY = 8  # bytes of a digest: enough to see that an image was changed


@dataclass(frozen=True, slots=True)
class KeptMap:
    """Where images lay when the map was last brought up to date."""

    fingerprint: str
    """Of the model."""
    seed: int
    laid_out: int
    """Images that were there when the whole map was laid out; the others were placed since."""
    ids: tuple[str, ...]
    contents: tuple[str, ...]
    """The beginnings of their digests (hex)."""
    positions: Positions
    neighbours: NDArray[np.int32]
    cosines: NDArray[np.float32]

    def packed(self) -> bytes:
        """The bytes that are kept."""
        said = {"fingerprint": self.fingerprint, "seed": self.seed, "laid_out": self.laid_out}
        out = io.BytesIO()
        np.savez_compressed(
            out,
            said=np.frombuffer(json.dumps(said).encode(), np.uint8),
            ids=np.frombuffer("\0".join(self.ids).encode("utf-8", "surrogatepass"), np.uint8),
            contents=np.frombuffer(bytes.fromhex("".join(self.contents)), np.uint8),
            positions=self.positions,
            neighbours=self.neighbours,
            cosines=self.cosines.astype(np.float16),
        )
        return out.getvalue()

    @classmethod
    def unpacked(cls, data: bytes) -> "KeptMap | None":
        """The map of some bytes; None for what cannot be read."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                held = {name: file[name] for name in file.files}
            said = json.loads(held["said"].tobytes())
            text = held["ids"].tobytes().decode("utf-8", "surrogatepass")
            digests = held["contents"].tobytes()
            keys = range(0, len(digests), _KEY)
            found = cls(
                str(said["fingerprint"]),
                int(said["seed"]),
                int(said["laid_out"]),
                tuple(text.split("\0")),
                tuple(digests[at : at + _KEY].hex() for at in keys),
                held["positions"].astype(np.float32),
                held["neighbours"].astype(np.int32),
                held["cosines"].astype(np.float32),
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error):
            return None
        return found if found.is_sound() else None

    def is_sound(self) -> bool:
        """Whether all parts are of the same images."""
        count = len(self.ids)
        shapes = (len(self.contents), len(self.positions), len(self.neighbours), len(self.cosines))
        sound = shapes == (count,) * 4 and self.neighbours.shape == self.cosines.shape
        inside = not self.neighbours.size or bool(
            (self.neighbours >= 0).all() and (self.neighbours < count).all()
        )
        return sound and inside and bool(np.isfinite(self.positions).all())


def keys_of(digests: Sequence[str]) -> tuple[str, ...]:
    """What is kept of digests."""
    return tuple(digest[: 2 * _KEY].ljust(2 * _KEY, "0") for digest in digests)


def read_map(store: VectorStore) -> KeptMap | None:
    """The map that is kept with an index; None: there is none that could be used."""
    data = store.evidence.noted(_NOTE) if has_evidence(store) else None
    return None if data is None else KeptMap.unpacked(data)


def keep_map(store: VectorStore, made: KeptMap) -> bool:
    """Keep a map with its index, whose lock is needed; whether the store can."""
    if not has_evidence(store):
        return False
    store.evidence.note(_NOTE, made.packed())
    return True
