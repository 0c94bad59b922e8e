"""The copy-detection protocol: can edited copies of pictures be traced to their originals?

Some records are drawn as originals and half as many again as strangers. The strangers leave the
gallery; the other records stay as distractors. Every edit of every original and of every stranger
is a query: an original's copies have it (and files byte for byte like it) as their positive, a
stranger's have none, as µAP wants it.
"""

import difflib
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from visavis.errors import UsageError
from visavis.evaluation.edits import EDITS, edited
from visavis.evaluation.gallery import Gallery
from visavis.evaluation.ground_truth import Question
from visavis.images.decode import decode
from visavis.sources.base import read_anywhere
from visavis.sources.web.fetch import Fetcher
from visavis.types import RGB, Entry, Failure, ImageRecord

ORIGINALS = 300
"""Originals drawn when nobody says how many."""


@dataclass(frozen=True, slots=True, eq=False)
class CopyTask:
    """What is drawn from an index: the gallery without strangers, and who is edited."""

    gallery: Gallery
    originals: tuple[ImageRecord, ...]
    strangers: tuple[ImageRecord, ...]

    def questions(self, copies: Sequence[ImageRecord]) -> tuple[Question, ...]:
        """One question for every copy."""
        same = self._same()
        return tuple(
            Question(
                copy.id,
                same.get(str(copy.fields["original"]), frozenset()),
                group=str(copy.fields["edit"]),
            )
            for copy in copies
        )

    def _same(self) -> dict[str, frozenset[str]]:
        """The original and files with the same bytes, for every original."""
        wanted = {record.sha256 for record in self.originals}
        alike: defaultdict[str, set[str]] = defaultdict(set)
        for record in self.gallery.records:
            if record.sha256 in wanted:
                alike[record.sha256].add(record.id)
        return {record.id: frozenset(alike[record.sha256]) for record in self.originals}


def draw_task(
    gallery: Gallery, candidates: Sequence[ImageRecord], originals: int, seed: int
) -> CopyTask:
    """Draw originals and strangers among the candidates, which are records of the gallery.

    Fewer are drawn where there are fewer. Raises UsageError when there are not even three.
    """
    if len(candidates) < 3:
        raise UsageError(
            f"copies need at least 3 pictures to draw from, and there are {len(candidates)}"
        )
    wanted = min(originals, len(candidates) * 2 // 3)
    chance = random.Random(f"{seed} originals")
    ordered = sorted(candidates, key=lambda record: record.id)
    drawn = chance.sample(ordered, wanted + -(-wanted // 2))
    chosen, strangers = drawn[:wanted], drawn[wanted:]
    hashes = {record.sha256 for record in chosen}
    strangers = [record for record in strangers if record.sha256 not in hashes]
    gone = {record.sha256 for record in strangers}  # with all their twins
    kept = (row for row, record in enumerate(gallery.records) if record.sha256 not in gone)
    return CopyTask(gallery.only(kept), tuple(chosen), tuple(strangers))


def chosen_edits(names: Sequence[str]) -> tuple[str, ...]:
    """The edits of these names, in the order of EDITS; of no name, all of them.

    Raises UsageError for a name that no edit has.
    """
    for name in names:
        if name not in EDITS:
            near = difflib.get_close_matches(name, EDITS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"edits: {', '.join(EDITS)}"
            raise UsageError(f"there is no edit {name!r}; {hint}")
    return tuple(name for name in EDITS if not names or name in names)


class EditedSource:
    """Edited copies of records as a source to index; every copy is made when it is read.

    Ids are EDIT/ID; the fields `edit` and `original` say the same apart.
    """

    kind = "copies"
    uri = "edited copies"
    prunes = False
    owns_ids = True
    has_fields = False
    lists_missing = False
    readers = 2

    def __init__(
        self, records: Sequence[ImageRecord], seed: int, edits: Sequence[str] = tuple(EDITS)
    ) -> None:
        self._records = {record.id: record for record in records}
        self._seed = seed
        self._edits = edits
        self._fetcher = Fetcher()

    def entries(self) -> Iterator[Entry | Failure]:
        """Every edit of every record."""
        for record in self._records.values():
            for edit in self._edits:
                fields = {"edit": edit, "original": record.id}
                yield Entry(f"{edit}/{record.id}", record.uri, -1, 0.0, fields)

    def read(self, entry: Entry) -> bytes:
        """The file of one copy. Raises ImageError when the original cannot be read."""
        return self.copy(str(entry.fields["edit"]), str(entry.fields["original"]))

    def copy(self, edit: str, original: str) -> bytes:
        """The file of one copy. Raises ImageError when the original cannot be read."""
        uri = self._records[original].uri
        data = read_anywhere(uri, self._fetcher)
        pixels: RGB = decode(data, uri, min_side=1024).pixels
        return edited(edit, pixels, random.Random(f"{self._seed} {edit} {original}"))

    def close(self) -> None:
        """Close connections that are still open."""
        self._fetcher.close()
