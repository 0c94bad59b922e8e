"""Concepts as a field of the records, to filter by: `concepts=our mugs`.

Like tags, the field is written by us and named by no source; indexing keeps it. What people have
marked is as they said, whatever its score.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from visavis.errors import UsageError
from visavis.filters import CONCEPTS
from visavis.flows.concepts.lessons import Lesson
from visavis.flows.concepts.marks import Mark
from visavis.store.base import Change, Page, VectorStore
from visavis.store.capabilities import has_evidence
from visavis.types import ImageRecord

_NOTE = "concept tags"
_AT_ONCE = 256  # records that are written together
_PAGE = 1_000  # records that are asked for at a time


class Taught(NamedTuple):
    """A concept that can be told."""

    name: str
    lesson: Lesson
    marks: Sequence[Mark]


def concepts_written(store: VectorStore) -> bool:
    """Whether the records have a field of concepts that we wrote."""
    return has_evidence(store) and bool(store.evidence.noted(_NOTE))


def begin_concepts(store: VectorStore) -> None:
    """Note that the field of concepts is ours; needs the index's lock."""
    assert has_evidence(store)  # narrows the type: concepts are kept there
    store.evidence.note(_NOTE, b"written")


def check_field(store: VectorStore) -> None:
    """Raise UsageError where the records have a field of concepts from their catalogue."""
    if CONCEPTS in store.fields() and not concepts_written(store):
        raise UsageError(
            f"the records have a field {CONCEPTS!r} of their own; rename that column of the "
            "catalogue to have concepts written to them"
        )


def write_concepts(store: VectorStore, concepts: Sequence[Taught]) -> int:
    """Give every record the names of the concepts that it is, and take away all others.

    Returns how many records have changed; needs the index's lock. Raises UsageError as
    `check_field`.
    """
    check_field(store)
    if not concepts and not concepts_written(store):
        return 0  # and the field stays free for a catalogue
    begin_concepts(store)  # first: what a run that was stopped has left is ours
    names: dict[str, list[str]] = {}
    marked = _marked(store, (mark for concept in concepts for mark in concept.marks))
    for concept in concepts:
        such = set(_such(store, concept.lesson))
        for mark in concept.marks:
            said = marked.get(mark.sha256, {mark.id})  # saved anew: it is known by its id
            if mark.good:
                such |= said
            else:
                such -= said
        for id in such:
            names.setdefault(id, []).append(concept.name)
    changes = [
        change
        for record in store.records()
        if (change := _change(record, ", ".join(names.get(record.id, ())))) is not None
    ]
    for start in range(0, len(changes), _AT_ONCE):
        store.update(changes[start : start + _AT_ONCE])
    store.settle()
    return len(changes)


def _marked(store: VectorStore, marks: Iterable[Mark]) -> dict[str, set[str]]:
    """The ids of the records that show a marked picture, by its content."""
    wanted = {mark.sha256 for mark in marks}
    found: dict[str, set[str]] = {}
    for record in store.records():
        if record.sha256 in wanted:
            found.setdefault(record.sha256, set()).add(record.id)
    return found


def _such(store: VectorStore, lesson: Lesson) -> Iterator[str]:
    """The ids of the records that are such."""
    if lesson.similar_from is None:
        return
    offset = 0
    while True:
        page = Page(_PAGE, offset, lesson.similar_from)
        [found] = store.search(lesson.direction[None], page)
        yield from (match.record.id for match in found.matches)
        if len(found.matches) < _PAGE:
            return
        offset += _PAGE


def _change(record: ImageRecord, wanted: str) -> Change | None:
    if record.fields.get(CONCEPTS, "") == wanted:
        return None
    fields = {name: value for name, value in record.fields.items() if name != CONCEPTS}
    fields |= {CONCEPTS: wanted} if wanted else {}
    return Change(record.id, record.size, record.modified, record.uri, fields)
