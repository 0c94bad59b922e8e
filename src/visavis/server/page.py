"""The pages and their files: known by name before anyone asks, so a request names no path."""

import hashlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from visavis.server.edge.outer import PAGE_POLICY
from visavis.server.refusals import NotFoundError

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}
_LOOK_EVERY = 1.0  # seconds between two looks at the folder


class _File(NamedTuple):
    data: bytes
    etag: str
    kind: str


class Page:
    """The files of the page, in memory."""

    def __init__(self, folder: Path, others: Mapping[str, Path] = MappingProxyType({})) -> None:
        """`others` are files that lie elsewhere, by the names that they have here."""
        self._folder = folder
        self._others = dict(others)
        self._guard = threading.Lock()
        self._files: dict[str, _File] = {}
        self._mark: tuple[tuple[str, int], ...] = ()
        self._looked = -_LOOK_EVERY

    def file(self, name: str) -> _File:
        """A file by its name below ui/. Raises NotFoundError."""
        with self._guard:
            if time.monotonic() - self._looked >= _LOOK_EVERY:
                self._read()
                self._looked = time.monotonic()
            found = self._files.get(name)
        if found is None:
            raise NotFoundError(f"the page has no file {name[:100]!r}")
        return found

    def _read(self) -> None:
        paths = sorted(p for p in self._folder.rglob("*") if p.suffix in _TYPES and p.is_file())
        named = {path.relative_to(self._folder).as_posix(): path for path in paths} | self._others
        mark = tuple((str(path), path.stat().st_mtime_ns) for path in named.values())
        if mark == self._mark:
            return
        self._files = {name: _loaded(path) for name, path in named.items()}
        self._mark = mark


def _loaded(path: Path) -> _File:
    data = path.read_bytes()
    return _File(data, f'W/"{hashlib.sha256(data).hexdigest()[:24]}"', _TYPES[path.suffix])


async def show_page(request: Request) -> Response:
    """The page."""
    return _served(request, "index.html")


async def show_duplicates(request: Request) -> Response:
    """The page on which duplicates are decided on."""
    return _served(request, "duplicates/index.html")


async def page_file(request: Request, name: str) -> Response:
    """A file of the page."""
    return _served(request, name)


async def show_icon(request: Request) -> Response:
    """The icon that browsers ask for of their own accord."""
    for name in ("favicon.ico", "favicon.svg", "icon.svg"):
        try:
            return _served(request, name)
        except NotFoundError:
            continue
    return Response(status_code=204)


def _served(request: Request, name: str) -> Response:
    page: Page = request.app.state.page
    file = page.file(name)
    # no-cache: kept, and asked about each time, so that an upgraded page is seen at once.
    headers = {
        "ETag": file.etag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": PAGE_POLICY,
    }
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.data, headers=headers | {"Content-Type": file.kind})
