"""In which folder an index keeps its uploaded pictures and its thumbnails.

It is the folder of the index unless another was named. A local index remembers which
(`files.txt`), so that removing records takes their thumbnails along whoever removes them; and the
other folder says whose it is (`visavis-files.txt`), as tidying up for one index would delete the
uploads of another.
"""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from visavis.disk import write_whole
from visavis.errors import StoreError, StoreUnsupportedError
from visavis.sources.shelf import Shelf
from visavis.store.base import VectorStore
from visavis.store.capabilities import is_local
from visavis.store.open import store_exists

_REMEMBERED = "files.txt"
_OWNER = "visavis-files.txt"


class Shelving:
    """Finds the shelf of one index when it is first needed: searching needs none."""

    def __init__(self, store: VectorStore, files: str | os.PathLike[str] | None) -> None:
        self._store = store
        self._files = None if files is None else Path(files).absolute()
        self._guard = threading.Lock()
        self._shelf: Shelf | None = None

    def found(self) -> Shelf | None:
        """The shelf; None for a store without a folder for which no other was named.

        Raises StoreError when the folder is another index's, missing, or cannot be written.
        """
        with self._guard:
            if self._shelf is None:
                if is_local(self._store):
                    self._shelf = _beside(self._store.folder, self._files)
                elif self._files is not None:
                    _claim(self._files, self._store.facts.place, [])
                    self._shelf = Shelf(self._files)
            return self._shelf

    def needed(self) -> Shelf:
        """The shelf. Raises StoreUnsupportedError where there is none, else as `found`."""
        shelf = self.found()
        if shelf is None:
            raise StoreUnsupportedError(
                self._store.facts.place,
                "keep uploaded pictures and thumbnails; name a folder for them with files=",
            )
        return shelf


def _beside(index: Path, files: Path | None) -> Shelf:
    """The shelf of a local index: what was named, else what it remembers, else its own folder."""
    owner = os.path.realpath(index)
    known = [index / line for line in _lines(index / _REMEMBERED)]
    folder = files or (known[0] if known else index)
    if os.path.realpath(folder) == owner:
        folder = index
    else:
        _claim(folder, owner, known)
    if folder != (known[0] if known else index):
        names = ["." if one == index else str(one) for one in dict.fromkeys([folder, *known])]
        with suppress(OSError):  # an index on a read-only disk: there is nothing to remove
            write_whole(index / _REMEMBERED, os.fsencode("\n".join(names)))
    earlier = [one for one in known if one != index and _lines(one / _OWNER) == [owner]]
    return Shelf(folder, [*earlier, index])


def _claim(folder: Path, owner: str, known: Sequence[Path]) -> None:
    """Make a folder, or take it, as the one of an index. Raises StoreError."""
    mark = folder / _OWNER
    said = _lines(mark)
    if said == [owner]:
        return
    if said:
        raise StoreError(
            f"{folder}: it keeps the files of {said[0]}; name another folder for those of {owner}, "
            f"or, if that index was moved, write its new place into {mark}"
        )
    if folder in known:
        raise StoreError(
            f"{folder}: the uploaded pictures and thumbnails of {owner} are kept there, and it is "
            "away; mount it again, or name another folder with: visavis serve --files DIR"
        )
    if store_exists(folder):
        raise StoreError(f"{folder}: it is an index; name another folder for the files of {owner}")
    try:
        write_whole(mark, os.fsencode(owner))
    except OSError as error:
        raise StoreError(
            f"{folder}: uploaded pictures and thumbnails cannot be kept there ({error.strerror}); "
            "name another folder"
        ) from error


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in os.fsdecode(file.read_bytes()).split("\n") if line]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror})") from error
