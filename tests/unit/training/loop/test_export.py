"""Base and head in one graph, for bases of many kinds; read by the engine without torch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from labelled import some_pictures, write_base

from visavis.embedders.registry import load_embedder
from visavis.embedders.spec import PreprocessSpec, read_spec
from visavis.errors import ModelError
from visavis.training.graphs.join import joined
from visavis.training.loop.export import Exported, graph_on_base, write_model
from visavis.training.networks.embedding import EmbeddingNetwork
from visavis.training.networks.frozen_base import FrozenBase, frozen_base, pixels_maker
from visavis.training.networks.heads import Head
from visavis.training.networks.pixel_branch import PixelBranch
from visavis.training.settings import Metric

KINDS: dict[str, dict[str, Any]] = {
    "an inner tensor": {},
    "a map, averaged": {"output": "map", "pool": "average"},
    "a map, by generalised mean": {"output": "map", "pool": "gem"},
    "a map as it is": {"output": "map", "pool": "none", "dim": 12 * 16},
    "blue first": {"order": "BGR"},
    "channels last": {"layout": "NHWC"},
    "half precision": {"half": True},
    "one picture at a time": {"count": 1},
    "an old opset": {"opset": 9},
    "one older than the head can be": {"opset": 11, "half": True, "count": 1},
}


def network(
    base: FrozenBase, metric: Metric = "cosine", *, pixels: bool = False
) -> EmbeddingNetwork:
    torch.manual_seed(1)
    branch = PixelBranch(base.preprocess.size) if pixels else None
    head = Head(base.embedder.dim + (branch.dim if branch else 0), (16, 8))
    torch.nn.init.normal_(head.dense[-1].weight, 0, 0.3)  # type: ignore[index, arg-type]
    return EmbeddingNetwork(None, branch, head, metric).eval()


def written(out: Path, base: FrozenBase, net: EmbeddingNetwork) -> float:
    model, difference = graph_on_base(net, base, some_pictures())
    exported = Exported(model, difference, 8, base.preprocess)
    write_model(out, exported, name="mine", origin="a test", records={"metrics": {"map": 0.5}})
    return difference


@pytest.mark.parametrize("pixels", [False, True], ids=["base alone", "with pixels"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_model_folder_says_what_base_and_head_say(
    kind: str, pixels: bool, tmp_path: Path
) -> None:
    base = frozen_base(load_embedder(write_base(tmp_path / "base", **KINDS[kind])))
    net = network(base, pixels=pixels)
    assert written(tmp_path / "mine", base, net) < 1e-4
    pictures = some_pictures(4)
    found = load_embedder(tmp_path / "mine").embed_images(pictures)
    rows = torch.from_numpy(base.embedder.embed_images(pictures))
    looked = torch.from_numpy(pixels_maker(base.preprocess).make(pictures))
    shown = looked.permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        wanted = net.vectors(rows, shown).numpy()
    assert found.shape == (4, 8)
    assert np.abs(found - wanted).max() < 1e-4
    assert np.abs(found @ found.T - 1).max() > 1e-3  # they are no constant


def test_a_trained_model_can_be_a_base_again(tmp_path: Path) -> None:
    base = frozen_base(load_embedder(write_base(tmp_path / "base")))
    written(tmp_path / "once", base, network(base))
    again = frozen_base(load_embedder(tmp_path / "once"))
    net = network(again, pixels=True)
    assert written(tmp_path / "twice", again, net) < 1e-4
    found = load_embedder(tmp_path / "twice").embed_images(some_pictures())
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_network_of_histograms_gives_roots_of_shares(tmp_path: Path) -> None:
    base = frozen_base(load_embedder(write_base(tmp_path / "base")))
    written(tmp_path / "mine", base, network(base, "chi2"))
    found = load_embedder(tmp_path / "mine").embed_images(some_pictures())
    assert found.min() > 0
    assert np.allclose((found**2).sum(axis=1), 1, atol=1e-5)


def test_what_the_head_does_not_need_of_the_base_is_left_out(tmp_path: Path) -> None:
    base = frozen_base(load_embedder(write_base(tmp_path / "base")))
    written(tmp_path / "mine", base, network(base))
    graph = onnx.load(str(tmp_path / "mine" / "model.onnx")).graph
    assert "logits" not in {name for node in graph.node for name in node.output}
    assert "matrix" not in {tensor.name for tensor in graph.initializer}
    assert len(graph.output) == 1


def test_the_folder_is_whole_and_its_records_beside_it(tmp_path: Path) -> None:
    base = frozen_base(load_embedder(write_base(tmp_path / "base")))
    written(tmp_path / "mine", base, network(base))
    spec = read_spec(tmp_path / "mine")
    assert (spec.name, spec.dim) == ("mine", 8)
    assert spec.preprocess == base.preprocess
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "metrics.json",
        "model.json",
        "model.onnx",
    ]


def test_a_graph_that_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = frozen_base(load_embedder(write_base(tmp_path / "base")))

    def damaged(*given: Any) -> onnx.ModelProto:
        model = joined(*given)
        tensor = next(t for t in model.graph.initializer if "straight.bias" in t.name)
        values = onnx.numpy_helper.to_array(tensor) + np.float32(0.01)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        return model

    monkeypatch.setattr("visavis.training.loop.export.joined", damaged)
    with pytest.raises(ModelError, match="not written, as its ONNX graph and torch differ by"):
        written(tmp_path / "mine", base, network(base))
    assert not (tmp_path / "mine").exists()


def test_a_number_that_is_none_is_no_small_difference(tmp_path: Path) -> None:
    base = frozen_base(load_embedder(write_base(tmp_path / "base")))
    model, _ = graph_on_base(network(base), base, some_pictures())
    exported = Exported(model, float("nan"), 8, PreprocessSpec(size=32))
    with pytest.raises(ModelError, match="differ by nan"):
        write_model(tmp_path / "mine", exported, name="mine", origin="", records={})


@pytest.mark.parametrize("model", ["classic", "0.5:classic+0.5:classic"])
def test_what_has_no_graph_cannot_be_a_base(model: str) -> None:
    with pytest.raises(ModelError, match="cannot be a base: it is no network in an ONNX file"):
        frozen_base(load_embedder(model))


def test_pictures_of_a_letterboxed_base_have_its_background(tmp_path: Path) -> None:
    spec = PreprocessSpec(size=32, resize="letterbox", mean=(0.2, 0.4, 0.6))
    made = pixels_maker(spec).make([np.zeros((16, 32, 3), np.uint8)])
    assert made[0, 0, 0].tolist() == [51, 102, 153]
    assert pixels_maker(spec).key != pixels_maker(replace(spec, mean=(0.0, 0.0, 0.0))).key
