"""Carries out plans: files go to a folder apart, and come back byte for byte.

Every file is looked at again before it is moved, and so is the one that is kept in its stead. The
plan notes where files go before the first is moved, so that a run that was stopped can be undone.
No trash: what a trash took in cannot be had back by a program on every system.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from visavis.errors import ImageError, UsageError
from visavis.flows.duplicates.plan import UPLOADED, Plan, PlannedFile
from visavis.images.files import local_path, path_text, read_file


@dataclass(slots=True)
class Moved:
    """What was done."""

    folder: str
    """Where the files are, or were."""
    done: int = 0
    bytes: int = 0
    ids: list[str] = field(default_factory=list)
    """Of the records whose files were moved."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Paths, and why nothing was done."""


def apply_plan(
    plan: Plan,
    path: Path,
    folder: Path,
    sources: Sequence[str],
    uploaded: Callable[[str], bool],
    *,
    chosen: bool,
) -> Moved:
    """Move what the plan sets aside to a folder; see `Duplicates.apply`."""
    if plan.moved_to is not None:  # a run that was stopped goes on
        if chosen and str(folder) != plan.moved_to:
            raise UsageError(f"{path}: its files go to {plan.moved_to} already; undo it first")
        folder = Path(plan.moved_to)
    _check(folder, sources)
    if plan.count("move"):
        plan = replace(plan, moved_to=str(folder))
        plan.write_again(path)
    moved = Moved(str(folder))
    checked = _Checked(plan)
    for file in plan.files:
        if file.action != "move":
            continue
        here, there = local_path(file.path), _place(file, folder)
        if _is_there(there, file.sha256) and not os.path.lexists(here):
            moved.ids.append(file.id)  # moved by the run that was stopped
            continue
        reason = UPLOADED if uploaded(file.path) else checked.why_not(file)
        reason = reason or _move(here, there, file.sha256)
        if reason is not None:
            moved.skipped.append((file.path, reason))
            continue
        moved.done += 1
        moved.bytes += file.size
        moved.ids.append(file.id)
    return moved


def undo_plan(plan: Plan, path: Path) -> Moved:
    """Put back what was moved; see `Duplicates.undo`."""
    if plan.moved_to is None:
        raise UsageError(f"{path}: nothing of this plan was carried out")
    folder = Path(plan.moved_to)
    moved = Moved(str(folder))
    for file in plan.files:
        if file.action != "move":
            continue
        here, there = local_path(file.path), _place(file, folder)
        if not os.path.lexists(there):
            if not _is_there(here, file.sha256):
                moved.skipped.append((file.path, f"it is not at {there} any more"))
            continue
        reason = _move(there, here, file.sha256)
        if reason is not None:
            moved.skipped.append((file.path, reason))
            continue
        moved.done += 1
        moved.bytes += file.size
        _remove_empty(there.parent, folder)
    if not moved.skipped:
        replace(plan, moved_to=None).write_again(path)
    return moved


def _check(folder: Path, sources: Sequence[str]) -> None:
    """Raise UsageError for a folder that files would be indexed from again, or that is none."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: it is no folder; name another with --to")
    real = Path(os.path.realpath(folder))
    for source in sources:
        root = local_path(source)
        if real.is_relative_to(root):
            below = real.relative_to(root)
            if not any(part.startswith(".") for part in below.parts):
                raise UsageError(
                    f"{folder}: it lies in {source}, which is indexed, so that the files would be "
                    "found again; name another with --to"
                )


def _place(file: PlannedFile, folder: Path) -> Path:
    """Where a file goes: below the folder, by the whole of its path."""
    path = local_path(file.path)
    drive = path.drive.strip("\\/:").replace(":", "")
    return folder.joinpath(*([drive] if drive else []), *path.parts[1:])


class _Checked:
    """The digests of files as they are now; each is read once."""

    def __init__(self, plan: Plan) -> None:
        self._kept = {file.path: file for file in plan.files if file.action == "keep"}
        self._found = cache(_digest)

    def why_not(self, file: PlannedFile) -> str | None:
        """Why a file is not to be moved as things are now; None: it may be."""
        here, kept = local_path(file.path), self._kept.get(file.copy_of or "")
        if kept is None:
            return f"the plan does not keep {file.copy_of}"
        if here.is_symlink():
            return "it is a link now"
        for one in (file, kept):
            digest, reason = self._found(one.path)
            if reason is not None or digest != one.sha256:
                what = reason or "it has changed since the plan was made"
                return what if one is file else f"{one.path}, which is kept: {what}"
        if os.path.samefile(here, local_path(kept.path)):  # noqa: PTH121
            return "it is the very file that is kept"
        return None


def _digest(uri: str) -> tuple[str, str | None]:
    """The digest of a file, or why there is none."""
    try:
        return hashlib.sha256(read_file(uri)).hexdigest(), None
    except ImageError as error:
        return "", error.reason


def _move(here: Path, there: Path, sha256: str) -> str | None:
    """Move a file, to another disk as well; why that cannot be, and then all is as it was."""
    if os.path.lexists(there):
        return f"another file is at {there}"
    if not _is_there(here, sha256):
        return f"{here} has changed"
    made = _missing_folders(there.parent)
    try:
        there.parent.mkdir(parents=True, exist_ok=True)
        try:
            here.rename(there)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _carry(here, there, sha256)
    except OSError as error:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        return f"it cannot be moved to {there} ({error.strerror or error})"
    return None


def _is_there(path: Path, sha256: str) -> bool:
    return _digest(path_text(str(path)))[0] == sha256


def _carry(here: Path, there: Path, sha256: str) -> None:
    """Copy a file to another disk with its times, see that it arrived, and remove it here."""
    partial = there.with_name(f".{there.name}-{os.urandom(4).hex()}.partial")
    try:
        shutil.copy2(here, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        if not _is_there(partial, sha256):
            raise OSError(errno.EIO, "what arrived is not what was sent")
        partial.rename(there)
        try:
            here.unlink()
        except OSError:
            there.unlink()
            raise
    finally:
        partial.unlink(missing_ok=True)


def _missing_folders(folder: Path) -> list[Path]:
    """The folders that have to be made, the innermost first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove folders that hold nothing any more, up to the one that files were moved to."""
    while folder == top or folder.is_relative_to(top):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
