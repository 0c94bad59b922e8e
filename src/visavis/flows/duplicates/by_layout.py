"""Pairs that are worth comparing because they are light and dark in the same places."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.flows.duplicates.found import Content
from visavis.matching.layout import Rows, layouts
from visavis.matching.signature import Signature

NEAREST = 8
"""Pictures that are proposed for each, as it hangs and turned."""

_EXACT = 50_000  # rows that are compared all with all; more go through inverted lists
_BLOCK = 1_024
_PROBES = 16
_TRAINED_ON = 64  # rows a list
_SEED = 1234

Signatures = Callable[[Iterable[str]], dict[str, Signature]]
Proposals = list[tuple[Content, list[Content]]]


def by_layout(
    contents: Sequence[Content],
    signatures: Signatures,
    progress: Callable[[str, int, int], None],
    exact: int = _EXACT,
) -> Iterator[Proposals]:
    """For each content those that lie most like it, among those it shares `within` with."""
    shelves: dict[str, list[Content]] = {}
    for content in contents:
        shelves.setdefault(content.within, []).append(content)
    done = 0
    for shelf in shelves.values():
        known, rows = _rows(shelf, signatures)
        found = [_nearest(kind, exact) for kind in rows]
        for start, blocks in zip(range(0, len(known), _BLOCK), zip(*found, strict=True)):  # noqa: B905
            near = np.concatenate(blocks, axis=1)
            yield [
                (known[start + at], [known[other] for other in dict.fromkeys(row) if other >= 0])
                for at, row in enumerate(near.tolist())
            ]
            progress("matched", min(done + start + _BLOCK, len(contents)), len(contents))
        done += len(shelf)


def _rows(
    shelf: Sequence[Content], signatures: Signatures
) -> tuple[list[Content], tuple[Rows, Rows]]:
    """The contents that have a signature, and their layouts."""
    known: list[Content] = []
    plain: list[Rows] = []
    hung: list[Rows] = []
    for start in range(0, len(shelf), _BLOCK):
        block = shelf[start : start + _BLOCK]
        kept = signatures(content.sha256 for content in block)
        there = [content for content in block if content.sha256 in kept]
        if there:
            first, second = layouts(np.stack([kept[content.sha256].light for content in there]))
            known += there
            plain.append(first)
            hung.append(second)
    if not known:
        return [], (np.empty((0, 0), np.float32), np.empty((0, 0), np.float32))
    return known, (np.concatenate(plain), np.concatenate(hung))


def _nearest(rows: Rows, exact: int) -> Iterator[NDArray[np.int64]]:
    """For blocks of rows the places of those nearest to each, itself left out; -1: no more."""
    most = min(NEAREST + 1, len(rows))
    search = _all_with_all(rows, most) if len(rows) <= exact else _by_lists(rows, most)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        scores, places = search(block)
        itself = places == np.arange(start, start + len(block))[:, None]
        yield np.where(itself | (scores <= 0), -1, places)


_Search = Callable[[Rows], tuple[NDArray[np.float32], NDArray[np.int64]]]


def _all_with_all(rows: Rows, most: int) -> _Search:
    def search(block: Rows) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores = block @ rows.T
        places = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        return np.take_along_axis(scores, places, axis=1), places

    return search


def _by_lists(rows: Rows, most: int) -> _Search:
    """Inverted lists over 8-bit codes: all with all would take hours."""
    import faiss

    lists = int(2 ** round(np.log2(2.0 * np.sqrt(len(rows)))))
    made = faiss.index_factory(rows.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index: Any = made  # FAISS's stubs do not know what the factory makes
    chance = np.random.default_rng(_SEED)
    sample = chance.choice(len(rows), min(len(rows), _TRAINED_ON * lists), replace=False)
    index.train(rows[np.sort(sample)])
    index.add(rows)
    index.nprobe = _PROBES
    return lambda block: index.search(block, most)
