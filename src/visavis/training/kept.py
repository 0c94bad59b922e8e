"""Rows that cost much to make, one for each picture, kept in an HDF5 file between trainings.

Decoded pictures and base embeddings are both such rows. The file has `rows` (contiguous, so it is
memory-mapped and read in parts) and, beside them, `ids`, `labels`, `sha256`, and what tells that a
picture is unchanged: `uris`, `sizes`, `modified`. A file is written whole under another name and
then renamed; rows of unchanged pictures are copied from the file before.
"""

import errno
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from visavis.errors import ImageError
from visavis.images.decode import decode
from visavis.images.sources import Source
from visavis.training.progress import Progress, Tell, silent
from visavis.training.samples import Numbers, Sample
from visavis.types import RGB, Failure

_BATCH = 8  # pictures decoded and made into rows together
_Key = tuple[str, str, int, float]


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
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "visavis" / "training"


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
    with FileLock(path.with_suffix(".lock")):
        known = _known(path, maker)
        if known is not None and _says_the_same(known, samples):
            return _opened(known, samples, made=0)
        made = _write(path, samples, source, maker, known, tell)
        return _opened(_read(path, maker), samples, made)


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """What a file holds. Failed pictures come after the others, with a reason and without a row."""

    keys: list[_Key]
    labels: list[str]
    sha256: list[str]
    reasons: list[str]
    rows: NDArray[Any]

    @property
    def good(self) -> int:
        return len(self.rows)


def _known(path: Path, maker: Maker) -> _File | None:
    """What is there; None when nothing is, or what was damaged: then all is made again."""
    try:
        return _read(path, maker) if path.is_file() else None
    except (OSError, KeyError, ValueError):
        return None


def _read(path: Path, maker: Maker) -> _File:
    with h5py.File(path) as file:
        texts = {
            name: file[name].asstr()[:].tolist()
            for name in ("ids", "uris", "labels", "sha256", "reasons")
        }
        sizes, modified = file["sizes"][:].tolist(), file["modified"][:].tolist()
        good = int(file.attrs["good"])
        offset = file["rows"].id.get_offset()
    keys = list(zip(texts["ids"], texts["uris"], sizes, modified, strict=True))
    shape = (good, *maker.shape)
    rows: NDArray[Any] = np.zeros(shape, maker.dtype)
    if good:
        rows = np.memmap(path, maker.dtype, "r", offset, shape)
    return _File(keys, texts["labels"], texts["sha256"], texts["reasons"], rows)


def _says_the_same(known: _File, samples: Sequence[Sample]) -> bool:
    wanted = {_key(sample): sample.label for sample in samples}
    held = dict(zip(known.keys, known.labels, strict=True))
    lost = any(key[2] < 0 for key in known.keys[known.good :])  # addresses are tried again
    return wanted == held and not lost


def _opened(known: _File, samples: Sequence[Sample], made: int) -> Kept:
    at = {key: place for place, key in enumerate(known.keys)}
    kept = [sample for sample in samples if at[_key(sample)] < known.good]
    places = np.array([at[_key(sample)] for sample in kept], np.int64)
    failed = [
        Failure(sample.entry.uri, known.reasons[at[_key(sample)]])
        for sample in samples
        if at[_key(sample)] >= known.good
    ]
    return Kept(kept, [known.sha256[place] for place in places], known.rows, places, failed, made)


def _key(sample: Sample) -> _Key:
    entry = sample.entry
    return entry.id, entry.uri, entry.size, entry.modified


@dataclass(frozen=True, slots=True)
class _Made:
    """A sample with its row, or with the reason why it has none."""

    sample: Sample
    row: NDArray[Any] | None = None
    sha256: str = ""
    reason: str = ""
    fresh: bool = True


def _write(
    path: Path,
    samples: Sequence[Sample],
    source: Source,
    maker: Maker,
    known: _File | None,
    tell: Tell,
) -> int:
    """A new file; returns how many rows were made."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    good: list[_Made] = []
    bad: list[_Made] = []
    fresh = 0
    try:
        with h5py.File(partial, "w") as file:
            rows = file.create_dataset("rows", (len(samples), *maker.shape), maker.dtype)
            for done, made in enumerate(_all_made(samples, source, maker, known), 1):
                fresh += made.fresh and made.row is not None
                if made.row is None:
                    bad.append(made)
                else:
                    rows[len(good)] = made.row
                    good.append(_Made(made.sample, None, made.sha256))
                tell(Progress("reading", done, len(samples)))
            _write_facts(file, [*good, *bad])
            file.attrs["good"] = len(good)
        partial.replace(path)
    except OSError as error:
        if error.filename:
            raise
        told = "it cannot be written (is its disk full?); name another folder with --cache"
        raise OSError(error.errno or errno.EIO, told, str(path)) from error  # HDF5 names no file
    finally:
        partial.unlink(missing_ok=True)
    return fresh


def _write_facts(file: "h5py.File", every: Sequence[_Made]) -> None:
    keys = [_key(made.sample) for made in every]
    texts = {
        "ids": [key[0] for key in keys],
        "uris": [key[1] for key in keys],
        "labels": [made.sample.label for made in every],
        "sha256": [made.sha256 for made in every],
        "reasons": [made.reason for made in every],
    }
    for name, values in texts.items():
        file.create_dataset(name, data=values, dtype=h5py.string_dtype())
    file.create_dataset("sizes", data=np.array([key[2] for key in keys], np.int64))
    file.create_dataset("modified", data=np.array([key[3] for key in keys], np.float64))


def _all_made(
    samples: Sequence[Sample], source: Source, maker: Maker, known: _File | None
) -> Iterator[_Made]:
    """Every sample, known ones first; the others a few batches ahead of the one in hand."""
    places = {} if known is None else {key: at for at, key in enumerate(known.keys)}
    waiting: list[Sample] = []
    for sample in samples:
        at = places.get(_key(sample))
        if known is None or at is None or (at >= known.good and sample.entry.size < 0):
            waiting.append(sample)
        elif at < known.good:
            yield _Made(sample, known.rows[at], known.sha256[at], fresh=False)
        else:
            yield _Made(sample, reason=known.reasons[at])
    jobs = os.cpu_count() or 1
    workers = max(jobs, source.readers) if source.readers > 4 else jobs  # many: addresses
    pool = ThreadPoolExecutor(workers, "visavis-train")
    running: deque[Future[list[_Made]]] = deque()
    try:
        left = iter(waiting)
        while batch := list(islice(left, _BATCH)):
            running.append(pool.submit(_make, batch, source, maker))
            if len(running) > 2 * workers:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


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
    rows = maker.make(pictures) if pictures else ()
    for (sample, sha256), row in zip(read, rows, strict=True):
        found.append(_Made(sample, row, sha256))
    return found
