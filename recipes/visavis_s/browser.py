"""The model as browsers run it, by Node.js and onnxruntime-web."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from recipes.visavis_s.pictures import batches

from visavis.errors import UsageError

SCRIPT = Path(__file__).parent / "in_browser.mjs"


def vectors(
    model: onnx.ModelProto, pictures: Sequence[Picture], modules: Path
) -> tuple[NDArray[np.float32], float]:
    """(n, dim): the `embedding` of pictures; and the least milliseconds that one took.

    Args:
        model: As it is shipped.
        pictures: A few hundred at most; their pixels are written to a file.
        modules: A folder where `npm install onnxruntime-web` was run.

    Raises UsageError when Node.js cannot run it there.
    """
    side = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    images = torch.cat(list(batches(pictures, side)))
    with tempfile.TemporaryDirectory() as folder:
        graph, pixels, out = (Path(folder) / name for name in ("model.onnx", "images", "out"))
        graph.write_bytes(model.SerializeToString())
        pixels.write_bytes(images.numpy().tobytes())
        asked = ["node", SCRIPT, modules, graph, pixels, str(len(images)), str(side), out]
        done = subprocess.run([str(part) for part in asked], capture_output=True, text=True)
        if done.returncode:
            raise UsageError(
                f"{modules}: Node.js cannot run onnxruntime-web there "
                f"({done.stderr.strip()[-200:]}); run `npm install onnxruntime-web` in it"
            )
        found = np.frombuffer(out.read_bytes(), np.float32).reshape(len(images), -1)
        return found, float(done.stdout)
