"""A site in one HTML file: everything stands in the page, in base64 where it is not text.

A page opened from a file may load nothing; what is inside needs no loading. Its scripts and its
style are the ones that the page's security policy names by their hashes, and no others.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from visavis.pages.render import render
from visavis.pages.site.parts import Contents, as_json, parts
from visavis.pages.site.place import PAGE
from visavis.pages.site.searching import Engine
from visavis.pages.site.writing import picture_name, script, style

_HERE = "<!-- here -->"


def write_single(making: Path, contents: Contents, engine: Engine | None) -> int:
    """Write the page with all pictures of a folder into it; returns how many bytes it has.

    A picture at a time: memory does not grow with them.
    """
    if engine is not None:
        contents = replace(contents, search=engine.facts)
    scripts = [script(search=engine is not None)]
    if engine is not None:
        scripts.insert(0, engine.files["ort.js"].decode("utf-8"))
    page = render(
        "site/index.html",
        title=contents.title,
        count=len(contents.entries),
        data="",
        search=contents.search,
        single={
            "hashes": Markup(" ").join(map(_hash, scripts)),
            "style_hash": _hash(style()),
            "style": Markup(style()),
            "scripts": list(map(Markup, scripts)),
            "parts": Markup(_HERE),
        },
    )
    before, after = page.split(_HERE)
    path = making / PAGE
    with path.open("wb") as file:
        file.write(_bytes(before))
        for block in _blocks(making, contents, engine):
            file.write(_bytes(block))
        file.write(_bytes(after))
    return path.stat().st_size


def _blocks(making: Path, contents: Contents, engine: Engine | None) -> Iterator[str]:
    for name, value in parts(contents):
        yield _json(name, value)
    for entry in contents.entries:
        webp = (making / picture_name(entry.key)).read_bytes()
        yield _json(f"p{entry.key}", b64encode(webp).decode("ascii"))
    if engine is not None:
        yield _json("aliases", engine.aliases)
        yield _json("licences", engine.licences)
        for name, data in engine.files.items():
            if name.endswith(".bin"):
                text = b64encode(data).decode("ascii")
                called = f"file-{name.removesuffix('.bin')}"
                yield f'<script type="text/plain" id="{called}">{text}</script>\n'


def _json(name: str, value: Any) -> str:
    return f'<script type="application/json" id="part-{name}">{as_json(value)}</script>\n'


def _hash(text: str) -> Markup:
    """How a security policy names a script or style: by what stands between its tags."""
    digest = b64encode(hashlib.sha256(_bytes(text)).digest()).decode("ascii")
    return Markup(f"'sha256-{digest}'")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
