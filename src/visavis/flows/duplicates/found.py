"""What a scan for duplicates has found: groups of records, and what links them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from visavis.types import RELATIONS, ImageRecord, Relation

Means = Literal["bytes", "pixels", "signatures", "local features", "decision"]
"""How two images were compared."""


class Content(NamedTuple):
    """An image by its bytes, however many records have it."""

    sha256: str
    within: str = ""
    """The value that duplicates have to share; nothing: none was asked for."""


@dataclass(frozen=True, slots=True)
class Link:
    """Two contents that were compared, and what they are to one another."""

    one: Content
    other: Content
    relation: Relation
    by: Means
    strength: float = 1.0
    """Of signatures: the correlation of their gradients."""
    plain: bool = False
    """Whether they also look alike as they are: neither turned, nor recoloured, nor written on."""

    @property
    def ends(self) -> frozenset[Content]:
        """The two, in no order."""
        return frozenset((self.one, self.other))


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Records that show the same picture."""

    records: tuple[ImageRecord, ...]
    """The first was compared with each of the others, directly."""
    links: tuple[Link, ...]
    """Every pair of contents in the group that was found to be the same."""
    kept_apart: tuple[Link, ...] = ()
    """Links to contents outside the group: they would join what differs."""

    @property
    def relation(self) -> Relation:
        """The weakest link's; exact when all have the same bytes."""
        relations = [link.relation for link in self.links]
        return max(relations, key=RELATIONS.index) if relations else "exact"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a group."""
        shape: dict[str, Any] = {
            "relation": self.relation,
            "records": [record.to_dict() | {"sha256": record.sha256} for record in self.records],
            "links": [_link(link) for link in self.links],
        }
        if self.kept_apart:
            shape["kept_apart"] = [_link(link) for link in self.kept_apart]
        return shape


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """What a scan has found, and what it took."""

    groups: tuple[DuplicateGroup, ...]
    """Those with the most records first."""
    scanned: int
    """Records that were looked at."""
    compared: int
    """Pairs of images whose signatures were compared."""
    read: int
    """Pairs of images whose files were read to compare them."""
    seconds: float
    notes: tuple[str, ...] = ()
    """What could not be compared, or not be kept for the next scan."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a report."""
        return {
            "groups": [group.to_dict() for group in self.groups],
            "scanned": self.scanned,
            "compared": self.compared,
            "read": self.read,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }


def _link(link: Link) -> dict[str, Any]:
    return {
        "sha256": [link.one.sha256, link.other.sha256],
        "relation": link.relation,
        "by": link.by,
        "strength": round(link.strength, 4),
        "plain": link.plain,
    }


def strongest_first(links: Sequence[Link]) -> list[Link]:
    """Links in the order in which groups are made from them."""
    return sorted(
        links,
        key=lambda link: (
            RELATIONS.index(link.relation),
            link.by != "decision",
            -link.strength,
            link.one,
            link.other,
        ),
    )
