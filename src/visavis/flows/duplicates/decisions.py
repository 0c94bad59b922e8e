"""What somebody has decided about pairs of images, kept with the index and asked once.

As hydrus network has it: two images are duplicates (one may be the better), alternates (two
versions, both to be kept) or not related. Decisions are about contents, so they follow a file that
is renamed, and they carry over: a duplicate of a duplicate is one, and what is decided about an
image holds for its duplicates.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from visavis.errors import StoreUnsupportedError, UsageError
from visavis.store.base import VectorStore
from visavis.store.capabilities import WithEvidence, has_evidence

Verdict = Literal["better", "same", "alternate", "not-related"]
"""The first is the better duplicate; a duplicate as good; another version; another picture."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
TAKE_BACK = "undecided"

_NOTE = "duplicate decisions"


class Decision(NamedTuple):
    """What was decided about two contents, by their SHA-256 digests (hex)."""

    one: str
    other: str
    verdict: Verdict


class _Contradiction(Exception):
    """Two decisions that cannot both hold."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """All decisions of an index, and what follows from them."""

    made: tuple[Decision, ...] = ()

    @classmethod
    def kept(cls, store: VectorStore) -> "Decisions":
        """Those of an index."""
        data = _evidence(store).evidence.noted(_NOTE)
        return cls(tuple(Decision(*one) for one in json.loads(data)) if data else ())

    def keep(self, store: VectorStore) -> None:
        """Keep them with the index; needs its lock."""
        _evidence(store).evidence.note(_NOTE, json.dumps(self.made).encode())

    def about(self, one: str, other: str) -> Decision | None:
        """What was decided about just these two; what follows from others is not among it."""
        return next((made for made in self.made if {made.one, made.other} == {one, other}), None)

    def outcome(self) -> "Outcome":
        """What follows from all of them."""
        return Outcome(self.made)

    def with_one(self, decision: Decision) -> "Decisions":
        """These and another one, which replaces an earlier one about the same two.

        Raises UsageError where it contradicts what was decided about others.
        """
        changed = Decisions((*self._but(decision.one, decision.other), decision))
        try:
            changed.outcome()
        except _Contradiction:
            held = Decisions(changed.made[:-1]).outcome().between(decision.one, decision.other)
            raise UsageError(
                f"by other decisions these two are {_NAMES[held]}; take one of those back first "
                f"({TAKE_BACK})"
            ) from None
        return changed

    def without(self, one: str, other: str) -> "Decisions":
        """These without what was decided about two; UsageError where nothing was."""
        changed = Decisions(self._but(one, other))
        if len(changed.made) == len(self.made):
            raise UsageError("nothing was decided about these two")
        return changed

    def _but(self, one: str, other: str) -> tuple[Decision, ...]:
        return tuple(made for made in self.made if {made.one, made.other} != {one, other})


_NAMES: dict[Verdict | None, str] = {
    "same": "duplicates",
    "alternate": "alternates",
    "not-related": "not related",
    None: "undecided",
}


class Outcome:
    """What follows from decisions: who belongs together, who does not, and who is the best."""

    def __init__(self, made: Sequence[Decision]) -> None:
        self._same: dict[str, str] = {}  # towards the name of a content's duplicates
        self._family: dict[str, str] = {}  # of these, towards the name of their alternates
        self._best: dict[str, str] = {}
        self._apart: set[frozenset[str]] = set()
        self._named = {name for decision in made for name in decision[:2]}
        for one, other, verdict in made:
            if verdict in ("better", "same"):
                self._join(one, other, verdict)
        for one, other, verdict in made:
            if verdict == "alternate":
                if self.duplicates(one, other):
                    raise _Contradiction
                _unite(self._family, self._group(one), self._group(other))
        for one, other, verdict in made:
            if verdict == "not-related":
                ends = frozenset((self._kin(one), self._kin(other)))
                if len(ends) == 1:
                    raise _Contradiction
                self._apart.add(ends)

    def between(self, one: str, other: str) -> Verdict | None:
        """What two contents are to one another; None: nothing says so."""
        if self.duplicates(one, other):
            return "same"
        if self._kin(one) == self._kin(other):
            return "alternate"
        return (
            "not-related" if frozenset((self._kin(one), self._kin(other))) in self._apart else None
        )

    def duplicates(self, one: str, other: str) -> bool:
        """Whether two contents are the same picture."""
        return self._group(one) == self._group(other)

    def best(self, content: str) -> str | None:
        """The best of a content's duplicates, where somebody has said so."""
        return self._best.get(self._group(content))

    def groups(self) -> list[list[str]]:
        """The contents that were decided to be duplicates."""
        found: dict[str, list[str]] = {}
        for content in self._same:
            found.setdefault(self._group(content), []).append(content)
        return list(found.values())

    def contents(self) -> set[str]:
        """All of which anything was decided."""
        return self._named

    def _join(self, one: str, other: str, verdict: Verdict) -> None:
        first, second = self.best(one), self.best(other)
        same_group = self.duplicates(one, other)
        self._same.setdefault(one, one)
        self._same.setdefault(other, other)
        name = _unite(self._same, one, other)
        if verdict == "better":
            best = one if first is None or (same_group and first == other) else first
        else:
            best = first or second or ""
        if best:
            self._best[name] = best

    def _group(self, content: str) -> str:
        return _root(self._same, content)

    def _kin(self, content: str) -> str:
        return _root(self._family, self._group(content))


def _root(parents: dict[str, str], name: str) -> str:
    while (parent := parents.get(name, name)) != name:
        name = parent
    return name


def _unite(parents: dict[str, str], one: str, other: str) -> str:
    parents[_root(parents, other)] = _root(parents, one)
    return _root(parents, one)


def _evidence(store: VectorStore) -> WithEvidence:
    if has_evidence(store):
        return store
    raise StoreUnsupportedError(store.facts.place, "keep what was found of duplicates")
