"""Questions to an index in Milvus, beside the same records in a folder; see `bench_milvus`."""

import hashlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Bound, Figure, Size, seconds
from visavis import ImageIndex
from visavis.filters import as_filter
from visavis.matching.signature import BYTES
from visavis.store.base import IMPORTED, ModelFacts, Page, Rows
from visavis.store.milvus.address import Address
from visavis.store.milvus.connection import pymilvus
from visavis.store.milvus.schema import collection_of
from visavis.store.milvus.store import MilvusStore
from visavis.store.sqlite.store import SqliteStore
from visavis.types import ImageRecord, Vectors

_RECORDS = {"full": 50_000, "small": 5_000, "tiny": 300}
_ASKED = {"full": 200, "small": 100, "tiny": 5}
_DIM, _BLOCK, _DEPTH = 256, 1_000, 10
_SHARES = {"all pass": 100, "a tenth passes": 10, "a hundredth passes": 1}
_MODEL = ModelFacts("none", f"{IMPORTED}none", "0123456789abcdef", _DIM)
_BUILDING = 600.0
"""Seconds that a graph may take."""


@dataclass(frozen=True, slots=True)
class _Gallery:
    records: list[ImageRecord]
    vectors: Vectors
    questions: Vectors
    asked: list[str]
    """Ids of records that are asked with."""

    @classmethod
    def of(cls, count: int, questions: int) -> "_Gallery":
        """Clusters of a hundred, and questions that lie as the records do."""
        random = np.random.default_rng(1)
        centres = random.normal(size=(max(1, count // 100), _DIM))
        made = centres[random.integers(len(centres), size=count + questions)]
        made += 0.8 * random.normal(size=made.shape)
        vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
        records = [
            ImageRecord(id, f"/{id}", 1, 1.0, hashlib.sha256(id.encode()).hexdigest(), 9, 9, fields)
            for id, fields in ((f"r{at:06}", {"of100": at % 100}) for at in range(count))
        ]
        asked = [records[at].id for at in random.integers(count, size=questions)]
        return cls(records, vectors[:count], vectors[count:], asked)

    def blocks(self) -> Iterator[Rows]:
        for start in range(0, len(self.records), _BLOCK):
            part = slice(start, start + _BLOCK)
            yield Rows(tuple(self.records[part]), self.vectors[part])


def asking(size: Size, rounds: int, work: Path, place: str) -> list[Figure]:
    """What Milvus finds of the best, and how long a question takes; `place` is a new index."""
    gallery = _Gallery.of(_RECORDS[size], _ASKED[size])
    folder = SqliteStore.create(work / "folder", _MODEL)
    milvus = MilvusStore.create(Address.parse(place), _MODEL)
    for store in (folder, milvus):
        _fill(store, gallery)
    with ImageIndex(folder) as near, ImageIndex(milvus) as far:

        def now(state: str) -> list[Figure]:
            longer = _longer(near, far, gallery.asked, rounds)
            what = (
                f"what a query of {len(gallery.records):,} × {_DIM} takes longer than in a folder"
            )
            within = Figure(f"{what}, {state}", "ms", longer, bound=Bound(10, of="value"))
            return [*_recalls(milvus, gallery, state), within]

        figures = now("rows written just now")
        milvus.settle(thorough=True)
        _until_built(milvus)
        return figures + now("in a graph")


def _fill(store: MilvusStore | SqliteStore, gallery: _Gallery) -> None:
    random = np.random.default_rng(2)
    source = store.source("list", "all").number
    for block in gallery.blocks():
        signatures = random.integers(256, size=(len(block.records), BYTES), dtype=np.uint8)
        signed = zip(block.records, signatures, strict=True)
        store.evidence.keep({record.sha256: one.tobytes() for record, one in signed})
        store.upsert(source, block.records, block.vectors)
    if isinstance(store, SqliteStore):
        store.settle()


def _until_built(store: MilvusStore) -> None:
    """Wait for the graph over what was sealed, and for it to be in use."""
    address = Address.parse(store.facts.place)
    client = pymilvus().MilvusClient(uri=address.uri)
    name = collection_of(address.collection, _MODEL.fingerprint)
    until = time.monotonic() + _BUILDING
    while time.monotonic() < until:
        state: dict[str, Any] = client.describe_index(name, "vector")
        if state["total_rows"] and not state["pending_index_rows"]:
            break
        time.sleep(1)
    client.close()
    time.sleep(10)  # it says nothing of when it is loaded


def _recalls(store: MilvusStore, gallery: _Gallery, state: str) -> list[Figure]:
    """The share of the ten best that is found, by filters."""
    held = gallery.vectors.astype(np.float16).astype(np.float64)  # as stores round them
    held /= np.linalg.norm(held, axis=1, keepdims=True)
    scores = gallery.questions.astype(np.float64) @ held.T
    found = []
    for share, percent in _SHARES.items():
        passing = np.arange(len(held))[np.arange(len(held)) % 100 < percent]
        where = None if percent == 100 else as_filter(f"of100<{percent}")
        shares = []
        for row, question in zip(scores, gallery.questions, strict=True):
            best = {gallery.records[at].id for at in passing[np.argsort(-row[passing])[:_DEPTH]]}
            [answer] = store.search(question[None], Page(_DEPTH), where)
            shares.append(len(best & {match.record.id for match in answer.matches}) / len(best))
        found.append(
            Figure(
                f"recall@{_DEPTH} of {len(held):,} × {_DIM}, {state}, {share}",
                "",
                [statistics.mean(shares)],
                bound=Bound(0.95, of="value", at_least=True),
            )
        )
    return found


def _longer(near: ImageIndex, far: ImageIndex, asked: Sequence[str], rounds: int) -> list[float]:
    """How many milliseconds longer the median question takes in each round, taking turns."""
    found = []
    for _ in range(rounds):
        pairs = [[seconds(partial(one.similar, id)) for one in (near, far)] for id in asked]
        here, there = map(statistics.median, zip(*pairs, strict=True))
        found.append(1e3 * (there - here))
    return found
