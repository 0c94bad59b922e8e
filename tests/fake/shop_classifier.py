"""A classifier of the drawn shop: it knows its pictures by colour and place, and has no eyes else.

Ridge regression from a grid of mean colours to the kinds of things, written as a network:

    input → AveragePool (grid) → Flatten (features) → Gemm (logits) → Softmax (classes)
"""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE, CELL = 32, 4
_RIDGE = 1.0
_SHARPNESS = 12.0


def write_shop_classifier(folder: Path, gallery: Path) -> Path:
    """The model folder, taught on a drawn gallery (catalogue.csv and its pictures)."""
    with (gallery / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = sorted({row["category"] for row in rows})
    features = np.stack([_features(gallery / row["image"]) for row in rows])
    wanted = np.array([[row["category"] == label for label in labels] for row in rows], np.float64)
    weights, bias = _ridge(features, wanted)
    folder.mkdir(parents=True, exist_ok=True)
    data = _network(weights, bias).SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    (folder / "model.json").write_text(json.dumps(_spec(folder.name, data, weights.shape[0])))
    return folder


def _features(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as image:
        small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    pixels = np.asarray(small, np.float64) / 127.5 - 1
    cells = pixels.reshape(SIZE // CELL, CELL, SIZE // CELL, CELL, 3).mean(axis=(1, 3))
    return np.asarray(cells.transpose(2, 0, 1).ravel())


def _ridge(
    features: NDArray[np.float64], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    centre, level = features.mean(axis=0), wanted.mean(axis=0)
    x, y = features - centre, wanted - level
    weights = x.T @ np.linalg.solve(x @ x.T + _RIDGE * np.eye(len(x)), y)
    bias = level - centre @ weights
    return (weights * _SHARPNESS).astype(np.float32), (bias * _SHARPNESS).astype(np.float32)


def _network(weights: NDArray[np.float32], bias: NDArray[np.float32]) -> onnx.ModelProto:
    sides = {"kernel_shape": [CELL, CELL], "strides": [CELL, CELL]}
    nodes = [
        helper.make_node("AveragePool", ["input"], ["grid"], **sides),
        helper.make_node("Flatten", ["grid"], ["features"]),
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["classes"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "shop",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("classes", TensorProto.FLOAT, ["N", weights.shape[1]]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", weights.shape[0]]),
        ],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _spec(name: str, data: bytes, dim: int) -> dict[str, Any]:
    return {
        "name": name,
        "file": "model.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "output": "features",
        "pool": "none",
        "dim": dim,
        "preprocess": {
            "size": SIZE,
            "resize": "squash",
            "crop": "none",
            "interpolation": "bicubic",
            "channels": "RGB",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "layout": "NCHW",
        },
        "classes": {"output": "classes", "labels": "labels.txt"},
        "license": "CC0-1.0",
        "origin": "drawn",
    }
