"""Why a record is called what it is: what its pixels and local features say, and where it lies."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from visavis.flows.relation.judge import Judge, is_copy
from visavis.matching.correlation import (
    HOPELESS,
    WHOLE,
    Canvas,
    Sought,
    agreement,
    is_there,
    refined,
)
from visavis.matching.correlation import placed as placed_by_light
from visavis.matching.local import (
    Corners,
    LocalCheck,
    around,
    features,
    has_opencv,
    is_same,
    local_check,
    mirrored,
)
from visavis.matching.pixel_check import PixelCheck, pixel_checks, turn_of
from visavis.matching.signature import Signature, signature
from visavis.types import RGB, Box, ImageRecord, Match, Relation

_UNREAD = (
    "one lies on the other; a search with the record reads no files and does not see that, one "
    "with the picture's file does"
)

_CORNERS: Corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a record is to a picture, and from what that is known."""

    record: ImageRecord
    relation: Relation
    verified: bool
    """Whether that is by local features, or the pictures agree already without. A record is to
    another what a search with it says, which reads no files."""
    score: float
    form: float | None
    """How far the outlines agree, -1…1; None: one of the pictures cannot be read any more, or is
    larger than may be read."""
    colour: float | None
    """The share of the colour that agrees, 0…1; None where the outlines do not."""
    inliers: int | None
    """Points of both pictures that agree on how they lie on one another; None: not compared."""
    matched: int | None
    """Points that look alike in both, of which these are some."""
    mirrored: bool
    corners: Corners
    """Where the corners of the picture asked with (left top, right top, right bottom, left bottom)
    lie in the record, as fractions of its sides; none where they do not lie on one another."""
    took_ms: float

    @property
    def box(self) -> Box | None:
        """The part of the record that the picture covers."""
        if not self.corners:
            return None
        return around(self.corners)

    @property
    def shown(self) -> float | None:
        """The share of the picture asked with that the record can show, 0…1; None: not known.

        It is less than one where the record is a crop of it, or one picture of its several.
        """
        if not self.corners:
            return None
        after = (*self.corners[1:], self.corners[0])
        ways = zip(self.corners, after, strict=True)
        area = abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in ways)) / 2
        return 1 / max(1.0, area)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What there is to say to people, each with its name."""
        facts = [("score", f"{self.score:.3f}")]
        if self.form is not None:
            share = 100 * max(0.0, self.form)
            facts.append(("form", f"{share:.0f} % of the outlines agree, whole on whole"))
        if self.colour is not None:
            facts.append(("colour", f"{100 * self.colour:.0f} % of the colour agrees"))
        if self.inliers is not None:
            facts.append(("points", f"{self.inliers} of {self.matched} points agree on one place"))
        if self.box is not None:
            facts.append(("part", ", ".join(f"{at:.2f}" for at in self.box)))
            facts.append(("mirrored", "yes" if self.mirrored else "no"))
        if self.box is not None and not self.verified:
            facts.append(("note", _UNREAD))
        return facts

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape, the same in the CLI, the library and over HTTP."""
        return {
            "id": self.record.id,
            "relation": self.relation,
            "verified": self.verified,
            "score": round(self.score, 6),
            "form": _rounded(self.form),
            "colour": _rounded(self.colour),
            "inliers": self.inliers,
            "matched": self.matched,
            "mirrored": self.mirrored,
            "box": None if self.box is None else [round(at, 4) for at in self.box],
            "corners": [[round(at, 4) for at in corner] for corner in self.corners],
            "took_ms": round(self.took_ms, 3),
        }


def explain(
    judge: Judge, score: float, record: ImageRecord, own: Callable[[], RGB | None]
) -> Explanation:
    """Compare the picture that a judge was shown with a record, by everything that there is.

    The relation is the one that a search says: of two records without local features, as it reads
    no files for them; what these would say are facts beside it. `own` gives the pixels of the
    picture where the judge has none, as of a record.
    """
    began = time.perf_counter()
    shown = judge.shown
    assert shown is not None  # narrows the type: callers ask with one picture
    mine, theirs = shown.pixels(), judge.read(record)
    if mine is None:
        mine = own()
    checked = _by_pixels(judge.signature(shown) or _signature(mine), _signature(theirs))
    [match] = replace(judge, features=False).judged([Match(record, score)])
    placed = _by_features(mine, theirs)
    mirrored, corners = _place(checked, placed)
    part = None if corners else _by_correlation(mine, theirs)
    relation, verified = match.relation or "other", match.verified
    if shown.record is None and not is_copy(match):
        verified = verified or placed is not None or part is not None
        if part is not None:
            relation = "variant" if part.recoloured else "near_duplicate"
        elif placed is not None and is_same(placed.check):
            relation = "near_duplicate"
    return Explanation(
        record,
        relation,
        verified,
        score,
        None if checked is None else checked.check.form,
        None if checked is None or checked.check.verdict == "unknown" else _agreeing(checked.check),
        None if placed is None else placed.check.inliers,
        None if placed is None else placed.matched,
        mirrored,
        corners if part is None else part.corners,
        (time.perf_counter() - began) * 1000,
    )


class _Checked(NamedTuple):
    check: PixelCheck
    corners: Corners
    mirrored: bool


class _Placed(NamedTuple):
    check: LocalCheck
    matched: int


class _Part(NamedTuple):
    corners: Corners
    recoloured: bool


def _by_pixels(asked: Signature | None, other: Signature | None) -> _Checked | None:
    if asked is None or other is None:
        return None
    [check] = pixel_checks(asked, [other])
    quarters, flipped = turn_of(asked, other)
    corners = _CORNERS
    for _ in range(quarters):  # against the clock: the right edge comes up
        corners = tuple((y, 1 - x) for x, y in corners)
    if flipped:
        corners = tuple((1 - x, y) for x, y in corners)
    return _Checked(check, corners, flipped)


def _signature(pixels: RGB | None) -> Signature | None:
    return None if pixels is None else signature(pixels)


def _by_features(mine: RGB | None, theirs: RGB | None) -> _Placed | None:
    if mine is None or theirs is None or not has_opencv():
        return None
    other = features(theirs)
    own = features(mine)
    best = local_check(own, other)
    if not is_same(best):
        flipped = local_check(mirrored(own), other, mirrored=True)
        best = max(best, flipped, key=lambda check: (is_same(check), check.inliers))
    return _Placed(best, round(best.inliers / best.share) if best.share else 0)


def _by_correlation(mine: RGB | None, theirs: RGB | None) -> _Part | None:
    """Where the picture lies in the record as it is, but smaller: as a crop or in a collage."""
    if mine is None or theirs is None:
        return None
    place = placed_by_light(Sought(mine), Canvas.of(theirs))
    if place.score < HOPELESS:
        return None
    place = refined(mine, theirs, place)
    form, recoloured = agreement(mine, theirs, place)
    if place.area >= WHOLE or not is_there(place, form):
        return None
    left, top, right, bottom = place.box
    return _Part(((left, top), (right, top), (right, bottom), (left, bottom)), recoloured)


def _agreeing(check: PixelCheck) -> float:
    return 1 - min(1.0, check.colour)


def _place(checked: _Checked | None, placed: _Placed | None) -> tuple[bool, Corners]:
    """Whether the picture is mirrored, and where it lies in the record."""
    if placed is not None and is_same(placed.check):
        corners = placed.check.corners
        if placed.check.mirrored:  # these are the corners of the mirrored picture
            corners = tuple(corners[at] for at in (1, 0, 3, 2))
        return placed.check.mirrored, corners
    if checked is not None and checked.check.verdict != "unknown":
        return checked.mirrored, checked.corners
    return False, ()


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
