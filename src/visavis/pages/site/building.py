"""From an index to a static site: pictures, what is near to each, and the page over them."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np

from visavis.errors import UsageError
from visavis.image_index import ImageIndex
from visavis.pages.render import asset, render
from visavis.pages.site.entries import Entry, captions, entries, nearest
from visavis.pages.site.facets import Facet, facet
from visavis.pages.site.options import Built, Plan, Progress, SiteOptions, planned
from visavis.pages.site.parts import Contents, as_script, parts
from visavis.pages.site.pictures import small_pictures
from visavis.pages.site.place import checked, note_files, replacing
from visavis.types import Failure, Vectors

_STYLES = ("tokens.css", "site/site.css")
_SCRIPTS = ("site/parts.js", "site/cards.js", "site/filters.js", "site/views.js")


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
    progress: Progress | None = None,
    **options: Unpack[SiteOptions],
) -> Built:
    """Write a site of the records (that pass a filter) into a folder: whole, or not at all.

    Raises:
        UsageError: the folder is not to be touched, an option makes no sense, nothing to show.
        StorageFullError: no space is left; what was there stays.
    """
    plan = planned(options, dict(index.store.fields()))
    place = checked(out, force=options.get("force", False))
    chosen, vectors = entries(index, options.get("where"))
    with replacing(place) as making:
        shown = _pictures(
            index,
            making,
            _Shown(chosen, vectors, []),
            plan.side,
            jobs or os.cpu_count() or 1,
            progress,
        )
        contents = _contents(index, plan, shown)
        _write(making, contents)
        size = note_files(making)
    notes = tuple(_notes(index, place, contents.facets))
    return Built(out, len(shown.entries), size, tuple(shown.failed), notes)


def picture_name(key: str) -> str:
    """Where the picture of a key is, below the site's folder."""
    return f"pictures/{key[:2]}/{key[2:]}.webp"


def _pictures(
    index: ImageIndex,
    making: Path,
    chosen: _Shown,
    side: int,
    jobs: int,
    progress: Progress | None,
) -> _Shown:
    """Write the pictures; what comes back has those alone that there are."""
    found: list[bool] = []
    failed: list[Failure] = []
    for small in small_pictures(index, chosen.entries, side, jobs):
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
    kept = np.array(found)
    return _Shown(
        [e for e, there in zip(chosen.entries, found, strict=True) if there],
        chosen.vectors[kept],
        failed,
    )


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


def _write(making: Path, contents: Contents) -> None:
    """The page and its data, in a folder that is called after what is in it.

    So a browser never takes a part of an earlier build for one of this.
    """
    texts = {f"{name}.js": as_script(name, value) for name, value in parts(contents)}
    texts["page.css"] = "\n".join(map(asset, _STYLES))
    texts["page.js"] = "\n".join(map(asset, _SCRIPTS))
    digest = hashlib.sha256()
    for name, text in texts.items():
        digest.update(f"{name}\0{text}\0".encode("utf-8", "replace"))
    folder = making / "data" / digest.hexdigest()[:12]
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8", "replace"))
    page = render(
        "site/index.html",
        title=contents.title,
        count=len(contents.entries),
        data=f"data/{folder.name}/",
        search=contents.search,
        single=None,
    )
    (making / "index.html").write_bytes(page.encode("utf-8", "replace"))


def _notes(index: ImageIndex, place: Path, facets: Sequence[Facet]) -> list[str]:
    notes = [
        f"{one.name} has too many different values to filter by; it is shown beside each picture"
        for one in facets
        if not one.values
    ]
    for source in index.store.sources():
        if source.kind == "folder" and place.is_relative_to(os.path.realpath(source.uri)):
            notes.append(
                f"{place} lies in {source.uri}, which is indexed: the site's pictures will be, too"
            )
    return notes
