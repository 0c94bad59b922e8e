"""Embeddings of fastdup's carried network, to be measured beside ours; run it with its own Python.

    python -m venv /somewhere/else && /somewhere/else/bin/pip install fastdup
    /somewhere/else/bin/python benchmarks/peer_fastdup.py PATHS.txt OUT.npz

PATHS.txt names one picture a line; OUT.npz gets `paths` and `vectors` (n, 576), as fastdup's
`run` writes them with its defaults, and `seconds`, the wall time of that call. Pictures that it
cannot read are missing. fastdup's licence (CC BY-NC-ND) allows this use and no other; nothing of it
enters visavis. Its error reports over the network are switched off.
"""

import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

DIM = 576


def main(listed: Path, out: Path) -> None:
    os.environ["SENTRY_OPT_OUT"] = "1"  # read when fastdup is imported
    fastdup: Any = import_module("fastdup")

    with tempfile.TemporaryDirectory() as work:
        started = time.perf_counter()
        # run_mode 1 extracts the embeddings and stops.
        code = fastdup.run(input_dir=str(listed), work_dir=work, run_mode=1)
        seconds = time.perf_counter() - started
        if code:
            raise SystemExit(f"fastdup.run returned {code}")
        paths, vectors = fastdup.load_binary_feature(work, DIM)
    np.savez(out, paths=np.array(paths), vectors=vectors, seconds=seconds)
    print(f"{len(paths)} pictures in {seconds:.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
