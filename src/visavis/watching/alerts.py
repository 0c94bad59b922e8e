"""Alerts: pictures that are such as a concept says, told of once when they come into the index.

What was there when the watch began is known. A picture is told of by its content: one that was
renamed, or is there twice, is not new. New pictures are judged by the marks that there are when
they are looked at; old ones are not told of, whatever the marks say.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from visavis.errors import UsageError, VisavisError
from visavis.flows.concepts.lessons import TOO_FEW, Lesson
from visavis.flows.query.terms import parse_term
from visavis.image_index import ImageIndex
from visavis.types import ConceptTerm, ImageRecord, Match, Query

_AT_ONCE = 1_000  # matches that are asked for at a time
_DIGITS = 16  # of a digest, by which contents are told apart


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
        self._waiting: dict[str, set[int]] = {}  # what has come and was not judged yet
        for name in map(concept_named, concepts):
            self._begun(name)
        self._known = self._contents()

    def look(self) -> None:
        """Tell of what has come since the last time; what cannot be judged waits for the next."""
        come = self._contents() - self._known
        self._known |= come
        for name, waiting in self._waiting.items():
            waiting |= come
            try:
                self._look(name, waiting)
            except VisavisError as error:
                self._say_once(name, f"concept:{name} cannot be looked for just now: {error}")

    def _look(self, name: str, waiting: set[int]) -> None:
        lesson = self._begun(name)
        if lesson.similar_from is None:
            return
        for match in self._such(lesson) if waiting else ():
            content = _content(match.record)
            if content in waiting:
                waiting.remove(content)
                self._tell(Alert(name, match.score, match.record))
        waiting.clear()

    def _begun(self, name: str) -> Lesson:
        """What the marks come to now; says it once where that does not tell what is such."""
        lesson = self._index.concept(name).lesson()
        self._waiting.setdefault(name, set())
        if lesson.similar_from is not None:
            self._said.pop(name, None)
        else:
            self._say_once(name, f"concept:{name} cannot tell yet what is such: {TOO_FEW}")
        return lesson

    def _say_once(self, name: str, sentence: str) -> None:
        if self._said.get(name) != sentence:
            self._said[name] = sentence
            self._say(sentence)

    def _contents(self) -> set[int]:
        return {_content(record) for record in self._index.store.records()}

    def _such(self, lesson: Lesson) -> list[Match]:
        """All records that are such, best first."""
        found: list[Match] = []
        while True:
            query = Query((lesson.term(),), None, _AT_ONCE, len(found), "auto")
            page = self._index.answer(query).matches
            found += page
            if len(page) < _AT_ONCE:
                return found


def _content(record: ImageRecord) -> int:
    """A record's content, by the first 64 bits of its digest: a third as large to keep."""
    return int(record.sha256[:_DIGITS], 16)


def concept_named(text: str) -> str:
    """The name of a concept that somebody is to be alerted of. Raises UsageError."""
    term = parse_term(text)
    if not isinstance(term, ConceptTerm) or term.weight != 1:
        raise UsageError(f"an alert waits for a concept, as in concept:NAME, not for {text!r}")
    return term.name
