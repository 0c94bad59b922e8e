"""Files that are whole or not there, and where caches lie."""

import os
from pathlib import Path


def cache_home(part: str) -> Path:
    """$XDG_CACHE_HOME/visavis/PART, or the same in ~/.cache; it can be deleted at any time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "visavis" / part


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or another in its place, at once or not at all; its folder is made if need be.

    Whoever has the old one open keeps it. Raises OSError, and then leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-{os.urandom(4).hex()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
