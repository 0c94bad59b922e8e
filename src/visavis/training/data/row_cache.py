"""Rows that cost much to make, one for each picture, kept in a file between trainings.

Decoded pictures and base embeddings are both such rows. The file is an SQLite database, and each
row is a transaction: a kill at any moment loses what is in hand and nothing else. A row is found
again as long as its picture's id, URI, size and time are the same.
"""

import errno
import hashlib
import sqlite3
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.disk import cache_home
from visavis.embedders.tolerant import tolerant_rows
from visavis.errors import ImageError
from visavis.flows.ahead import ahead
from visavis.images.decode import decode
from visavis.processors import cores
from visavis.sources.base import Source
from visavis.training.data.samples import Numbers, Sample
from visavis.training.progress import Progress, Tell, silent
from visavis.types import RGB, Failure

_BEGIN = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS kept (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT, uri TEXT, size INTEGER, modified REAL, sha256 TEXT, row BLOB,
    UNIQUE (id, uri, size, modified)
);
"""
_READ = "SELECT row FROM kept WHERE place = ?"

Key = tuple[str, str, int, float]
"""id, URI, size and time of a picture: when these are the same, so is its row."""


@dataclass(frozen=True, slots=True)
class Maker:
    """How pictures become rows."""

    name: str
    """What the rows are called in file names: pixels, embeddings."""
    key: str
    """All that shapes a row besides the picture."""
    shape: tuple[int, ...]
    """Of one row."""
    dtype: type[np.generic]
    min_side: int | None
    """As for `decode`."""
    make: Callable[[Sequence[RGB]], NDArray[Any]]
    """Called from many threads."""


class FileRows:
    """The rows of such a file, by their places in it."""

    def __init__(self, path: Path, maker: Maker) -> None:
        self._path, self._maker = path, maker
        self._file = sqlite3.connect(path, check_same_thread=False)
        weakref.finalize(self, self._file.close)

    def __getitem__(self, places: Numbers) -> NDArray[Any]:
        """(places, …), read from the file now."""
        maker = self._maker
        rows = np.empty((len(places), *maker.shape), maker.dtype)
        for at, place in enumerate(places.tolist()):
            found = self._file.execute(_READ, (place,)).fetchone()
            if found is None:
                reason = "another training of other pictures has cleared it; go on with --resume"
                raise OSError(errno.ESTALE, reason, str(self._path))
            rows[at] = np.frombuffer(found[0], maker.dtype).reshape(maker.shape)
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class CachedRows:
    """The pictures that could be read, in the order of the source, and their rows."""

    samples: list[Sample]
    sha256: list[str]
    rows: FileRows | NDArray[Any]
    places: Numbers
    """Where each sample's row is."""
    failed: list[Failure] = field(default_factory=list)
    made: int = 0
    """Rows that were not there and had to be made."""

    def take(self, numbers: Numbers) -> NDArray[Any]:
        """The rows of some samples, (numbers, …)."""
        taken: NDArray[Any] = self.rows[self.places[numbers]]
        return taken

    def __len__(self) -> int:
        return len(self.samples)


def default_cache() -> Path:
    """Where rows are kept: $XDG_CACHE_HOME/visavis/training, or the same in ~/.cache."""
    return cache_home("training")


def cache_rows(
    samples: Sequence[Sample], source: Source, maker: Maker, cache: Path, tell: Tell = silent
) -> CachedRows:
    """The rows of all samples, from the cache or made now; another process waits for them.

    Pictures that cannot be read are reported in `failed` and have no row.
    """
    from filelock import FileLock

    cache.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(f"{source.uri}\0{maker.key}".encode()).hexdigest()[:16]
    path = cache / f"{maker.name}-{name}.sqlite"
    with FileLock(path.with_suffix(".lock")):
        try:
            with closing(_opened(path)) as file:
                return _filled(file, path, samples, source, maker, tell)
        except sqlite3.Error as error:
            reason = "it cannot be written (is its disk full?); name another folder with --cache"
            raise OSError(errno.EIO, reason, str(path)) from error


def _opened(path: Path) -> sqlite3.Connection:
    """The file, begun anew where it is damaged."""
    file = sqlite3.connect(path, isolation_level=None)
    try:
        file.executescript(_BEGIN)
        _places(file)
    except sqlite3.OperationalError:
        file.close()
        raise
    except sqlite3.DatabaseError:
        file.close()
        path.unlink()
        return _opened(path)
    return file


def _filled(
    file: sqlite3.Connection,
    path: Path,
    samples: Sequence[Sample],
    source: Source,
    maker: Maker,
    tell: Tell,
) -> CachedRows:
    known = _places(file)
    missing = [sample for sample in samples if _key(sample) not in known]
    done = len(samples) - len(missing)
    reasons: dict[str, str] = {}
    for number, made in enumerate(_made(missing, source, maker), 1):
        if made.row is None:
            reasons[made.sample.entry.id] = made.reason
        else:
            row = np.ascontiguousarray(made.row, maker.dtype).tobytes()
            values = (*_key(made.sample), made.sha256, row)
            file.execute("INSERT INTO kept VALUES (NULL, ?, ?, ?, ?, ?, ?)", values)
        tell(Progress("reading", done + number, len(samples)))
    _forget(file, samples, known)
    there = _places(file)
    found = [(one, there[_key(one)]) for one in samples if _key(one) in there]
    bad = (one.entry for one in samples if one.entry.id in reasons)
    return CachedRows(
        [sample for sample, _ in found],
        [sha256 for _, (_, sha256) in found],
        FileRows(path, maker),
        np.array([place for _, (place, _) in found], np.int64),
        [Failure(entry.uri, reasons[entry.id]) for entry in bad],
        len(missing) - len(reasons),
    )


def _key(sample: Sample) -> Key:
    entry = sample.entry
    return entry.id, entry.uri, entry.size, entry.modified


def _places(file: sqlite3.Connection) -> dict[Key, tuple[int, str]]:
    """Where the row of each picture is, and the picture's SHA-256."""
    rows = file.execute("SELECT id, uri, size, modified, place, sha256 FROM kept")
    return {(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in rows}


def _forget(
    file: sqlite3.Connection, samples: Sequence[Sample], known: dict[Key, tuple[int, str]]
) -> None:
    """Let rows go that nobody asks for, once they are more than the others."""
    idle = known.keys() - {_key(sample) for sample in samples}
    if len(idle) > len(samples):
        gone = ((known[key][0],) for key in idle)
        file.executemany("DELETE FROM kept WHERE place = ?", gone)


class _MadeRow(NamedTuple):
    """A sample with its row, or with the reason why it has none."""

    sample: Sample
    row: NDArray[Any] | None = None
    sha256: str = ""
    reason: str = ""


def _made(samples: Sequence[Sample], source: Source, maker: Maker) -> Iterator[_MadeRow]:
    """Rows of these samples."""
    jobs = cores()
    workers = max(jobs, source.readers) if source.readers > 4 else jobs  # many: URLs
    work = partial(_make, source=source, maker=maker)
    for made in ahead(samples, work, workers, "visavis-train"):
        yield from made


def _make(batch: Sequence[Sample], source: Source, maker: Maker) -> list[_MadeRow]:
    """On a worker thread."""
    read: list[tuple[Sample, str]] = []
    pictures: list[RGB] = []
    found: list[_MadeRow] = []
    for sample in batch:
        entry = sample.entry
        try:
            data = source.read(entry)
            pictures.append(decode(data, entry.uri, min_side=maker.min_side).pixels)
        except ImageError as error:
            found.append(_MadeRow(sample, reason=error.reason))
            continue
        read.append((sample, hashlib.sha256(data).hexdigest()))
    rows, refused = tolerant_rows(maker.make, pictures)
    found += [_MadeRow(read[place][0], reason=reason) for place, reason in refused.items()]
    taken = [one for place, one in enumerate(read) if place not in refused]
    for (sample, sha256), row in zip(taken, rows, strict=True):
        found.append(_MadeRow(sample, row, sha256))
    return found
