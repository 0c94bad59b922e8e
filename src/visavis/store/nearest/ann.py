"""The approximate index: FAISS, inverted lists with product-quantised codes (IVF-PQ fast-scan).

It only proposes candidates; their exact scores come from the database. How many lists a query
visits, and how many candidates it asks for, are no constants: after each build they are raised
until 98 % of the true ten nearest are found for a sample of the records, so data that clusters
badly, or very tightly, is searched more widely. A question that is unlike the sample (the opposite
of something, a mix of unlike things) is known by its low scores, and not answered from here.

Product quantisation: Jégou, Douze, Schmid, 2011. Fast-scan: André, Kermarrec, Le Scouarnec, 2015.
"""

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.processors import cores
from visavis.types import Vectors

_TARGET_RECALL = 0.98  # of the ten nearest, on a sample of 200 records
_TRAINING_ROWS_A_LIST = 64  # k-means gains nothing noticeable from more
_SEED = 1234
_FEWEST_PROBES, _ENOUGH_PROBES = 8, 64
_GAIN = 0.002  # of the recall; less from twice as many lists is none
_ODD_SHARE = 0.02  # of the sample's own questions, the oddest, are answered exactly like odd ones

DEPTHS = (128, 256, 512, 1024)
"""How many candidates are asked for: the first of these that finds enough."""


def list_count(rows: int) -> int:
    """How many inverted lists: a power of two near 2·sqrt(rows)."""
    return int(2 ** round(np.log2(max(16.0, 2.0 * np.sqrt(rows)))))


def layout(dim: int, rows: int) -> str:
    """The FAISS factory string for this many vectors.

    Four components share a 4-bit code; where the dimension has no such divisor, scalar codes do.
    """
    groups = next((m for m in range(dim // 4, 0, -1) if dim % m == 0), 1)
    quantiser = f"PQ{groups}x4fs" if dim // groups <= 8 else "SQ8"
    return f"IVF{list_count(rows)},{quantiser}"


class Ann:
    """An approximate index over the records up to some number."""

    def __init__(
        self, index: Any, probes: int, depth: int = DEPTHS[0], trusted: float = -1.0
    ) -> None:
        self._index = index
        self._parameters = _visiting(probes)
        self.probes = probes
        self.depth = depth
        """How many candidates to ask for, for the first ranks."""
        self.trusted = trusted
        """A question whose tenth candidate scores less is unlike what the index was tuned on."""

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def candidates(self, vector: Vectors, count: int) -> NDArray[np.int64]:
        """Numbers of about the `count` nearest records, in no promised order; -1 for no more."""
        found: NDArray[np.int64] = self.candidates_of(vector[None], count)[0]
        return found

    def candidates_of(self, vectors: Vectors, count: int) -> NDArray[np.int64]:
        """The same for many: (n, count), with -1 where there are fewer."""
        _, found = self._index.search(vectors, count, params=self._parameters)
        return np.asarray(found)

    @classmethod
    def trained(cls, sample: Vectors, rows: int) -> "Ann":
        """An empty index, trained on a sample (in random order) of the `rows` vectors to come."""
        import faiss

        index = faiss.index_factory(
            sample.shape[1], layout(sample.shape[1], rows), faiss.METRIC_INNER_PRODUCT
        )
        inverted = faiss.extract_index_ivf(index)
        inverted.cp.seed, inverted.cp.niter = _SEED, 10
        inverted.cp.max_points_per_centroid = _TRAINING_ROWS_A_LIST
        index.train(sample)
        return cls(index, probes=16)

    def emptied(self) -> "Ann":
        """This index without its records, ready for others of the same kind: no new training."""
        self._index.reset()
        return self

    def add(self, numbers: NDArray[np.int64], vectors: Vectors) -> None:
        """Add records under their numbers."""
        self._index.add_with_ids(vectors, numbers)

    def tune(self, queries: Vectors, truth: list[set[int]], tenth: Vectors) -> None:
        """Choose how widely to search, from queries and the numbers of their true nearest.

        `tenth` are the scores of each query's tenth nearest record.
        """
        import faiss

        self.trusted = float(np.quantile(tenth, _ODD_SHARE)) if len(tenth) else -1.0
        lists = faiss.extract_index_ivf(self._index).nlist
        self.probes = 2 * _FEWEST_PROBES
        for self.depth in DEPTHS:
            self.probes, before = max(_FEWEST_PROBES, self.probes // 2), -1.0
            while True:
                found = self._recall(queries, truth)
                if found >= _TARGET_RECALL:
                    return
                if self.probes >= lists or (
                    found - before < _GAIN and self.probes >= _ENOUGH_PROBES
                ):
                    break  # more lists do not help: it is the candidates that are too few
                self.probes, before = min(2 * self.probes, lists), found
        self.probes = lists
        self._parameters = _visiting(lists)

    def _recall(self, queries: Vectors, truth: list[set[int]]) -> float:
        self._parameters = _visiting(self.probes)
        found = sum(
            len(numbers & set(self.candidates(query, self.depth).tolist()))
            for query, numbers in zip(queries, truth, strict=True)
        )
        return found / max(1, sum(len(numbers) for numbers in truth))

    def write(self, folder: Path) -> None:
        """Write the index with a checksum: FAISS itself may crash on a damaged file."""
        import faiss

        # Not written by FAISS: a full disk shall be an OSError.
        data = faiss.serialize_index(self._index).tobytes()
        (folder / "ann.faiss").write_bytes(data)
        facts: dict[str, int | float | str] = {"probes": self.probes, "depth": self.depth}
        facts["trusted"] = self.trusted
        facts["sha256"] = hashlib.sha256(data).hexdigest()
        (folder / "ann.json").write_text(json.dumps(facts))

    @classmethod
    def read(cls, folder: Path) -> "Ann":
        """Read what `write` made. Raises OSError or ValueError when it is not whole."""
        path = folder / "ann.faiss"
        facts = json.loads((folder / "ann.json").read_text())
        if not isinstance(facts, dict) or _digest(path) != facts.get("sha256"):
            raise ValueError(f"{path}: damaged")
        import faiss

        try:
            probes, depth = int(facts["probes"]), int(facts["depth"])
            trusted = float(facts["trusted"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder}: damaged") from error
        return cls(faiss.read_index(str(path)), probes, depth, trusted)


def _visiting(probes: int) -> Any:
    import faiss

    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = probes
    return parameters


def training_rows(rows: int, dim: int) -> int:
    """How many vectors to train on; 256 MB of them at the most."""
    return min(rows, list_count(rows) * _TRAINING_ROWS_A_LIST, 2**26 // dim)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def one_thread() -> None:
    """Let FAISS answer this thread's queries without waking others (they cost more than they win).

    OpenMP keeps the number for each thread that asks.
    """
    if not getattr(_asked, "done", False):
        import faiss

        faiss.omp_set_num_threads(1)
        _asked.done = True


def all_threads() -> None:
    """Let FAISS use every core, for building."""
    import faiss

    faiss.omp_set_num_threads(cores())
    _asked.done = False


_asked = threading.local()
