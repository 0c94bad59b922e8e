"""Which images of a map are copies of one another, as far as that is known without any file."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.flows.duplicates.decisions import Decisions
from visavis.matching.pixel_check import pixel_checks
from visavis.matching.signature import Signature
from visavis.store.base import VectorStore
from visavis.store.capabilities import has_evidence

_ALIKE = 0.85  # cosine from which on neighbours are compared by their signatures
_NEAR = 4  # neighbours of each image
_MOST = 20_000  # pairs, the most alike first: 0.1 ms each

Groups = tuple[tuple[int, ...], ...]
"""Rows of images that show the same."""


def known_copies(
    store: VectorStore,
    contents: Sequence[str],
    neighbours: NDArray[np.int32],
    cosines: NDArray[np.float32],
) -> Groups:
    """Images with the same bytes, and neighbours whose signatures agree (see `Duplicates.find`).

    What somebody has decided about a pair counts for more.

    Args:
        store: Where signatures and decisions are kept.
        contents: The SHA-256 digests (hex) of all rows.
        neighbours: (n, k) rows of each image's nearest.
        cosines: (n, k) of each with its image.
    """
    first: dict[str, int] = {}
    group = [first.setdefault(digest, row) for row, digest in enumerate(contents)]

    def leader(row: int) -> int:
        while group[row] != row:
            row = group[row]
        return row

    for one, other in _same(store, contents, neighbours, cosines):
        low, high = sorted((leader(one), leader(other)))
        group[high] = low
    together: dict[int, list[int]] = {}
    for row in range(len(contents)):
        together.setdefault(leader(row), []).append(row)
    return tuple(tuple(some) for some in together.values() if len(some) > 1)


def _same(
    store: VectorStore,
    contents: Sequence[str],
    neighbours: NDArray[np.int32],
    cosines: NDArray[np.float32],
) -> Iterator[tuple[int, int]]:
    """Pairs of neighbours whose signatures agree."""
    if not has_evidence(store):
        return
    rows, ranks = np.nonzero(cosines[:, :_NEAR] >= _ALIKE)
    best = np.argsort(-cosines[rows, ranks], kind="stable")[:_MOST]
    pairs = {
        (min(row, other), max(row, other))
        for row, other in zip(
            rows[best].tolist(), neighbours[rows, ranks][best].tolist(), strict=True
        )
        if contents[row] != contents[other]
    }
    needed = sorted({contents[row] for pair in pairs for row in pair})
    kept = store.evidence.signatures(needed)
    read = {digest: Signature.unpacked(data) for digest, data in kept.items()}
    decided = Decisions.kept(store).outcome()
    for one, other in sorted(pairs):
        first, second = contents[one], contents[other]
        if first in read and second in read and decided.between(first, second) is None:
            [check] = pixel_checks(read[first], [read[second]])
            if check.verdict == "same":
                yield one, other
