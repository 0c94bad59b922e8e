"""How `visavis serve` sets up its process."""

import os
import subprocess
import sys

import pytest

_SERVED = """
from visavis.cli.serving import multiply_alone
multiply_alone()
import numpy, threadpoolctl
print({one["num_threads"] for one in threadpoolctl.threadpool_info() if "numpy" in one["filepath"]})
"""


def test_a_thread_multiplies_matrices_by_itself_unless_the_operator_says_otherwise() -> None:
    pytest.importorskip("threadpoolctl")
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("the system does not say which cores are ours, or its NumPy has no OpenBLAS")
    cores = len(os.sched_getaffinity(0))
    for said, expected in (("", {1}), ("2", {min(2, cores)})):
        environ = {name: value for name, value in os.environ.items() if "_NUM_THREADS" not in name}
        environ |= {"OPENBLAS_NUM_THREADS": said} if said else {}
        served = subprocess.run(
            [sys.executable, "-c", _SERVED], env=environ, capture_output=True, text=True, check=True
        )
        assert served.stdout.strip() == str(expected)
