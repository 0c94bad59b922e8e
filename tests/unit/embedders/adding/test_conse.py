"""A classifier searched by words: what is appended to it, with plain arithmetic as the oracle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from word_files import write_text

from visavis.embedders.adding import conse
from visavis.embedders.adding.conse import ConseReport, class_vectors, make_conse
from visavis.embedders.base import TextEmbedder, classes_of, unit_rows
from visavis.embedders.registry import load_embedder
from visavis.embedders.spec import read_spec
from visavis.embedders.words.lookup import Words, open_words
from visavis.embedders.words.table import WordTable
from visavis.errors import ClassesUnsupportedError, ModelError, WordVectorsError
from visavis.types import RGB

MakeModel = Callable[..., Path]
MakeNetwork = Callable[..., onnx.ModelProto]
CLASSES = {"output": "prob", "labels": "labels.txt"}


@pytest.fixture(scope="session")
def known() -> dict[str, list[float]]:
    """Vectors for the words thing0 … thing899: a hundred classes have none."""
    rows = np.random.default_rng(6).normal(size=(900, 12)).round(4)
    return {f"thing{n}": row.tolist() for n, row in enumerate(rows)}


@pytest.fixture
def vectors(tmp_path: Path, known: dict[str, list[float]]) -> Path:
    return write_text(tmp_path / "vectors.txt", known)


@pytest.fixture
def classifier(tiny_model: MakeModel) -> Callable[..., Path]:
    def make(network: onnx.ModelProto | None = None, **changes: Any) -> Path:
        folder = tiny_model(network, **({"classes": CLASSES} | changes))
        labels = "".join(f"thing{n}, other name\n" for n in range(1000))
        (folder / "labels.txt").write_text(labels)
        return folder

    return make


def made(classifier: Path, vectors: Path, tmp_path: Path, **rest: Any) -> ConseReport:
    return make_conse(str(classifier), vectors, tmp_path / "by-words", **rest)


def by_hand(scores: NDArray[np.float32], known: dict[str, list[float]], top: int) -> Any:
    """The formula of the paper, class by class."""
    table = unit_rows(np.array(list(known.values())))
    table = unit_rows(table - table.mean(axis=0))
    rows = []
    for row in scores:
        usable = [n for n in range(1000) if n < len(table)]
        best = sorted(usable, key=lambda n: -row[n])[:top]
        rows.append(sum(float(row[n]) * table[n].astype(np.float64) for n in best))
    return unit_rows(np.array(rows))


@pytest.mark.parametrize("top", [1, 3, 10, 5000])
def test_a_picture_is_the_mean_of_the_words_of_its_most_probable_classes(
    classifier: Callable[..., Path],
    vectors: Path,
    known: dict[str, list[float]],
    pictures: list[RGB],
    tmp_path: Path,
    top: int,
) -> None:
    folder = classifier()
    report = made(folder, vectors, tmp_path, top=top)
    scores = classes_of(load_embedder(folder)).scores(pictures)
    found = load_embedder(report.folder).embed_images(pictures)
    np.testing.assert_allclose(found, by_hand(scores, known, top), atol=2e-3)


def changed_to(network: onnx.ModelProto, kind: str) -> onnx.ModelProto:
    if kind == "old operators":
        network.opset_import[0].version = 9
        network.ir_version = 3  # weights had to be listed among the inputs then
        network.graph.node[4].op_type = "MatMul"  # Gemm needed a bias
        for tensor in network.graph.initializer:
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            network.graph.input.append(value)
        onnx.checker.check_model(network)
    if kind == "maps of one pixel":
        nodes = [helper.make_node("Unsqueeze", ["prob", "axes"], ["pixel"])]
        network.graph.node.extend(nodes)
        axes = onnx.numpy_helper.from_array(np.array([2, 3]), "axes")
        network.graph.initializer.append(axes)
        network.graph.output[0].CopyFrom(
            helper.make_tensor_value_info("pixel", TensorProto.FLOAT, None)
        )
    return network


@pytest.mark.parametrize(
    ("kind", "network", "output"),
    [
        ("no softmax", {}, "logits"),
        ("half precision", {"dtype": TensorProto.FLOAT16}, "prob"),
        ("one picture at a time", {"batch": 1}, "prob"),
        ("old operators", {}, "prob"),
        ("maps of one pixel", {}, "pixel"),
    ],
)
def test_networks_of_every_kind_give_the_same(
    classifier: Callable[..., Path],
    tiny_network: MakeNetwork,
    vectors: Path,
    pictures: list[RGB],
    tmp_path: Path,
    kind: str,
    network: dict[str, Any],
    output: str,
) -> None:
    usual = load_embedder(made(classifier(), vectors, tmp_path).folder).embed_images(pictures)
    folder = classifier(
        changed_to(tiny_network(**network), kind),
        folder="other",
        classes=CLASSES | {"output": output},
    )
    report = make_conse(str(folder), vectors, tmp_path / "other-by-words")
    found = load_embedder(report.folder).embed_images(pictures)
    np.testing.assert_allclose(found, usual, atol=0.02 if kind == "half precision" else 1e-4)


def test_the_result_is_a_model_folder_that_reads_words_and_still_tells_classes(
    classifier: Callable[..., Path], vectors: Path, pictures: list[RGB], tmp_path: Path
) -> None:
    folder = classifier()
    report = made(folder, vectors, tmp_path)
    assert (report.name, report.dim, report.words, report.classes) == ("by-words", 12, 900, 1000)
    assert len(report.unknown) == 100
    assert report.unknown[0] == "thing900, other name"
    spec = read_spec(report.folder)
    assert (spec.name, spec.license) == ("by-words", "CC0-1.0")
    assert "tiny" in spec.origin
    assert "vectors.txt" in spec.origin
    model = load_embedder(report.folder)
    assert isinstance(model, TextEmbedder)
    assert model.embed_texts(["thing7", "thing8"]).shape == (2, 12)
    scores = classes_of(model).scores(pictures)
    np.testing.assert_allclose(scores, classes_of(load_embedder(folder)).scores(pictures))
    assert model.fingerprint != load_embedder(folder).fingerprint


def test_only_the_commonest_words_are_kept_where_that_is_asked_for(
    classifier: Callable[..., Path], vectors: Path, tmp_path: Path
) -> None:
    report = made(classifier(), vectors, tmp_path, keep=50)
    assert report.words == 50
    assert len(report.unknown) == 950


def test_a_label_counts_by_its_first_known_name_or_the_last_word_of_it(tmp_path: Path) -> None:
    rows = {
        "cat": [1.0, 0.0, 0.2],
        "golden": [0.0, 1.0, 0.0],
        "house": [0.3, 0.3, 0.9],
        "tabby": [0.9, 0.1, 0.0],
    }
    words = Words(open_words(write_text(tmp_path / "v.txt", rows)), {"retriever": ("cat",)})
    found = class_vectors(
        words,
        [
            "tabby, tabby cat",
            "xyzzy, house cat",
            "golden xyzzy",
            "xyzzy house",
            "golden retriever",
            "nothing",
        ],
    )

    def mean(*names: str) -> Any:
        return unit_rows(unit_rows(np.array([rows[n] for n in names])).mean(axis=0)[None])[0]

    wanted = [
        mean("tabby"),
        mean("house", "cat"),
        np.zeros(3),
        mean("house"),
        mean("golden", "cat"),
        np.zeros(3),
    ]
    np.testing.assert_allclose(found, np.stack(wanted), atol=1e-6)


def test_aliases_help_with_class_names_and_come_along(
    classifier: Callable[..., Path], vectors: Path, tmp_path: Path
) -> None:
    aliases = tmp_path / "mine.txt"
    aliases.write_text("thing950 = thing5\n")
    report = made(classifier(), vectors, tmp_path, aliases=aliases)
    assert len(report.unknown) == 99
    aliases.unlink()
    model = load_embedder(report.folder)
    assert isinstance(model, TextEmbedder)
    first, second = model.embed_texts(["thing950", "thing5"])
    np.testing.assert_array_equal(first, second)


def test_a_model_without_a_classifier_is_refused(
    tiny_model: MakeModel, vectors: Path, tmp_path: Path
) -> None:
    for name in (str(tiny_model()), "classic"):
        with pytest.raises(ClassesUnsupportedError, match="has no classifier"):
            make_conse(name, vectors, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_words_that_name_no_class_are_refused(
    classifier: Callable[..., Path], tmp_path: Path
) -> None:
    other = write_text(tmp_path / "other.txt", {"xyzzy": [1.0, 2.0], "frob": [2.0, 1.0]})
    with pytest.raises(WordVectorsError, match="no class of 'tiny' has a name of known words"):
        made(classifier(), other, tmp_path)
    assert not (tmp_path / "by-words").exists()


def test_a_folder_that_is_there_is_kept_unless_replacing_is_asked_for(
    classifier: Callable[..., Path], vectors: Path, tmp_path: Path
) -> None:
    folder = classifier()
    made(folder, vectors, tmp_path)
    with pytest.raises(ModelError, match="is there already; give another folder, or --replace"):
        made(folder, vectors, tmp_path, keep=100)
    assert made(folder, vectors, tmp_path, keep=100, replace=True).words == 100
    photos = tmp_path / "photos"
    photos.mkdir()
    with pytest.raises(ModelError, match="it is no model folder"):
        make_conse(str(folder), vectors, photos, replace=True)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_a_classifier_in_two_files_keeps_both(
    classifier: Callable[..., Path], tiny_network: MakeNetwork, vectors: Path, tmp_path: Path
) -> None:
    folder = classifier()
    path = folder / "model.onnx"
    onnx.save_model(
        tiny_network(), path, save_as_external_data=True, location="weights", size_threshold=0
    )
    shape = json.loads((folder / "model.json").read_text())
    import hashlib

    shape["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(shape))
    report = made(folder, vectors, tmp_path)
    assert (report.folder / "weights").is_file()
    assert len(WordTable(report.folder / "words.bin")) == 900


def test_the_paper_counts_ten_classes() -> None:
    assert conse.TOP == 10
