"""What every embedder promises, run over every kind of embedder there is."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from two_sided import write_clip

from visavis.embedders.adding.add import add_folder
from visavis.embedders.base import Embedder
from visavis.embedders.registry import load_embedder
from visavis.types import RGB

SHARED = Path(__file__).parents[3] / "shared" / "weights"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network: a convolution, and the average of what it finds."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    kernel = np.random.default_rng(3).normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "kernel"], ["map"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["map"], ["cut"]),
            helper.make_node("GlobalAveragePool", ["cut"], ["gap"]),
            helper.make_node("Flatten", ["gap"], ["features"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 8])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    opset = [helper.make_opsetid("", 13)]
    data = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    shape = {
        "name": "tiny",
        "file": "model.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "output": "features",
        "pool": "none",
        "dim": 8,
        "preprocess": {
            "size": 32,
            "resize": "shortest",
            "crop": "center",
            "interpolation": "bicubic",
            "channels": "RGB",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "layout": "NCHW",
        },
    }
    (folder / "model.json").write_text(json.dumps(shape))
    return folder


@pytest.fixture(
    params=[
        "classic",
        "onnx",
        "combined",
        "two-sided",
        pytest.param("mobilenet-v2", marks=pytest.mark.shared),
        pytest.param("squeezenet", marks=pytest.mark.shared),
    ]
)
def embedder(
    request: pytest.FixtureRequest,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Embedder:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kind = str(request.param)
    refs = {
        "classic": "classic",
        "onnx": str(model_folder),
        "combined": f"0.7:{model_folder}+0.3:classic",
    }
    if kind == "two-sided":
        monkeypatch.setenv("VISAVIS_MODELS", str(tmp_path / "models"))
        refs[kind] = add_folder(write_clip(tmp_path / "clip")).name
    if kind in refs:
        return load_embedder(refs[kind], threads=1)
    if not (SHARED / kind / "model.onnx").is_file():
        pytest.skip("no shared weights")
    return load_embedder(SHARED / kind, threads=1)


@pytest.fixture(scope="session")
def images() -> list[RGB]:
    rng = np.random.default_rng(11)
    sizes = [(60, 80), (80, 60), (100, 100), (33, 190), (48, 48)]
    return [
        (rng.random(3) * 180 + rng.integers(0, 70, (*size, 3))).astype(np.uint8) for size in sizes
    ]


ODD = {
    "black": np.zeros((40, 40, 3), np.uint8),
    "white": np.full((40, 40, 3), 255, np.uint8),
    "one pixel": np.full((1, 1, 3), 90, np.uint8),
    "a line": np.zeros((1, 900, 3), np.uint8),
    "a pole": np.full((900, 1, 3), 200, np.uint8),
}


def test_it_is_an_embedder(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)
    assert embedder.name
    assert embedder.dim > 0
    assert embedder.side is None or embedder.side > 0


def test_each_picture_gets_a_unit_vector(embedder: Embedder, images: list[RGB]) -> None:
    rows = embedder.embed_images(images)
    assert rows.shape == (len(images), embedder.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_pictures_get_no_vectors(embedder: Embedder) -> None:
    rows = embedder.embed_images([])
    assert rows.shape == (0, embedder.dim)
    assert rows.dtype == np.float32


def test_a_batch_equals_its_parts_in_order(embedder: Embedder, images: list[RGB]) -> None:
    together = embedder.embed_images(images)
    alone = np.vstack([embedder.embed_images([image]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    backwards = embedder.embed_images(images[::-1])
    np.testing.assert_allclose(backwards[::-1], together, atol=1e-5)


def test_different_pictures_get_different_vectors(embedder: Embedder, images: list[RGB]) -> None:
    scores = embedder.embed_images(images) @ embedder.embed_images(images).T
    assert (scores.argmax(axis=1) == np.arange(len(images))).all()


@pytest.mark.parametrize("image", ODD.values(), ids=ODD.keys())
def test_odd_pictures_get_a_finite_unit_vector_each_time(embedder: Embedder, image: RGB) -> None:
    first, second = (embedder.embed_images([image]) for _ in range(2))
    assert np.isfinite(first).all()
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(first, second)


def test_pictures_are_left_as_they_are(embedder: Embedder, images: list[RGB]) -> None:
    image = images[0].copy()
    image.flags.writeable = False
    embedder.embed_images([image])
    np.testing.assert_array_equal(image, images[0])


def test_several_threads_get_what_one_gets(embedder: Embedder, images: list[RGB]) -> None:
    alone = embedder.embed_images(images)
    with ThreadPoolExecutor(4) as pool:
        for rows in pool.map(embedder.embed_images, [images] * 8):
            np.testing.assert_allclose(rows, alone, atol=1e-6)


def test_its_ref_loads_it_again_in_another_process(embedder: Embedder, images: list[RGB]) -> None:
    code = (
        "import sys, numpy as np; from visavis.embedders.registry import load_embedder;"
        "e = load_embedder(sys.argv[1]); print(e.fingerprint);"
        "picture = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3) % 251;"
        "print(*e.embed_images([picture.astype(np.uint8)])[0][:16])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, embedder.ref],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    print_out = done.stdout.split()
    assert print_out[0] == embedder.fingerprint
    picture = (np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3) % 251).astype(np.uint8)
    ours = embedder.embed_images([picture])[0][:16]
    np.testing.assert_allclose([float(x) for x in print_out[1:]], ours, atol=1e-5)
    assert done.stderr == ""
