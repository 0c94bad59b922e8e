"""In which folder an index keeps its uploaded pictures and its thumbnails.

It is the folder of the index unless another was named. A local index remembers which
(`files.txt`), so that removing records takes their thumbnails along whoever removes them; and the
other folder says whose it is (`visavis-files.txt`), as tidying up for one index would delete the
uploads of another. A prefix in object storage may be named as well: it takes the uploads, and
thumbnails stay on this machine.
"""

import hashlib
import os
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from visavis.buckets.address import Address, is_object
from visavis.buckets.folders import Folder, folder_at
from visavis.disk import cache_home, reason, write_whole
from visavis.errors import StoreError, StoreUnsupportedError
from visavis.sources.objects.uploads import UploadBucket
from visavis.sources.shelf import Shelf
from visavis.store.base import VectorStore
from visavis.store.capabilities import is_local
from visavis.store.open import store_exists

_REMEMBERED = "files.txt"
_OWNER = "visavis-files.txt"
_TOKEN = "files-id.txt"
"""In a local index: what tells it from one at the same path of another machine."""

_Place = Path | str
"""A folder, or the URL of a prefix in object storage."""


class Shelving:
    """Finds the shelf of one index when it is first needed: searching needs none."""

    def __init__(self, store: VectorStore, files: str | os.PathLike[str] | None) -> None:
        self._store = store
        self._files = None if files is None else _place(files)
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
                    self._shelf = _apart(self._store.facts.place, self._files)
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


def _place(files: str | os.PathLike[str]) -> _Place:
    if isinstance(files, str) and is_object(files):
        return str(Address.of_folder(files))
    return Path(files).absolute()


def _apart(owner: str, files: _Place) -> Shelf:
    """The shelf of an index that is no folder."""
    if isinstance(files, Path):
        _claim(files, owner, [])
        return Shelf([files])
    cache = cache_home("shelves") / hashlib.sha256(owner.encode()).hexdigest()[:32]
    with suppress(OSError):  # then thumbnails are made anew each time
        cache.mkdir(parents=True, exist_ok=True)
    claim = partial(_claim_bucket, files, owner, [])
    return Shelf([cache], UploadBucket(f"{files}/uploads", claim))


def _beside(index: Path, files: _Place | None) -> Shelf:
    """The shelf of a local index: what was named, else what it remembers, else its own folder."""
    owner = os.path.realpath(index)
    known = [_remembered(index, line) for line in _lines(index / _REMEMBERED)]
    chosen = files or (known[0] if known else index)
    if isinstance(chosen, str):
        bucket = UploadBucket(f"{chosen}/uploads", partial(_take, index, chosen, known))
        return Shelf(_earlier(known, index), bucket, _buckets(index, known, chosen))
    if os.path.realpath(chosen) == owner:
        chosen = index
    else:
        _claim(chosen, owner, known)
    _remember(index, chosen, known)
    return Shelf([chosen, *_earlier(known, index)], None, _buckets(index, known, chosen))


def _earlier(known: Sequence[_Place], index: Path) -> list[Path]:
    """Folders that are this index's as well; its own in any case."""
    owner = os.path.realpath(index)
    folders = [one for one in known if isinstance(one, Path) and one != index]
    return [*(one for one in folders if _lines(one / _OWNER) == [owner]), index]


def _buckets(index: Path, known: Sequence[_Place], chosen: _Place) -> list[UploadBucket]:
    places = [one for one in known if isinstance(one, str) and one != chosen]
    return [
        UploadBucket(f"{one}/uploads", partial(_claim_for, index, one, known)) for one in places
    ]


def _remembered(index: Path, line: str) -> _Place:
    return line if is_object(line) else index / line


def _remember(index: Path, place: _Place, known: Sequence[_Place]) -> None:
    if place == (known[0] if known else index):
        return
    names = ["." if one == index else str(one) for one in dict.fromkeys([place, *known])]
    with suppress(OSError):  # an index on a read-only disk: there is nothing to remove
        write_whole(index / _REMEMBERED, os.fsencode("\n".join(names)))


def _claim_for(index: Path, place: str, known: Sequence[_Place]) -> None:
    """Claim a bucket for a local index. Raises StoreError, ObjectStorageError."""
    _claim_bucket(place, f"{os.path.realpath(index)} {_token(index)}", known)


def _take(index: Path, place: str, known: Sequence[_Place]) -> None:
    """The same, and remember it as the present one."""
    _claim_for(index, place, known)
    _remember(index, place, known)


def _token(index: Path) -> str:
    said = _lines(index / _TOKEN)
    if said:
        return said[0]
    made = uuid.uuid4().hex
    write_whole(index / _TOKEN, made.encode())
    return made


def _claim_bucket(place: str, owner: str, known: Sequence[_Place]) -> None:
    folder = folder_at(place)
    said = _owner(folder, place)
    if said == owner:
        return
    _check(place, owner, said, known)
    try:
        folder.write(_OWNER, owner.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise StoreError(
            f"{place}: uploaded pictures cannot be kept there ({reason(error)})"
        ) from error


def _owner(folder: Folder, place: str) -> str:
    try:
        return folder.read(_OWNER).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StoreError(f"{place}/{_OWNER}: it cannot be read ({reason(error)})") from error


def _claim(folder: Path, owner: str, known: Sequence[_Place]) -> None:
    """Make a folder, or take it, as the one of an index. Raises StoreError."""
    said = _lines(folder / _OWNER)
    if said == [owner]:
        return
    _check(folder, owner, said[0] if said else "", known)
    if store_exists(folder):
        raise StoreError(f"{folder}: it is an index; name another folder for the files of {owner}")
    try:
        write_whole(folder / _OWNER, os.fsencode(owner))
    except OSError as error:
        raise StoreError(
            f"{folder}: uploaded pictures and thumbnails cannot be kept there ({error.strerror}); "
            "name another folder"
        ) from error


def _check(place: _Place, owner: str, said: str, known: Sequence[_Place]) -> None:
    """Raise StoreError where a place is another index's, or is known and has lost its mark."""
    if said:
        raise StoreError(
            f"{place}: it keeps the files of {said}; name another folder for those of {owner}, or, "
            f"if that index was moved, write its new place into {place}/{_OWNER}"
        )
    if place in known:
        raise StoreError(
            f"{place}: the uploaded pictures and thumbnails of {owner} are kept there, and it is "
            "away; mount it again, or name another folder with: visavis serve --files DIR"
        )


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in os.fsdecode(file.read_bytes()).split("\n") if line]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror})") from error
