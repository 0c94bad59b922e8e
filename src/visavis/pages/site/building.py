"""From an index to a static site: pictures, what is near to each, and the page over them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np

from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.images.decode import MAX_PIXELS
from visavis.pages.site.entries import Entry, captions, entries, nearest
from visavis.pages.site.facets import Facet, facet
from visavis.pages.site.options import Built, Plan, Progress, SiteOptions, planned
from visavis.pages.site.parts import Contents
from visavis.pages.site.pictures import Small, small_pictures
from visavis.pages.site.place import (
    checked,
    checked_file,
    note_files,
    replacing,
    replacing_file,
)
from visavis.pages.site.searching import check_model, engine
from visavis.pages.site.single import write_single
from visavis.pages.site.writing import picture_name, write_pages
from visavis.processors import cores
from visavis.types import Failure, Vectors


class _Shown(NamedTuple):
    """The records that have a picture."""

    entries: list[Entry]
    vectors: Vectors
    failed: list[Failure]


def build_site(
    index: ImageIndex,
    out: Path,
    *,
    jobs: int | None = None,
    max_pixels: int = MAX_PIXELS,
    progress: Progress | None = None,
    **options: Unpack[SiteOptions],
) -> Built:
    """Write a site of the records (that pass a filter) to a folder or file: whole, or not at all.

    Raises:
        UsageError: the folder is not to be touched, an option makes no sense, nothing to show.
        StorageFullError: no space is left; what was there stays.
    """
    plan = planned(options, dict(index.store.fields()))
    model = check_model(index.store.model()) if plan.search else None
    single = options.get("single", False)
    place = (checked_file if single else checked)(out, force=options.get("force", False))
    chosen, vectors = entries(index, options.get("where"))
    with (replacing_file if single else replacing)(place) as making:
        jobs = jobs or cores()
        work = partial(small_pictures, index, side=plan.side, jobs=jobs, max_pixels=max_pixels)
        shown, digest = _pictures(making, _Shown(chosen, vectors, []), work, progress)
        contents = _contents(index, plan, shown)
        found = None if model is None else engine(model, shown.vectors)
        if single:
            size = write_single(making, contents, found)
        else:
            write_pages(making, contents, found, digest)
            size = note_files(making)
    notes = tuple(_notes(contents.facets))
    return Built(out, len(shown.entries), size, tuple(shown.failed), notes)


def _pictures(
    making: Path,
    chosen: _Shown,
    work: Callable[[Sequence[Entry]], Iterable[Small]],
    progress: Progress | None,
) -> tuple[_Shown, str]:
    """Write the pictures; what comes back has those alone that there are, and a digest of them."""
    found: list[bool] = []
    failed: list[Failure] = []
    digest = hashlib.sha256()
    for small in work(chosen.entries):
        digest.update(hashlib.sha256(small.webp).digest())
        found.append(small.failure is None)
        if small.failure is None:
            path = making / picture_name(small.entry.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(small.webp)
        else:
            failed.append(small.failure)
        if progress is not None:
            progress(len(found), len(chosen.entries))
    if not any(found):
        first = failed[0]
        raise UsageError(
            f"none of the {len(failed):,} pictures can be read; the first is {first.uri}: "
            f"{first.reason}"
        )
    kept = [entry for entry, there in zip(chosen.entries, found, strict=True) if there]
    return _Shown(kept, chosen.vectors[np.array(found)], failed), digest.hexdigest()


def _contents(index: ImageIndex, plan: Plan, shown: _Shown) -> Contents:
    kinds = index.store.fields()
    facets = [
        facet(name, kinds[name], [entry.record.fields.get(name) for entry in shown.entries])
        for name in plan.fields
    ]
    return Contents(
        plan.title,
        shown.entries,
        captions(shown.entries, plan.caption),
        nearest(shown.vectors, plan.neighbours),
        facets,
        plan.category and bool(facets[0].values),
        plan.side,
    )


def _notes(facets: Sequence[Facet]) -> list[str]:
    return [
        f"{one.name} has too many different values to filter by; it is shown beside each picture"
        for one in facets
        if not one.values
    ]
