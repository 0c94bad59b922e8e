"""Records that leave the index because somebody says so."""

import os
from collections.abc import Sequence
from contextlib import suppress

from visavis.buckets.address import is_object
from visavis.errors import RecordNotFoundError, UsageError
from visavis.images.files import path_text
from visavis.sources.paths import local_name
from visavis.sources.shelf import Shelf
from visavis.store.base import VectorStore
from visavis.types import Filter


def remove(
    store: VectorStore,
    shelf: Shelf | None,
    ids: Sequence[str],
    where: Filter | None,
    source: str | None,
    *,
    missing_ok: bool,
) -> int:
    """Remove records by id, by a filter, or all of a source; returns how many there were.

    Their thumbnails leave the shelf, if there is one; uploads are the business of who took them in.
    Only one of the three may be given: of two, some mean what both and others what either names.
    Raises UsageError (RecordNotFoundError) before anything is removed.
    """
    given = bool(ids) + (where is not None) + (source is not None)
    if given == 0:
        raise UsageError("say which records to remove: ids, a filter, or a source")
    if given > 1:
        raise UsageError(
            "give ids, a filter or a source, not two of them; nothing was removed: a filter may "
            "name ids itself, as in id=a,b"
        )
    if not all(isinstance(id, str) for id in ids):
        raise UsageError("ids are texts, one argument each: remove(*ids) for a list of them")
    if ids and not missing_ok:
        _check(store, ids)
    named = None if source is None else _known(source, _uris(store))
    digests = None if where is not None or named is not None else _digests(store, ids)
    removed = store.remove(ids) if ids else 0
    if where is not None:
        removed += store.remove_where(where)
    if named is not None:
        removed += store.forget_source(named)
    if removed and shelf is not None:
        _forget_thumbnails(store, shelf, digests)
    return removed


def sweep(store: VectorStore, shelf: Shelf) -> None:
    """Delete the uploaded pictures and the thumbnails that no record needs any more."""
    shelf.uploads.sweep(record.uri for record in store.records())
    shelf.thumbnails.sweep(record.sha256 for record in store.records())


def _digests(store: VectorStore, ids: Sequence[str]) -> set[str]:
    """Of the contents of records; unknown ones have none."""
    found = set()
    for id in ids:
        with suppress(RecordNotFoundError):
            found.add(store.get(id).sha256)
    return found


def _forget_thumbnails(store: VectorStore, shelf: Shelf, digests: set[str] | None) -> None:
    """Who has a picture removed may not want it shown any more, however small; None: of any."""
    if digests is None:
        shelf.thumbnails.sweep(record.sha256 for record in store.records())
    else:
        shelf.thumbnails.forget(digests - store.held(sorted(digests)).keys())


def _check(store: VectorStore, ids: Sequence[str]) -> None:
    for id in ids:
        try:
            store.get(id)
        except RecordNotFoundError:
            if any(name in _uris(store) for name in _spellings(id)):
                raise UsageError(
                    f"no record has the id {id!r}; it is a source: remove it and all its records "
                    f"with: visavis remove --source {id}"
                ) from None
            raise


def _uris(store: VectorStore) -> list[str]:
    return [row.uri for row in store.sources()]


def _known(source: str, sources: Sequence[str]) -> str:
    """A source as the index names it."""
    for name in _spellings(source):
        if name in sources:
            return name
    raise UsageError(
        f"{source}: the index has no such source; it has {', '.join(sources) or 'none'}"
    )


def _spellings(source: str) -> tuple[str, ...]:
    """What a source may be called: as it is written, or the path that it means from here."""
    if is_object(source):
        return (source, source.rstrip("/"))
    path = local_name(source)
    paths = (os.path.abspath(path), os.path.realpath(path))  # noqa: PTH100 - keeps links
    return (source, *map(path_text, paths))
