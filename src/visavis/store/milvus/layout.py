"""How a collection is laid out: what is chosen when it is made, and holds for good."""

from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from visavis.errors import UsageError

Declared = Literal["number", "text"]

HNSW = "HNSW"
KINDS = (HNSW, "IVF_FLAT", "IVF_SQ8", "DISKANN", "FLAT", "AUTOINDEX")
"""Of the indexes that Milvus may build over the vectors."""
_WHOLE = (HNSW, "IVF_FLAT", "FLAT")


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns besides those that every collection has, and the index over the vectors."""

    kind: str = HNSW
    """Of the index."""
    declared: dict[str, Declared] = field(default_factory=dict)
    """Fields with a column of their own, five times as quick to filter by as others."""
    checks: bool = True
    """Whether signatures of images are kept, 2.6 KB each, for what is a copy of what."""

    @property
    def true_scores(self) -> bool:
        """Whether the index scores by the vectors, and not by something shorter in their place."""
        return self.kind in _WHOLE

    def column(self, name: str) -> str:
        """The column of a declared field; a second one says where the record has it."""
        return f"c{list(self.declared).index(name)}"

    def presence(self, name: str) -> str:
        """The column that says whether a record has a declared field: 2.3 has no nulls."""
        return f"h{list(self.declared).index(name)}"

    def to_dict(self) -> dict[str, Any]:
        """As it is kept with the collection."""
        return {
            "kind": self.kind,
            "declared": dict(self.declared),
            "checks": self.checks,
        }

    @classmethod
    def parse(cls, kind: str, declare: str, checks: str) -> Self:
        """Read `price:number,shop:text` and the like. Raises UsageError."""
        if kind.upper() not in KINDS:
            raise UsageError(f"index takes {', '.join(KINDS)}")
        declared: dict[str, Declared] = {}
        for one in declare.split(",") if declare else ():
            name, _, what = one.rpartition(":")
            if not name or what not in get_args(Declared):
                raise UsageError(f"declare takes FIELD:number or FIELD:text, not {one!r}")
            declared[name] = "number" if what == "number" else "text"
        if checks not in ("0", "1"):
            raise UsageError("checks takes 0 or 1")
        return cls(kind.upper(), declared, checks == "1")
