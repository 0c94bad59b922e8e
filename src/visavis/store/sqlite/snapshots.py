"""Snapshots kept up with the database, and the caches that they stand on."""

import contextlib
import os
import sqlite3
import tempfile
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import IndexIncompatibleError, IndexLockedError, StoreError
from visavis.filters import resolve
from visavis.store.nearest import caches
from visavis.store.nearest.ann import Ann
from visavis.store.nearest.caches import Base
from visavis.store.nearest.codes import Codes
from visavis.store.nearest.ranking import Numbers, Snapshot
from visavis.store.nearest.sizes import Sizes
from visavis.store.sqlite import edits, rows
from visavis.store.sqlite.database import Database
from visavis.store.sqlite.lock import writer_lock
from visavis.store.sqlite.where import compile_filter
from visavis.store.stopping import unstoppable
from visavis.types import Filter, Vectors

_BLOCK, _BLOCK_FLOATS = 8_192, 2**23  # rows read at once, and numbers in them
_SELECTIONS = 8  # filters whose result is remembered until the index changes


class Snapshots:
    """The newest snapshot of an index, for all threads of this process."""

    def __init__(self, folder: Path, db: Database, sizes: Sizes) -> None:
        self._sizes = sizes
        self._folder = folder / "cache"
        self._index = folder
        self._db = db
        self._dim = int(db.meta("dim") or 0)
        self._guard = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._cache = ""
        self._removed_seq = 0
        self._selections: OrderedDict[tuple[int, str], Numbers] = OrderedDict()
        self._tried = False  # to repair: once is enough
        self._private: tempfile.TemporaryDirectory[str] | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a snapshot, be it an old one."""
        return self._snapshot is not None

    @property
    def dim(self) -> int:
        """Dimensions of the vectors in it."""
        return self._dim

    def fresh(self, connection: sqlite3.Connection) -> Snapshot:
        """The snapshot of what this connection's transaction sees.

        Where another thread has gone on to a later generation meanwhile, the transaction is begun
        again, so that the snapshot and the rows read after it are always of one moment.
        """
        generation, cache = self._marks()
        held = self._snapshot
        if held is not None and held.generation == generation:
            return held
        with self._guard:
            held = self._snapshot
            if held is not None and held.generation > generation:
                self._db.see_anew(connection)
                generation, cache = self._marks()
            if held is None or held.generation != generation:
                with unstoppable():  # of use to all, and a large one may take its time
                    held = self._snapshot = self._advanced(connection, generation, cache)
            return held

    def fresh_for(self, connection: sqlite3.Connection, vector: Vectors) -> Snapshot:
        """The same for a question. Raises IndexIncompatibleError where it is of another length."""
        snapshot = self.fresh(connection)
        if vector.shape != (snapshot.dim,):
            raise IndexIncompatibleError(
                f"{self._index}: the query has {vector.size} dimensions and the index "
                f"{snapshot.dim}: another process has given it another model; ask again"
            )
        return snapshot

    def _marks(self) -> tuple[int, str]:
        facts = self._db.facts()
        return int(facts.get("generation", 0)), facts.get("cache", "")

    def _advanced(self, connection: sqlite3.Connection, generation: int, cache: str) -> Snapshot:
        held = self._snapshot
        if held is None or cache != self._cache:
            self._snapshot = None  # if what follows fails, the next one starts here again
            self._dim = int(self._db.meta("dim") or 0)  # another model may have come
            base = caches.read(self._folder, cache) if cache else None
            held, self._removed_seq, self._cache = (
                Snapshot(base, self._dim, sizes=self._sizes),
                0,
                cache,
            )
        return self._extended(connection, held, generation)

    def _extended(
        self, connection: sqlite3.Connection, snapshot: Snapshot, generation: int
    ) -> Snapshot:
        """The snapshot with what came since; over a private base where the tail grows too long."""
        waiting = connection.execute(
            "SELECT count(*) FROM records WHERE number > ?", (snapshot.last,)
        ).fetchone()[0]
        if (waiting + len(snapshot.tail_numbers)) * self._dim > self._sizes.exact_floats:
            base = self._rescue_base(connection)
            snapshot, self._removed_seq = Snapshot(base, self._dim, sizes=self._sizes), 0
        new = connection.execute(
            "SELECT number, vector FROM vectors WHERE number > ? ORDER BY number", (snapshot.last,)
        ).fetchall()
        log = connection.execute(
            "SELECT seq, number FROM removed WHERE seq > ? ORDER BY seq", (self._removed_seq,)
        ).fetchall()
        self._removed_seq = log[-1][0] if log else self._removed_seq
        gone = np.fromiter((row[1] for row in log), np.int64, len(log))
        return snapshot.extended(generation, *rows.vectors(new, self._dim), gone)

    def _rescue_base(self, connection: sqlite3.Connection) -> Base:
        """Codes made by a reader for itself: the caches are lost, or a long first run goes on."""
        count = self._row_count(connection)
        old, self._private = self._private, tempfile.TemporaryDirectory(prefix="visavis-")
        folder = Path(self._private.name)
        Codes.write(folder, self._blocks(connection), count, self._dim)
        if old is not None:
            old.cleanup()
        return Base(Codes(folder), None)

    def selected(
        self, connection: sqlite3.Connection, where: Filter | None, generation: int
    ) -> Numbers | None:
        """The sorted numbers of the records that pass a filter; None when there is no filter."""
        if where is None:
            return None
        key = (generation, repr(where))  # as text: 1 and True are equal, and not the same
        with self._guard:
            if key in self._selections:
                self._selections.move_to_end(key)
                return self._selections[key]
        sql, parameters = compile_filter(resolve(where, rows.kinds(connection)))
        # As one text: three times as fast as a row for each number.
        (text,) = connection.execute(
            f"SELECT group_concat(number) FROM records WHERE {sql}", parameters
        ).fetchone()
        found = np.fromstring(text or "", np.int64, sep=",")
        numbers = np.sort(found, kind="stable")  # mostly in order already, which that makes use of
        with self._guard:
            self._selections[key] = numbers
            while len(self._selections) > _SELECTIONS:
                self._selections.popitem(last=False)
        return numbers

    def count(self) -> int:
        """How many records there are now."""
        held = self._snapshot
        if held is not None and held.generation == self._marks()[0]:
            return len(held)
        with self._db.reading() as connection:
            return self._row_count(connection)

    @staticmethod
    def _row_count(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
        """All (numbers, vectors), in the order of the numbers."""
        with self._db.translated():
            yield from self._blocks(self._db.connection)

    def _blocks(
        self, connection: sqlite3.Connection
    ) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
        after, count = 0, max(1, min(_BLOCK, _BLOCK_FLOATS // max(1, self._dim)))
        while found := connection.execute(
            "SELECT number, vector FROM vectors WHERE number > ? ORDER BY number LIMIT ?",
            (after, count),
        ).fetchall():
            yield rows.vectors(found, self._dim)
            after = found[-1][0]

    # -- the caches ------------------------------------------------------------------------------

    def stale(self) -> bool:
        """Whether making the caches (again) would pay."""
        with self._db.reading() as connection:
            floats = self._row_count(connection) * self._dim
            _, cache = self._marks()
            none = not cache or cache.startswith("none")
            if floats <= self._sizes.exact_floats:
                return (
                    not none and floats <= self._sizes.exact_floats // 2
                )  # has shrunk: in memory again
            if none:
                return True  # known without a snapshot: after a first run it would read all vectors
            snapshot = self.fresh(connection)
        if snapshot.base is None or not snapshot.base.whole:
            return True
        covered = len(snapshot.base.codes.numbers)
        pending = len(snapshot.tail_numbers)
        removed = covered + pending - len(snapshot)
        return pending * self._dim > self._sizes.pending_floats or removed > covered // 5

    def renew(self, always: bool = False) -> None:
        """Make the caches where that pays, or in any case; the caller holds the write lock."""
        if not always and not self.stale():
            return
        with self._db.reading() as connection:
            count = self._row_count(connection)
            log = connection.execute("SELECT max(seq) FROM removed").fetchone()[0] or 0
            small = count * self._dim <= self._sizes.exact_floats
            # Distinct from the one before: readers start anew, as the log is emptied below.
            name = f"none-{uuid.uuid4().hex[:8]}" if small else self._build(connection, count)
        try:
            with self._db.writing() as writer:
                edits.remember(writer, {"cache": name})
                writer.execute("DELETE FROM removed WHERE seq <= ?", (log,))
        except BaseException:
            caches.forget(self._folder, name)
            raise
        caches.forget_others(self._folder, name)

    def _build(self, connection: sqlite3.Connection, count: int) -> str:
        old = self._trained(count)
        try:
            return caches.build(self._folder, self._blocks(connection), count, self._dim, old)
        except OSError as error:
            raise StoreError(
                f"{self._folder}: the search cache could not be written ({error.strerror}); the "
                "index itself is complete, and visavis compact makes the cache again"
            ) from error

    def _trained(self, count: int) -> Ann | None:
        """The present approximate index, where its training fits `count` records."""
        base = caches.read(self._folder, self._cache) if self._cache else None
        if base is None or base.ann is None or not count / 2 <= len(base.ann) <= count * 2:
            return None
        return base.ann

    def lost(self) -> bool:
        """Whether the database names caches that could not be read."""
        if self._tried or not self._cache or self._cache.startswith("none"):
            return False
        base = self._snapshot.base if self._snapshot else None
        return base is None or not base.whole

    def repair(self) -> None:
        """Make lost or damaged caches again, once; searches go on without them meanwhile.

        Nothing happens while another process is writing: its run ends with doing the same.
        """
        with self._guard:
            if self._tried:
                return
            self._tried = True
        try:
            with writer_lock(self._index, wait=0):
                self.renew()
        except (IndexLockedError, StoreError, OSError):
            return  # searched without them: slower, and just as right

    def disk_bytes(self) -> int:
        """What the index takes on disk; files that go while they are counted count nothing."""
        total = 0
        for folder, _, names in os.walk(self._index):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += Path(folder, name).stat().st_size
        return total

    def close(self) -> None:
        """Let go of the caches."""
        self._snapshot = None
        if self._private is not None:
            self._private.cleanup()
            self._private = None
