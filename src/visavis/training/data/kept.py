"""Rows that cost much to make, one for each picture, kept in a file between trainings.

Decoded pictures and base embeddings are both such rows. `kept_file` says what the file is like; it
is written anew when something has changed, with the rows of unchanged pictures copied from the one
before and from readings that were broken off.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.disk import cache_home
from visavis.embedders.sound import sound_rows
from visavis.errors import ImageError
from visavis.flows.ahead import ahead
from visavis.images.decode import decode
from visavis.sources.base import Source
from visavis.training.data.kept_file import (
    Key,
    Shape,
    Stored,
    Whole,
    Writer,
    key_of,
    read_begun,
    read_whole,
)
from visavis.training.data.samples import Numbers, Sample
from visavis.training.progress import Progress, Tell, silent
from visavis.types import RGB, Failure


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


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The pictures that could be read, in the order of the source, and their rows."""

    samples: list[Sample]
    sha256: list[str]
    rows: NDArray[Any]
    """Memory-mapped, in the order of the file."""
    places: Numbers
    """Where each sample's row is."""
    failed: list[Failure] = field(default_factory=list)
    made: int = 0
    """Rows that were not there and had to be made."""

    def take(self, numbers: Numbers) -> NDArray[Any]:
        """The rows of some samples, (numbers, …), read from the file now."""
        taken: NDArray[Any] = self.rows[self.places[numbers]]
        return taken

    def __len__(self) -> int:
        return len(self.samples)


def default_cache() -> Path:
    """Where rows are kept: $XDG_CACHE_HOME/visavis/training, or the same in ~/.cache."""
    return cache_home("training")


def keep(
    samples: Sequence[Sample], source: Source, maker: Maker, cache: Path, tell: Tell = silent
) -> Kept:
    """The rows of all samples, from the cache or made now; another process waits for them.

    Pictures that cannot be read are reported in `failed` and have no row.
    """
    from filelock import FileLock

    cache.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(f"{source.uri}\0{maker.key}".encode()).hexdigest()[:16]
    path = cache / f"{maker.name}-{name}.h5"
    shape = Shape(maker.shape, maker.dtype)
    with FileLock(path.with_suffix(".lock")):
        whole = _known(path, shape)
        stored = {} if whole is None else whole.stored()
        if whole is not None and _says_the_same(whole, samples):
            missing = [sample for sample in samples if key_of(sample) not in stored]
            again = [*_all_made(missing, source, maker)]  # what failed before may be mended
            if all(made.row is None for made in again):
                return _opened(whole, samples, again, made=0)
            every: Iterable[_Made] = [*_known_ones(samples, stored), *again]
        else:
            every = _every(samples, source, maker, read_begun(path, shape) | stored)
        failed, made = _write(path, shape, samples, _telling(every, len(samples), tell))
        return _opened(read_whole(path, shape), samples, failed, made)


@dataclass(frozen=True, slots=True)
class _Made:
    """A sample with its row, or with the reason why it has none."""

    sample: Sample
    row: NDArray[Any] | None = None
    sha256: str = ""
    reason: str = ""
    fresh: bool = True


def _known(path: Path, shape: Shape) -> Whole | None:
    """What is there; None when nothing is, or what was damaged: then all is made again."""
    try:
        return read_whole(path, shape) if path.is_file() else None
    except (OSError, KeyError, ValueError):
        return None


def _says_the_same(known: Whole, samples: Sequence[Sample]) -> bool:
    wanted = {key_of(sample): sample.label for sample in samples}
    return wanted == dict(zip(known.keys, known.labels, strict=True))


def _opened(known: Whole, samples: Sequence[Sample], failed: Sequence[_Made], made: int) -> Kept:
    at = {key: place for place, key in enumerate(known.keys)}
    kept = [sample for sample in samples if at[key_of(sample)] < len(known.rows)]
    places = np.array([at[key_of(sample)] for sample in kept], np.int64)
    reasons = {key_of(one.sample): one.reason for one in failed}
    failures = [
        Failure(sample.entry.uri, reasons[key_of(sample)])
        for sample in samples
        if key_of(sample) in reasons
    ]
    return Kept(kept, [known.sha256[place] for place in places], known.rows, places, failures, made)


def _write(
    path: Path, shape: Shape, samples: Sequence[Sample], every: Iterable[_Made]
) -> tuple[list[_Made], int]:
    """A new file of `samples`; returns those without a row, and how many rows were made.

    What is broken off leaves its rows to the next reading, unless the disk is full.
    """
    try:
        with Writer(path, shape, len(samples)) as writer:
            return _filled(writer, samples, every)
    except OSError as error:
        if error.filename:
            raise
        told = "it cannot be written (is its disk full?); name another folder with --cache"
        raise OSError(error.errno or errno.EIO, told, str(path)) from error  # HDF5 names no file


def _filled(
    writer: Writer, samples: Sequence[Sample], every: Iterable[_Made]
) -> tuple[list[_Made], int]:
    good: list[_Made] = []
    bad: list[_Made] = []
    fresh = 0
    for made in every:
        if made.fresh and not fresh and not bad:  # all known ones were written
            writer.drop_begun(samples)
        if made.row is None:
            bad.append(made)
            continue
        writer.add(made.sample, made.row, made.sha256)
        good.append(_Made(made.sample, sha256=made.sha256))
        fresh += made.fresh
    both = [*good, *bad]
    writer.finish([made.sample for made in both], [made.sha256 for made in both])
    return bad, fresh


def _telling(every: Iterable[_Made], total: int, tell: Tell) -> Iterator[_Made]:
    for done, made in enumerate(every, 1):
        yield made
        tell(Progress("reading", done, total))


def _every(
    samples: Sequence[Sample], source: Source, maker: Maker, stored: Mapping[Key, Stored]
) -> Iterator[_Made]:
    """Every sample, known ones first."""
    known: set[Key] = set()
    for made in _known_ones(samples, stored):
        known.add(key_of(made.sample))
        yield made
    del stored  # the room on disk of files that are removed is free when nothing maps them
    yield from _all_made([s for s in samples if key_of(s) not in known], source, maker)


def _known_ones(samples: Sequence[Sample], stored: Mapping[Key, Stored]) -> Iterator[_Made]:
    for sample in samples:
        found = stored.get(key_of(sample))
        row = None if found is None else found.row()
        if found is not None and row is not None:
            yield _Made(sample, row, found.sha256, fresh=False)


def _all_made(samples: Sequence[Sample], source: Source, maker: Maker) -> Iterator[_Made]:
    """Rows of these samples."""
    jobs = os.cpu_count() or 1
    workers = max(jobs, source.readers) if source.readers > 4 else jobs  # many: addresses
    work = partial(_make, source=source, maker=maker)
    for made in ahead(samples, work, workers, "visavis-train"):
        yield from made


def _make(batch: Sequence[Sample], source: Source, maker: Maker) -> list[_Made]:
    """On a worker thread."""
    read: list[tuple[Sample, str]] = []
    pictures: list[RGB] = []
    found: list[_Made] = []
    for sample in batch:
        entry = sample.entry
        try:
            data = source.read(entry)
            pictures.append(decode(data, entry.uri, min_side=maker.min_side).pixels)
        except ImageError as error:
            found.append(_Made(sample, reason=error.reason))
            continue
        read.append((sample, hashlib.sha256(data).hexdigest()))
    rows, refused = sound_rows(maker.make, pictures)
    found += [_Made(read[place][0], reason=reason) for place, reason in refused.items()]
    taken = [one for place, one in enumerate(read) if place not in refused]
    for (sample, sha256), row in zip(taken, rows, strict=True):
        found.append(_Made(sample, row, sha256))
    return found
