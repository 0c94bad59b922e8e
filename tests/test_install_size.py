"""How much a user installs: the core alone, as pip unpacks it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MOST_MEGABYTES = 245  # millions of bytes
MOST_PACKAGES = 37  # visavis itself among them


def megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.lstat().st_size for file in files) / 1e6


_USE = """
import visavis
print(visavis.ImageIndex, visavis.__file__)
print(visavis.SearchResult((), 3, "a model", 1.5, "nothing alike")._repr_html_())
"""


@pytest.mark.slow
def test_the_core_is_small_and_works_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-compile"]
    installed = subprocess.run(
        [*pip, "-q", "--target", target, "-c", REPOSITORY / "constraints.txt", REPOSITORY],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode != 0:
        reasons = ("No matching distribution", "NewConnectionError", "Could not find a version")
        if any(reason in installed.stderr for reason in reasons):
            pytest.skip("no package index can be reached")
        raise AssertionError(installed.stderr)

    packages = sorted(path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info"))
    sizes = sorted(((megabytes(path), path.name) for path in target.iterdir()), reverse=True)
    total = sum(size for size, _ in sizes)
    largest = ", ".join(f"{name} {size:.0f}" for size, name in sizes[:8])
    with capsys.disabled():
        sys.stdout.write(f"\ncore: {total:.0f} MB, {len(packages)} packages; in MB: {largest}\n")
    assert total <= MOST_MEGABYTES, largest
    assert len(packages) <= MOST_PACKAGES, packages

    alone = {**os.environ, "PYTHONPATH": str(target), "PYTHONNOUSERSITE": "1"}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", _USE],
        env=alone,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert str(target) in ran.stdout
    assert "nothing alike" in ran.stdout, "the templates of pages are not in the wheel"
