"""Thumbnails: made once, and kept."""

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import product
from pathlib import Path

from visavis.disk import write_whole
from visavis.images.decode import decode
from visavis.images.thumbnail import encode_webp, thumbnail

SIDES = (160, 320, 640)

_OURS = re.compile(r"([0-9a-f]{64})-[0-9]+\.webp")


class Thumbnails:
    """WebP files in folders of one index, new ones in the first; they can be deleted at any time.

    A file is named after the content of its picture and its size, so a thumbnail is never that of
    another picture; it is written under another name and renamed, so it is never half.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def kept(self, sha256: str, side: int) -> bytes | None:
        """The thumbnail of a content, if it was made before."""
        try:
            return _path(self._folders[0], sha256, side).read_bytes()
        except OSError:
            return None

    def made(self, data: bytes, side: int, max_pixels: int) -> tuple[bytes, str]:
        """The thumbnail of an image file, now kept, and the SHA-256 of the file.

        Raises ImageError when it cannot be decoded.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        kept = self.kept(sha256, side)
        if kept is None:
            picture = decode(data, "the picture", min_side=side, max_pixels=max_pixels)
            kept = encode_webp(thumbnail(picture.pixels, side))
            self._keep(_path(self._folders[0], sha256, side), kept)
        return kept, sha256

    def keep(self, sha256: str, side: int, data: bytes) -> None:
        """Keep a thumbnail that was made elsewhere, unless there is one of that content."""
        if self.kept(sha256, side) is None:
            self._keep(_path(self._folders[0], sha256, side), data)

    def forget(self, digests: Iterable[str]) -> None:
        """Delete those of contents that no record has any more."""
        for digest in digests:
            for folder, side in product(self._folders, SIDES):
                _path(folder, digest, side).unlink(missing_ok=True)

    def sweep(self, digests: Iterable[str]) -> int:
        """Delete all but those of some contents; returns how many there were."""
        paths = (path for folder in self._folders for path in folder.rglob("*.webp"))
        found = {path: ours[1] for path in paths if (ours := _OURS.fullmatch(path.name))}
        left_over = set(found.values())
        if left_over:
            left_over.difference_update(digests)
        gone = [path for path, digest in found.items() if digest in left_over]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _keep(self, path: Path, data: bytes) -> None:
        with suppress(OSError):  # a disk that is full or read-only: it is made again the next time
            self._folders[0].mkdir(exist_ok=True)  # not what it lies in: that was moved away
            write_whole(path, data)


def _path(folder: Path, sha256: str, side: int) -> Path:
    return folder / sha256[:2] / f"{sha256}-{side}.webp"
