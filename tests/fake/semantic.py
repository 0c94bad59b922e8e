"""A small model with a semantic part: it sees a picture's mean colour, and knows five things by it.

Its vector is [√.9 · colour, 3 numbers ; √.1 · what it shows, 5 numbers]. A picture shows what its
colour stands for: a red one a tomato, a green one a frog, and so on.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from visavis.embedders.words.table import TableWriter
from visavis.types import RGB

SIZE = 16
SHARE = 0.1
LABELS = ("tomato, love apple", "bullfrog, Rana frog", "blue whale", "snow goose", "black cat")
THINGS: Mapping[str, tuple[int, int, int]] = {
    "tomato": (250, 10, 10),
    "frog": (10, 250, 10),
    "whale": (10, 10, 250),
    "goose": (250, 250, 250),
    "cat": (5, 5, 5),
}
COLOURS: Mapping[str, tuple[float, float, float]] = {
    "red": (1.0, -0.5, -0.5),
    "green": (-0.5, 1.0, -0.5),
    "blue": (-0.5, -0.5, 1.0),
    "grey": (0.6, 0.6, 0.6),
}
_SHARPNESS = 6.0


def plain(*colour: int) -> RGB:
    """A picture of one colour."""
    return np.full((24, 24, 3), colour, np.uint8)


def meaning(*things: int, weight: float = 1.0) -> NDArray[np.float32]:
    """The semantic part of one of the five things, or of several, times a weight."""
    row = np.full(5, -0.2)
    row[list(things)] += 1 / len(things)
    return (weight * row / np.linalg.norm(row)).astype(np.float32)


def words() -> dict[str, NDArray[np.float32]]:
    """What stands in the table: things, their classes, kinds of things; some count little."""
    rows = {name: meaning(place) for place, name in enumerate(THINGS)}
    rows |= {
        "love_apple": meaning(0),
        "bullfrog": meaning(1),
        "blue_whale": meaning(2),
        "snow_goose": meaning(3),
        "black_cat": meaning(4),
        "animal": meaning(1, 2, 3, 4),
        "food": meaning(0),
        "kitten": meaning(4),
        "walk": meaning(1, 4),
        "dance": meaning(3),
        "stop": meaning(2),
        "fruit": meaning(0),
        "bowl": meaning(0, 3),
        "nice": meaning(2, weight=0.05),
        "still": np.zeros(5, np.float32),
    }
    return rows


def write_semantic(
    folder: Path, *, tags: Sequence[str] | None = ("animal\t.2", "black_cat\t.9"), **changes: Any
) -> Path:
    """A model folder; keyword arguments change model.json, `None` leaves a key away."""
    folder.mkdir(parents=True, exist_ok=True)
    data = _network().SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    write_table(folder / "words.bin", words(), "int8")
    write_table(folder / "colours.bin", COLOURS, "float16")
    text = {"words": "words.bin", "colours": "colours.bin"}
    if tags is not None:
        (folder / "tags.tsv").write_text("".join(f"{line}\n" for line in tags))
        text["tags"] = "tags.tsv"
    shape: dict[str, Any] = {
        "name": folder.name,
        "file": "model.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "output": "embedding",
        "pool": "none",
        "dim": 8,
        "preprocess": {
            **{"size": SIZE, "resize": "squash", "crop": "none", "interpolation": "bicubic"},
            **{"channels": "RGB", "mean": [0.5] * 3, "std": [0.5] * 3, "layout": "NCHW"},
        },
        "classes": {"output": "classes", "labels": "labels.txt"},
        "text": text,
        "semantic": {"dim": 5, "share": SHARE},
    }
    shape |= changes
    kept = {key: value for key, value in shape.items() if value is not None}
    (folder / "model.json").write_text(json.dumps(kept))
    return folder


def write_table(path: Path, rows: Mapping[str, Any], kind: Any) -> None:
    """A table of words."""
    vectors = np.array(list(rows.values()), np.float32)
    with TableWriter(path, vectors.shape[1], kind=kind) as writer:
        writer.add(list(rows), vectors)
        writer.finish()


def _network() -> onnx.ModelProto:
    seen = np.array(list(THINGS.values()), np.float32) / 127.5 - 1
    numbers = {
        "of_colour": (_SHARPNESS * seen).T.astype(np.float32),
        "level": (-_SHARPNESS / 2 * (seen**2).sum(axis=1)).astype(np.float32),
        "mean": np.full(5, 0.2, np.float32),
        "shift": np.full(3, 0.01, np.float32),
        "much": np.array((1 - SHARE) ** 0.5, np.float32),
        "little": np.array(SHARE**0.5, np.float32),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["gap"]),
        helper.make_node("Flatten", ["gap"], ["features"]),
        helper.make_node("Gemm", ["features", "of_colour", "level"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["classes"], axis=1),
        helper.make_node("Sub", ["classes", "mean"], ["shown"]),
        helper.make_node("LpNormalization", ["shown"], ["semantic"], axis=1, p=2),
        helper.make_node("Add", ["features", "shift"], ["moved"]),
        helper.make_node("LpNormalization", ["moved"], ["visual"], axis=1, p=2),
        helper.make_node("Mul", ["visual", "much"], ["first"]),
        helper.make_node("Mul", ["semantic", "little"], ["second"]),
        helper.make_node("Concat", ["first", "second"], ["embedding"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "semantic",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 8]),
            helper.make_tensor_value_info("classes", TensorProto.FLOAT, ["N", 5]),
        ],
        [numpy_helper.from_array(value, name) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model
