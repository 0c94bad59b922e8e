"""The files of a site that are not pictures."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from visavis.pages.render import asset, render
from visavis.pages.site.parts import Contents, as_script, parts
from visavis.pages.site.searching import Engine
from visavis.sources.folder import SITE_PICTURES

_STYLES = ("tokens.css", "site/site.css")
_SCRIPTS = ("parts.js", "cards.js", "filters.js", "views.js")
_SEARCH = ("looking.js", "words.js", "asking.js")
_KEEPER = "keep.js"
_FIRST = ("page.css", "page.js", "site.js")
"""What each visit needs."""


def picture_name(key: str) -> str:
    """Where the picture of a key is, below the site's folder."""
    return f"{SITE_PICTURES}/{key[:2]}/{key[2:]}.webp"


def write_pages(making: Path, contents: Contents, engine: Engine | None, pictures: str) -> None:
    """Write the page and its data, these into a folder that is called after all there is.

    So a browser never takes a part of an earlier build for one of this. `pictures` is a digest.
    """
    if engine is not None:
        contents = replace(contents, search=engine.facts)
    files = dict(_files(contents, engine))
    digest = hashlib.sha256(pictures.encode())
    for name, content in files.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    called = digest.hexdigest()[:12]
    folder = making / "data" / called
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    data = f"data/{called}/"
    page = render(
        "site/index.html",
        title=contents.title,
        count=len(contents.entries),
        data=data,
        search=contents.search,
        single=None,
    )
    (making / "index.html").write_bytes(_bytes(page))
    if engine is not None:
        (making / _KEEPER).write_bytes(_bytes(_keeper(called, data)))
        (making / "LICENCES.txt").write_bytes(_bytes(engine.licences))


def style() -> str:
    """The style sheet."""
    return "\n".join(map(asset, _STYLES))


def script(*, search: bool) -> str:
    """The script."""
    names = _SCRIPTS + (_SEARCH if search else ())
    return "\n".join(asset(f"site/{name}") for name in names)


def _files(contents: Contents, engine: Engine | None) -> Iterator[tuple[str, bytes]]:
    for name, value in parts(contents):
        yield f"{name}.js", _bytes(as_script(name, value))
    yield "page.css", _bytes(style())
    yield "page.js", _bytes(script(search=engine is not None))
    if engine is not None:
        yield "aliases.js", _bytes(as_script("aliases", engine.aliases))
        yield from engine.files.items()


def _keeper(called: str, data: str) -> str:
    """The service worker, with what it keeps from the beginning."""
    first = ["./", *(data + name for name in _FIRST)]
    text = str(asset(f"site/{_KEEPER}"))  # Markup would escape what is put in
    return text.replace("{{ digest }}", called).replace("{{ first }}", json.dumps(first))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
