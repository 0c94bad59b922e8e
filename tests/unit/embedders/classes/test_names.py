"""The names of classes, their scores, and their directions among the embeddings."""

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

from visavis.embedders.base import classes_of, unit_rows
from visavis.embedders.classes.names import ClassNames, probabilities
from visavis.embedders.classic import ClassicEmbedder
from visavis.embedders.folder import OnnxEmbedder
from visavis.errors import (
    ClassesUnsupportedError,
    ModelError,
    ModelSpecError,
    UnknownWordError,
)
from visavis.types import RGB, Vectors

MakeModel = Callable[..., Path]
MakeNetwork = Callable[..., onnx.ModelProto]
Weights = dict[str, NDArray[np.float32]]

SHARED = Path(__file__).parents[5] / "shared" / "weights"
LABELS = [f"thing {n}" for n in range(1000)]
CLASSES = {"output": "prob", "labels": "labels.txt"}


@pytest.fixture
def classifier(tiny_model: MakeModel) -> Callable[..., OnnxEmbedder]:
    """Makes a classifier of 1000 things; keyword arguments change model.json."""

    def make(
        network: onnx.ModelProto | None = None, labels: list[str] | None = None, **changes: Any
    ) -> OnnxEmbedder:
        folder = tiny_model(network, **({"classes": CLASSES} | changes))
        (folder / "labels.txt").write_text("\n".join(labels or LABELS) + "\n")
        return OnnxEmbedder(folder)

    return make


# -- names -----------------------------------------------------------------------------------------


def test_a_class_is_found_by_any_of_its_names_whatever_the_case() -> None:
    names = ClassNames(["tabby, tabby cat", "crane", "Siamese cat, Siamese", "crane", "dog"])
    assert names.find("tabby cat") == names.find("TABBY") == [0]
    assert names.find("tabby, tabby cat") == [0]
    assert names.find(" siamese_cat ") == [2]
    assert names.find("crane") == [1, 3]


def test_a_name_of_several_classes_says_so() -> None:
    names = ClassNames(["tabby, tabby cat", "Cardigan, Cardigan corgi", "cardigan"])
    [note] = names.notes("CARDIGAN")
    assert "2 classes called 'CARDIGAN'" in note
    assert note.endswith("'Cardigan, Cardigan corgi'; 'cardigan'")
    assert names.notes("tabby") == names.notes("Cardigan corgi") == ()


def test_an_endless_name_is_cut_in_the_error() -> None:
    with pytest.raises(UnknownWordError) as caught:
        ClassNames(["tabby"]).find("d" * 10_000)
    assert len(str(caught.value)) < 300


def test_an_unknown_class_names_those_that_hold_the_word_or_are_spelled_like_it() -> None:
    names = ClassNames(["tabby, tabby cat", "Siamese cat", "cattle truck", "lamp"])
    with pytest.raises(UnknownWordError, match=r"no class 'cat'; .*'tabby cat', 'Siamese cat'"):
        names.find("cat")
    with pytest.raises(UnknownWordError, match="'lamp'"):
        names.find("lanp")
    with pytest.raises(UnknownWordError, match="tags show its names"):
        names.find("xyzzy")
    with pytest.raises(UnknownWordError):
        names.find("")


# -- scores ----------------------------------------------------------------------------------------


def test_scores_are_what_the_network_gives(
    classifier: Callable[..., OnnxEmbedder], pictures: list[RGB], weights: Weights
) -> None:
    model = classifier()
    side = classes_of(model)
    assert side.labels == tuple(LABELS)
    features = model._network(pictures[:2])
    logits = np.asarray(features, np.float64) @ weights["matrix"]
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = side.scores(pictures)
    np.testing.assert_allclose(found[:2], raised / raised.sum(axis=1, keepdims=True), rtol=1e-3)
    assert found.shape == (5, 1000)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-4)


def test_scores_that_are_no_probabilities_are_made_so(
    classifier: Callable[..., OnnxEmbedder], pictures: list[RGB]
) -> None:
    usual = classes_of(classifier()).scores(pictures)
    raw = classifier(folder="raw", classes=CLASSES | {"output": "logits"})
    np.testing.assert_allclose(classes_of(raw).scores(pictures), usual, rtol=1e-3)
    rows = np.array([[0.2, 0.8], [1.0, 0.0]], np.float32)
    np.testing.assert_array_equal(probabilities(rows), rows)


def test_labels_of_another_number_are_refused(
    classifier: Callable[..., OnnxEmbedder], pictures: list[RGB]
) -> None:
    model = classifier(labels=["only", "two"])
    with pytest.raises(ModelSpecError, match=r"has 1000 classes and labels\.txt 2 lines"):
        classes_of(model).scores(pictures)
    with pytest.raises(ClassesUnsupportedError, match="1000 classes, not 2"):
        classes_of(model).directions(["two"])


def test_labels_that_cannot_be_read_are_named(tiny_model: MakeModel) -> None:
    model = OnnxEmbedder(tiny_model(classes=CLASSES))
    with pytest.raises(ModelError, match=r"labels\.txt: the labels cannot be read"):
        classes_of(model)


def test_a_model_without_a_classifier_says_so(tiny_model: MakeModel) -> None:
    for model in (ClassicEmbedder(), OnnxEmbedder(tiny_model())):
        with pytest.raises(ClassesUnsupportedError, match="has no classifier"):
            classes_of(model)


# -- directions ------------------------------------------------------------------------------------


def centred(weights: NDArray[np.float32]) -> Vectors:
    """(features, classes) to a direction for each class."""
    return unit_rows((weights - weights.mean(axis=1, keepdims=True)).T)


def test_a_direction_is_the_weights_of_the_class_without_what_all_share(
    classifier: Callable[..., OnnxEmbedder], weights: Weights
) -> None:
    found = classes_of(classifier()).directions(["thing 7", "Thing 12", "thing 7"])
    np.testing.assert_allclose(found, centred(weights["matrix"])[[7, 12, 7]], atol=1e-5)


def test_going_in_the_direction_makes_the_class_more_probable(
    classifier: Callable[..., OnnxEmbedder], weights: Weights
) -> None:
    direction = classes_of(classifier()).directions(["thing 7"])[0]
    feature = np.abs(np.random.default_rng(4).normal(size=8))

    def probability(at: NDArray[np.float64]) -> float:
        logits = at @ weights["matrix"]
        raised = np.exp(logits - logits.max())
        return float(raised[7] / raised.sum())

    assert probability(feature + 0.5 * direction) > probability(feature)
    assert probability(feature - 0.5 * direction) < probability(feature)


def test_classes_that_share_a_name_share_a_direction(
    classifier: Callable[..., OnnxEmbedder], weights: Weights
) -> None:
    labels = ["crane", *LABELS[1:-1], "crane"]
    found = classes_of(classifier(labels=labels)).directions(["crane"])
    each = centred(weights["matrix"])
    np.testing.assert_allclose(found, unit_rows((each[:1] + each[-1:]) / 2), atol=1e-5)


def test_the_layer_can_be_named(classifier: Callable[..., OnnxEmbedder], weights: Weights) -> None:
    named = classifier(classes=CLASSES | {"weights": "matrix"})
    found = classes_of(named).directions(["thing 3"])
    np.testing.assert_allclose(found, centred(weights["matrix"])[[3]], atol=1e-5)
    wrong = classifier(folder="wrong", classes=CLASSES | {"weights": "bias"})
    with pytest.raises(ModelSpecError, match=r"classes\.weights 'bias' is not the weights"):
        classes_of(wrong).directions(["thing 3"])


def test_a_map_that_the_feature_is_the_mean_of_counts_as_the_feature(
    classifier: Callable[..., OnnxEmbedder], weights: Weights
) -> None:
    model = classifier(output="map", pool="average")
    found = classes_of(model).directions(["thing 3"])
    np.testing.assert_allclose(found, centred(weights["matrix"])[[3]], atol=1e-5)


def test_an_embedding_that_the_classifier_does_not_act_on_is_refused(
    classifier: Callable[..., OnnxEmbedder],
) -> None:
    model = classifier(output="prob", dim=1000)
    with pytest.raises(ClassesUnsupportedError, match="cannot be bent by class here"):
        classes_of(model).directions(["thing 3"])


def written(folder: Path, model: onnx.ModelProto, dim: int, classes: int) -> OnnxEmbedder:
    """A folder of a network from `input` to `embedding` and `classes`."""
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    (folder / "labels.txt").write_text("".join(f"thing {n}\n" for n in range(classes)))
    preprocess = {
        "size": 8,
        "resize": "squash",
        "crop": "none",
        "interpolation": "bicubic",
        "channels": "RGB",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "layout": "NCHW",
    }
    shape = {
        "name": "headed",
        "file": "model.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "output": "embedding",
        "pool": "none",
        "dim": dim,
        "preprocess": preprocess,
        "classes": {"output": "classes", "labels": "labels.txt"},
    }
    (folder / "model.json").write_text(json.dumps(shape))
    return OnnxEmbedder(folder)


def headed(
    weights: Weights, between: str | None = None, *, whitened: bool = False
) -> onnx.ModelProto:
    """A network of the kind that ships: the embedding joins parts made of the feature, each of its
    own length, and the classifier acts on the feature; some weights are 8-bit times a scale.

    `between` is an operation between the feature and the first part. A whitened embedding was
    multiplied with a square matrix in the end.
    """
    half = numpy_helper.from_array(np.array([0.5], np.float32), "half")
    scale = np.abs(weights["classes"]).max(axis=1, keepdims=True) / 127
    small = np.rint(weights["classes"] / scale).astype(np.int8)
    feature = "feature"
    nodes = [
        helper.make_node("Cast", ["small"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "scale"], ["class weights"]),
        helper.make_node("Conv", ["input", "kernel"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["feature"]),
    ]
    if between is not None:
        nodes.append(helper.make_node(between, ["feature"], ["changed"]))
        feature = "changed"
    nodes += [
        helper.make_node("Gemm", [feature, "head", "bias"], ["learned"], transB=1),
        helper.make_node("ReduceL2", ["learned"], ["length"], axes=[1]),
        helper.make_node("Div", ["learned", "length"], ["direction"]),
        helper.make_node("Mul", ["direction", "half"], ["share"]),
        helper.make_node("Mul", ["feature", "half"], ["rest"]),
        helper.make_node("Concat", ["share", "rest"], ["all" if whitened else "embedding"], axis=1),
        helper.make_node("Gemm", ["feature", "class weights", ""], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["classes"], axis=1),
    ]
    if whitened:
        nodes.append(helper.make_node("MatMul", ["all", "square"], ["embedding"]))
    tensors = [numpy_helper.from_array(weights[n], n) for n in ("kernel", "head", "bias")]
    if whitened:
        tensors.append(numpy_helper.from_array(weights["square"], "square"))
    tensors += [half, numpy_helper.from_array(small, "small")]
    tensors.append(numpy_helper.from_array(scale.astype(np.float32), "scale"))
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (
            ("input", ["N", 3, 8, 8]),
            ("embedding", ["N", 11]),
            ("classes", ["N", 20]),
        )
    ]
    graph = helper.make_graph(nodes, "headed", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture
def head_weights() -> Weights:
    random = np.random.default_rng(8)
    return {
        "kernel": random.normal(size=(6, 3, 3, 3)).astype(np.float32),
        "head": random.normal(size=(5, 6)).astype(np.float32),
        "bias": random.normal(size=5).astype(np.float32),
        "classes": random.normal(size=(20, 6)).astype(np.float32),
        "square": random.normal(size=(11, 11)).astype(np.float32),
    }


def test_through_a_layer_of_the_same_feature_a_direction_follows_the_class_by_least_squares(
    tmp_path: Path, head_weights: Weights
) -> None:
    model = written(tmp_path / "headed", headed(head_weights), 11, 20)
    found = classes_of(model).directions(["thing 4"])[0]
    wanted = head_weights["classes"] - head_weights["classes"].mean(axis=0)
    solution = np.linalg.lstsq(head_weights["head"].T, wanted[4], rcond=None)[0]
    np.testing.assert_allclose(found[:5], unit_rows(solution[None])[0], atol=0.02)
    np.testing.assert_array_equal(found[5:], 0)


def test_behind_a_whitening_a_direction_says_of_pictures_what_it_said_before_it(
    tmp_path: Path, head_weights: Weights
) -> None:
    plain = written(tmp_path / "headed", headed(head_weights), 11, 20)
    model = written(tmp_path / "whitened", headed(head_weights, whitened=True), 11, 20)
    before, behind = (classes_of(one).directions(["thing 4"])[0] for one in (plain, model))
    vectors = np.random.default_rng(1).normal(size=(9, 11))
    said, says = vectors @ before, (vectors @ head_weights["square"]) @ behind
    np.testing.assert_allclose(says / np.linalg.norm(says), said / np.linalg.norm(said), atol=1e-3)


def test_what_lies_between_feature_and_layer_is_refused(
    tmp_path: Path, head_weights: Weights
) -> None:
    model = written(tmp_path / "headed", headed(head_weights, between="Relu"), 11, 20)
    with pytest.raises(ClassesUnsupportedError, match="'changed'"):
        classes_of(model).directions(["thing 4"])


@pytest.mark.shared
def test_a_real_class_is_found_among_real_pictures() -> None:
    folder = SHARED / "mobilenet-v2"
    data = SHARED.parent / "data" / "pascal" / "images"
    if not folder.is_dir() or not data.is_dir():
        pytest.skip("no shared weights")
    from visavis.images.decode import decode

    kinds = {"aeroplane": "airliner", "bicycle": "mountain bike", "diningtable": "dining table"}
    model = OnnxEmbedder(folder, threads=1)
    paths = [path for kind in kinds for path in sorted((data / kind).iterdir())[:12]]
    pictures = [decode(path.read_bytes(), str(path), min_side=224).pixels for path in paths]
    side = classes_of(model)
    directions = side.directions(list(kinds.values()))
    scores = model.embed_images(pictures) @ directions.T
    for column, kind in enumerate(kinds):
        best = np.argsort(-scores[:, column])[:6]
        assert sum(paths[place].parent.name == kind for place in best) >= 5
