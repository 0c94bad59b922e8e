"""Whether a model's weights are the file that model.json names.

Hashing 350 MB takes half a second, too long for each start. So a file that was found right leaves
an empty marker in the user's cache folder, named after its path, size, time of change and
checksum: as long as none of them changes, it is not read again.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from visavis.disk import cache_home
from visavis.errors import ModelChecksumError, ModelNotFoundError


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as hex; OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, sha256: str, *, trust_marker: bool = True) -> None:
    """Make sure that a file has this checksum.

    Args:
        path: The file.
        sha256: 64 hex digits.
        trust_marker: False reads the file again in any case.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelChecksumError: it is another file.
    """
    try:
        status = path.stat()
        key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{sha256}"
        marker = _marker_folder() / hashlib.sha256(os.fsencode(key)).hexdigest()
        if trust_marker and marker.exists():
            return
        found = file_sha256(path)
    except OSError as error:
        raise ModelNotFoundError(
            f"{path} cannot be read ({error.strerror or error}); add the model again"
        ) from error
    if found != sha256:
        raise ModelChecksumError(
            f"{path} is not the file that its model.json names (SHA-256 {found[:12]}… instead of "
            f"{sha256[:12]}…); download it again, or correct sha256 if the change was meant"
        )
    with contextlib.suppress(OSError):  # no cache on this machine: the next start hashes again
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def _marker_folder() -> Path:
    return cache_home("checked")
