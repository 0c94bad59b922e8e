"""A Milvus server of an index `shoes` in dicts, for what pymilvus's client is asked.

Rows in `late` are those that another client has written a moment ago: no read but a strong one has
to show them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from visavis.store.base import ModelFacts, SourceRow
from visavis.store.milvus.facts import Facts
from visavis.store.milvus.layout import Layout
from visavis.store.milvus.rows import row_of
from visavis.types import ImageRecord

LAYOUT = Layout()


class DictMilvus:
    """Expressions are evaluated as Python's, which those of ids and sources are."""

    def __init__(self, *sources: SourceRow) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.evidence: dict[str, dict[str, Any]] = {}
        self.late: set[str] = set()
        self.calls = 0
        self.asked: list[tuple[str, str]] = []
        self.facts = Facts(ModelFacts("m", "m", "ab" * 8, 2), sources, layout=LAYOUT)

    @property
    def facts(self) -> Facts:
        return Facts.read(self._properties, "here")

    @facts.setter
    def facts(self, new: Facts) -> None:
        self._properties = new.to_properties()

    def add(self, source: SourceRow, *names: str) -> None:
        for name in names:
            record = ImageRecord(
                source.prefix + name, f"{source.uri}/{name}", 1, 1.0, "0" * 64, 1, 1, {}
            )
            self.rows[record.id] = row_of(
                record, np.array([1, 0], np.float32), source.number, LAYOUT
            )

    def ids(self, **where: object) -> list[str]:
        rows = sorted(self.rows.items())
        return [id for id, row in rows if where.items() <= {k: row[k] for k in where}.items()]

    def has_collection(self, name: str, timeout: float) -> bool:
        return True

    def describe_collection(self, name: str, timeout: float) -> dict[str, Any]:
        return {"collection_name": name, "properties": dict(self._properties)}

    def alter_collection_properties(
        self, name: str, properties: dict[str, str], timeout: float
    ) -> None:
        self._properties = dict(properties)

    def upsert(self, name: str, data: Sequence[dict[str, Any]], timeout: float) -> None:
        self._of(name).update({row["id"]: row for row in data})

    def delete(self, name: str, filter: str, timeout: float) -> None:
        rows = self._of(name)
        for id in _passing(rows, filter):
            del rows[id]

    def flush(self, name: str, timeout: float) -> None:
        pass

    def query(
        self,
        name: str,
        filter: str,
        output_fields: Sequence[str],
        consistency_level: str,
        timeout: float,
        limit: int | None = None,
        offset: int = 0,
        strict_float32: bool = False,
    ) -> list[dict[str, Any]]:
        self.calls += 1
        assert self.calls < 200, "it asks without end"
        self.asked.append((name, ", ".join(output_fields)))
        hidden = set() if consistency_level == "Strong" else self.late
        rows = self._of(name)
        passing = [id for id in _passing(rows, filter) if id not in hidden]
        if list(output_fields) == ["count(*)"]:
            return [{"count(*)": len(passing)}]
        return [rows[id] for id in passing[:limit]]

    def search(
        self,
        name: str,
        data: Sequence[Sequence[float]],
        anns_field: str,
        filter: str,
        limit: int,
        output_fields: Sequence[str],
        search_params: dict[str, Any],
        consistency_level: str,
        timeout: float,
    ) -> list[list[dict[str, Any]]]:
        self.asked.append((name, ", ".join(output_fields)))
        rows = self._of(name)
        found = []
        for vector in data:
            scores = {id: float(vector @ rows[id][anns_field]) for id in _passing(rows, filter)}
            best = sorted(scores, key=lambda id: -scores[id])[:limit]
            found.append([{"id": id, "distance": scores[id], "entity": rows[id]} for id in best])
        return found

    def close(self) -> None:
        pass

    def _of(self, name: str) -> dict[str, dict[str, Any]]:
        return {"shoes": self.rows, "shoes_evidence": self.evidence}[name]


def _passing(rows: dict[str, dict[str, Any]], expression: str) -> list[str]:
    code = compile(expression or "True", "expression", "eval")
    return [id for id, row in sorted(rows.items()) if eval(code, {}, row)]
