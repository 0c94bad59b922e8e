"""The vectors that the model must give for four drawn pictures, computed without the engine.

Torch computes in 32 bits, with the weights as they were trained: that shows what integers cost.
What integers must give is computed from the graph by ONNX's reference evaluator, which follows the
specification operator by operator. Pictures are drawn by code and squashed as the training does it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from PIL import Image
from recipes.visavis_s.network import Network
from recipes.visavis_s.pictures import squashed
from recipes.visavis_s.vector import End

from visavis.drawn.gallery import draw_gallery

Numbers = NDArray[np.generic]


class QuantizeLinear(OpRun):  # type: ignore[misc]
    """As ONNX defines it up to version 18, which the evaluator lacks."""

    def _run(self, x: Any, scale: Any, zero: Any, **_: Any) -> tuple[Numbers]:
        least, most = np.iinfo(zero.dtype).min, np.iinfo(zero.dtype).max
        whole = np.rint(x / scale) + zero.astype(np.float32)
        return (whole.clip(least, most).astype(zero.dtype),)


class DequantizeLinear(OpRun):  # type: ignore[misc]
    """As ONNX defines it up to version 18: one scale, or one for each place along an axis."""

    def _run(
        self, x: Any, scale: Any, zero: Any, axis: int | None = None, **_: Any
    ) -> tuple[Numbers]:
        shape = [1] * x.ndim
        if scale.ndim:
            shape[axis or 0] = -1
        moved = x.astype(np.int64) - zero.astype(np.int64).reshape(shape)
        return ((moved * scale.astype(np.float32).reshape(shape)).astype(np.float32),)


def write(path: Path, model: onnx.ModelProto, network: Network, end: End) -> None:
    """Write the file that the tests of the shipped model read."""
    side = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    drawn = [Image.fromarray(picture.pixels) for picture in draw_gallery(16)][::4]
    images = squashed(drawn, side)
    network.whole = False
    with torch.inference_mode():
        exact, _ = end(images, *network(images))
    evaluator = ReferenceEvaluator(model, new_ops=[DequantizeLinear, QuantizeLinear])
    integers = evaluator.run(["embedding"], {"input": images.numpy()})[0]
    shape = {
        "by": f"torch {torch.__version__} and ONNX's reference evaluator {onnx.__version__}",
        "sha256": hashlib.sha256(model.SerializeToString()).hexdigest(),
        "integers": np.asarray(integers, np.float64).round(6).tolist(),
        "float32": exact.double().numpy().round(6).tolist(),
    }
    path.write_text(json.dumps(shape) + "\n", encoding="utf-8")
