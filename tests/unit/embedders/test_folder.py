"""Model folders, against the same network worked out in numpy and against ONNX Runtime plainly."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from PIL import Image

from visavis.embedders.base import Embedder
from visavis.embedders.folder import OnnxEmbedder, fingerprint
from visavis.embedders.runtime.checksum import verify
from visavis.embedders.runtime.graph import read_graph
from visavis.embedders.spec import read_spec
from visavis.errors import ModelChecksumError, ModelError, ModelNotFoundError, ModelSpecError
from visavis.types import RGB

SHARED = Path(__file__).parents[4] / "shared"

MakeModel = Callable[..., Path]
MakeNetwork = Callable[..., onnx.ModelProto]
Weights = dict[str, NDArray[np.float32]]


def plain_maps(images: list[RGB], kernel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Resize, normalise, 3 × 3 convolution and cut at 0, in the plainest way: (n, 8, 32, 32)."""
    mean, std = np.array([0.5, 0.4, 0.3]), np.array([0.5, 0.25, 0.2])
    maps = []
    for image in images:
        small = Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC)
        x = ((np.asarray(small) / 255 - mean) / std).transpose(2, 0, 1)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        total = np.zeros((8, 32, 32))
        for row in range(3):
            for column in range(3):
                patch = padded[:, row : row + 32, column : column + 32]
                total += np.einsum("oc,chw->ohw", kernel[:, :, row, column], patch)
        maps.append(np.maximum(total, 0))
    return np.array(maps)


def unit(rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_an_inner_tensor_is_the_embedding(
    tiny_model: MakeModel, weights: Weights, pictures: list[RGB]
) -> None:
    expected = unit(plain_maps(pictures, weights["kernel"]).mean(axis=(2, 3)))
    embedder = OnnxEmbedder(tiny_model())
    np.testing.assert_allclose(embedder.embed_images(pictures), expected, atol=1e-5)


@pytest.mark.parametrize("pool", ["average", "gem"])
def test_a_map_is_pooled(
    tiny_model: MakeModel, weights: Weights, pictures: list[RGB], pool: str
) -> None:
    maps = plain_maps(pictures, weights["kernel"])
    rows = maps.mean(axis=(2, 3)) if pool == "average" else (maps**3).mean(axis=(2, 3)) ** (1 / 3)
    embedder = OnnxEmbedder(tiny_model(output="map", pool=pool))
    np.testing.assert_allclose(embedder.embed_images(pictures), unit(rows), atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_a_graph_with_a_fixed_batch_gives_the_same(
    tiny_model: MakeModel, tiny_network: MakeNetwork, pictures: list[RGB], batch: int
) -> None:
    free = OnnxEmbedder(tiny_model(folder="free")).embed_images(pictures)
    fixed = OnnxEmbedder(tiny_model(tiny_network(batch=batch), folder="fixed"))
    np.testing.assert_allclose(fixed.embed_images(pictures), free, atol=1e-6)


def test_half_precision_gives_nearly_the_same(
    tiny_model: MakeModel, tiny_network: MakeNetwork, pictures: list[RGB]
) -> None:
    exact = OnnxEmbedder(tiny_model(folder="exact")).embed_images(pictures)
    half = tiny_model(tiny_network(dtype=TensorProto.FLOAT16), folder="half")
    ours = OnnxEmbedder(half).embed_images(pictures)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, exact, atol=5e-3)


def test_several_threads_get_what_one_gets(tiny_model: MakeModel, pictures: list[RGB]) -> None:
    embedder = OnnxEmbedder(tiny_model(), threads=1)
    alone = embedder.embed_images(pictures)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(embedder.embed_images, [pictures] * 20))
    for result in results:
        np.testing.assert_array_equal(result, alone)


def test_weights_in_a_second_file_are_found_for_inner_tensors_too(
    tiny_model: MakeModel, tiny_network: MakeNetwork, pictures: list[RGB]
) -> None:
    one_file = OnnxEmbedder(tiny_model(folder="one"))
    folder = tiny_model(folder="two")
    path = folder / "model.onnx"
    path.unlink()
    onnx.save_model(
        tiny_network(), path, save_as_external_data=True, location="weights", size_threshold=0
    )
    change_spec(folder, sha256=sha256(path))
    two_files = OnnxEmbedder(folder)
    np.testing.assert_allclose(
        two_files.embed_images(pictures), one_file.embed_images(pictures), atol=1e-6
    )


def change_spec(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_fingerprint_changes_with_what_shapes_a_vector_and_with_nothing_else(
    tiny_model: MakeModel,
) -> None:
    folder = tiny_model()
    before = fingerprint(read_spec(folder))
    for harmless in ({"name": "other"}, {"license": "MIT"}, {"origin": "elsewhere"}):
        change_spec(folder, **harmless)
        assert fingerprint(read_spec(folder)) == before
    preprocess = json.loads((folder / "model.json").read_text())["preprocess"]
    for change in (
        {"sha256": "0" * 64},
        {"output": "gap"},
        {"pool": "gem"},
        {"preprocess": preprocess | {"interpolation": "box"}},
        {"preprocess": preprocess | {"mean": [0.5, 0.5, 0.5]}},
    ):
        change_spec(folder, **change)
        after = fingerprint(read_spec(folder))
        assert after != before
        before = after


def test_the_fingerprint_is_the_same_in_another_process(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    code = (
        "import sys; from visavis.embedders.registry import load_embedder as load;"
        "print(*(load(name).fingerprint for name in sys.argv[1:]))"
    )
    names = [str(folder), "classic", f"0.7:{folder}+0.3:classic"]
    from visavis.embedders.registry import load_embedder

    environment = os.environ | {"PYTHONHASHSEED": "5"}
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.split() == [load_embedder(name).fingerprint for name in names]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "nothing"}, r"no tensor 'nothing'; its outputs are prob"),
        ({"dim": 9}, r"dim is 9, but 'features' with pool 'none' gives 8"),
        ({"output": "map"}, r"gives 8192 dimensions; correct dim, or choose pool"),
    ],
)
def test_a_spec_that_does_not_fit_the_graph_says_what_to_correct(
    tiny_model: MakeModel, pictures: list[RGB], changes: dict[str, Any], message: str
) -> None:
    folder = tiny_model(**changes)
    with pytest.raises(ModelSpecError, match=message):
        OnnxEmbedder(folder).embed_images(pictures)


def test_a_wrong_size_says_what_the_graph_takes(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    preprocess = json.loads((folder / "model.json").read_text())["preprocess"]
    change_spec(folder, preprocess=preprocess | {"size": 64})
    with pytest.raises(ModelSpecError, match=r"takes input of shape .*32, 32\]"):
        OnnxEmbedder(folder)


def test_a_changed_file_is_refused_and_a_right_one_is_read_once(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    OnnxEmbedder(folder)
    weights = folder / "model.onnx"
    old = weights.stat()
    weights.write_bytes(weights.read_bytes() + b"\x00")
    with pytest.raises(ModelChecksumError, match=r"model\.onnx is not the file"):
        OnnxEmbedder(folder)
    # The marker stands for size and time of change: what has both is not read again…
    weights.write_bytes(weights.read_bytes()[:-2] + b"\x00")
    os.utime(weights, ns=(old.st_atime_ns, old.st_mtime_ns))
    verify(weights, read_spec(folder).sha256)
    # …but a check reads it.
    with pytest.raises(ModelChecksumError):
        verify(weights, read_spec(folder).sha256, trust_marker=False)


def test_a_cache_that_cannot_be_written_is_done_without(
    tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert OnnxEmbedder(tiny_model()).dim == 8


def test_missing_weights_are_named(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelNotFoundError, match=r"model\.onnx cannot be read"):
        OnnxEmbedder(folder)


def test_a_file_that_is_no_network_is_named_in_one_line(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    path = folder / "model.onnx"
    path.write_bytes(b"not a network")
    change_spec(folder, sha256=sha256(path))
    with pytest.raises(ModelError, match=r"model\.onnx cannot be read") as caught:
        OnnxEmbedder(folder)
    assert "\n" not in str(caught.value)


def test_an_operation_that_onnxruntime_lacks_is_one_line(
    tiny_model: MakeModel, tiny_network: MakeNetwork, capfd: pytest.CaptureFixture[str]
) -> None:
    network = tiny_network()
    network.graph.node[1].op_type = "NoSuchOperation"
    with pytest.raises(ModelError, match=r"cannot be opened .*NoSuchOperation") as caught:
        OnnxEmbedder(tiny_model(network))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_devices_that_are_not_there_are_refused_with_those_that_are(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    with pytest.raises(ModelError, match="no device is called 'gpu'; this machine has cpu"):
        OnnxEmbedder(folder, device="gpu")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(ModelError, match="install onnxruntime-gpu"):
            OnnxEmbedder(folder, device="cuda")


def test_an_input_that_is_no_picture_is_refused(
    tiny_model: MakeModel, tiny_network: MakeNetwork
) -> None:
    network = tiny_network()
    network.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    network.graph.node[0].input[0] = "numbers"
    cast = onnx.helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT)
    network.graph.node.insert(0, cast)
    with pytest.raises(ModelSpecError, match=r"takes tensor\(int64\), not pictures"):
        OnnxEmbedder(tiny_model(network))


def test_an_output_without_a_row_for_each_picture_is_refused(
    tiny_model: MakeModel, tiny_network: MakeNetwork, pictures: list[RGB]
) -> None:
    network = tiny_network()
    network.graph.node.append(onnx.helper.make_node("ReduceMean", ["features"], ["all"]))
    folder = tiny_model(network, output="all")
    with pytest.raises(ModelSpecError, match="one row for each picture"):
        OnnxEmbedder(folder).embed_images(pictures[:2])


def test_a_graph_with_two_inputs_says_which_file_is_wanted(
    tiny_model: MakeModel, tiny_network: MakeNetwork
) -> None:
    network = tiny_network()
    words = onnx.helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["N", 77])
    network.graph.input.append(words)
    with pytest.raises(ModelSpecError, match=r"takes 2 inputs \(input, input_ids\)"):
        OnnxEmbedder(tiny_model(network))


def shared_model(name: str) -> Path:
    folder = SHARED / "weights" / name
    if not (folder / "model.onnx").is_file():
        pytest.skip("no shared weights")
    return folder


@pytest.mark.shared
def test_mobilenet_gives_what_pillow_numpy_and_onnxruntime_give() -> None:
    folder = shared_model("mobilenet-v2")
    paths = sorted((SHARED / "data" / "ukbench" / "images").glob("*.jpg"))[:8]
    images = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    expected = []
    for image in images:
        small = Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC)
        x = np.asarray(small).astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
        (features,) = session.run(["features"], {"input": x})
        expected.append(features[0])
    embedder: Embedder = OnnxEmbedder(folder)
    ours = embedder.embed_images(images)
    np.testing.assert_allclose(ours, unit(np.array(expected)), atol=1e-5)
    assert embedder.side == 224


@pytest.mark.shared
def test_squeezenet_gives_what_a_plain_computation_gives() -> None:
    """Half precision, one at a time, blue first, and a tensor that is not declared."""
    folder = shared_model("squeezenet")
    network = onnx.load_model(folder / "model.onnx")
    network.graph.output.append(
        onnx.helper.make_tensor_value_info("fire9/concat_1", TensorProto.FLOAT16, None)
    )
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (90, 120, 3), dtype=np.uint8) for _ in range(3)]
    expected = []
    for image in images:
        small = Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC)
        x = np.asarray(small)[:, :, ::-1].astype(np.float32) - np.array([104, 117, 123])
        batch = x.transpose(2, 0, 1)[None].astype(np.float16)
        (maps,) = session.run(["fire9/concat_1"], {"data_0": batch})
        expected.append(maps.astype(np.float32).mean(axis=(2, 3))[0])
    ours = OnnxEmbedder(folder).embed_images(images)
    np.testing.assert_allclose(ours, unit(np.array(expected)), atol=2e-3)
    assert read_graph(folder / "model.onnx").outputs == ("softmaxout_1",)
