"""Vectors of another model, gathered in a collection beside the one that is served.

The name of the index is an alias. Until all vectors are there it leads to the old collection, and
then, in one step, to the new one; the old one stays, so that going back is a run with its model
that finds nearly all vectors there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Self

from visavis.errors import IndexIncompatibleError, StoreError
from visavis.store.base import ModelFacts
from visavis.store.milvus.client import Client, Row
from visavis.store.milvus.facts import Facts, KeptFacts
from visavis.store.milvus.rows import RECORD, record_of, row_of, unit_vectors, vectors_of
from visavis.store.milvus.schema import collection_of, make_collection
from visavis.store.milvus.where import named
from visavis.types import ImageRecord, Vectors

_BLOCK = 1_000
_IDS = 10_000
_FACTS = tuple(name for name in RECORD if name not in ("id", "sha256"))


class MilvusRebuild:
    """A second collection; what an interrupted run left in it is used again."""

    def __init__(self, alias: Client, kept: KeptFacts, model: ModelFacts) -> None:
        self._alias = alias
        self._kept = kept
        self._old = kept.client(fresh=True)
        facts = kept.now()
        if self._old.name == alias.name:
            raise IndexIncompatibleError(
                f"{alias.address}: this is a collection itself and no alias, so that no other one "
                "can take its place; name the index by the alias that leads here"
            )
        self._new = self._begun(facts, model)
        self._model = model
        self._layout = facts.layout
        self._lent: dict[int, Row] = {}  # records whose vectors are being made
        self._numbers = 0

    def _begun(self, facts: Facts, model: ModelFacts) -> Client:
        """The collection to fill: a new one, or what there is of that model."""
        name = collection_of(self._alias.name, model.fingerprint)
        again = facts.model.fingerprint == model.fingerprint
        if again and name == self._old.name:
            name = f"{name}_2"
        client = self._alias.at(name)
        fresh = replace(facts, model=model, filling=True)
        if not client.exists():
            make_collection(client, fresh)
            return client
        there = Facts.read(client.describe().get("properties") or {}, name)
        if there.model.fingerprint != model.fingerprint or there.layout != facts.layout:
            raise StoreError(
                f"{self._alias.address}: the collection {name} is in the way, which holds "
                "something else; drop it, and run this again"
            )
        if again and not there.filling:  # else its vectors would be taken for those wanted
            client.delete('id >= ""')
        client.note(fresh.to_properties())
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What was gathered stays for the next run."""

    def count(self) -> int:
        """How many vectors are there."""
        return self._new.count(strong=True)

    def missing(self) -> Iterator[tuple[int, ImageRecord]]:
        """The records that have no vector here yet, with numbers for them."""
        for rows in self._old.walk("", [*_FACTS, "sha256", "source"], _BLOCK):
            there = self._there([row["id"] for row in rows])
            stale = []
            for row in rows:
                known = there.get(row["id"])
                if known is None or known["sha256"] != row["sha256"]:
                    self._numbers += 1
                    self._lent[self._numbers] = row
                    yield self._numbers, record_of(row)
                elif any(known[name] != row[name] for name in (*_FACTS, "source")):
                    stale.append(row)
            if stale:
                self._bring_up_to_date(stale)

    def _there(self, ids: Sequence[str]) -> dict[str, Row]:
        rows = self._new.query(named("id", ids), ["id", "sha256", "source", *_FACTS])
        return {row["id"]: row for row in rows}

    def _bring_up_to_date(self, rows: Sequence[Row]) -> None:
        """Facts that have changed since an earlier run gave the records their vectors."""
        found = self._new.query(named("id", [row["id"] for row in rows]), ["id", "vector"])
        vectors = dict(zip((row["id"] for row in found), vectors_of(found), strict=True))
        self._write(rows, [vectors[row["id"]] for row in rows])

    def _write(self, rows: Sequence[Row], vectors: Sequence[Vectors]) -> None:
        made = [
            row_of(record_of(row), vector, row["source"], self._layout)
            for row, vector in zip(rows, vectors, strict=True)
        ]
        self._new.upsert(made)

    def put(self, numbers: Sequence[int], vectors: Vectors, hashes: Sequence[str]) -> None:
        """Keep vectors, and the SHA-256 of what they show, under the numbers of their records."""
        if not numbers:
            return
        rows = [
            {**self._lent.pop(number), "sha256": digest}
            for number, digest in zip(numbers, hashes, strict=True)
        ]
        self._write(rows, list(unit_vectors(vectors)))

    def swap(self) -> str:
        """Lead the index's name here; records without a vector leave. Says what is left behind.

        Raises StoreError, and leaves all as it is, when rows are missing that were written.
        """
        left = {row["id"] for row in self._lent.values()}  # not read, or not by this model
        kept, missing = self._compared(left)
        count = self._new.count(strong=True)
        if missing or count != kept:
            raise StoreError(
                f"{self._alias.address}: of {kept + missing:,} records {count:,} have a vector of "
                f"{self._model.name!r} so far, as somebody else is writing; the index was left as "
                "it is: run this again"
            )
        self._new.seal()
        facts = replace(self._kept.now(fresh=True), model=self._model, filling=False)
        self._new.note(facts.to_properties())
        self._new.be_named(self._alias.name, instead=True)
        self._kept.now(fresh=True)
        return (
            f"the vectors of before are still there, in the collection {self._old.name}: make them "
            "the index again with --rebuild and their --model, or drop them from Milvus"
        )

    def _compared(self, left: set[str]) -> tuple[int, int]:
        """How many records of the old collection are in the new one, and how many are missing.

        Removes from the new one what the old one has no more, and those that are `left` behind.
        Both are walked side by side, in order of their ids.
        """
        kept = missing = 0
        gone: list[str] = []
        olds, news = _ids(self._old), _ids(self._new)
        old, new = next(olds, None), next(news, None)
        while old is not None or new is not None:
            if new is None or (old is not None and old < new):
                missing += old not in left
                old = next(olds, None)
                continue
            if old == new and new not in left:
                kept += 1
            else:
                gone.append(new)
            old, new = next(olds, None) if old == new else old, next(news, None)
        for start in range(0, len(gone), _BLOCK):
            self._new.delete(named("id", gone[start : start + _BLOCK]))
        return kept, missing


def _ids(client: Client) -> Iterator[str]:
    """All ids in their order, which is that of their letters' numbers here and there."""
    for rows in client.walk("", [], _IDS, strong=True):
        for row in rows:
            yield row["id"]
