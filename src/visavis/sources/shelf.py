"""The files of an index that no source has: uploaded pictures, and thumbnails."""

from collections.abc import Iterable
from pathlib import Path

from visavis.sources.thumbnails import Thumbnails
from visavis.sources.uploads import UploadFolder, UploadPlace, Uploads


class Shelf:
    """Where they lie: in a folder that belongs to one index, and need not be the index's own.

    Uploads are needed as long as a record names them; thumbnails can be deleted at any time. What
    lies in earlier folders of the index is its own as well, and new files go into the present one.

    Args:
        folders: The present one first. Uploads are in `uploads`, thumbnails in `thumbnails` below.
        bucket: Where new uploads go instead; thumbnails stay on this machine.
        buckets: Where earlier ones are.
    """

    def __init__(
        self,
        folders: Iterable[Path],
        bucket: UploadPlace | None = None,
        buckets: Iterable[UploadPlace] = (),
    ) -> None:
        known = list(dict.fromkeys(folders))
        self.folder = known[0]
        here = [UploadFolder(one / "uploads") for one in known]
        first = [bucket] if bucket else []
        self.uploads = Uploads(*first, *here, *buckets)
        self.thumbnails = Thumbnails(*(one / "thumbnails" for one in known))
