"""Concepts among the terms of a question: each becomes the direction that its marks come to."""

from collections.abc import Callable, Sequence

from visavis.flows.concepts.lessons import Lesson
from visavis.types import ConceptTerm, Term


def learned_terms(
    terms: Sequence[Term], lesson: Callable[[str], Lesson]
) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """The terms without names of concepts, and what has to be said of these.

    Raises ConceptNotFoundError, and UsageError for a concept that says nothing yet.
    """
    known: list[Term] = []
    notes: list[str] = []
    for term in terms:
        if not isinstance(term, ConceptTerm):
            known.append(term)
            continue
        found = lesson(term.name)
        known.append(found.term(term.weight))
        if found.missing:
            many = "picture that was" if found.missing == 1 else "pictures that were"
            notes.append(
                f"{term.name}: {found.missing} {many} marked "
                f"{'is' if found.missing == 1 else 'are'} not in the index now"
            )
    return tuple(known), tuple(dict.fromkeys(notes))
