"""Rules that say which of several copies to keep. A rule that cannot tell leaves it to the next."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import PurePath

from visavis.errors import UsageError
from visavis.types import ImageRecord

_LOSSLESS = (".png", ".apng", ".bmp", ".dib", ".tif", ".tiff")
_LARGER, _HEAVIER = 1.02, 1.1
"""So many times the pixels, or the bytes in the same format, are no accident of saving again."""

_SECONDS = 2.0  # the grain of times on some disks

Test = Callable[[ImageRecord, ImageRecord], bool]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was found of the pairs of a group."""

    alike: Test
    """Whether two copies look alike as they are: bytes say nothing of one that is grey or mirrored.
    """
    whole: Test
    """Whether two copies show the same from edge to edge: pixels say nothing of one that has got a
    frame or lost its edges."""


Narrow = Callable[[Sequence[ImageRecord], Pairs], list[ImageRecord]]
"""Those that a rule prefers; all, where it cannot tell."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    name: str
    """As it was given."""
    narrow: Narrow


def as_rules(texts: Sequence[str]) -> list[Rule]:
    """Rules by their names, in order; several may stand in one text, with commas between them.

    Raises UsageError for unknown ones, and for none.
    """
    names = [part.strip() for text in texts for part in _parts(text)]
    if not names:
        raise UsageError(f"say which copy to keep: {', '.join(_RULES)} or path:GLOB")
    return [_rule(name) for name in names]


def choose(
    records: Sequence[ImageRecord], rules: Sequence[Rule], pairs: Pairs
) -> tuple[ImageRecord, str] | None:
    """The record to keep, and why; None where the rules cannot tell."""
    left = list(records)
    for rule in rules:
        left = rule.narrow(left, pairs)
        if len({record.sha256 for record in left}) == 1:
            kept = min(left, key=_plainest)
            same = len({record.uri for record in left}) > 1
            return kept, f"{rule.name}; the shortest path of the same bytes" if same else rule.name
    return None


def unmet(texts: Sequence[str], groups: Iterable[Sequence[ImageRecord]]) -> list[str]:
    """The globs of rules under which none of the copies lies: they decide nothing.

    So does a list of rules that begins with one, as a glob may hold commas.
    """
    globs = [rule.name.removeprefix("path:") for rule in as_rules(texts) if _is_glob(rule.name)]
    records = [record for group in groups for record in group] if globs else []
    return [glob for glob in globs if records and not any(_lies(r, glob) for r in records)]


def _parts(text: str) -> list[str]:
    return [text] if _is_glob(text) else text.split(",")


def _is_glob(text: str) -> bool:
    return text.startswith("path:")


def _rule(name: str) -> Rule:
    if _is_glob(name) and len(name) > len("path:"):
        glob = name.removeprefix("path:")
        return Rule(name, lambda records, _: _matching(records, glob))
    if name in _RULES:
        return Rule(name, _RULES[name])
    raise UsageError(f"no rule is called {name!r}; there are {', '.join(_RULES)} and path:GLOB")


def _matching(records: Sequence[ImageRecord], glob: str) -> list[ImageRecord]:
    """Those that lie there; all, where none does."""
    return [record for record in records if _lies(record, glob)] or list(records)


def _lies(record: ImageRecord, glob: str) -> bool:
    """Whether the glob matches its path or id; `*` crosses folders."""
    below = f"*/{glob}"
    return (
        fnmatchcase(record.uri, glob)
        or fnmatchcase(record.id, glob)
        or fnmatchcase(record.uri, below)
    )


def _largest(records: Sequence[ImageRecord], pairs: Pairs) -> list[ImageRecord]:
    """Those with the most pixels; of one format, those with clearly the most bytes."""
    large = _most_pixels(records, pairs)
    if len({_format(record) for record in large}) > 1 or not _all(large, pairs.alike):
        return large  # their bytes say nothing of what is in them
    heaviest = max(record.size for record in large)
    return [record for record in large if record.size * _HEAVIER >= heaviest]


def _best_quality(records: Sequence[ImageRecord], pairs: Pairs) -> list[ImageRecord]:
    """Those with the most pixels; of these, lossless ones; of one format, as `_largest`."""
    large = _most_pixels(records, pairs)
    if not _all(large, pairs.alike):
        return large
    return _largest([record for record in large if _format(record) in _LOSSLESS] or large, pairs)


def _most_pixels(records: Sequence[ImageRecord], pairs: Pairs) -> list[ImageRecord]:
    """Those with the most pixels; all, where a frame may be what makes one larger."""
    most = max(_pixels(record) for record in records)
    large = [record for record in records if _pixels(record) * _LARGER >= most]
    small = [record for record in records if _pixels(record) * _LARGER < most]
    comparable = all(pairs.whole(one, other) for one in large for other in small)
    return large if comparable else list(records)


def _oldest(records: Sequence[ImageRecord], _: Pairs) -> list[ImageRecord]:
    first = min(record.modified for record in records)
    return [record for record in records if record.modified <= first + _SECONDS]


def _newest(records: Sequence[ImageRecord], _: Pairs) -> list[ImageRecord]:
    last = max(record.modified for record in records)
    return [record for record in records if record.modified >= last - _SECONDS]


_RULES: dict[str, Narrow] = {
    "largest": _largest,
    "best-quality": _best_quality,
    "oldest": _oldest,
    "newest": _newest,
}


def _all(records: Sequence[ImageRecord], alike: Test) -> bool:
    return all(alike(one, other) for one, other in combinations(records, 2))


def _pixels(record: ImageRecord) -> int:
    return record.width * record.height


def _format(record: ImageRecord) -> str:
    ending = PurePath(record.uri).suffix.lower()
    return ".jpg" if ending in (".jpeg", ".jpe", ".jfif") else ending


def _plainest(record: ImageRecord) -> tuple[int, int, str]:
    return record.uri.count("/"), len(record.uri), record.uri
