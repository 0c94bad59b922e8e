"""What each match is to the picture that was asked with, and what the answer is as a whole.

    exact            the same bytes, or the same pixels
    near_duplicate   the same picture, edited: told from pixels, never from a score
    variant          the same layout in other colours
    similar          scores above the cut of this index (see `visavis.flows.relation.cuts`)
    other            the nearest that there is

Whole-picture vectors rank some copies behind look-alikes, so the first CANDIDATES are looked at
whatever was asked for, and those that are found to be copies come first, on every page the same.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from visavis.flows.relation.reading import allowed, to_decode
from visavis.flows.relation.shown import Shown
from visavis.matching.local import has_opencv, same_by_features
from visavis.matching.pixel_check import PixelCheck, pixel_checks
from visavis.matching.signature import Signature
from visavis.store.base import VectorStore
from visavis.store.capabilities import has_evidence
from visavis.store.stopping import go_on
from visavis.types import RELATIONS, RGB, ImageRecord, Match, Relation

CANDIDATES = 32
"""The first matches, that are compared pixel by pixel; more than any page's share of copies."""

WARPED = 5
"""The first of them that local features are compared with (they read the files)."""

WARPED_PIXELS = 40_000_000
"""What these five may have together; a JPEG counts an eighth, as it is decoded smaller. What is
beyond is not compared, and said to be unverified: a question has a bound."""

Read = Callable[[ImageRecord], RGB | None]
"""The pixels of a record's file, or None where it cannot be read any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Tells relations for one question."""

    shown: Shown | None
    """The picture, if the question is one picture and nothing else."""
    cut: float | None
    """The score from which on matches are similar; None: the index has too few records."""
    store: VectorStore
    read: Read
    features: bool = True
    """Whether local features are compared as well."""
    _checks: dict[str, PixelCheck | None] = field(default_factory=dict)
    """By content, of what was compared so far; None: it has no signature."""
    _kept: dict[str, Signature | None] = field(default_factory=dict)
    """By content, of what the store was asked for so far."""

    def judged(self, matches: Sequence[Match]) -> list[Match]:
        """The candidates with their relations, copies first, else in the order they have."""
        found = self.by_score(matches)
        if self.shown is not None:
            found = self._by_pixels(self.shown, found)
            if not any(is_copy(match) for match in found):
                found = self._by_features(self.shown, found)
        copies = [match for match in found if is_copy(match)]
        copies.sort(key=lambda match: RELATIONS.index(match.relation or "other"))
        return copies + [match for match in found if not is_copy(match)]

    def by_score(self, matches: Sequence[Match]) -> list[Match]:
        """Matches with their relations, told by their scores alone."""
        cut = math.inf if self.cut is None else self.cut
        # Not by replace(), which takes twice as long: a store's matches have nothing else.
        return [
            Match(one.record, one.score, relation="similar" if one.score >= cut else "other")
            for one in matches
        ]

    def _by_pixels(self, shown: Shown, matches: Sequence[Match]) -> list[Match]:
        checks = self._checked(shown, matches)
        return [self._told(shown, match, checks.get(match.record.sha256)) for match in matches]

    def lies(self, matches: Sequence[Match]) -> int | None:
        """How the picture has to be turned to lie as the first of its copies among these does.

        In quarter turns against the clock; None: there is no copy, by the pixel check.
        """
        if self.shown is None:
            return None
        checks = self._checked(self.shown, matches)
        found = [check for one in matches if (check := checks.get(one.record.sha256))]
        copies = [check for check in found if check.verdict == "same"]
        copies += [check for check in found if check.verdict == "recoloured"]
        return copies[0].quarters if copies else None

    def _checked(self, shown: Shown, matches: Sequence[Match]) -> dict[str, PixelCheck | None]:
        """What signatures say of matches, by content; without a signature nothing is known."""
        hashes = [match.record.sha256 for match in matches]
        new = [digest for digest in hashes if digest not in self._checks]
        if not new:
            return self._checks
        if shown.signature is None and shown.sha256 is not None:
            self._signatures([*new, shown.sha256])  # all in one call
        mine = self.signature(shown)
        if mine is None:
            return {}
        known = self._signatures(new)
        checks = pixel_checks(mine, list(known.values()))
        self._checks.update(dict.fromkeys(new))
        self._checks.update(zip(known, checks, strict=True))
        return self._checks

    def _told(self, shown: Shown, match: Match, check: PixelCheck | None) -> Match:
        if shown.sha256 is not None and match.record.sha256 == shown.sha256:
            return replace(match, relation="exact", verified=True)
        if check is None or check.verdict == "unknown":
            return match
        if check.verdict == "recoloured":
            return replace(match, relation="variant", verified=True)
        same = check.form > 0.999 and self._same_pixels(shown, match.record)
        return replace(match, relation="exact" if same else "near_duplicate", verified=True)

    def _same_pixels(self, shown: Shown, record: ImageRecord) -> bool:
        mine = shown.pixels()
        if mine is None or mine.shape[:2] != (record.height, record.width):
            return False  # made smaller while it was decoded: only the files could tell
        others = self.read(record)
        return others is not None and np.array_equal(mine, others)

    def signature(self, shown: Shown) -> Signature | None:
        """Of the picture that was asked with: of a record, the one that is kept."""
        if shown.signature is not None or shown.record is None or shown.sha256 is None:
            return shown.signature
        return self._signatures([shown.sha256]).get(shown.sha256)

    def _signatures(self, hashes: Sequence[str]) -> dict[str, Signature]:
        """Those that are kept, by content; an older index has none until `index --refresh`."""
        new = [digest for digest in hashes if digest not in self._kept]
        if new and has_evidence(self.store):
            self._kept.update(dict.fromkeys(new))
            kept = self.store.evidence.signatures(new)
            self._kept.update((digest, Signature.unpacked(data)) for digest, data in kept.items())
        found = ((digest, self._kept.get(digest)) for digest in hashes)
        return {digest: one for digest, one in found if one is not None}

    def _warps(self, shown: Shown) -> bool:
        return self.features and shown.record is None and has_opencv()

    def _by_features(self, shown: Shown, matches: Sequence[Match]) -> list[Match]:
        """Compare the first with local features, where OpenCV is installed and files are there."""
        mine = shown.pixels() if self._warps(shown) else None
        if mine is None:
            return list(matches)
        same = same_by_features(mine)
        found, left = list(matches), allowed(WARPED_PIXELS)
        for place, match in enumerate(found[:WARPED]):
            cost = to_decode(match.record)
            warped = self._warped(shown, match.record, same) if cost <= left else None
            if warped is None:
                continue
            left -= cost
            relation: Relation | None = "near_duplicate" if warped else match.relation
            found[place] = replace(match, relation=relation, verified=True)
        return found

    def _warped(
        self, shown: Shown, record: ImageRecord, same: Callable[[RGB], bool]
    ) -> bool | None:
        """Whether a record shows the same by local features; None: its file cannot be read."""
        if record.sha256 not in shown.warped:
            go_on()
            others = self.read(record)
            if others is None:
                return None
            shown.warped[record.sha256] = same(others)
        return shown.warped[record.sha256]


def is_copy(match: Match) -> bool:
    """Whether the pictures were found to be the same, edited or in other colours."""
    return match.relation in ("exact", "near_duplicate", "variant") and match.verified


def verdict(matches: Sequence[Match]) -> Relation | None:
    """The best relation among matches; None: nothing is related."""
    related = [match.relation for match in matches if match.relation not in (None, "other")]
    return min(related, key=RELATIONS.index) if related else None


def at_least(matches: Sequence[Match], least: Relation | None) -> list[Match]:
    """The matches of a relation and of better ones."""
    if least is None:
        return list(matches)
    worst = RELATIONS.index(least)
    return [m for m in matches if m.relation is not None and RELATIONS.index(m.relation) <= worst]
