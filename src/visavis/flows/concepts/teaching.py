"""Concepts as users hold them: `index.concept(name)` and `index.concepts`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from visavis.errors import UsageError
from visavis.filters import CONCEPTS
from visavis.flows.concepts.lessons import TOO_FEW, Lesson, Lessons
from visavis.flows.concepts.marks import ConceptSummary, KeptMarks, Mark, Marked, as_name
from visavis.flows.concepts.tagging import Taught, check_field, concepts_written, write_concepts
from visavis.store.base import VectorStore
from visavis.store.capabilities import has_evidence
from visavis.store.open import Writing
from visavis.types import Condition, Filter


@dataclass(frozen=True, slots=True)
class Concept:
    """Something that people mean by marks; it is there from its first mark on.

    ```python
    concept = index.concept("our mugs")
    concept.mark(["a.jpg", "b.jpg"])
    concept.mark(["c.jpg"], good=False)
    index.search("concept:our mugs")
    ```
    """

    name: str
    _store: VectorStore
    _writing: Writing
    _lessons: Lessons

    def mark(self, ids: str | Iterable[str], good: bool = True) -> Marked:
        """Say of records that they are such, or with `good=False` that they are not.

        Of what was marked before, the new mark counts; `Marked.turned` names what said the
        opposite.

        Raises RecordNotFoundError, and marks nothing, where no record has one of the ids;
        UsageError for too many marks, StoreUnsupportedError, IndexLockedError.
        """
        return self.mark_all(
            (ids, good),
        )

    def mark_all(self, *said: tuple[str | Iterable[str], bool]) -> Marked:
        """The same for records that are such and others that are not, at once.

        Of an id that is named twice the last counts, and is among `Marked.turned`.
        """
        wanted = [(id, good) for ids, good in said for id in _as_ids(ids)]
        if not wanted:
            raise UsageError("say which records to mark: their ids")
        with self._writing():
            kept = KeptMarks(self._store)
            marks = [Mark(id, self._store.get(id).sha256, good) for id, good in wanted]
            return kept.put(self.name, marks)

    def unmark(self, ids: str | Iterable[str]) -> ConceptSummary:
        """Take marks back, also of records that have left the index.

        Raises ConceptNotFoundError, and UsageError where one has no mark; then all marks stay.
        """
        with self._writing():
            self.summary()
            return KeptMarks(self._store).take_back(self.name, _as_ids(ids))

    def marks(self) -> tuple[Mark, ...]:
        """All marks, the latest last. Raises ConceptNotFoundError."""
        self.summary()
        return KeptMarks(self._store).of(self.name)

    def summary(self) -> ConceptSummary:
        """How many marks there are. Raises ConceptNotFoundError."""
        return KeptMarks(self._store).summary(self.name)

    def lesson(self) -> Lesson:
        """What the marks come to. Raises ConceptNotFoundError, UsageError."""
        return self._lessons.of(self.name)

    def is_written(self) -> bool:
        """Whether some record names it in its field `concepts`, as `Concepts.write` leaves them."""
        if not concepts_written(self._store) or CONCEPTS not in self._store.fields():
            return False
        where = Filter((Condition(CONCEPTS, "=", (self.name,), quoted=True),))
        return self._store.count(where) > 0

    def remove(self) -> None:
        """Forget the concept with all its marks. Raises ConceptNotFoundError.

        Records that name it keep the name until the next `Concepts.write`.
        """
        with self._writing():
            self.summary()
            KeptMarks(self._store).remove(self.name)


class Concepts:
    """All concepts of an index: `index.concepts`."""

    def __init__(self, store: VectorStore, writing: Writing) -> None:
        """Made by ImageIndex."""
        self._store = store
        self._writing = writing
        self.lessons = Lessons(store)

    def named(self, name: str) -> Concept:
        """The concept with a name, be there marks of it or not. Raises UsageError for odd names."""
        return Concept(as_name(name), self._store, self._writing, self.lessons)

    @property
    def made(self) -> bool:
        """Whether the records have a field of concepts that `write` made."""
        return concepts_written(self._store)

    def check(self) -> None:
        """Raise what `write` would for an index that cannot have them, before any work is done."""
        KeptMarks(self._store)
        check_field(self._store)

    def write(self) -> int:
        """Write to every record which concepts it is, in the field `concepts`; how many changed.

        Filters find them by `concepts=NAME`. Records that are marked get what was said of them, the
        others what their scores say. Concepts of which no picture that is such is in the index are
        passed over; `troubles` names them. Raises UsageError where the records have such a field of
        their own, StoreUnsupportedError, IndexLockedError.
        """
        with self._writing():
            return write_concepts(self._store, [*self._taught()])

    def troubles(self) -> tuple[str, ...]:
        """A sentence for each concept by which records that nobody marked cannot be told."""
        found = []
        for one in self:
            try:
                if self.lessons.of(one.name).similar_from is None:
                    found.append(f"{one.name}: {TOO_FEW}")
            except UsageError as error:
                found.append(str(error))
        return tuple(found)

    def _taught(self) -> Iterator[Taught]:
        kept = KeptMarks(self._store)
        for one in self:
            with suppress(UsageError):  # see `troubles`
                yield Taught(one.name, self.lessons.of(one.name), kept.of(one.name))

    def __iter__(self) -> Iterator[ConceptSummary]:
        return iter(KeptMarks(self._store).concepts().values())

    def __len__(self) -> int:
        """How many there are; none where the store has no place for them."""
        return len(KeptMarks(self._store).concepts()) if has_evidence(self._store) else 0


def _as_ids(ids: str | Iterable[str]) -> Sequence[str]:
    return [ids] if isinstance(ids, str) else list(ids)
