"""Uploaded pictures in object storage."""

import time
from collections.abc import Callable, Iterable

from visavis.buckets.client import Buckets
from visavis.buckets.folders import BucketFolder
from visavis.disk import reason
from visavis.errors import ObjectStorageError, StoreError

_SILENT = 5.0  # seconds: who uploads waits for it


class UploadBucket:
    """All below a prefix of a bucket, for one index.

    Nothing is asked of it until something is written or looked for; before the first of that,
    `claim` finds out whether it is this index's. It raises StoreError.
    """

    def __init__(self, place: str, claim: Callable[[], None]) -> None:
        self._place = place.rstrip("/") + "/"
        self._folder = BucketFolder(place, Buckets(timeout=_SILENT, retries=1))
        self._claim: Callable[[], None] | None = claim

    def check(self) -> None:
        """Claim it, once. Raises StoreError, ObjectStorageError."""
        if self._claim is not None:
            self._claim()
            self._claim = None

    def write(self, name: str, data: bytes) -> tuple[str, float]:
        """Put a picture there. Raises StoreError, ObjectStorageError."""
        self.check()
        below = f"{name[:2]}/{name}"
        try:
            self._folder.write(below, data)
        except OSError as error:
            raise StoreError(
                f"{self._place}: a picture cannot be kept ({reason(error)})"
            ) from error
        return self._place + below, float(int(time.time()))

    def owns(self, uri: str) -> bool:
        """Whether an object lies here."""
        return uri.startswith(self._place)

    def remove(self, uri: str) -> None:
        """Delete an object. Raises ObjectStorageError."""
        self.check()
        try:
            self._folder.remove(uri.removeprefix(self._place))
        except (OSError, ObjectStorageError) as error:
            raise ObjectStorageError(
                f"{uri}: no record needs it any more, and it cannot be deleted now "
                f"({reason(error)}); delete it there, or, where the index is a folder, with: "
                "visavis compact"
            ) from error

    def uris(self) -> Iterable[str]:
        """All objects below. Raises StoreError, ObjectStorageError."""
        self.check()
        return [self._place + name for name in self._folder.names()]
