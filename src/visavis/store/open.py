"""Opening a store by its place: a folder of this machine, or a collection in Milvus."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from visavis.errors import IndexMissingError, UsageError
from visavis.store.base import ModelFacts, VectorStore
from visavis.store.capabilities import is_local
from visavis.store.milvus.address import Address, is_milvus

Place = str | os.PathLike[str]
"""Where an index is: a folder, or the URL of a collection in Milvus."""

Writing = Callable[[], AbstractContextManager[None]]
"""Lets one writer at a time write; a thread that does so already may ask again."""

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/")  # two letters at least: C:/ is a folder


def is_folder(place: Place) -> bool:
    """Whether an index there is, or would be, a folder of this machine."""
    return not is_milvus(place)


def open_store(place: Place) -> VectorStore:
    """The store at a place.

    Raises IndexMissingError, IndexDamagedError, IndexIncompatibleError, and UsageError for a place
    of a kind that is not known.
    """
    if is_milvus(place):
        from visavis.store.milvus.store import MilvusStore

        return MilvusStore(Address.parse(place))
    from visavis.store.sqlite.store import SqliteStore

    return SqliteStore(_folder(place))


def create_store(place: Place, model: ModelFacts, wait: float) -> None:
    """Make an empty store for a model's vectors, unless there is one already.

    Waits up to `wait` seconds for another writer. Raises as `open_store`, and IndexLockedError.
    """
    if is_milvus(place):
        from visavis.store.milvus.store import MilvusStore

        MilvusStore.create(Address.parse(place), model).close()
        return
    from visavis.store.sqlite.lock import writer_lock
    from visavis.store.sqlite.store import SqliteStore

    folder = _folder(place)
    if folder.is_file():
        raise UsageError(f"{folder}: an index is a folder, and this is a file; name another place")
    if folder.is_symlink() and not folder.exists():
        raise UsageError(f"{folder}: it is a link that leads nowhere; name another place")
    folder.mkdir(parents=True, exist_ok=True)
    with writer_lock(folder, wait):
        SqliteStore.create(folder, model).close()


def store_exists(place: Place) -> bool:
    """Whether there is a store, sound or not. Raises UsageError as `open_store`."""
    if is_milvus(place):
        from visavis.store.milvus.store import collection_exists

        return collection_exists(Address.parse(place))
    return _database(place).exists()


def store_identity(place: Place) -> tuple[int, int]:
    """Something that changes when another store is put in a place, which has to be opened then.

    A store in Milvus follows by itself. Raises IndexMissingError.
    """
    if is_milvus(place):
        return 0, 0
    try:
        found = os.stat(_database(place))  # noqa: PTH116 - twice as quick, and asked often
    except OSError as error:
        raise IndexMissingError(
            f"no index at {place}; make one with: visavis index FOLDER --index {place}"
        ) from error
    return found.st_dev, found.st_ino


def same_place(one: Place, other: Place) -> bool:
    """Whether two places are one store; a folder that is none yet is like no other.

    Raises UsageError as `open_store`, and IndexMissingError where `one` is no store.
    """
    if is_milvus(one) or is_milvus(other):
        both = is_milvus(one) and is_milvus(other)
        return both and str(Address.parse(one)) == str(Address.parse(other))
    return store_exists(other) and store_identity(one) == store_identity(other)


def writing_to(store: VectorStore, wait: float) -> Writing:
    """What lets one writer at a time write to a store, waiting up to `wait` seconds.

    A store that is no folder takes several processes at once; then threads alone are kept apart.
    """
    if is_local(store):
        from visavis.store.sqlite.lock import WriterLock

        return WriterLock(store.folder, wait, store.check_place)
    lock = threading.RLock()

    @contextmanager
    def writing() -> Iterator[None]:
        with lock:
            yield

    return writing


def alone(store: VectorStore, name: str, does: str) -> AbstractContextManager[None]:
    """Keeps a second process from doing something to a local store, from now until it exits.

    Raises IndexLockedError that says who it is that `does` it already.
    """
    if not is_local(store):
        return nullcontext()
    from visavis.store.sqlite.lock import named_lock

    return named_lock(store.folder, name, 0.0, does)


def _database(place: Place) -> Path:
    from visavis.store.sqlite.database import DATABASE

    return _folder(place) / DATABASE


def _folder(place: Place) -> Path:
    if os.fspath(place) == "":  # as a path it would be the working folder
        raise UsageError("the name of the index is empty; is a variable not set?")
    folder = Path(place)
    scheme = _SCHEME.match(os.fspath(place))
    if scheme and not folder.exists():
        raise UsageError(
            f"{folder}: an index cannot be kept at {scheme[1]}://…; give a folder (write one of "
            "that very name with ./ in front), or milvus://HOST:19530/COLLECTION"
        )
    return folder
