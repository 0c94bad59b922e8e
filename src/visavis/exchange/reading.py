"""Files with vectors, read in parts: what all formats have in common."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.errors import SourceError, UsageError, VisavisError

_IDS = ("id", "image_ids", "image_id", "ids", "key", "keys", "filename", "file", "path", "image")
_VECTORS = ("vector", "vectors", "features", "feature", "embedding", "embeddings", "emb")


class Rough(NamedTuple):
    """Some rows as a file has them."""

    ids: Sequence[Any]
    columns: Mapping[str, Sequence[Any]]
    vectors: NDArray[np.float32]
    """(rows, dimensions); a row that is no vector of that length is NaN."""
    beside: Mapping[str, Sequence[bytes | str | None]] = {}
    """What shards have besides, by column."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file in which vectors were found."""

    path: Path | str
    count: int
    dim: int | None
    """None: the first row decides."""
    note: str | bytes | None
    """What visavis wrote into it."""
    parts: Callable[[], Iterator[Rough]]
    """The rows from the first one on. Raises SourceError where the file is damaged."""
    notes: tuple[str, ...] = ()


class Names(NamedTuple):
    """What ids and vectors are called in a file; None: as usual."""

    id: str | None = None
    vector: str | None = None

    def id_among(self, path: Path | str, names: Sequence[str]) -> str:
        """The column of the ids."""
        return _chosen(path, self.id, _IDS, names, "ids", "--id-column", alone=False)

    def id_in(self, path: Path | str, lengths: Mapping[str, int], count: int) -> str:
        """The array of the ids, of which there have to be `count`; the others are of any length."""
        lines = [name for name, length in lengths.items() if length == count]
        asked = _IDS if self.id is None else (self.id.lower(),)
        if not any(name.lower() in asked for name in lines):
            for name, length in lengths.items():
                if name.lower() in asked:
                    raise SourceError(f"{path}: {name} has {length:,} ids for {count:,} vectors")
        return self.id_among(path, lines)

    def vector_among(self, path: Path | str, names: Sequence[str]) -> str:
        """The column of the vectors; where there is only one that has vectors, that."""
        return _chosen(path, self.vector, _VECTORS, names, "vectors", "--vector-column", alone=True)


def _chosen(
    path: Path | str,
    given: str | None,
    usual: Sequence[str],
    names: Sequence[str],
    what: str,
    option: str,
    *,
    alone: bool,
) -> str:
    if given is not None:
        if given not in names:
            raise UsageError(f"{path}: no {what} are called {given!r}; {_there(names)}")
        return given
    lowered = {name.lower(): name for name in reversed(names)}
    for name in usual:
        if name in lowered:
            return lowered[name]
    if alone and len(names) == 1:
        return names[0]
    hint = f"name them with {option}" if names else "export or save it with them"
    raise SourceError(f"{path}: it has no {what} that visavis recognizes; {hint}; {_there(names)}")


def _there(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}" if names else "there are none"


@contextmanager
def sound(path: Path | str, kind: str) -> Iterator[None]:
    """What goes wrong with a file, whatever the library raises, as a SourceError."""
    try:
        yield
    except (VisavisError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file") from error
    except PermissionError as error:
        raise SourceError(f"{path}: it may not be read") from error
    except Exception as error:  # of damaged files libraries complain in many ways
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SourceError(f"{path}: it is no sound {kind} file ({reason})") from error


def vector_rows(values: Any, count: int) -> NDArray[np.float32]:
    """Rows of one length; a row that is missing, or of another length than the first, is NaN."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return values.astype(np.float32)
    first = next((row for row in values if row is not None and len(row)), ())
    rows = np.full((count, len(first)), np.nan, np.float32)
    for at, row in enumerate(values):
        if row is not None and len(row) == len(first):
            rows[at] = [np.nan if number is None else number for number in row]
    return rows
