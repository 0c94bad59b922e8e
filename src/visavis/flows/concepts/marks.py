"""Marks: which pictures are such and which are not, kept with the index under a concept's name.

A mark names a record by its id and its content, never by a vector: it holds for another model, for
a file that was renamed, and again for one that comes back.
"""

import difflib
import json
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from visavis.errors import ConceptNotFoundError, StoreUnsupportedError, UsageError
from visavis.store.base import VectorStore
from visavis.store.capabilities import EvidenceKeeping, has_evidence

MOST_MARKS = 20_000
"""Of one concept."""

MOST_CONCEPTS = 1_000
"""Of one index."""

LONGEST_NAME = 100
"""Characters of a concept's name."""

_DIRECTORY = "concepts"  # under which name an index notes the concepts that it has
_OUT_OF_PLACE = frozenset(",/\\\ufeff\ufffd")
"""A comma parts tags, slashes part paths and addresses; the others stand for what is no text."""
_NEAR = 3


class Mark(NamedTuple):
    """What somebody has said of a picture."""

    id: str
    """Of the record that was looked at."""
    sha256: str
    """Of its content then, hex."""
    good: bool
    """Whether it is such, or else is not."""


class ConceptSummary(NamedTuple):
    """A concept, without its marks."""

    name: str
    yes: int
    """Marks that say "such"."""
    no: int
    """Marks that say "not such"."""
    version: str
    """Another one after each change."""


class Marked(NamedTuple):
    """What marking has changed."""

    added: int
    """Pictures that had no mark."""
    turned: tuple[str, ...]
    """Ids whose mark said the opposite before."""
    summary: ConceptSummary


def as_name(text: str) -> str:
    """A concept's name as it is kept: in composed letters, words parted by one space.

    >>> as_name(" red   shoes ")
    'red shoes'

    Raises UsageError for a name that is empty, too long, or holds a comma, a slash or a control
    character.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    wrong = next((letter for letter in name if not _may_stand(letter)), None)
    if wrong is not None:
        raise UsageError(f"a concept's name holds no {wrong!r}; write another than {name[:60]!r}")
    if not name or len(name) > LONGEST_NAME or not name.strip("."):
        raise UsageError(
            f"a concept's name has 1 to {LONGEST_NAME} characters and not only dots; write "
            f"another than {name[:60]!r}"
        )
    return name


def _may_stand(letter: str) -> bool:
    kind = unicodedata.category(letter)  # Cc: control, Cf: unseen, Cs: half a character
    return letter not in _OUT_OF_PLACE and kind not in ("Cc", "Cs")


class KeptMarks:
    """The marks of an index. Reading needs nothing, writing the index's lock."""

    def __init__(self, store: VectorStore) -> None:
        """Raises StoreUnsupportedError where a store cannot keep marks."""
        self._evidence = _evidence(store)

    def concepts(self) -> dict[str, ConceptSummary]:
        """All concepts by their names, in order of these."""
        data = self._evidence.noted(_DIRECTORY)
        held = json.loads(data) if data else {}
        return {
            name: ConceptSummary(name, yes, no, version)
            for name, (yes, no, version) in sorted(held.items())
        }

    def summary(self, name: str) -> ConceptSummary:
        """One concept. Raises ConceptNotFoundError, which names those spelled nearly so."""
        known = self.concepts()
        wanted = as_name(name)
        if wanted not in known:
            raise ConceptNotFoundError(wanted, _nearest(wanted, known))
        return known[wanted]

    def of(self, name: str) -> tuple[Mark, ...]:
        """The marks of a concept, the latest last; none of one that is not there."""
        data = self._evidence.noted(_note(name))
        return tuple(Mark(*one) for one in json.loads(data)) if data else ()

    def put(self, name: str, marks: Sequence[Mark]) -> Marked:
        """Add marks; of a picture that has one, the new one counts."""
        before = self.of(name)
        ids, contents = _by_picture(before)
        added, turned = 0, []
        for mark in marks:
            old = contents.get(mark.sha256) or ids.get(mark.id)
            if old is None:
                added += 1
            elif old.good != mark.good:
                turned.append(mark.id)
            ids[mark.id] = contents[mark.sha256] = mark
        kept = _without(before, marks) + _latest(marks)
        if len(kept) > MOST_MARKS:
            raise UsageError(
                f"the concept {name!r} would have {len(kept)} marks, and {MOST_MARKS} are the "
                "most; a few hundred say as much"
            )
        return Marked(added, tuple(dict.fromkeys(turned)), self._keep(name, kept))

    def take_back(self, name: str, ids: Sequence[str]) -> ConceptSummary:
        """Remove the marks of records, of removed ones as well.

        Raises UsageError, and removes none, where one of them has no mark.
        """
        before = self.of(name)
        by_id, _ = _by_picture(before)
        for id in ids:
            if id not in by_id:
                raise UsageError(f"the concept {name!r} has no mark of {id!r}")
        return self._keep(name, _without(before, [by_id[id] for id in ids]))

    def remove(self, name: str) -> None:
        """Forget a concept with all its marks."""
        left = self.concepts()
        del left[name]
        self._evidence.note_all({_note(name): b"", _DIRECTORY: _directory(left.values())})

    def _keep(self, name: str, marks: Sequence[Mark]) -> ConceptSummary:
        known = self.concepts()
        if name not in known and len(known) >= MOST_CONCEPTS:
            raise UsageError(f"an index has {MOST_CONCEPTS} concepts at most; remove one first")
        yes = sum(mark.good for mark in marks)
        summary = ConceptSummary(name, yes, len(marks) - yes, uuid.uuid4().hex[:16])
        directory = _directory({**known, name: summary}.values())
        self._evidence.note_all({_note(name): json.dumps(marks).encode(), _DIRECTORY: directory})
        return summary


def _directory(summaries: Iterable[ConceptSummary]) -> bytes:
    return json.dumps({one.name: (one.yes, one.no, one.version) for one in summaries}).encode()


def _by_picture(marks: Sequence[Mark]) -> tuple[dict[str, Mark], dict[str, Mark]]:
    return {mark.id: mark for mark in marks}, {mark.sha256: mark for mark in marks}


def _without(marks: Sequence[Mark], others: Sequence[Mark]) -> tuple[Mark, ...]:
    """The marks that are of other pictures than these."""
    ids, contents = {mark.id for mark in others}, {mark.sha256 for mark in others}
    return tuple(mark for mark in marks if mark.id not in ids and mark.sha256 not in contents)


def _latest(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """The last mark of each picture."""
    found: list[Mark] = []
    ids, contents = set[str](), set[str]()
    for mark in reversed(marks):
        if mark.id not in ids and mark.sha256 not in contents:
            found.append(mark)
        ids.add(mark.id)
        contents.add(mark.sha256)
    return tuple(reversed(found))


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=_NEAR, cutoff=0.6)
    return [folded[one] for one in near]


def _note(name: str) -> str:
    return f"concept:{name}"


def _evidence(store: VectorStore) -> EvidenceKeeping:
    if has_evidence(store):
        return store.evidence
    raise StoreUnsupportedError(store.facts.place, "keep concepts")
