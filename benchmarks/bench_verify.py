"""Verification by local features: five files read and laid over the picture that is asked with."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns, seconds
from benchmarks.pictures import draw_photos
from visavis import ImageIndex
from visavis.flows.relation.judge import WARPED
from visavis.flows.relation.shown import record_pixels
from visavis.matching.local import FEATURES, SIDE, has_opencv, same_by_features
from visavis.matching.overlay import opencv
from visavis.types import RGB, ImageRecord

_ROUNDS = {"full": 24, "small": 24, "tiny": 1}
_LARGEST = 100_000_000  # pixels
_PROMISED = Bound(120.0, of="value")


def run(size: Size, work: Path) -> Report:
    """A photograph is asked with, and five are compared that it is not; others each round."""
    report = Report("verify", size, notes=["photographs of 1024 × 768 pixels, drawn by code"])
    if not has_opencv():
        report.notes.append("left out: needs pip install 'visavis[dups]'")
        return report
    photos = work / "verify"
    if not photos.exists():
        draw_photos(photos, _ROUNDS[size] + WARPED)
    place = work / "verify.index"
    with ImageIndex.open(place) if place.exists() else ImageIndex.create(place) as index:
        index.add(photos)
        records, side = list(index.records()), index.embedder().side
    sixes = [records[at : at + 1 + WARPED] for at in range(_ROUNDS[size])]
    _verified(sixes[0], side)  # imports OpenCV
    mine, bare = [], []
    for six in sixes:
        one, other = in_turns(1, partial(_verified, six, side), partial(_bare, six))
        mine += one
        bare += other
    floor = Floor("OpenCV's SIFT of the same six, decoded and made as small before", bare)
    bound = None if size == "tiny" else _PROMISED
    report.figures.append(Figure(f"{WARPED} candidates verified", "ms", mine, floor, bound))
    return report


def _verified(six: Sequence[ImageRecord], side: int | None) -> float:
    """Milliseconds to read five files and compare them; a search has decoded the first before."""
    first, *others = six
    asked = _pixels(first, side)

    def work() -> None:
        same = same_by_features(asked)
        for other in others:
            same(_pixels(other, side))

    return seconds(work) * 1000


def _bare(six: Sequence[ImageRecord]) -> float:
    cv2 = opencv()
    grey = [cv2.cvtColor(_pixels(record, SIDE), cv2.COLOR_RGB2GRAY) for record in six]
    small = [
        cv2.resize(one, (SIDE, round(SIDE * 3 / 4)), None, 0, 0, cv2.INTER_AREA) for one in grey
    ]
    sift = cv2.SIFT_create(FEATURES)
    return seconds(lambda: [sift.detectAndCompute(one, None) for one in small]) * 1000


def _pixels(record: ImageRecord, side: int | None) -> RGB:
    pixels = record_pixels(record, side, _LARGEST)
    assert pixels is not None
    return pixels
