"""What integers cost: do two ways of computing the same model find the same pictures?

One processor rounds what lies halfway between two integers up, another down, and through fifty
layers that grows. So the build compares the model in integers with itself computed step by step in
floats (as ONNX describes it, fusions off), and with the network before rounding.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from recipes.visavis_s.pictures import batches

from visavis.embedders.runtime.engine import engine
from visavis.errors import ModelError

SAME = 0.99
"""Least share of the ten nearest that both ways of computing integers on a processor agree on."""
IN_BROWSER = 0.985
"""The same of the processor and a browser, whose kernels round in other places."""

_NEAREST = 10

Floats = NDArray[np.float32]


def vectors(model: onnx.ModelProto, pictures: Sequence[Picture], *, fused: bool = True) -> Floats:
    """(n, dim): the `embedding` of pictures; without `fused` every node is computed by itself."""
    onnxruntime = engine()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    runner = onnxruntime.InferenceSession(model.SerializeToString(), options)
    side = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    found = [
        runner.run(["embedding"], {"input": images.numpy()})[0]
        for images in batches(pictures, side, 8)
    ]
    joined: Floats = np.concatenate(found)
    return joined


def agreement(one: Floats, other: Floats) -> dict[str, float]:
    """How far two sets of vectors (n, dim) of the same pictures agree.

    `cosine` and `worst` of the same picture; `nearest`, the share of the ten nearest of `one` that
    the other finds among the vectors of `one`, as an index made here and asked elsewhere has it.
    """
    cosines = (one * other).sum(axis=1)
    ours, theirs = (_nearest(asking @ one.T) for asking in (one, other))
    same = [len(np.intersect1d(a, b)) / _NEAREST for a, b in zip(ours, theirs, strict=True)]
    return {
        "cosine": round(float(cosines.mean()), 5),
        "worst": round(float(cosines.min()), 5),
        "nearest": round(float(np.mean(same)), 4),
    }


def check(figures: dict[str, float], least: float) -> None:
    """Raise ModelError where two ways of computing the integers disagree too often."""
    if figures["nearest"] < least:
        raise ModelError(
            f"computed in another way, the model finds only {figures['nearest']:.3f} of its ten "
            f"nearest ({least} at least); look at the ranges of its activations"
        )


def _nearest(scores: Floats) -> NDArray[np.int64]:
    np.fill_diagonal(scores, -np.inf)
    return np.argpartition(-scores, _NEAREST, axis=1)[:, :_NEAREST]
