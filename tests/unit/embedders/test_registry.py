import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from visavis.embedders.registry import (
    DEFAULT_MODEL,
    list_models,
    load_embedder,
    model_info,
    models_folder,
)
from visavis.errors import ModelError, ModelNotFoundError
from visavis.types import RGB

MakeModel = Callable[..., Path]


@pytest.fixture
def added(tiny_model: MakeModel) -> Path:
    """A model folder among the user's models, under the name "mine"."""
    return tiny_model(folder="models/mine", name="mine")


def test_the_default_model_is_there() -> None:
    assert load_embedder().name == DEFAULT_MODEL


def test_an_added_model_is_loaded_by_its_name(added: Path) -> None:
    embedder = load_embedder("mine")
    assert (embedder.name, embedder.ref, embedder.dim) == ("mine", "mine", 8)


def test_a_folder_is_loaded_by_its_path_from_anywhere(
    tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tiny_model()
    monkeypatch.chdir(folder.parent)
    embedder = load_embedder("./tiny")
    monkeypatch.chdir("/")
    assert Path(embedder.ref) == folder
    assert load_embedder(embedder.ref).fingerprint == embedder.fingerprint
    assert load_embedder(folder).name == "tiny"


def test_another_models_folder_can_be_named(tiny_model: MakeModel, tmp_path: Path) -> None:
    tiny_model(folder="elsewhere/mine")
    assert load_embedder("mine", models=tmp_path / "elsewhere").dim == 8
    with pytest.raises(ModelNotFoundError):
        load_embedder("mine")


def test_where_models_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_MODELS", "/a")
    assert models_folder() == Path("/a")
    monkeypatch.delenv("VISAVIS_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", "/b")
    assert models_folder() == Path("/b/visavis/models")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert models_folder() == Path.home() / ".local/share/visavis/models"


def test_models_are_joined_with_weights(added: Path, pictures: list[RGB]) -> None:
    both = load_embedder("0.7:mine+0.3:classic")
    a, b = (load_embedder(name).embed_images(pictures) for name in ("mine", "classic"))
    rows = both.embed_images(pictures)
    np.testing.assert_allclose(rows @ rows.T, 0.7 * (a @ a.T) + 0.3 * (b @ b.T), atol=1e-5)
    assert load_embedder(both.ref).fingerprint == both.fingerprint


def test_a_path_with_a_plus_is_not_taken_apart(tiny_model: MakeModel) -> None:
    folder = tiny_model(folder="c++/a+b")
    assert load_embedder(folder).name == "tiny"
    assert load_embedder(f"2:{folder}+classic").name == "2:tiny+1:classic"
    assert load_embedder(f"classic+{folder}").name == "classic+tiny"


def test_a_wrong_name_says_what_there_is_and_the_nearest(added: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"did you mean 'classic'\? there are") as caught:
        load_embedder("clasic")
    assert "visavis-s, classic, mine" in str(caught.value)


def test_a_preset_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(ModelNotFoundError, match="`visavis models add dinov2-small` downloads it"):
        load_embedder("dinov2-small")


def test_a_bare_onnx_file_says_how_to_make_a_model_of_it(tiny_model: MakeModel) -> None:
    with pytest.raises(ModelNotFoundError, match="is a file, not a model folder"):
        load_embedder(tiny_model() / "model.onnx")


@pytest.mark.parametrize("text", ["", "classic+", "+", "0.5:", "x" * 5000, "a+" + "b" * 5000])
def test_texts_that_name_nothing_are_model_not_found(text: str) -> None:
    with pytest.raises(ModelNotFoundError):
        load_embedder(text)


def test_a_weight_of_zero_is_refused() -> None:
    with pytest.raises(ModelError, match="the weight of 'classic' must be above 0"):
        load_embedder("0:classic+1:classic")


def test_a_name_cannot_reach_outside_the_models_folder(
    tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tiny_model(folder="secret")
    (tmp_path / "models").mkdir()
    monkeypatch.chdir("/")
    with pytest.raises(ModelNotFoundError):
        load_embedder("../secret")


def test_all_models_with_a_name_are_listed_and_a_broken_one_says_so(
    added: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "models" / "broken"
    broken.mkdir()
    (broken / "model.json").write_text("{")
    listed = {info.name: info for info in list_models()}
    assert set(listed) == {"visavis-s", "classic", "mine", "broken"}
    assert listed["mine"].kind == "added"
    assert listed["mine"].dim == 8
    assert listed["broken"].problem is not None
    assert "model.json" in listed["broken"].problem
    assert json.dumps([info.to_dict() for info in listed.values()])


def test_the_info_tells_size_licence_and_fingerprint_without_running(added: Path) -> None:
    info = model_info("mine")
    assert info.bytes == sum(path.stat().st_size for path in added.iterdir())
    assert (info.license, info.side) == ("CC0-1.0", 32)
    assert info.fingerprint == load_embedder("mine").fingerprint
    assert model_info(str(added)).kind == "folder"
    assert model_info("classic").fingerprint == load_embedder("classic").fingerprint
    with pytest.raises(ModelNotFoundError):
        model_info("nothing")


PLUG_IN = """
import numpy as np
class MeanColour:
    name = ref = "mean-colour"; fingerprint = "00"; dim = 3; side = 8
    def embed_images(self, images):
        return np.array([i.mean(axis=(0, 1)) for i in images], np.float32).reshape(-1, 3) / 255
def make(*, threads, device):
    return MeanColour()
def broken(*, threads, device):
    raise RuntimeError("no licence key")
class Odd(MeanColour):
    def __init__(self, **members): self.__dict__.update(members)
def elsewhere(*, threads, device): return Odd(ref="mean")
def endless(*, threads, device): return Odd(ref="endless", dim=None)
def unnamed(*, threads, device): return Odd(ref="unnamed", fingerprint=7)
def nothing(*, threads, device): return object()
"""

ODD = {
    "elsewhere": "its ref is 'mean', which has to be 'elsewhere' to load it again",
    "endless": "its dim is no whole number above 0, but None",
    "unnamed": "its fingerprint is no text, but 7",
    "nothing": "it lacks name, ref, fingerprint, dim, side, embed_images",
}


def test_another_package_can_bring_an_embedder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    metadata = site / "mean_colour-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "mean_colour_plugin.py").write_text(PLUG_IN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mean-colour\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[visavis.embedders]\nmean-colour = mean_colour_plugin:make\n"
        "broken-one = mean_colour_plugin:broken\n"
        + "".join(f"{name} = mean_colour_plugin:{name}\n" for name in ODD)
    )
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    assert load_embedder("mean-colour").dim == 3
    assert {info.name for info in list_models() if info.kind == "plug-in"} == {
        "mean-colour",
        "broken-one",
        *ODD,
    }
    with pytest.raises(ModelError, match=r"the plug-in 'broken-one' .* no licence key"):
        load_embedder("broken-one")
    for name, told in ODD.items():
        with pytest.raises(ModelError, match=f"the plug-in '{name}' .* made no model: {told}"):
            load_embedder(name)
