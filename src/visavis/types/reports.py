"""What an indexing run did, and what it could not take in."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """An image (or a folder) that could not be taken in, and why, in one sentence."""

    uri: str
    reason: str
    about: tuple[str, ...] = ()
    """Ids of records that it may be about; they stay in the index."""

    def to_dict(self) -> dict[str, str]:
        """The JSON shape of a failure."""
        return {"uri": self.uri, "reason": self.reason}


@dataclass(slots=True)
class IndexReport:
    """What an indexing run did; it also travels to progress callbacks while the run goes on."""

    added: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
    tagged: int = 0
    """Records that were given tags; they are counted above as well."""
    failed: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Things worth reporting that are not failures, such as a duplicate id."""
    seconds: float = 0.0

    def in_words(self) -> str:
        """What changed, and how fast: `2 added, 1 removed in 0.4 s (7 a second)`."""
        named = {
            "added": self.added,
            "moved": self.moved,
            "removed": self.removed,
            "skipped": len(self.failed),
        }
        counts = ", ".join(f"{count} {name}" for name, count in named.items() if count)
        done = self.added + self.moved + self.removed
        rate = done / self.seconds if self.seconds > 0 else 0.0
        pace = f" ({rate:.0f} a second)" if rate >= 1 else ""
        return f"{counts or f'{self.unchanged} unchanged'} in {self.seconds:.1f} s{pace}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a report."""
        return {
            "added": self.added,
            "unchanged": self.unchanged,
            "moved": self.moved,
            "removed": self.removed,
            "tagged": self.tagged,
            "failed": [failure.to_dict() for failure in self.failed],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


def merged(reports: Iterable[IndexReport]) -> IndexReport:
    """One report for several sources."""
    total = IndexReport()
    for report in reports:
        total.added += report.added
        total.unchanged += report.unchanged
        total.moved += report.moved
        total.removed += report.removed
        total.tagged += report.tagged
        total.failed += report.failed
        total.notes += report.notes
        total.seconds += report.seconds
    return total
