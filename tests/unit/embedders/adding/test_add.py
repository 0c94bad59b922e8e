import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from two_sided import SIGLIP_CONTEXT, write_clip, write_siglip

from visavis.embedders.adding.add import add_folder, add_onnx, default_output, fit_to_graph
from visavis.embedders.adding.checking import check_model
from visavis.embedders.base import TextEmbedder
from visavis.embedders.registry import load_embedder
from visavis.embedders.spec import PreprocessSpec, TextSpec, read_spec
from visavis.errors import ModelChecksumError, ModelError, ModelNotFoundError, ModelSpecError
from visavis.types import RGB

MakeModel = Callable[..., Path]
MakeNetwork = Callable[..., onnx.ModelProto]

PREPROCESS = PreprocessSpec(32)


def written(network: onnx.ModelProto, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(network.SerializeToString())
    return path


def test_a_model_folder_is_copied_and_found_by_its_name(
    tiny_model: MakeModel, pictures: list[RGB]
) -> None:
    folder = tiny_model()
    before = load_embedder(folder).embed_images(pictures)
    info = add_folder(folder)
    for path in folder.iterdir():
        path.unlink()
    assert (info.name, info.kind, info.dim) == ("tiny", "added", 8)
    np.testing.assert_array_equal(load_embedder("tiny").embed_images(pictures), before)


def test_a_model_folder_can_be_given_another_name(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    assert add_folder(folder, name="mine").name == "mine"
    assert load_embedder("mine").name == "mine"
    assert load_embedder("mine").fingerprint == load_embedder(folder).fingerprint


def test_a_name_that_is_taken_is_kept_unless_replacing_is_asked_for(tiny_model: MakeModel) -> None:
    add_folder(tiny_model())
    other = tiny_model(folder="other", output="map", pool="gem")
    with pytest.raises(ModelError, match="there is a model 'tiny' already"):
        add_folder(other)
    assert read_spec(Path(str(add_folder(other, replace=True).folder))).pool == "gem"


def test_the_name_of_a_built_in_model_is_not_given_again(tiny_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="'classic' is a model that ships with visavis"):
        add_folder(tiny_model(), name="classic", replace=True)


def test_what_does_not_work_is_not_added(tiny_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match="dim is 9"):
        add_folder(tiny_model(dim=9))
    broken = tiny_model(folder="broken", sha256="0" * 64)
    with pytest.raises(ModelChecksumError):
        add_folder(broken)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_name_that_would_be_a_path_is_refused(tiny_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        add_folder(tiny_model(), name="../outside")
    assert not (tmp_path / "outside").exists()


def test_an_onnx_file_becomes_a_model_with_the_layer_before_the_classifier(
    tiny_network: MakeNetwork, tmp_path: Path
) -> None:
    info = add_onnx(written(tiny_network(), tmp_path / "net.onnx"), PREPROCESS, license="MIT")
    assert (info.name, info.dim, info.license) == ("net", 8, "MIT")
    assert read_spec(Path(str(info.folder))).output == "features"


def test_a_map_is_averaged_unless_another_pooling_is_asked_for(
    tiny_network: MakeNetwork, tmp_path: Path
) -> None:
    file = written(tiny_network(), tmp_path / "net.onnx")
    for pool, expected in ((None, "average"), ("gem", "gem")):
        info = add_onnx(file, PREPROCESS, output="map", pool=pool, replace=True)
        assert read_spec(Path(str(info.folder))).pool == expected
        assert info.dim == 8


def test_an_inner_layer_costs_its_own_weights_alone(
    tiny_network: MakeNetwork, tmp_path: Path, pictures: list[RGB]
) -> None:
    path = written(tiny_network(), tmp_path / "net.onnx")
    vectors = {}
    for output in ("map", "prob"):
        info = add_onnx(path, PREPROCESS, name=output, output=output)
        vectors[output] = load_embedder(output).embed_images(pictures)
        assert info.folder is not None
        kept = onnx.load(str(info.folder / "model.onnx")).graph
        assert {one.name for one in kept.initializer} >= {"kernel"}
        assert ("matrix" in {one.name for one in kept.initializer}) == (output == "prob")
    np.testing.assert_allclose(np.linalg.norm(vectors["map"], axis=1), 1, atol=1e-5)


def test_weights_in_a_second_file_come_along(tiny_network: MakeNetwork, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    onnx.save_model(
        tiny_network(), file, save_as_external_data=True, location="weights", size_threshold=0
    )
    folder = add_onnx(file, PREPROCESS).folder
    assert folder is not None
    assert (folder / "weights").is_file()


def test_a_declared_embedding_is_preferred_to_the_first_output(
    tiny_network: MakeNetwork, tmp_path: Path
) -> None:
    file = written(tiny_network(outputs=("prob", "features")), tmp_path / "net.onnx")
    assert default_output(file, PREPROCESS) == "features"


def test_an_output_that_is_no_classifier_is_taken_as_it_is(
    tiny_network: MakeNetwork, tmp_path: Path
) -> None:
    network = tiny_network(outputs=("map",), classifier=False)
    assert default_output(written(network, tmp_path / "net.onnx"), PREPROCESS) == "map"


def test_preprocessing_that_makes_no_sense_is_refused(
    tiny_network: MakeNetwork, tmp_path: Path
) -> None:
    file = written(tiny_network(), tmp_path / "net.onnx")
    with pytest.raises(ModelSpecError, match="resize must be"):
        add_onnx(file, PreprocessSpec(32, "stretch"))
    with pytest.raises(ModelSpecError, match=r"32, 32\]"):
        add_onnx(file, PreprocessSpec(48))


@pytest.mark.parametrize("location", ["../outside", "/etc/hostname"])
def test_weights_outside_the_folder_are_refused(
    tiny_network: MakeNetwork, tmp_path: Path, location: str
) -> None:
    network = tiny_network()
    kernel = network.graph.initializer[0]
    kernel.ClearField("raw_data")
    kernel.data_location = onnx.TensorProto.EXTERNAL
    kernel.external_data.add(key="location", value=location)
    with pytest.raises(ModelError):
        add_onnx(written(network, tmp_path / "net.onnx"), PREPROCESS)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    tiny_model: MakeModel, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="nothing was added"):
        add_folder(tiny_model(), models=tmp_path / "file")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"gone\.onnx is not there"):
        add_onnx(tmp_path / "gone.onnx", PREPROCESS)


def test_a_folder_in_the_layout_of_the_hub_is_added_with_both_sides(tmp_path: Path) -> None:
    added = add_folder(write_clip(tmp_path / "downloaded"), name="clip").folder
    assert added is not None
    spec = read_spec(added)
    assert spec.text == TextSpec("text.onnx", "tokenizer.json", 77, "text_embeds")
    assert spec.preprocess.resize == "shortest"
    assert {"model.onnx", "text.onnx", "tokenizer.json"} < {path.name for path in added.iterdir()}


def test_a_siglip_is_padded_and_lowered_as_it_was_trained(tmp_path: Path) -> None:
    added = add_folder(write_siglip(tmp_path / "downloaded"), name="siglip").folder
    assert added is not None
    text = read_spec(added).text
    assert text == TextSpec(
        "text.onnx", "tokenizer.json", SIGLIP_CONTEXT, "pooler_output", pad=0, lower=True
    )


def test_a_length_that_the_graph_fixes_is_padded_to(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "downloaded")
    path = folder / "onnx" / "text_model.onnx"
    graph = onnx.load(path)
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 12
    onnx.save(graph, path)
    text = read_spec(Path(str(add_folder(folder).folder))).text
    assert isinstance(text, TextSpec)
    assert (text.context, text.pad) == (12, 0)
    model = load_embedder("downloaded")
    assert isinstance(model, TextEmbedder)
    assert model.embed_texts(["blue"])[0].argmax() == 2


def test_a_text_side_with_a_vector_for_each_token_is_read_at_the_end(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "downloaded")
    path = folder / "onnx" / "text_model.onnx"
    graph = onnx.load(path)
    del graph.graph.output[0]
    onnx.save(graph, path)
    text = read_spec(Path(str(add_folder(folder).folder))).text
    assert isinstance(text, TextSpec)
    assert (text.output, text.pool) == ("last_hidden_state", "last")


@pytest.mark.parametrize("tokenizer", ["{}", '{"version": "1.0", "model": null}', "nothing"])
def test_a_tokenizer_without_its_model_is_named(tmp_path: Path, tokenizer: str) -> None:
    folder = write_clip(tmp_path / "downloaded")
    (folder / "tokenizer.json").write_text(tokenizer)
    with pytest.raises(ModelError, match=r"downloaded/tokenizer\.json"):  # not that of a copy
        add_folder(folder)


@pytest.mark.parametrize(
    ("gone", "left"),
    [("onnx/text_model.onnx", "tokenizer.json"), ("tokenizer.json", "text_model.onnx")],
)
def test_half_a_text_side_is_refused_and_none_is_fine(tmp_path: Path, gone: str, left: str) -> None:
    folder = write_clip(tmp_path / "downloaded")
    (folder / gone).unlink()
    with pytest.raises(ModelNotFoundError, match=f"{gone} is not there, and {left} alone reads no"):
        add_folder(folder)
    (folder / "tokenizer.json").unlink(missing_ok=True)
    (folder / "onnx" / "text_model.onnx").unlink(missing_ok=True)
    assert read_spec(Path(str(add_folder(folder).folder))).text is None


def test_a_folder_of_no_known_layout_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"lacks model\.json, and onnx/vision_model\.onnx"):
        add_folder(tmp_path)


def test_size_and_layout_come_from_the_graph_where_it_fixes_them(
    tiny_network: MakeNetwork, tmp_path: Path
) -> None:
    file = written(tiny_network(), tmp_path / "net.onnx")
    spec = PreprocessSpec(224, "shortest", "center", resize_to=256)
    assert fit_to_graph(file, spec) == PreprocessSpec(32, "shortest", "center", resize_to=37)
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2], keepdims=0)]
    values = [
        helper.make_tensor_value_info("x", 1, ["N", 24, 24, 3]),
        helper.make_tensor_value_info("y", 1, ["N", 3]),
    ]
    graph = helper.make_graph(nodes, "last", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    fitted = fit_to_graph(written(model, tmp_path / "last.onnx"), spec)
    assert (fitted.layout, fitted.size) == ("NHWC", 24)


def test_a_check_reports_speed_width_and_checksum(tiny_model: MakeModel) -> None:
    folder = tiny_model()
    report = check_model(folder)
    assert (report.name, report.dim) == ("tiny", 8)
    assert report.sha256 == read_spec(folder).sha256
    assert 0 < report.image_ms < 1000
    assert report.similarity < 1
    assert json.dumps(report.to_dict())


def test_a_check_finds_a_model_that_tells_nothing_apart(
    tiny_model: MakeModel, tiny_network: MakeNetwork
) -> None:
    network = tiny_network(classifier=False, outputs=("features",))
    kernel = network.graph.initializer[0]
    kernel.raw_data = bytes(len(kernel.raw_data))
    with pytest.raises(ModelError, match="two different pictures get the same embedding"):
        check_model(tiny_model(network))


def test_a_check_misses_files_that_model_json_names(tiny_model: MakeModel) -> None:
    folder = tiny_model(classes={"output": "prob", "labels": "labels.txt"})
    with pytest.raises(ModelError, match=r"labels\.txt is not there"):
        check_model(folder)
