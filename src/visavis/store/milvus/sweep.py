"""A run over one source of a collection: what was met, and what has gone."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from visavis.store.base import Gone, KnownRecord
from visavis.store.fields import text_of
from visavis.store.milvus.client import Client
from visavis.store.milvus.rows import fields_of
from visavis.store.milvus.where import below, both, named
from visavis.types import ImageRecord

_BLOCK = 10_000
_ASKED = 1_000
_KNOWN = ("id", "source", "size", "modified", "sha256", "uri", "fields")


class MilvusSweep:
    """Remembers the ids that were met: a stamp in each row would write all vectors again."""

    def __init__(
        self, client: Client, source: int, prefix: str, among: Sequence[str] | None = None
    ) -> None:
        self._client = client
        self._source = source
        self._prefix = prefix
        self._among = among is not None
        chosen = "" if among is None else _among(among)
        self._own = both(f"source == {source}", below(prefix), chosen)
        self._met: set[str] = set()
        self._new: Counter[str] = Counter()
        self._expected: set[str] = (
            set()
        )  # ids of the source that were asked for, and are not met yet
        self._own_met = 0
        self._had: Future[int] | None = None

    @property
    def collection(self) -> str:
        """In which it is all the time, wherever the index's name leads meanwhile."""
        return self._client.name

    def count(self) -> int:
        """How many records the source has."""
        return self._client.count(self._own)

    def known(self, ids: Sequence[str]) -> dict[str, KnownRecord]:
        """What is known of these ids, of whatever source; unknown ones are left out."""
        self._begin()
        rows = self._client.query(named("id", ids), _KNOWN) if ids else []
        self._expected.update(
            row["id"]
            for row in rows
            if row["source"] == self._source and row["id"].startswith(self._prefix)
        )
        return {
            row["id"]: KnownRecord(
                row["source"] == self._source,
                row["id"] in self._met,
                int(row["size"]),
                row["modified"],
                bytes.fromhex(row["sha256"]),
                row["uri"],
                text_of(fields_of(row["fields"])),
            )
            for row in rows
        }

    def _begin(self) -> None:
        """Count what the source has, with what other processes wrote, which takes a while.

        Not before something is compared: there are sweeps that only count.
        """
        if self._had is None and not self._among:
            pool = ThreadPoolExecutor(1, "visavis-count")
            self._had = pool.submit(self._client.count, self._own, strong=True)
            pool.shutdown(wait=False)

    def seen(self, ids: Sequence[str]) -> None:
        """Note that the source names these ids still: they are not gone."""
        self._meet(ids)

    def wrote(self, records: Sequence[ImageRecord]) -> None:
        """Note that these were written meanwhile."""
        new = {record.id: record for record in records}
        self._new.update(r.sha256 for id, r in new.items() if id not in self._met)
        self._meet(new)

    def _meet(self, ids: Collection[str]) -> None:
        own = self._expected.intersection(ids)
        self._own_met += len(own - self._met)
        self._expected -= own
        self._met.update(ids)

    def gone(self, spared: Callable[[str, str], bool], most: int | None = None) -> Gone:
        """Remove the source's records that were neither seen nor written since the sweep began."""
        if self._had is not None and self._own_met == self._had.result():
            # All that there were: no need to read them through. (Another process that adds as many
            # meanwhile as have gone would leave these to the next run.)
            return Gone(0, 0)
        leaving = [
            (row["id"], row["sha256"])
            for rows in self._client.walk(self._own, ["uri", "sha256"], _BLOCK)
            for row in rows
            if row["id"] not in self._met and not spared(row["id"], row["uri"])
        ]
        if self._among:
            self._new = self._elsewhere(leaving)
        moved = (Counter(sha256 for _, sha256 in leaving) & self._new).total()
        lost = len(leaving) - moved
        refused = lost if most is not None and lost > most else 0
        if refused:
            leaving = [one for one in leaving if one[1] in self._new]
        for start in range(0, len(leaving), _BLOCK):
            part = [id for id, _ in leaving[start : start + _BLOCK]]
            self._client.delete(named("id", part))
        return Gone(len(leaving), moved, refused)

    def _elsewhere(self, leaving: Sequence[tuple[str, str]]) -> Counter[str]:
        """Of the contents of records that leave: how many have moved, as others that stay have it.

        Milvus does not know which of them were written later.
        """
        going = {id for id, _ in leaving}
        hashes = sorted({sha256 for _, sha256 in leaving})
        there: set[str] = set()
        for start in range(0, len(hashes), _ASKED):
            rows = self._client.query(
                named("sha256", hashes[start : start + _ASKED]), ["id", "sha256"]
            )
            there |= {row["sha256"] for row in rows if row["id"] not in going}
        return Counter(sha256 for _, sha256 in leaving if sha256 in there)


def _among(ids: Sequence[str]) -> str:
    """Records with one of these ids, or below one, as in a folder."""
    parts = [named("id", ids), *(below(f"{id}/") for id in ids)]
    return " or ".join(f"({part})" for part in parts)
