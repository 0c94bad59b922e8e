"""How many threads there are where nobody says, in containers as well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from visavis.processors import cores, quotas


def _write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


def _own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own"
    path.write_text(text)
    return path


def test_the_quota_of_a_service_and_of_the_slice_that_it_is_in_both_count(tmp_path: Path) -> None:
    slice_ = tmp_path / "system.slice"
    _write(slice_, cpu_max="400000 100000\n")
    _write(slice_ / "visavis.service", cpu_max="150000 100000\n")
    own = _own(tmp_path, "0::/system.slice/visavis.service\n")
    assert sorted(quotas(tmp_path, own)) == [1.5, 4.0]


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    _write(tmp_path, cpu_max="50000 100000\n")
    assert list(quotas(tmp_path, _own(tmp_path, "0::/\n"))) == [0.5]
    named_outside = _own(tmp_path, "0::/kubepods.slice/pod7\n")
    assert list(quotas(tmp_path, named_outside)) == [0.5]


def test_the_first_version_has_a_folder_for_processors(tmp_path: Path) -> None:
    place = tmp_path / "cpu" / "docker" / "abc"
    _write(place, cpu_cfs_quota_us="200000\n", cpu_cfs_period_us="100000\n")
    own = _own(tmp_path, "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n")
    assert list(quotas(tmp_path, own)) == [2.0]


@pytest.mark.parametrize("limit", ["max 100000", "", "nonsense", "-1 100000", "100000 0"])
def test_no_limit_and_none_that_can_be_read_are_none(tmp_path: Path, limit: str) -> None:
    _write(tmp_path, cpu_max=limit)
    assert list(quotas(tmp_path, _own(tmp_path, "0::/\n"))) == []


def test_systems_without_control_groups_have_no_quota(tmp_path: Path) -> None:
    assert list(quotas(tmp_path, tmp_path / "missing")) == []


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="has no affinity")
def test_a_process_that_may_run_on_one_processor_takes_one_thread() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from visavis.processors import cores; print(cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert 1 <= cores() <= (os.cpu_count() or 1)
