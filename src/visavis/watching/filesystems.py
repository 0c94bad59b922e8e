"""Which file systems say nothing of what others change on them: these are looked at in turns."""

import os
from pathlib import Path
from typing import NamedTuple

_SILENT = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre"),
        *("9p", "virtiofs", "drvfs", "vboxsf", "vmhgfs", "prl_fs", "gpfs", "ocfs2", "davfs"),
    )
)
_MOUNTS = Path("/proc/self/mountinfo")


class _Mount(NamedTuple):
    number: str
    """Of the mount: another disk in the same place has another one."""
    point: str
    kind: str


def silent(folder: str, mounts: Path = _MOUNTS) -> str | None:
    """The kind of a file system at or below a folder that sends no events; None: all do.

    What a network file system's other clients write is not announced to this machine, nor is what
    the host of a virtual machine writes to a folder that it shares. Where the system does not list
    its mounts (other than Linux), events are trusted.
    """
    known = _mounts(mounts)
    at = [mount for mount in known if _covers(mount.point, folder)]
    own = max(at, key=lambda mount: len(mount.point), default=None)
    for mount in [*([own] if own else []), *_below(folder, known)]:
        if mount.kind in _SILENT or mount.kind.partition(".")[0] == "fuse":
            return mount.kind
    return None


def mounted_below(folder: str, mounts: Path = _MOUNTS) -> frozenset[str]:
    """What tells the file systems that are mounted below a folder from others in their place.

    The system's events of a folder are not those of a disk that is mounted there afterwards.
    """
    return frozenset(mount.number for mount in _below(folder, _mounts(mounts)))


def _below(folder: str, known: list[_Mount]) -> list[_Mount]:
    return [mount for mount in known if mount.point != folder and _covers(folder, mount.point)]


def _covers(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _mounts(file: Path) -> list[_Mount]:
    try:
        lines = os.fsdecode(file.read_bytes()).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:  # 36 35 98:0 /root /point options … - kind source options (proc(5))
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) > 4 and kinds[0]:
            found.append(_Mount(fields[0], _unescaped(fields[4]), kinds[0]))
    return found


def _unescaped(text: str) -> str:
    for octal, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, char)
    return text
