"""One file of two sources: a picture of a list that lies in a folder which is indexed as well.

It is one record. A folder that is indexed takes in what a list has of it; a file of a list that a
folder has already is brought up to date as the folder's.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from visavis.buckets.address import is_object
from visavis.store.base import KnownRecord, SourceRow, VectorStore
from visavis.types import Entry

_WITH = {"folder": ("list",), "bucket": ("list",), "list": ("folder", "bucket")}
"""In which other kinds of sources the files of a source may stand as well."""


class Twins:
    """What the index has of a run's files through other sources."""

    def __init__(self, store: VectorStore, row: SourceRow) -> None:
        others = [other for other in store.sources() if other != row]
        found = [other for other in others if other.kind in _WITH.get(row.kind, ())]
        self._sweeps = {other: store.sweep(other.number) for other in found}
        self._list = row.kind == "list"
        self._taken_in: dict[str, str] = {}
        self._doubled: list[str] = []
        self._homes: dict[str, SourceRow] = {}

    def of(
        self, entries: Sequence[Entry], known: Mapping[str, KnownRecord]
    ) -> tuple[list[Entry], dict[str, KnownRecord]]:
        """The entries under the ids that their files have already, and what is known of these."""
        if not self._sweeps:
            return list(entries), {}
        new = {entry.id: entry for entry in entries if entry.id not in known}
        if not self._list:
            self._take_in(entries, known)
            return list(entries), {}
        named: dict[str, Entry] = {}
        found: dict[str, KnownRecord] = {}
        for row, sweep in self._sweeps.items():
            inside = {id: other for id in new if (other := _inside(row, new[id])) is not None}
            there = sweep.known([other.id for other in inside.values()])
            for id, other in inside.items():
                if other.id in there and there[other.id].own:
                    named[id], found[other.id] = other, there[other.id]
                    self._homes[other.id] = row
        return [named.get(entry.id, entry) for entry in entries], found

    def home(self, id: str, own: int) -> int:
        """The number of the source that a record belongs to: the run's `own`, or a folder's."""
        row = self._homes.get(id)
        return own if row is None else row.number

    def left(self, written: Iterable[str]) -> list[str]:
        """The ids that records of a list had, which are now the folder's that were written."""
        return [self._taken_in.pop(id) for id in written if id in self._taken_in]

    def doubled(self) -> list[str]:
        """The ids of a list's records whose files are the folder's already, told once each.

        A run that ended between writing the one and removing the other has left them.
        """
        found, self._doubled = self._doubled, []
        return found

    def _take_in(self, entries: Iterable[Entry], known: Mapping[str, KnownRecord]) -> None:
        paths = {_listed(entry.uri): entry.id for entry in entries}
        for sweep in self._sweeps.values():
            for path, record in sweep.known(list(paths)).items():
                if not record.own:
                    continue
                id = paths[path]
                if id not in known:
                    self._taken_in[id] = path
                elif known[id].own:
                    self._doubled.append(path)


def _listed(uri: str) -> str:
    """The id that a list gives a file or an object."""
    return uri if is_object(uri) else PurePath(uri).as_posix()


def repeated(source: str, ids: Sequence[str]) -> list[str]:
    """What is reported of ids that came again; the first counts: a second run has nothing to do."""
    if not ids:
        return []
    what = "an image names" if len(ids) == 1 else f"{len(ids)} images name"
    return [f"{source}: {what} an id that one before has; the first of an id counts ({ids[0]})"]


def _inside(row: SourceRow, entry: Entry) -> Entry | None:
    """A file of a list as the folder's walk names it; None where it does not lie there."""
    start = row.uri.rstrip("/") + "/"
    if not entry.uri.startswith(start):
        return None
    below = entry.uri.removeprefix(start)
    folder = below.rpartition("/")[0]
    return entry._replace(id=row.prefix + below, fields={"folder": folder} if folder else {})
