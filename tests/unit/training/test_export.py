import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from visavis.embedders.spec import read_spec
from visavis.training.colour import Colour, ColourHistogram
from visavis.training.export import (
    ExportError,
    difference,
    export,
    graph,
    merged,
    packed,
    plain_graph,
    small_graph,
    vectors,
)
from visavis.training.networks import Shape, Student, TwoScales
from visavis.training.retriever import Blend, Retriever


def network() -> Retriever:
    """A network with statistics of its own, so that merging them is no accident."""
    torch.manual_seed(1)
    student = Student(Shape(16, (16, 24, 32, 48), (1, 1, 1, 1), 20, 6, 50))
    student.train()
    for module in student.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    with torch.no_grad():
        for _ in range(20):
            student(images(8))
    return Retriever(
        TwoScales(student.eval(), 32),
        Colour(ColourHistogram(32), torch.rand(192, 4)),
        Blend(0.6, 0.2, 0.2),
    )


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1


def test_merging_the_normalisation_changes_no_answer() -> None:
    model = network()
    with torch.inference_mode():
        before, after = model(images(4)), merged(model)(images(4))
    assert torch.allclose(before[0], after[0], atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in merged(model).modules())


def test_the_graph_says_what_torch_says_for_any_batch() -> None:
    exact = merged(network())
    model = graph(exact, 32, ("embedding", "classes"))
    for count in (1, 5):
        assert difference(model, exact, images(count)) < 1e-4


def test_packed_weights_are_whole_multiples_that_hardly_move_the_answers() -> None:
    exact = merged(network())
    plain = graph(exact, 32, ("embedding", "classes"))
    model = packed(plain)
    assert model.ByteSize() < plain.ByteSize() * 0.4
    assert difference(model, exact, images(5)) < 0.02
    moved = vectors(model)(images(8)) * vectors(plain)(images(8))
    assert moved.sum(axis=1).min() > 0.998


def test_the_folder_is_whole_and_its_checksum_right(tmp_path: Path) -> None:
    spec = write(tmp_path / "model", network())
    content = (tmp_path / "model" / "model.onnx").read_bytes()
    assert read_spec(tmp_path / "model") == spec
    assert spec.sha256 == hashlib.sha256(content).hexdigest()
    assert spec.dim == 20 + 6 + 4
    assert (tmp_path / "model" / "labels.txt").read_text().splitlines() == ["a", "b"]
    assert (tmp_path / "model" / "metrics.json").read_text() == '{\n  "cosine": 0.5\n}\n'
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    vectors, _ = session.run(None, {"input": images(3).numpy()})
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_graph_that_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.training.export.graph", lambda *given: damaged(graph(*given)))
    with pytest.raises(ExportError, match="differs from torch"):
        write(tmp_path / "model", network())
    assert not (tmp_path / "model").exists()


def test_integers_that_say_something_else_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.training.export.packed", damaged)
    with pytest.raises(ExportError, match="integers move the vectors"):
        write(tmp_path / "model", network())
    assert not (tmp_path / "model").exists()


def damaged(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with one weight tensor set to zero."""
    tensor = max(model.graph.initializer, key=lambda t: t.ByteSize())
    values = onnx.numpy_helper.to_array(tensor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros_like(values), tensor.name))
    return model


def write(folder: Path, model: Retriever) -> object:
    return export(
        small_graph(plain_graph(model, images(4)), images(16), images(4)),
        folder,
        name="toy",
        labels=["a", "b"],
        license="Apache-2.0",
        origin="a test",
        records={"metrics": {"cosine": 0.5}},
    )
