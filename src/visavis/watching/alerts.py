"""Alerts: pictures that are such as a concept says, told of once when they come into the index.

What was there when the watch began is known. A picture is told of by its content: one that was
renamed, or is there twice, is not new.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from visavis.errors import UsageError, VisavisError
from visavis.flows.concepts.lessons import Lesson
from visavis.flows.query.terms import parse_term
from visavis.image_index import ImageIndex
from visavis.types import ConceptTerm, ImageRecord, Match, Query

_AT_ONCE = 1_000  # matches that are asked for at a time


class Alert(NamedTuple):
    """A picture that a concept was waiting for."""

    concept: str
    score: float
    record: ImageRecord

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of an alert."""
        return {
            "alert": f"concept:{self.concept}",
            "score": round(self.score, 6),
            "id": self.record.id,
            "uri": self.record.uri,
        }


@dataclass(slots=True)
class _Awaited:
    """A concept as it was when records were last looked at, and what is known to be such."""

    lesson: Lesson
    known: set[str]
    """SHA-256 digests of contents."""


class Alerts:
    """Looks after concepts while an index changes; belongs to the thread of the watcher.

    Args:
        index: What is watched.
        concepts: As people write them: `concept:NAME`.
        tell: Called with each alert.
        say: Called with a sentence where a concept cannot be asked for.

    Raises UsageError for what is no concept (ConceptNotFoundError), and for one that says nothing.
    """

    def __init__(
        self,
        index: ImageIndex,
        concepts: Sequence[str],
        *,
        tell: Callable[[Alert], None],
        say: Callable[[str], None],
    ) -> None:
        self._index = index
        self._tell = tell
        self._say = say
        self._said: dict[str, str] = {}
        self._awaited = {name: self._begun(name) for name in map(concept_named, concepts)}

    def look(self) -> None:
        """Tell of what has come since the last time."""
        for name, awaited in self._awaited.items():
            try:
                self._look(name, awaited)
                self._said.pop(name, None)
            except VisavisError as error:
                if self._said.get(name) != str(error):
                    self._said[name] = str(error)
                    self._say(f"concept:{name} cannot be looked for just now: {error}")

    def _look(self, name: str, awaited: _Awaited) -> None:
        """By the lesson of before: were it a new one, old pictures could seem to have come."""
        now = self._index.concept(name).lesson()
        if now.fingerprint == awaited.lesson.fingerprint:
            for match in self._such(awaited.lesson):
                if match.record.sha256 not in awaited.known:
                    awaited.known.add(match.record.sha256)
                    self._tell(Alert(name, match.score, match.record))
        if now is not awaited.lesson:
            awaited.known |= self._digests(now)
            awaited.lesson = now

    def _begun(self, name: str) -> _Awaited:
        lesson = self._index.concept(name).lesson()
        return _Awaited(lesson, self._digests(lesson))

    def _digests(self, lesson: Lesson) -> set[str]:
        return {match.record.sha256 for match in self._such(lesson)}

    def _such(self, lesson: Lesson) -> list[Match]:
        """All records that are such, best first."""
        found: list[Match] = []
        while True:
            query = Query((lesson.term(),), None, _AT_ONCE, len(found), "auto")
            page = self._index.answer(query).matches
            found += page
            if len(page) < _AT_ONCE:
                return found


def concept_named(text: str) -> str:
    """The name of a concept that somebody is to be alerted of. Raises UsageError."""
    term = parse_term(text)
    if not isinstance(term, ConceptTerm) or term.weight != 1:
        raise UsageError(f"an alert waits for a concept, as in concept:NAME, not for {text!r}")
    return term.name
