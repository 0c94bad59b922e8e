"""The joint recipe on drawn pictures, a base of one convolution, and a small file of words."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelled import draw_labelled, write_base
from learning import by_heart, check_gradients
from word_files import write_text

from visavis.embedders.base import TextEmbedder
from visavis.embedders.registry import load_embedder
from visavis.embedders.two_sided import TwoSidedEmbedder
from visavis.errors import ModelError, UsageError, WordVectorsError
from visavis.images.decode import decode
from visavis.sources.base import open_source
from visavis.training.joint.learner import caption_recall, word_map
from visavis.training.joint.recipe import JointRecipe, prepare
from visavis.training.joint.settings import LOSSES, JointLoss, JointSettings, WordFields
from visavis.training.joint.views import views
from visavis.training.loop.recipe import learner_of, train
from visavis.training.settings import LoopSettings, Rates

KINDS = ("apple", "boat", "chair", "dog", "engine", "fork")
TINY = JointSettings(hidden=(24,), batch=8, views=3, validation=0.25, rates=Rates(3e-3))
LOOP = LoopSettings(epochs=4, device="cpu", precision="32", threads=1)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Six kinds with six pictures each; label, captions, and a field with nothing to know."""
    folder = draw_labelled(tmp_path / "pictures", labels=len(KINDS), each=6)
    path = folder / "catalogue.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "path", "label", "said", "code"))
        for picture in sorted(folder.rglob("*.png")):
            kind = KINDS[int(picture.parent.name.removeprefix("label-"))]
            said = json.dumps([f"A {kind}.", f"The {kind} on grass."])
            below = picture.relative_to(folder)
            table.writerow((below.with_suffix("").as_posix(), below, kind, said, "x-1"))
    return path


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(write_base(tmp_path / "a-base", channels=24))


@pytest.fixture
def words(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    names = (*KINDS, "grass", "a", "the", "on", *(f"word{chr(97 + n)}" for n in range(20)))
    rows = {name: (random.normal(0, 1, 10) + 1).round(4).tolist() for name in names}
    rows["puppy"] = [x + 0.05 for x in rows["dog"]]
    return write_text(tmp_path / "vectors.txt", rows)


def prepared(
    catalogue: Path,
    words: Path,
    base: str | None,
    settings: JointSettings = TINY,
    **said: Any,
) -> JointRecipe:
    given = WordFields(words, **({"labels": "label", "captions": "said"} | said))
    cache = catalogue.parent.parent / "cache"
    return prepare(open_source(catalogue), given, base, settings, cache=cache)


def pictures(made: JointRecipe) -> list[Any]:
    source = made.source
    return [decode(source.read(s.entry), s.entry.uri).pixels for s in made.data.samples]


def test_the_model_finds_pictures_by_their_words_and_by_words_like_them(
    catalogue: Path, words: Path, base: str, tmp_path: Path
) -> None:
    made = prepared(catalogue, words, base)
    assert made.summary == (
        "validated on 12 pictures that are never trained on (33% of them, not 25%: each label "
        "gives whole pictures, and exact copies stay together), by searching for them by their "
        "words"
    )
    result = train(made, tmp_path / "mine", replace(LOOP, epochs=20))
    assert result is not None
    assert result.metrics["validation"]["map"] > 0.8
    assert result.metrics["words"]["count"] == 31
    model = load_embedder(tmp_path / "mine")
    assert isinstance(model, TwoSidedEmbedder)
    vectors = model.embed_images(pictures(made))
    labels = np.array([sample.entry.fields["label"] for sample in made.data.samples])
    for text, kind in (("dog", "dog"), ("the puppy", "dog"), ("a boat on the grass", "boat")):
        order = np.argsort(-(vectors @ model.embed_texts([text])[0]))
        assert (labels[order[:5]] == kind).mean() >= 0.8, text
    side = model.words()
    assert side is not None
    tags = [[tag.name for tag in found] for found in side.tags(vectors, 3)]
    assert np.mean([kind in found for kind, found in zip(labels, tags, strict=True)]) > 0.8


def test_the_two_sides_are_what_was_trained(
    catalogue: Path, words: Path, base: str, tmp_path: Path
) -> None:
    made = prepared(catalogue, words, base)
    train(made, tmp_path / "mine", LOOP)
    model = load_embedder(tmp_path / "mine")
    assert isinstance(model, TextEmbedder)
    texts = model.embed_texts(made.targets.names)
    assert np.allclose(texts, made.targets.labels.numpy(), atol=2e-3)
    curves = json.loads((tmp_path / "mine" / "curves.json").read_text())
    metrics = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    held = made.validation
    again = word_map(
        model.embed_images(pictures(made))[held],
        made.targets.labels.numpy(),
        made.targets.own.numpy()[held],
    )
    assert again == pytest.approx(metrics["validation"]["map"], abs=1e-3)
    assert [row["epoch"] for row in curves] == [0, 1, 2, 3, 4]
    recipe = (tmp_path / "mine" / "recipe.json").read_text()
    assert json.loads(recipe)["words"]["file"] == "vectors.txt"
    assert str(tmp_path) not in recipe + (tmp_path / "mine" / "model.json").read_text()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("said", ["label", "captions", "both"])
def test_every_weight_that_is_trained_gets_a_gradient(
    loss: JointLoss, said: str, catalogue: Path, words: Path, base: str
) -> None:
    fields = {"label": {"captions": None}, "captions": {"labels": None}, "both": {}}[said]
    learner = learner_of(prepared(catalogue, words, base, replace(TINY, loss=loss), **fields))
    learner.train()
    assert check_gradients(learner, learner.losses(learner.batch(np.arange(30)))) == 4


@pytest.mark.parametrize("loss", LOSSES)
def test_ten_pictures_are_learned_by_heart(
    loss: JointLoss, catalogue: Path, words: Path, base: str
) -> None:
    settings = replace(TINY, loss=loss, straight=0, validation=0, captions=0, views=1)
    learner = learner_of(prepared(catalogue, words, base, settings))
    numbers = np.arange(0, 30, 3)
    learner.eval()  # without dropout
    _, last = by_heart(learner, lambda: learner.losses(learner.batch(numbers)), 200, 1e-2)
    assert last < 0.01
    own = learner._targets.own[numbers].numpy()
    assert word_map(learner.vectors(numbers), learner._targets.labels.numpy(), own) == 1


def test_before_the_first_step_it_is_the_ridge_regression(
    catalogue: Path, words: Path, base: str
) -> None:
    learner = learner_of(prepared(catalogue, words, base)).eval()
    straight = learner.head.straight
    assert straight is not None
    rows = learner.batch(np.arange(36))["rows"][:, 0]
    solved = torch.nn.functional.normalize(straight(rows)).detach().numpy()
    assert np.allclose(learner.vectors(np.arange(36)), solved, atol=1e-6)
    assert learner.figures()["map"] > 0.5
    assert learner.ridge in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def test_the_same_seed_makes_the_same_model(
    catalogue: Path, words: Path, base: str, tmp_path: Path
) -> None:
    made = prepared(catalogue, words, base)
    hashes = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        result = train(made, tmp_path / name / "mine", LOOP)
        assert result is not None
        hashes.append(result.spec.sha256)
    assert hashes[0] == hashes[1]
    assert train(made, tmp_path / "one" / "mine", LOOP, resume=True) is not None


def test_another_training_is_not_gone_on_with(
    catalogue: Path, words: Path, base: str, tmp_path: Path
) -> None:
    train(prepared(catalogue, words, base), tmp_path / "mine", LOOP)
    other = prepared(catalogue, words, base, captions=None)
    with pytest.raises(UsageError, match=r"\(--captions, --words, the pictures or labels differ\)"):
        train(other, tmp_path / "mine", LOOP, resume=True)


def test_labels_without_a_known_word_are_named_and_their_pictures_left_out(
    catalogue: Path, words: Path, base: str, tmp_path: Path
) -> None:
    text = catalogue.read_text().replace("fork", "skeuomorph").replace("engine", "kibitzer")
    catalogue.write_text(text.replace("dog,", "dog|plugh,"))
    made = prepared(catalogue, words, base, captions=None)
    unknown, left_out = made.notes
    assert unknown.startswith("3 of 7 labels have no known word and are ignored: 'plugh', ")
    assert "'skeuomorph'" in unknown
    assert "--aliases" in unknown
    assert left_out == "12 pictures were left out: no word is known of them"
    assert len(made.data) == 24
    aliases = tmp_path / "aliases.txt"
    aliases.write_text("skeuomorph = fork\nkibitzer = engine\nplugh = dog\n")
    made = prepared(catalogue, words, base, captions=None, aliases=aliases)
    assert (made.notes, len(made.data)) == ([], 36)
    said = aliases.read_text()
    aliases.unlink()  # a training takes hours
    train(made, tmp_path / "mine", LOOP)
    assert (tmp_path / "mine" / "aliases.txt").read_text() == said
    model = load_embedder(tmp_path / "mine")
    assert isinstance(model, TextEmbedder)
    first, second = model.embed_texts(["skeuomorph", "fork"])
    assert np.allclose(first, second)


def test_several_labels_of_a_picture_are_all_its_own(
    catalogue: Path, words: Path, base: str
) -> None:
    catalogue.write_text(catalogue.read_text().replace(",dog,", ",dog|boat,"))
    made = prepared(catalogue, words, base, captions=None)
    own = made.targets.own[[s.entry.fields["label"] == "dog|boat" for s in made.data.samples]]
    names = [name for name, there in zip(made.targets.names, own[0].tolist(), strict=True) if there]
    assert sorted(names) == ["boat", "dog"]


def test_exact_copies_are_not_asked_for_after_they_were_trained_on(
    catalogue: Path, words: Path, base: str
) -> None:
    lines = catalogue.read_text().splitlines()
    for line in lines[1:]:
        id, path, rest = line.split(",", 2)
        (catalogue.parent / f"{path}.copy.png").write_bytes((catalogue.parent / path).read_bytes())
        lines.append(f"{id}-copy,{path}.copy.png,{rest}")
    catalogue.write_text("\n".join(lines) + "\n")
    made = prepared(catalogue, words, base)
    contents = np.array(made.data.sha256)
    assert not set(contents[made.train]) & set(contents[made.validation])
    assert len(made.validation) == pytest.approx(0.25 * 72, abs=6)


def test_copies_of_one_picture_are_nothing_to_validate_on(
    catalogue: Path, words: Path, base: str
) -> None:
    header, first, *others = catalogue.read_text().splitlines()
    path = first.split(",", 2)[1]
    rows = [",".join([*(parts := line.split(",", 2))[:1], path, parts[2]]) for line in others]
    catalogue.write_text("\n".join([header, first, *rows]) + "\n")
    with pytest.raises(UsageError, match=r"36 pictures are exact copies of 1, .* --validation 0"):
        prepared(catalogue, words, base)
    made = prepared(catalogue, words, base, replace(TINY, validation=0))
    assert len(made.train) == 36


def test_labels_of_few_pictures_are_validated_too(tmp_path: Path, words: Path, base: str) -> None:
    folder = draw_labelled(tmp_path / "pictures", labels=25, each=2)
    path = folder / "catalogue.csv"
    rows = ["id,path,label"]
    for picture in sorted(folder.rglob("*.png")):
        number = int(picture.parent.name.removeprefix("label-"))
        label = f"word{chr(97 + number)}" if number < 20 else "dog"  # twice each, and ten dogs
        below = picture.relative_to(folder).as_posix()
        rows.append(f"{below},{below},{label}")
    path.write_text("\n".join(rows) + "\n")
    made = prepared(path, words, base, replace(TINY, validation=0.2, views=1), captions=None)
    held = [made.data.samples[number].entry.fields["label"] for number in made.validation]
    assert len(held) == 10
    assert held.count("dog") == 2
    assert "not 20%" not in made.summary


def test_a_finished_folder_that_is_gone_on_with_keeps_the_words_that_a_server_has_mapped(
    catalogue: Path, words: Path, base: str, tmp_path: Path
) -> None:
    made = prepared(catalogue, words, base)
    train(made, tmp_path / "mine", LOOP)
    mapped, table = tmp_path / "mapped.bin", tmp_path / "mine" / "words.bin"
    os.link(table, mapped)
    train(made, tmp_path / "mine", LOOP, resume=True)
    assert not mapped.samefile(table)  # another file is in its place
    assert mapped.read_bytes() == table.read_bytes()
    assert not list((tmp_path / "mine").glob("*.partial"))


def test_no_words_are_written_beside_a_graph_that_says_something_else(
    catalogue: Path, words: Path, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.training.loop.export.TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="not written, as its ONNX graph and torch differ by"):
        train(prepared(catalogue, words, base), tmp_path / "mine", LOOP)
    assert not list((tmp_path / "mine").glob("words.bin*"))


def test_captions_alone_are_enough(catalogue: Path, words: Path, base: str, tmp_path: Path) -> None:
    made = prepared(catalogue, words, base, labels=None)
    assert made.summary.endswith("by searching for them by their captions")
    result = train(made, tmp_path / "mine", LOOP)
    assert result is not None
    assert result.metrics["validation"].keys() == {"recall@1"}  # ten of so few are nearly all


@pytest.mark.parametrize(("count", "depth"), [(49, 1), (50, 10)])
def test_captions_are_asked_as_deep_as_the_pictures_allow(
    catalogue: Path, words: Path, base: str, count: int, depth: int
) -> None:
    made = prepared(catalogue, words, base, labels=None)
    learner = replace(made, validation=np.resize(made.validation, count)).learner()
    assert learner.measure == f"recall@{depth}"
    assert learner.figures().keys() == {learner.measure}


def test_all_may_be_trained_on(catalogue: Path, words: Path, base: str, tmp_path: Path) -> None:
    made = prepared(catalogue, words, base, replace(TINY, validation=0, keep=3))
    assert made.summary == "trained on all 36 pictures, nothing was kept for validation"
    result = train(made, tmp_path / "mine", LOOP)
    assert result is not None
    assert result.metrics["validation"] == {}
    assert result.metrics["best_epoch"] == 4
    assert result.metrics["words"]["count"] == 7  # three, and others that labels and captions use


@pytest.mark.parametrize(
    ("given", "said", "kind", "told"),
    [
        ({}, {"labels": None, "captions": None}, UsageError, "say with --labels or --captions"),
        ({}, {"labels": "kind", "captions": None}, UsageError, "no picture has a field 'kind'"),
        ({}, {"labels": "code", "captions": "note"}, UsageError, "--captions: no picture has"),
        ({}, {"captions": "note"}, UsageError, "--captions: no picture has a field 'note'"),
        ({}, {"labels": "kind"}, UsageError, "--labels: no picture has a field 'kind'"),
        ({}, {"labels": "code", "captions": None}, WordVectorsError, r"is known \('x-1'\)"),
        ({"loss": "l2"}, {}, UsageError, "--loss is one of cosine, hinge-rank"),
        ({"margin": 0}, {}, UsageError, "--margin must be a number above 0, not 0"),
        ({"loss": "hinge-rank", "margin": float("nan")}, {}, UsageError, "--margin must be a numb"),
        ({"margin": 0.3}, {}, UsageError, "--margin is for --loss hinge-rank; cosine has none"),
        ({"hidden": (0,)}, {}, UsageError, "--hidden wants whole numbers"),
        ({"captions": 2}, {}, UsageError, "--caption-weight is from 0 to 1"),
        ({"spread": -1}, {}, UsageError, "--spread is from 0 to 1"),
        ({"keep": 0}, {}, UsageError, "--keep must be 1 or more"),
        ({"views": -1}, {}, UsageError, "--views must be 0 or more"),
        ({"batch": 1}, {}, UsageError, "--batch must be 2 or more"),
        ({"validation": 1}, {}, UsageError, "--validation is a share"),
    ],
)
def test_what_makes_no_sense_is_refused(
    given: dict[str, Any],
    said: dict[str, Any],
    kind: type[Exception],
    told: str,
    catalogue: Path,
    words: Path,
    base: str,
) -> None:
    with pytest.raises(kind, match=told):
        prepared(catalogue, words, base, replace(TINY, **given), **said)


def test_one_description_of_all_pictures_teaches_nothing(
    catalogue: Path, words: Path, base: str
) -> None:
    catalogue.write_text(catalogue.read_text().replace("x-1", "dog"))
    with pytest.raises(UsageError, match="the same words describe all pictures"):
        prepared(catalogue, words, base, labels="code", captions=None)


def test_what_is_no_network_cannot_be_a_base(catalogue: Path, words: Path) -> None:
    with pytest.raises(ModelError, match="classic cannot be a base"):
        prepared(catalogue, words, "classic")


def test_views_show_the_picture_its_mirror_image_and_parts_of_it() -> None:
    picture = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)
    whole, mirrored, *parts = views(picture, 6)
    assert np.array_equal(whole, picture)
    assert np.array_equal(mirrored, picture[:, ::-1])
    assert len(parts) == 4
    for part in parts:
        height, width = part.shape[:2]
        assert 0.6 * 40 - 1 <= height <= 0.95 * 40 + 1
        assert 0.6 * 60 - 1 <= width <= 0.95 * 60 + 1
    again = [*views(picture, 6)]
    assert all(np.array_equal(a, b) for a, b in zip(again[2:], parts, strict=True))
    assert [*views(np.zeros((1, 1, 3), np.uint8), 6)][5].shape == (1, 1, 3)


def test_the_validation_figures_are_those_of_plain_loops() -> None:
    random = np.random.default_rng(3)
    vectors, texts = (random.normal(size=(9, 4)).astype(np.float32) for _ in "ab")
    own = np.zeros((9, 2), bool)
    own[[1, 4], 0] = True
    words = texts[:2]
    order = sorted(range(9), key=lambda n: -float(vectors[n] @ words[0]))
    ranks = sorted(order.index(number) + 1 for number in (1, 4))
    expected = (1 / ranks[0] + 2 / ranks[1]) / 2
    assert word_map(vectors, words, own) == pytest.approx(expected)
    texts[5] = 0
    hits = []
    for number in [n for n in range(9) if n != 5]:
        order = sorted(range(9), key=lambda n: -float(vectors[n] @ texts[number]))
        hits.append(order.index(number) < 3)
    assert caption_recall(vectors, texts, 3) == pytest.approx(np.mean(hits))
