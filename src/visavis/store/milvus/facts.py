"""What a collection is for, kept among its properties: its model, its sources, its fields."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from visavis.errors import IndexIncompatibleError, StoreError
from visavis.filters import kinds_of, widened
from visavis.store.base import ModelFacts, SourceRow, SourceRun
from visavis.store.milvus.client import Client
from visavis.store.milvus.layout import Layout
from visavis.types import Fields, Kind

VERSION = 1
_KEY = "visavis"
_FRESH = 2.0  # seconds that what was read holds for reading
_PAUSE = 0.25  # seconds at least, before a registered source is looked for
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a collection besides its rows."""

    model: ModelFacts
    sources: tuple[SourceRow, ...] = ()
    runs: Mapping[int, SourceRun] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    filling: bool = False
    """Whether a rebuild has not brought all vectors there yet."""

    def moved(self, source: int, new: SourceRow) -> "Facts":
        """With a source in another's place, which has its own last run or else takes that over."""
        rows = (new if row.number == source else row for row in self.sources)
        runs = dict(self.runs)
        if (run := runs.pop(source, None)) is not None:
            runs.setdefault(new.number, run)
        return replace(self, sources=tuple({row.uri: row for row in rows}.values()), runs=runs)

    def to_properties(self) -> dict[str, str]:
        """As a collection's properties."""
        written = {
            "version": VERSION,
            "model": self.model._asdict(),
            "sources": [list(row) for row in self.sources],
            "runs": {str(number): run._asdict() for number, run in self.runs.items()},
            "kinds": dict(self.kinds),
            "layout": self.layout.to_dict(),
            "filling": self.filling,
        }
        return {_KEY: json.dumps(written, ensure_ascii=False)}

    @classmethod
    def read(cls, properties: Mapping[str, Any], place: str) -> "Facts":
        """What `to_properties` made. Raises IndexIncompatibleError for any other collection."""
        try:
            written = json.loads(properties[_KEY])
        except (KeyError, ValueError) as error:
            raise IndexIncompatibleError(
                f"{place} is a collection that visavis did not make; name another one"
            ) from error
        if written["version"] > VERSION:
            raise IndexIncompatibleError(f"{place} was made by a newer visavis; upgrade this one")
        return cls(
            ModelFacts(**written["model"]),
            tuple(SourceRow(*row) for row in written["sources"]),
            {int(number): SourceRun(**run) for number, run in written["runs"].items()},
            written["kinds"],
            Layout(**written.get("layout", {"checks": False})),
            written.get("filling", False),
        )


class KeptFacts:
    """The facts of a collection, read again when they may have changed. Safe for threads.

    The collection is the one that the address leads to, which may be an alias: what is done with
    one `client` is done with the vectors of one model, also while the alias is led elsewhere.

    Several processes may write; each changes what is there now, within a moment in which another
    one's change can be lost. That must not happen to a source, so `register` looks again.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._guard = threading.RLock()
        self._held: tuple[Facts, Client] | None = None
        self._read = 0.0
        self._failed: tuple[StoreError, float] | None = None

    def now(self, fresh: bool = False) -> Facts:
        """The facts. Raises IndexMissingError, and IndexIncompatibleError."""
        return self._both(fresh)[0]

    def client(self, fresh: bool = False) -> Client:
        """The collection itself. Raises as `now`."""
        return self._both(fresh)[1]

    def _both(self, fresh: bool) -> tuple[Facts, Client]:
        asked = time.monotonic()
        with self._guard:
            held = self._held
            if held is None or fresh or time.monotonic() - self._read > _FRESH:
                if self._failed is not None and self._failed[1] >= asked:  # waited for just now
                    raise self._failed[0].with_traceback(None)
                try:
                    held = self._described()
                except StoreError as error:
                    self._failed = error, time.monotonic()
                    raise
                self._held, self._read = held, time.monotonic()
            return held

    def _described(self) -> tuple[Facts, Client]:
        found = self._client.describe()
        facts = Facts.read(found.get("properties") or {}, str(self._client.address))
        return facts, self._client.at(found["collection_name"])

    def change(self, how: Callable[[Facts], Facts]) -> Facts:
        """Write what `how` makes of the facts."""
        with self._guard:
            old, client = self._both(fresh=True)
            new = how(old)
            if new != old:
                client.note(new.to_properties())
                self._held, self._read = (new, client), time.monotonic()
            return new

    def register(self, uri: str, make: Callable[[Sequence[SourceRow]], SourceRow]) -> SourceRow:
        """The source with that URI; a new one is made of those that are there.

        Of two runs that write facts at once, one can write over the other's source, and give its
        number away. So a source counts when it is still there after longer than another's reading
        and writing takes; else it is made again. Raises StoreError when that does not help.
        """
        for _ in range(_TRIES):
            began = time.monotonic()
            known = {row.uri: row for row in self.now(fresh=True).sources}
            if uri in known:
                return known[uri]
            sources = self.change(lambda facts: _with_source(facts, uri, make)).sources
            row = next(row for row in sources if row.uri == uri)
            pause = max(_PAUSE, 5 * (time.monotonic() - began))
            time.sleep(pause * random.uniform(1, 2))  # else those who met once meet again
            if row in self.now(fresh=True).sources:
                return row
        raise StoreError(
            f"{self._client.address}: {uri} could not be registered, as other runs register theirs "
            "all the time; run this again when they have begun"
        )

    def note_fields(self, fields: Iterable[Fields]) -> None:
        """Remember the kinds of fields that are about to be written."""
        met = kinds_of(fields)
        known = self.now().kinds
        if any(
            name not in known or widened(known[name], kind) != known[name]
            for name, kind in met.items()
        ):
            self.change(lambda facts: replace(facts, kinds=_widened(facts.kinds, met)))


def _with_source(facts: Facts, uri: str, make: Callable[[Sequence[SourceRow]], SourceRow]) -> Facts:
    if any(row.uri == uri for row in facts.sources):
        return facts
    return replace(facts, sources=(*facts.sources, make(facts.sources)))


def _widened(known: Mapping[str, Kind], met: Mapping[str, Kind]) -> dict[str, Kind]:
    return {**known, **{name: widened(known.get(name, kind), kind) for name, kind in met.items()}}
