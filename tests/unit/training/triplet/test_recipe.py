"""The triplet recipe on drawn pictures and bases of one convolution."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelled import draw_labelled, write_base, write_catalogue
from learning import by_heart, check_gradients

from visavis.embedders.registry import load_embedder
from visavis.errors import ModelError, UsageError
from visavis.images.decode import decode
from visavis.sources.base import open_source
from visavis.training.data.batches import Batches
from visavis.training.data.samples import label_numbers
from visavis.training.loop.fitting import fit
from visavis.training.loop.recipe import learner_of, train
from visavis.training.settings import LoopSettings, NetworkShape, Rates
from visavis.training.triplet.learner import TripletLearner
from visavis.training.triplet.recipe import TripletRecipe, prepare
from visavis.training.triplet.settings import LOSSES, Loss, LossSettings, TripletSettings
from visavis.training.validation import retrieval_figures

TINY = TripletSettings(layers=(16, 8), p=4, k=3, validation=0.3)
OWN = replace(
    TINY,
    unfreeze=True,
    side=32,
    shape=NetworkShape(8, (8, 12, 16, 24), (1, 1, 1, 1), dim=12),
)
LOOP = LoopSettings(epochs=3, device="cpu", precision="32", threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw_labelled(tmp_path / "pictures", labels=10, each=4)


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(write_base(tmp_path / "a-base"))


def prepared(
    folder: Path, base: str | None, settings: TripletSettings = TINY, labels: str = "folder"
) -> TripletRecipe:
    source = open_source(folder)
    return prepare(source, labels, base, settings, cache=folder.parent / "cache")


def shown(made: TripletRecipe, out: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What the model in a folder says of all samples."""
    source = made.source
    pictures = [decode(source.read(s.entry), s.entry.uri).pixels for s in made.data.samples]
    return load_embedder(out).embed_images(pictures)


def test_the_model_finds_labels_that_it_never_saw_better_than_its_base(
    base: str, tmp_path: Path
) -> None:
    folder = draw_labelled(tmp_path / "more", labels=16, each=6)
    made = prepared(folder, base, replace(TINY, layers=(32, 16), p=6, k=4, pixels=True))
    result = train(made, tmp_path / "mine", replace(LOOP, epochs=12))
    assert result is not None
    assert result.metrics["split"]["by"] == "label"
    assert result.metrics["validation"]["map"] > result.metrics["base"]["map"] + 0.03
    held, others = made.parts.validation, made.parts.train
    order = np.concatenate([held, others])  # these are searched among, and do not ask
    vectors, labels = shown(made, tmp_path / "mine")[order], label_numbers(made.data.labels)[order]
    again = retrieval_figures(vectors, labels, asks=len(held))
    assert again == pytest.approx(result.metrics["validation"], abs=1e-3)


def test_records_say_what_was_trained_on_what(folder: Path, base: str, tmp_path: Path) -> None:
    train(prepared(folder, base), tmp_path / "mine", LOOP)
    recipe = json.loads((tmp_path / "mine" / "recipe.json").read_text())
    assert recipe["base"]["name"] == "a-base"
    assert recipe["settings"]["layers"] == [16, 8]
    assert recipe["data"] | {"sha256": ""} == {
        "source": "pictures",
        "labels": "folder",
        "pictures": 40,
        "sha256": "",
    }
    assert recipe["versions"].keys() >= {"torch", "lightning", "visavis"}
    text = (tmp_path / "mine" / "recipe.json").read_text()
    assert str(tmp_path) not in text + (tmp_path / "mine" / "model.json").read_text()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("own", [False, True], ids=["frozen base", "own base"])
def test_every_weight_gets_a_gradient(loss: Loss, own: bool, folder: Path, base: str) -> None:
    settings = replace(OWN if own else TINY, pixels=True, loss=LossSettings(loss))
    learner = learner_of(prepared(folder, None if own else base, settings))
    stirred(learner)
    learner.train()
    check_gradients(learner, learner.losses(learner.batch(learner._parts.train)))


def stirred(learner: TripletLearner) -> None:
    """As if some steps had been made: what begins at zero lets no gradient through."""
    torch.manual_seed(5)
    for module in learner.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.5)
    dense = learner.network.head.dense
    assert dense is not None
    last = dense[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.normal_(last.weight)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan", "chi2"])
def test_ten_pictures_are_learned_by_heart_in_seconds(
    metric: Any, tmp_path: Path, base: str
) -> None:
    folder = draw_labelled(tmp_path / "ten", labels=5, each=2)
    settings = replace(TINY, validation=0, loss=LossSettings(metric=metric, mining="all"))
    learner = learner_of(prepared(folder, base, settings))
    batch = learner.batch(np.arange(10))
    learner.eval()  # without dropout
    _, last = by_heart(learner, lambda: learner.losses(batch), 150, 3e-3)
    assert last < 0.005
    labels = label_numbers(learner._data.labels)
    found = retrieval_figures(learner.vectors(np.arange(10)), labels)["map"]
    assert found == 1 or metric == "manhattan"  # which the dot product follows least


def test_the_same_seed_makes_the_same_model(folder: Path, base: str, tmp_path: Path) -> None:
    hashes = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        made = prepare(open_source(folder), "folder", base, TINY, seed=seed, cache=tmp_path / "c")
        (tmp_path / name).mkdir()
        result = train(made, tmp_path / name / "mine", replace(LOOP, seed=seed))
        assert result is not None
        hashes.append(result.spec.sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_base_can_be_trained_from_scratch(folder: Path, tmp_path: Path) -> None:
    made = prepared(folder, None, OWN)
    result = train(made, tmp_path / "mine", replace(LOOP, epochs=2))
    assert result is not None
    assert "base" not in result.metrics
    assert result.spec.preprocess.size == 32
    vectors = shown(made, tmp_path / "mine")
    assert vectors.shape == (40, 8)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_images_of_every_label_can_be_kept_back_instead(folder: Path, base: str) -> None:
    made = prepared(folder, base, replace(TINY, split="image"))
    assert made.parts.by == "image"
    assert "pictures that are never trained on" in made.parts.summary


def test_broken_pictures_and_single_ones_are_told(folder: Path, base: str) -> None:
    (folder / "label-3" / "1.png").write_bytes(b"no picture")
    for number in (1, 2, 3):
        (folder / "label-4" / f"{number}.png").unlink()
    made = prepared(folder, base)
    broken, single = made.notes
    assert broken.startswith(f"skipped {folder / 'label-3' / '1.png'}: ")
    assert single == "1 labels have one picture, used as negatives: label-4"
    assert len(made.data) == 36


def test_base_embeddings_are_computed_once(folder: Path, base: str) -> None:
    prepared(folder, base)
    (kept,) = (folder.parent / "cache").glob("embeddings-*.sqlite")
    before = kept.stat().st_mtime_ns
    prepared(folder, base, replace(TINY, p=5))
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("labels", "given", "told"),
    [
        ("folder", {"layers": (0, 8)}, "--layers wants whole numbers"),
        ("folder", {"p": 1}, "a batch needs 2 labels"),
        ("folder", {"validation": 1.0}, "--validation is a share from 0 to 0.9"),
        ("folder", {"split": "name"}, "--split is one of auto, label, image"),
        ("category", {}, "no picture has a field 'category'; fields: folder"),
    ],
)
def test_what_makes_no_sense_is_refused(
    labels: str, given: dict[str, Any], told: str, folder: Path, base: str
) -> None:
    with pytest.raises(UsageError, match=told):
        prepared(folder, base, replace(TINY, **given), labels)


def test_a_catalogue_whose_pictures_are_all_broken_is_an_error(folder: Path, base: str) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(UsageError, match="none of its pictures can be read"):
        prepared(write_catalogue(folder), base, labels="label")


def test_what_was_begun_is_not_written_over_nor_mixed_with_another(
    folder: Path, base: str, tmp_path: Path
) -> None:
    made, out = prepared(folder, base), tmp_path / "mine"
    with pytest.raises(UsageError, match="no training was begun there"):
        train(made, out, LOOP, resume=True)
    train(made, out, LOOP)
    with pytest.raises(UsageError, match="a training was begun there; go on with --resume"):
        train(made, out, LOOP)
    other = prepared(folder, base, replace(TINY, p=5))
    with pytest.raises(UsageError, match=r"is another one \(-p differs\)"):
        train(other, out, LOOP, resume=True)
    with pytest.raises(UsageError, match="there is a model already"):
        train(made, Path(base), LOOP)
    assert train(made, out, LOOP, resume=True) is not None


def test_a_network_from_scratch_takes_no_base(folder: Path, base: str) -> None:
    with pytest.raises(UsageError, match="--unfreeze trains a network from scratch, without"):
        prepared(folder, base, OWN)


def with_kinds(folder: Path, rare: int = 1) -> Path:
    """A catalogue of the pictures: the last ones of each label are of another kind."""
    rows = [
        f"{path.relative_to(folder)},{path.parent.name},"
        + ("drawn" if int(path.stem) > 3 - rare else "seen")
        for path in sorted(folder.rglob("*.png"))
    ]
    catalogue = folder / "kinds.csv"
    catalogue.write_text("path,label,kind\n" + "\n".join(rows) + "\n")
    return catalogue


def test_across_a_field_pictures_that_differ_in_it_are_sought(folder: Path, base: str) -> None:
    made = prepared(with_kinds(folder), base, replace(TINY, across="kind"), labels="label")
    assert made.sides is not None
    learner = learner_of(made)
    order, asks = learner.searched, len(made.parts.validation)
    learner.eval()
    vectors, labels = learner.vectors(order), label_numbers(made.data.labels)[order]
    wanted = retrieval_figures(vectors, labels, 0, made.sides[order], asks)
    assert learner.figures() == wanted
    assert wanted != retrieval_figures(vectors, labels, asks=asks)


def test_a_field_that_tells_no_pictures_apart_is_refused(folder: Path, base: str) -> None:
    told = {
        ("kind", 0): "--across kind: no two pictures of a label",
        ("kinds", 1): "--across: no picture has a field 'kinds'; fields: kind, label",
    }
    for (field, rare), sentence in told.items():
        catalogue = with_kinds(folder, rare)
        with pytest.raises(UsageError, match=sentence):
            prepared(catalogue, base, replace(TINY, across=field), labels="label")


def test_a_finished_training_can_be_prolonged(folder: Path, base: str, tmp_path: Path) -> None:
    made, out = prepared(folder, base, replace(TINY, validation=0)), tmp_path / "mine"
    for epochs, told in ((2, None), (5, None), (5, None), (3, "--epochs differ")):
        loop = replace(LOOP, epochs=epochs)
        if told is not None:
            with pytest.raises(UsageError, match=told):
                train(made, out, loop, resume=True)
            continue
        result = train(made, out, loop, resume=(out / "training").exists())
        assert result is not None
        assert result.metrics["epochs"] == epochs
    curves = json.loads((out / "curves.json").read_text())
    assert [row["epoch"] for row in curves if row["epoch"]] == [1, 2, 3, 4, 5]


def test_a_training_that_lost_patience_goes_on_with_more_of_it(
    folder: Path, base: str, tmp_path: Path
) -> None:
    made, out = prepared(folder, base), tmp_path / "mine"
    short = replace(LOOP, epochs=20, patience=1)
    first = train(made, out, short, force=True)
    assert first is not None
    again = train(made, out, short, resume=True, force=True)
    assert again is not None
    assert again.metrics["epochs"] == first.metrics["epochs"] < 20
    longer = train(made, out, replace(short, patience=30), resume=True, force=True)
    assert longer is not None
    assert longer.metrics["epochs"] == 20


def test_a_head_that_finds_less_than_its_base_is_written_only_by_force(
    folder: Path, base: str, tmp_path: Path
) -> None:
    """Without the straight path and at such a rate it forgets what the base knows."""
    bad = replace(TINY, layers=(4, 2), straight=False, rates=Rates(rate=1e-6))
    made, out = prepared(folder, base, bad), tmp_path / "mine"
    with pytest.raises(ModelError, match=r"not written, as it finds less than its base .*mAP -0"):
        train(made, out, LOOP)
    assert not (out / "model.json").exists()
    forced = train(made, out, LOOP, resume=True, force=True)
    assert forced is not None
    assert forced.metrics["gain"]["map"]["difference"] < 0
    assert (out / "model.json").exists()


def test_what_was_gained_on_the_base_has_an_interval(base: str, tmp_path: Path) -> None:
    folder = draw_labelled(tmp_path / "more", labels=16, each=6)
    result = train(prepared(folder, base, replace(TINY, layers=(32, 16))), tmp_path / "mine", LOOP)
    assert result is not None
    metrics = result.metrics
    for name, gain in metrics["gain"].items():
        ours, theirs = metrics["validation"][name], metrics["base"][name]
        assert gain["difference"] == pytest.approx(ours - theirs, abs=1e-6)
        low, high = gain["interval"]
        assert low <= gain["difference"] <= high
        assert low < high


def test_exact_copies_are_not_asked_for_after_they_were_trained_on(folder: Path, base: str) -> None:
    for path in [*folder.rglob("*.png")]:
        (path.parent / f"copy-of-{path.name}").write_bytes(path.read_bytes())
    made = prepared(folder, base, replace(TINY, split="image"))
    contents = np.array(made.data.sha256)
    assert not set(contents[made.train]) & set(contents[made.validation])
    assert len(made.validation) == 24


def test_the_directions_of_arcface_turn_towards_their_labels(
    folder: Path, base: str, tmp_path: Path
) -> None:
    """At the head's rate they would stay where chance put them, and pull the head there."""

    def turned(rates: Rates) -> float:
        settings = replace(TINY, loss=LossSettings("arcface"), rates=rates, validation=0)
        learner = learner_of(prepared(folder, base, settings))
        (directions,) = learner.loss.parameters()
        before = directions.detach().clone()
        batches = Batches(prepared(folder, base, settings).batches(), learner.batch)
        fit(learner, batches, tmp_path / f"{rates.loss}", replace(LOOP, epochs=10))
        cosines = torch.nn.functional.cosine_similarity(before, directions.detach(), dim=0)
        return float(torch.rad2deg(torch.acos(cosines.clamp(-1, 1))).mean())

    assert turned(Rates(rate=1e-4)) > 5
    assert turned(Rates(rate=1e-4, loss=1e-4)) < 0.5


def test_of_many_pictures_a_head_begins_from_whole_labels(folder: Path, base: str) -> None:
    made = prepared(folder, base, replace(TINY, layers=(0,)))
    few, all_there = (learner_of(made) for _ in range(2))
    few.start(most=12)
    started = {tuple(few.network.head.get_buffer("mean").tolist())}
    rows = made.data.take(made.train)["rows"].double().numpy()
    labels = np.array(made.data.labels)[made.train]
    means = {name: rows[labels == name].mean(axis=0) for name in set(labels)}
    trios = itertools.combinations(sorted(means), 3)
    found = next(iter(started))
    assert any(
        np.allclose(found, np.mean([means[name] for name in trio], axis=0), atol=1e-6)
        for trio in trios
    )
    assert not np.allclose(found, all_there.network.head.get_buffer("mean"), atol=1e-6)
