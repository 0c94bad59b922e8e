"""Small worlds to train in: labelled pictures drawn by code, and networks of one convolution."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from visavis.embedders.spec import ModelSpec, PreprocessSpec
from visavis.types import RGB


def draw_labelled(folder: Path, labels: int = 6, each: int = 5, side: int = 32) -> Path:
    """A sub-folder for each label, with pictures of its shape in its colour, at any place."""
    rng = np.random.default_rng(labels)
    for label in range(labels):
        place = folder / f"label-{label}"
        place.mkdir(parents=True)
        colour = _colour(rng)
        for number in range(each):
            _drawn(rng, label, colour, side).save(place / f"{number}.png")
    return folder


def write_catalogue(folder: Path, name: str = "catalogue.csv") -> Path:
    """A catalogue of the pictures in such a folder: id, path, label."""
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "path", "label"))
        for picture in sorted(folder.rglob("*.png")):
            below = picture.relative_to(folder)
            table.writerow((below.with_suffix("").as_posix(), below, below.parent))
    return path


def write_base(
    folder: Path,
    *,
    side: int = 32,
    channels: int = 12,
    output: str = "features",
    pool: str = "none",
    dim: int | None = None,
    layout: str = "NCHW",
    order: str = "RGB",
    half: bool = False,
    count: int | str = "N",
    opset: int = 17,
) -> Path:
    """A model folder: one convolution with weights drawn by chance, and its average.

    Its tensors are `map` (N, channels, side / 8, side / 8) and `features` (N, channels); a
    classifier follows, so that `features` is an inner tensor.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(4)
    kind = np.float16 if half else np.float32
    type_ = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    weights: dict[str, Any] = {
        "conv": rng.normal(0, 0.1, (channels, 3, 8, 8)).astype(kind),
        "matrix": rng.normal(0, 1, (channels, 5)).astype(kind),
    }
    nodes = [
        helper.make_node("Conv", ["picture", "conv"], ["raw"], strides=[8, 8]),
        helper.make_node("Relu", ["raw"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["features"]),
        helper.make_node("MatMul", ["features", "matrix"], ["logits"]),
    ]
    shape: list[int | str] = [count, 3, side, side]
    if layout == "NHWC":
        nodes.insert(0, helper.make_node("Transpose", ["given"], ["picture"], perm=[0, 3, 1, 2]))
        shape = [count, side, side, 3]
    name = "given" if layout == "NHWC" else "picture"
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "base",
            [helper.make_tensor_value_info(name, type_, shape)],
            [helper.make_tensor_value_info("logits", type_, [count, 5])],
            [numpy_helper.from_array(value, key) for key, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
    )
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    spec = ModelSpec(
        name=folder.name,
        file="model.onnx",
        sha256=hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        output=output,
        pool=pool,
        dim=dim or channels,
        preprocess=PreprocessSpec(
            size=side,
            channels=order,
            layout=layout,
            mean=(0.4, 0.5, 0.6),
            std=(0.2, 0.25, 0.3),
        ),
        license="Apache-2.0",
    )
    (folder / "model.json").write_text(spec.to_json())
    return folder


def some_pictures(count: int = 5, side: int = 40) -> list[RGB]:
    """Pictures of noise over a colour, of no shape in particular."""
    rng = np.random.default_rng(count)
    colours = rng.integers(0, 200, (count, 1, 1, 3))
    grain = [rng.integers(0, 55, (side, side + number, 3)) for number in range(count)]
    return [(one + other).astype(np.uint8) for one, other in zip(colours, grain, strict=True)]


def _drawn(
    rng: np.random.Generator, label: int, colour: tuple[int, int, int], side: int
) -> Image.Image:
    grey = int(rng.integers(90, 160))
    image = Image.new("RGB", (side, side), (grey, grey, grey))
    left, top = (float(value) for value in rng.uniform(0, side * 0.4, 2))
    box = (left, top, left + side * 0.55, top + side * 0.55)
    draw = ImageDraw.Draw(image)
    (draw.ellipse, draw.rectangle)[label % 2](box, fill=colour)
    noise = rng.integers(-12, 12, (side, side, 3))
    return Image.fromarray((np.asarray(image).astype(int) + noise).clip(0, 255).astype(np.uint8))


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue
