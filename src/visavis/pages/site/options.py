"""What a site holds, and what came of building it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from visavis.errors import UsageError
from visavis.filters import Where
from visavis.images.metadata import GPS
from visavis.sources.thumbnails import SIDES
from visavis.types import Failure, Kind, only_known

_USUAL_CATEGORIES = ("category", "categories", "class", "label", "labels", "kind", "type")
_USUAL_TITLE = "Pictures"
_MOST_NEIGHBOURS = 100

Progress = Callable[[int, int], None]
"""Called with how many pictures are done, and how many there are."""


class SiteOptions(TypedDict, total=False):
    """What a site holds; each may be left out."""

    where: Where
    """A filter: which records."""
    neighbours: int
    """How many pictures each one leads to; if not given, 12."""
    title: str
    """What stands at the top; if not given, "Pictures"."""
    caption: str
    """The field under each picture; if not given, the one that is a title, or else ids."""
    category: str | None
    """The field to browse by; if not given, category, class, label …; None: none."""
    fields: Sequence[str]
    """Further fields to show and filter by. Of the records' fields a site has no others."""
    side: int
    """The longest side of its pictures in pixels: 160, 320 (if not given) or 640."""
    search: bool
    """Whether one can ask with pictures and words of one's own; for the built-in model."""
    single: bool
    """Whether it is one HTML file that holds all of it, instead of a folder."""
    force: bool
    """Whether a site that is there is replaced."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was written."""

    path: Path
    pictures: int
    bytes: int
    failed: tuple[Failure, ...] = ()
    """Records without a picture; the site does not have them."""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a site."""
        return {
            "path": str(self.path),
            "pictures": self.pictures,
            "bytes": self.bytes,
            "failed": [failure.to_dict() for failure in self.failed],
            "notes": list(self.notes),
        }


class Plan(NamedTuple):
    """The options, complete and sound."""

    neighbours: int
    title: str
    caption: str | None
    fields: tuple[str, ...]
    """Those that are shown; the one to browse by is the first."""
    category: bool
    """Whether the first field is one to browse by."""
    side: int
    search: bool


def planned(options: SiteOptions, known: dict[str, Kind]) -> Plan:
    """The options with what was left out. Raises UsageError for those that make no sense."""
    only_known(options, SiteOptions)
    neighbours, side = options.get("neighbours", 12), options.get("side", 320)
    if not 0 < neighbours <= _MOST_NEIGHBOURS:
        raise UsageError(f"neighbours must be 1 to {_MOST_NEIGHBOURS}, not {neighbours}")
    if side not in SIDES:
        raise UsageError(f"pictures are {', '.join(map(str, SIDES))} pixels large, not {side}")
    usual = next((name for name in _USUAL_CATEGORIES if name in known), None)
    category = options.get("category", usual)
    caption, others = options.get("caption"), tuple(options.get("fields", ()))
    asked = tuple(dict.fromkeys([category, *others] if category else others))
    for name in (*asked, *([caption] if caption else [])):
        _check(name, known)
    title = " ".join(options.get("title", _USUAL_TITLE).split()) or _USUAL_TITLE
    return Plan(
        neighbours, title, caption, asked, bool(category), side, options.get("search", False)
    )


def _check(name: str, known: dict[str, Kind]) -> None:
    if name in GPS:
        raise UsageError(f"{name} says where somebody was, and is never part of a site")
    if name not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "the records have none"
        raise UsageError(f"no record has a field {name!r}; {there}")
