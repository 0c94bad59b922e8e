"""A small world to train in: drawn pictures, a teacher of one convolution, a tiny network."""

import csv
import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from visavis.embedders.spec import ClassesSpec, ModelSpec, PreprocessSpec

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import torch

    from visavis.training.builtin_settings import Settings
    from visavis.training.networks import Shape

    @pytest.fixture(autouse=True)
    def one_thread() -> Iterator[None]:
        """Small tensors gain nothing from threads, which wait for one another on a busy machine."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)

    @pytest.fixture
    def settings() -> Settings:
        """A network of a few thousand weights, on pictures of 64 × 64, without bfloat16."""
        return replace(
            Settings(),
            shape=Shape(
                stem=8,
                widths=(8, 12, 16, 24),
                depths=(1, 1, 1, 1),
                learned=8,
                copy=6,
                classes=5,
                hints=((16, 4),),
            ),
            sides=((0.5, 32), (1.0, 64)),
            final_side=64,
            second_side=32,
            picture_side=48,
            projection_samples=64,
            capacity=16,
            fresh=8,
            originals=8,
            copies=4,
            warmup=2,
            colour=6,
            tell_steps=2,
            measure_steps=3,
            threads=1,
            bfloat16=False,
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A training folder of 80 drawn pictures with labels.csv."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "drawn"
    folder.mkdir()
    rows = []
    for number in range(80):
        size = tuple(int(v) for v in rng.integers(40, 70, 2))
        image = Image.new("RGB", (size[0], size[1]), _colour(rng))
        draw = ImageDraw.Draw(image)
        box = (size[0] * 0.2, size[1] * 0.2, size[0] * 0.7, size[1] * 0.8)
        shape = number % 3
        (draw.ellipse, draw.rectangle, draw.line)[shape](box, fill=_colour(rng))
        image.save(folder / f"{number}.png")
        rows.append({"path": f"{number}.png", "label": ("disc", "box", "line")[shape]})
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["path", "label"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def teacher_folder(tmp_path: Path) -> Path:
    """A model folder: a convolution (16 channels, 3 × 3 places), its average, six classes."""
    rng = np.random.default_rng(4)
    weights = {
        "conv": rng.normal(0, 0.1, (16, 3, 16, 16)),
        "matrix": rng.normal(0, 1, (16, 6)),
    }
    nodes = [
        helper.make_node("Conv", ["input", "conv"], ["raw"], strides=[16, 16]),
        helper.make_node("Relu", ["raw"], ["map"]),
        helper.make_node("AveragePool", ["map"], ["mean"], kernel_shape=[3, 3]),
        helper.make_node("Flatten", ["mean"], ["features"]),
        helper.make_node("MatMul", ["features", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "teacher",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 48, 48])],
            [
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 16]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 6]),
            ],
            [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    folder = tmp_path / "teacher"
    folder.mkdir()
    onnx.save(model, str(folder / "model.onnx"))
    (folder / "labels.txt").write_text("background\none\ntwo\nthree\nfour\nfive\n")
    spec = ModelSpec(
        name="teacher",
        file="model.onnx",
        sha256=hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        output="features",
        pool="none",
        dim=16,
        preprocess=PreprocessSpec(size=48, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        classes=ClassesSpec("scores", "labels.txt"),
    )
    (folder / "model.json").write_text(spec.to_json())
    return folder


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    return red, green, blue
