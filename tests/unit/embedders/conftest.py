"""Tiny networks, drawn pictures, and folders of their own for each test."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIZE = 32

Pictures = list[NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VISAVIS_MODELS", str(tmp_path / "models"))


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    """Five pictures of different sizes and shapes: smooth, striped, noisy."""
    rng = np.random.default_rng(7)
    drawn = []
    for height, width in [(40, 60), (64, 64), (90, 33), (32, 32), (25, 120)]:
        ramp = np.linspace(0, 255, width)[None, :, None] * rng.random(3)
        noise = rng.integers(0, 60, (height, width, 3))
        drawn.append(np.clip(ramp + noise, 0, 255).astype(np.uint8))
    return drawn


@pytest.fixture(scope="session")
def weights() -> dict[str, NDArray[np.float32]]:
    """A convolution of 3 to 8 channels, and a classifier of 8 to 1000 classes."""
    rng = np.random.default_rng(3)
    return {
        "kernel": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "matrix": rng.normal(0, 0.3, (8, 1000)).astype(np.float32),
    }


@pytest.fixture(scope="session")
def tiny_network(
    weights: dict[str, NDArray[np.float32]],
) -> Callable[..., onnx.ModelProto]:
    """Makes: input → Conv → Relu (map) → average → Flatten (features) → Gemm → Softmax (prob)."""

    def make(
        batch: int | str = "N",
        dtype: int = TensorProto.FLOAT,
        outputs: tuple[str, ...] = ("prob",),
        classifier: bool = True,
    ) -> onnx.ModelProto:
        number = helper.tensor_dtype_to_np_dtype(dtype)
        nodes = [
            helper.make_node("Conv", ["input", "kernel"], ["conv"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["conv"], ["map"]),
            helper.make_node("GlobalAveragePool", ["map"], ["gap"]),
            helper.make_node("Flatten", ["gap"], ["features"]),
        ]
        shapes: dict[str, list[Any]] = {
            "prob": [batch, 1000],
            "features": [batch, 8],
            "map": [batch, 8, SIZE, SIZE],
        }
        used = ["kernel"]
        if classifier:
            used.append("matrix")
            nodes += [
                helper.make_node("Gemm", ["features", "matrix"], ["logits"]),
                helper.make_node("Softmax", ["logits"], ["prob"]),
            ]
        graph = helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info("input", dtype, [batch, 3, SIZE, SIZE])],
            [helper.make_tensor_value_info(name, dtype, shapes[name]) for name in outputs],
            [numpy_helper.from_array(weights[name].astype(number), name) for name in used],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model

    return make


@pytest.fixture
def tiny_model(tmp_path: Path, tiny_network: Callable[..., onnx.ModelProto]) -> Callable[..., Path]:
    """Makes a model folder; keyword arguments change model.json."""

    def make(network: onnx.ModelProto | None = None, folder: str = "tiny", **changes: Any) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True)
        model = (network or tiny_network()).SerializeToString()
        (path / "model.onnx").write_bytes(model)
        shape = {
            "name": "tiny",
            "file": "model.onnx",
            "sha256": hashlib.sha256(model).hexdigest(),
            "output": "features",
            "pool": "none",
            "dim": 8,
            "preprocess": {
                "size": SIZE,
                "resize": "squash",
                "crop": "none",
                "interpolation": "bicubic",
                "channels": "RGB",
                "mean": [0.5, 0.4, 0.3],
                "std": [0.5, 0.25, 0.2],
                "layout": "NCHW",
            },
            "license": "CC0-1.0",
            "origin": "drawn",
        }
        shape |= changes
        (path / "model.json").write_text(json.dumps(shape))
        return path

    return make
