"""Concepts of one index into a copy of it."""

from visavis.filters import CONCEPTS
from visavis.flows.concepts.marks import KeptMarks
from visavis.flows.concepts.tagging import begin_concepts, concepts_written
from visavis.store.base import VectorStore
from visavis.store.capabilities import has_evidence


def carry_field(original: VectorStore, copy: VectorStore) -> None:
    """Let a copy know that the field of concepts is visavis's own, before a record comes."""
    if concepts_written(original) and has_evidence(copy) and CONCEPTS not in copy.fields():
        begin_concepts(copy)


def carry_concepts(original: VectorStore, copy: VectorStore) -> int:
    """Give a copy the concepts that it lacks, with their marks; how many it has no place for.

    A concept that it has stays as it is. Needs the lock of the copy.
    """
    if not has_evidence(original):
        return 0
    kept = KeptMarks(original)
    names = kept.concepts()
    if not names or not has_evidence(copy):
        return len(names)
    own = KeptMarks(copy)
    for name in names.keys() - own.concepts().keys():
        own.put(name, kept.of(name))
    return 0
