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
def test_an_index_in_milvus_keeps_the_contract(tmp_path: Path) -> None:
    if reason := milvus_server.why_not():
        pytest.skip(reason)
    here = Path(__file__).parent
    last = [here / "test_serving.py", here / "test_trouble.py"]
    others = sorted({*here.glob("test_*.py")} - {Path(__file__), *last})
    tests = [CONTRACTS / "test_store.py", CONTRACTS / "test_store_search.py", *others, *last]
    folder = tmp_path / "server"
    beside: list[str | Path] = [*APART, sys.executable, milvus_server.__file__, folder]
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*beside, *pytest_, "--durations=15", f"--basetemp={tmp_path / 'inside'}", *tests],
        env=os.environ | {FOLDER: str(folder), SERVER: "milvus://127.0.0.1:19530"},
        capture_output=True,
        text=True,
        timeout=1800,  # seconds: of a slow machine whose processors others use as well
        check=False,
    )
    print(done.stdout[-4000:])  # noqa: T201 - what took long, for `pytest -s`
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
