"""The store contract and the tests of this folder, beside a Milvus server in a network alone."""

import os
import subprocess
import sys
from pathlib import Path

import milvus_server
import pytest
from milvus_server import APART, FOLDER
from stores import SERVER

CONTRACTS = Path(__file__).parents[2] / "contracts"


@pytest.mark.slow
def test_an_index_in_milvus_keeps_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fails is tried once more, beside a new server, and is told in any case.

    Once, on a machine with no processor to spare, Milvus 2.3.5 counted 540 rows where it had
    counted 897 a moment before. Why is not known, and it never came again; a fault of ours would.
    """
    if reason := milvus_server.why_not():
        pytest.skip(reason)
    here = Path(__file__).parent
    last = [here / "test_serving.py", here / "test_trouble.py"]
    others = sorted({*here.glob("test_*.py")} - {Path(__file__), *last})
    tests = [CONTRACTS / "test_store.py", CONTRACTS / "test_store_search.py", *others, *last]
    done = _beside_a_server(tmp_path / "first", [*tests, "--durations=15"])
    print(done.stdout[-4000:])  # noqa: T201 - what took long, for `pytest -s`
    if done.returncode == pytest.ExitCode.TESTS_FAILED:
        with capsys.disabled():
            print(f"\nbeside Milvus, tried once more:\n{done.stdout[-4000:]}")  # noqa: T201
        done = _beside_a_server(tmp_path / "second", [*tests, "--last-failed"])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def _beside_a_server(folder: Path, arguments: list[str | Path]) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    server, kept = folder / "server", folder.parent / "cache"
    beside: list[str | Path] = [*APART, sys.executable, milvus_server.__file__, server]
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={kept}"]
    return subprocess.run(
        [*beside, *pytest_, f"--basetemp={folder / 'inside'}", *arguments],
        env=os.environ | {FOLDER: str(server), SERVER: "milvus://127.0.0.1:19530"},
        capture_output=True,
        text=True,
        timeout=1800,  # seconds: of a slow machine whose processors others use as well
        check=False,
    )
