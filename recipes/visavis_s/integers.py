"""A network's graph in 8-bit integers: half the time on a CPU, a quarter of the file.

Convolutions multiply 7-bit weights with 8-bit activations, whose ranges are those that pictures
gave (post-training static quantization, Jacob et al. 2018). Seven bits, because processors without
dot-product instructions add two products in 16 bits, which eight could overflow. Machines still
differ a little: what lies halfway between two integers may be rounded to either.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quantize_static,
)


def in_integers(model: onnx.ModelProto, images: NDArray[np.float32]) -> onnx.ModelProto:
    """The graph with its convolutions in integers, ranges taken from `images` (n, 3, h, w).

    The first convolution stays as it is: it is cheap, and its input is what all else rests on.
    """
    first = model.graph.input[0].name
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    early = {node.input[1] for node in convolutions if first in node.input}
    nodes = [node.name for node in convolutions if node.input[1] not in early]
    # Named too, an activation becomes a part of the convolution before it.
    nodes += [node.name for node in model.graph.node if node.op_type == "Relu"]
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "integers.onnx"
        onnx.save(model, str(before))
        quantize_static(
            before,
            after,
            _Images(first, images),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=nodes,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(str(after))


class _Images(CalibrationDataReader):  # type: ignore[misc]
    """Pictures one by one, as the library asks for them; all its batches must be as large."""

    def __init__(self, name: str, images: NDArray[np.float32]) -> None:
        self._left: Iterator[dict[str, NDArray[np.float32]]] = (
            {name: image[None]} for image in images
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next picture, None after the last."""
        return next(self._left, None)
