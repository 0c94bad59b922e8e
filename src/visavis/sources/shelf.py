"""The files of an index that no source has: uploaded pictures, and thumbnails."""

from collections.abc import Iterable
from pathlib import Path

from visavis.sources.thumbnails import Thumbnails
from visavis.sources.uploads import Uploads


class Shelf:
    """Where they lie: in a folder that belongs to one index, and need not be the index's own.

    Uploads are needed as long as a record names them; thumbnails can be deleted at any time. What
    lies in earlier folders of the index is its own as well, and new files go into the present one.
    """

    def __init__(self, folder: Path, earlier: Iterable[Path] = ()) -> None:
        self.folder = folder
        folders = list(dict.fromkeys([folder, *earlier]))
        self.uploads = Uploads(*(one / "uploads" for one in folders))
        self.thumbnails = Thumbnails(*(one / "thumbnails" for one in folders))
