"""The network that comes with visavis: what its users rely on."""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from visavis.embedders.onnx import OnnxEmbedder
from visavis.embedders.preprocess import Preprocess
from visavis.embedders.registry import DEFAULT_MODEL, load_embedder, model_info
from visavis.embedders.spec import read_spec
from visavis.evaluation.edits import EDITS, edited
from visavis.images.decode import decode
from visavis.images.drawn import draw_gallery
from visavis.types import RGB, Vectors

REFERENCE = Path(__file__).parent / "visavis_s_vectors.json"
"""Vectors of four drawn pictures as torch computed them."""


@pytest.fixture(scope="module")
def folder() -> Path:
    found = model_info("visavis-s").folder
    assert found is not None
    return found


@pytest.fixture(scope="module")
def pictures() -> list[RGB]:
    """One view of each of twenty products."""
    return [picture.pixels for picture in draw_gallery(80)][::4]


@pytest.fixture(scope="module")
def gallery(pictures: list[RGB]) -> Vectors:
    return load_embedder(threads=1).embed_images(pictures)


def test_it_is_the_default_small_and_whole(folder: Path) -> None:
    assert DEFAULT_MODEL == "visavis-s"
    assert isinstance(load_embedder(threads=1), OnnxEmbedder)
    content = (folder / "model.onnx").read_bytes()
    assert len(content) <= 6_000_000
    assert hashlib.sha256(content).hexdigest() == read_spec(folder).sha256
    info = model_info("visavis-s")
    assert (info.dim, info.license, info.problem) == (256, "Apache-2.0", None)


def test_its_vectors_are_those_of_the_specification_and_near_to_those_of_the_training(
    gallery: Vectors,
) -> None:
    known = json.loads(REFERENCE.read_text())
    assert known["sha256"] == read_spec(model_info("visavis-s").folder or Path()).sha256
    assert known["by"].startswith("torch ")
    integers, exact = (np.array(known[name], np.float32) for name in ("integers", "float32"))
    assert integers.shape == exact.shape == (4, 256)
    # The file, computed operator by operator as ONNX defines them: what lies halfway between two
    # integers may be rounded to either.
    assert (gallery[:4] * integers).sum(axis=1).min() > 0.999
    assert np.allclose(np.linalg.norm(gallery, axis=1), 1, atol=1e-5)
    # What integers cost: the same pictures, seen by torch with the weights as they were trained.
    assert (gallery[:4] * exact).sum(axis=1).min() > 0.995


def test_it_names_a_thousand_classes_whose_scores_add_up_to_one(
    folder: Path, pictures: list[RGB]
) -> None:
    spec = read_spec(folder)
    assert spec.classes is not None
    names = (folder / spec.classes.labels).read_text(encoding="utf-8").splitlines()
    assert len(names) == 1000
    assert {"tabby", "teapot", "sports car"} <= {name.split(",")[0] for name in names}
    session = ort.InferenceSession(folder / spec.file, providers=["CPUExecutionProvider"])
    batch = Preprocess(spec.preprocess)(pictures[:3])
    [scores] = session.run([spec.classes.output], {session.get_inputs()[0].name: batch})
    assert scores.shape == (3, 1000)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("edit", [name for name in EDITS if name != "flip"])
def test_an_edited_copy_finds_its_original(
    edit: str, pictures: list[RGB], gallery: Vectors
) -> None:
    copies = [
        decode(edited(edit, picture, random.Random(number)), "a copy").pixels
        for number, picture in enumerate(pictures)
    ]
    found = load_embedder(threads=1).embed_images(copies) @ gallery.T
    right = (found.argmax(axis=1) == np.arange(len(pictures))).mean()
    assert right >= 0.8, f"{right:.0%} of the copies"


def test_the_recipe_says_what_it_was_made_of(folder: Path) -> None:
    recipe = json.loads((folder / "recipe.json").read_text())
    assert recipe["recipe"] == "builtin"
    assert recipe["settings"]["seed"] == 20
    assert len(recipe["data"]["sha256"]) == len(recipe["teacher"]["sha256"]) == 64
    assert recipe["originals_seen"] > 100_000
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 0 < metrics["held_out"]["cosine"] <= 1
