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
    tests = [
        Path(__file__).parent,
        CONTRACTS / "test_store.py",
        CONTRACTS / "test_store_search.py",
    ]
    folder = tmp_path / "server"
    beside: list[str | Path] = [*APART, sys.executable, milvus_server.__file__, folder]
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*beside, *pytest_, f"--basetemp={tmp_path / 'inside'}", *tests],
        env=os.environ | {FOLDER: str(folder), SERVER: "milvus://127.0.0.1:19530"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
