"""Which fields are the records' titles: chosen once for each state of an index."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from visavis.image_index import ImageIndex
from visavis.store.capabilities import has_facets
from visavis.store.text.titles import titles_in

_STALE_FACTOR = 20.0  # choosing may take a twentieth of the time while an index is being written


@dataclass(frozen=True, slots=True)
class _ChosenTitles:
    fields: tuple[str, ...]
    state: tuple[str, int]
    """The model and the generation of the index they were chosen for."""
    at: float
    took: float


class KnownTitles:
    """Chooses the titles of an index, and remembers them until it changes."""

    def __init__(self, given: str = "", hidden: Collection[str] = ()) -> None:
        self._given = (given,) if given else ()
        self._hidden = hidden
        self._guard = threading.Lock()
        self._chosen: _ChosenTitles | None = None

    def of(self, index: ImageIndex) -> tuple[str, ...]:
        """The fields that may be a title; a record's is the first of them that it has."""
        if self._given:
            return self._given
        store = index.store
        browse = store.browse if has_facets(store) else None
        state = store.model().fingerprint, browse.generation() if browse else 0
        with self._guard:
            chosen = self._chosen
        if chosen is not None and chosen.state != state:
            recent = time.monotonic() - chosen.at < chosen.took * _STALE_FACTOR
            chosen = chosen if recent else None
        if chosen is None:
            started = time.monotonic()
            fields = titles_in(store, self._hidden)
            ended = time.monotonic()
            chosen = _ChosenTitles(fields, state, ended, ended - started)
            with self._guard:
                self._chosen = chosen
        return chosen.fields
