"""Thumbnails: made once, kept beside the index."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from visavis.disk import write_whole
from visavis.images.decode import decode
from visavis.images.thumbnail import encode_webp, thumbnail

SIDES = (160, 320, 640)


class Thumbnails:
    """WebP files in the index's folder `thumbnails`, which can be deleted at any time.

    A file is named after the content of its picture and its size, so a thumbnail is never that of
    another picture; it is written under another name and renamed, so it is never half.
    """

    def __init__(self, index: Path) -> None:
        self._folder = index / "thumbnails"

    def kept(self, sha256: str, side: int) -> bytes | None:
        """The thumbnail of a content, if it was made before."""
        try:
            return self._path(sha256, side).read_bytes()
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
            self._keep(self._path(sha256, side), kept)
        return kept, sha256

    def forget(self, digests: Iterable[str]) -> None:
        """Delete those of contents that no record has any more."""
        for digest in digests:
            for side in SIDES:
                self._path(digest, side).unlink(missing_ok=True)

    def sweep(self, digests: Iterable[str]) -> int:
        """Delete all but those of some contents; returns how many there were."""
        found = {path: path.name[:64] for path in self._folder.rglob("*-*.webp")}
        left_over = set(found.values())
        if left_over:
            left_over.difference_update(digests)
        gone = [path for path, digest in found.items() if digest in left_over]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _path(self, sha256: str, side: int) -> Path:
        return self._folder / sha256[:2] / f"{sha256}-{side}.webp"

    def _keep(self, path: Path, data: bytes) -> None:
        with suppress(OSError):  # a disk that is full or read-only: it is made again the next time
            write_whole(path, data)
