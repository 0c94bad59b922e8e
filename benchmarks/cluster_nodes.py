"""Two nodes of a core against one of two: `python -m benchmarks.cluster_nodes PHOTOS WORK ROUNDS`.

Prints both parts' seconds an image as JSON. The nodes are those of the tests, which listen on all
interfaces, so this belongs into a network of its own.
"""

import json
import os
import sys
from pathlib import Path

from ray_nodes import RayNodes

from benchmarks.cluster_run import seconds
from benchmarks.measure import in_turns


def _measured(photos: Path, work: Path, rounds: int) -> list[list[float]]:
    with RayNodes(os.environ, cpus=2) as one, RayNodes(os.environ, cpus=1) as two:
        two.join()

        def by(nodes: RayNodes) -> float:
            os.environ.update(nodes.environ)
            return seconds(nodes.address, photos, work / "an.index", 2)

        return in_turns(rounds, lambda: by(two), lambda: by(one))


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
