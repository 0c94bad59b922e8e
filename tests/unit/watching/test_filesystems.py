"""File systems that send no events are known by the kind that the system names."""

from pathlib import Path

import pytest

from visavis.watching.filesystems import mounted_below, silent

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/nas rw - nfs4 nas:/photos rw,addr=10.0.0.2
31 22 0:41 / /mnt/my\\040disk rw - fuseblk /dev/sdb1 rw
32 22 0:42 / /home/me/cloud rw - fuse.rclone cloud: rw
33 30 8:2 / /mnt/nas/fast rw - xfs /dev/sdc1 rw
a line that is none
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/photos", None),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/2024", "nfs4"),
        ("/mnt/nasty", None),
        ("/mnt/nas/fast/2024", None),
        ("/mnt/my disk/2024", None),
        ("/home/me/cloud/a", "fuse.rclone"),
        ("/home/me", "fuse.rclone"),  # a part of it is
        ("/mnt", "nfs4"),
    ],
)
def test_the_nearest_mount_counts_and_those_below(
    folder: str, kind: str | None, tmp_path: Path
) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    assert silent(folder, tmp_path / "mountinfo") == kind


def test_without_a_list_of_mounts_events_are_trusted(tmp_path: Path) -> None:
    assert silent("/mnt/nas", tmp_path / "nowhere") is None


def test_another_disk_in_its_place_is_told_from_the_one_before(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    before = mounted_below("/mnt", mounts)
    assert len(before) == 3
    assert mounted_below("/mnt/nas/fast", mounts) == frozenset()  # it has an identity of its own
    mounts.write_text(MOUNTS.replace("31 22 0:41", "45 22 0:41"))
    assert mounted_below("/mnt", mounts) != before
    mounts.write_text(MOUNTS.replace("32 22 0:42", "46 22 0:42"))
    assert mounted_below("/mnt", mounts) == before
