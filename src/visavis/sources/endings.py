"""Files by the endings of their names: catalogues, pictures with odd ones, and kinds left out."""

import re
from collections import Counter

CATALOGUE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
"""Files whose rows name pictures."""

_INSIDE = re.compile(
    r"\.(?:jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf])(?![a-z0-9])", re.IGNORECASE
)
"""As in `pic.jpg?w=200`, `pic.jpg_large`, `pic.jpg~`, `pic.png (1)`."""

_UNFINISHED = re.compile(
    r"\.(?:part|partial|crdownload|download|opdownload|filepart|aria2|!ut|!qb|tmp|temp)(?![a-z])",
    re.IGNORECASE,
)
"""As of what is being downloaded or saved, and gets another name in the end: `a.jpg.part`."""

_NOT_READ = frozenset(
    # Pictures and drawings that visavis does not decode, and what may hold or show some.
    (
        *("jp2", "j2k", "jpf", "jpx", "jxr", "wdp", "jls", "psd", "psb", "xcf", "kra", "svg"),
        *("svgz", "ico", "icns", "eps", "ai", "pdf", "tga", "pcx", "ppm", "pgm", "pbm", "pnm"),
        *("exr", "hdr", "dds", "qoi", "sgi", "xbm", "xpm", "emf", "wmf", "fits", "dcm", "heics"),
        *("crw", "dcr", "kdc", "mrw", "x3f", "raw"),
        *("mp4", "mov", "m4v", "avi", "mkv", "webm", "mpg", "3gp", "mts", "wmv"),
    )
)


ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""Files that hold other files, packed."""


def may_be_picture(name: str) -> bool:
    """Whether it is worth looking into a file whose name does not end as a picture's does."""
    if _UNFINISHED.search(name):
        return False
    return "." not in name or _INSIDE.search(name) is not None


class LeftOut:
    """How many files of which kinds a walk over a folder has left out."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count a file, if it is of a kind that people take for a picture, or may hold some."""
        kind = name.rpartition(".")[2].lower()
        packed = next((end for end in ARCHIVES if name.lower().endswith(end)), None)
        if packed is not None:
            self._kinds[packed[1:]] += 1
        elif kind in _NOT_READ:
            self._kinds[kind] += 1

    def notes(self, place: str) -> list[str]:
        """What was left out, in a sentence, if anything."""
        if not self._kinds:
            return []
        counts = ", ".join(f"{count} .{kind}" for kind, count in self._kinds.most_common())
        return [f"{place}: left out {counts}: visavis reads no files of these kinds"]
