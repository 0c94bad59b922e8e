"""What all recipes have in common: pictures that vanish, trainings that fail, folders in use."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from labelled import draw_labelled, write_base

from visavis.embedders.registry import load_embedder
from visavis.errors import ModelError, UsageError
from visavis.sources.base import open_source
from visavis.training.autoencoder import recipe as autoencoder
from visavis.training.autoencoder.settings import AutoencoderSettings
from visavis.training.loop.learner import Batch
from visavis.training.loop.recipe import train
from visavis.training.settings import LoopSettings, Rates
from visavis.training.triplet import recipe as triplet
from visavis.training.triplet.learner import TripletLearner
from visavis.training.triplet.recipe import TripletRecipe
from visavis.training.triplet.settings import TripletSettings

PICTURES = AutoencoderSettings(side=32, dim=8, widths=(8, 12), batch=8, shown=3)
HEAD = TripletSettings(layers=(16, 8), p=4, k=3, validation=0.3)
LOOP = LoopSettings(epochs=2, device="cpu", precision="32", threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw_labelled(tmp_path / "pictures", labels=10, each=4)


@pytest.fixture
def head(folder: Path, tmp_path: Path) -> TripletRecipe:
    source, base = open_source(folder), str(write_base(tmp_path / "a-base"))
    return triplet.prepare(source, "folder", base, HEAD, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("left", "compared", "lost"),
    [(39, 16, "1 picture"), (38, 16, "2 pictures"), (5, 5, "35 pictures"), (0, 0, "40 pictures")],
)
def test_pictures_that_vanish_while_it_trains_take_no_model_with_them(
    left: int, compared: int, lost: str, folder: Path, tmp_path: Path
) -> None:
    made = autoencoder.prepare(open_source(folder), PICTURES, cache=tmp_path / "cache")
    for path in sorted(folder.rglob("*.png"))[: 40 - left]:
        path.unlink()
    result = train(made, tmp_path / "mine", LOOP)
    assert result is not None
    assert load_embedder(tmp_path / "mine").dim == 8
    assert result.metrics["graph"]["pictures"] == compared
    assert 0 < result.metrics["graph"]["difference"] < 1e-4
    (note,) = result.notes
    assert note.startswith(f"{lost} of the training cannot be read any more")
    assert f"compared with its graph on {compared} that can" in note


def test_where_all_pictures_are_there_nothing_is_noted(head: TripletRecipe, tmp_path: Path) -> None:
    result = train(head, tmp_path / "mine", LOOP)
    assert result is not None
    assert (result.notes, result.metrics["graph"]["pictures"]) == ([], 16)


class Failing(TripletLearner):
    """Its loss becomes no number in its third epoch."""

    def losses(self, batch: Batch) -> torch.Tensor:
        factor = float("nan") if self.current_epoch == 2 else 1
        return super().losses(batch) * factor


class FailingRecipe(TripletRecipe):
    def learner(self) -> TripletLearner:
        learner = TripletRecipe.learner(self)
        learner.__class__ = Failing
        return learner


def test_a_training_that_failed_says_what_to_delete_and_then_begins_anew(
    head: TripletRecipe, tmp_path: Path
) -> None:
    failing = FailingRecipe(**{one.name: getattr(head, one.name) for one in fields(head)})
    out, longer = tmp_path / "mine", replace(LOOP, epochs=4)
    told = rf"no number after epoch 3; .*lower --rate.*; before that delete {out}/training"
    with pytest.raises(ModelError, match=told):
        train(failing, out, longer)
    with pytest.raises(ModelError, match=told):  # to go on repeats what led there
        train(failing, out, longer, resume=True)
    lower = replace(head, settings=replace(HEAD, rates=Rates(1e-5)))
    with pytest.raises(UsageError, match=f"go on with --resume, or delete {out}/training to begin"):
        train(lower, out, longer)
    with pytest.raises(UsageError, match=rf"--rate differs\).*delete {out}/training"):
        train(lower, out, longer, resume=True)
    for path in (out / "training").iterdir():
        path.unlink()
    (out / "training").rmdir()
    assert train(lower, out, longer) is not None
    with pytest.raises(UsageError, match=r"go on with --resume, or name another --out$"):
        train(lower, out, longer)  # there is a model by now


@pytest.mark.parametrize("content", ["", "{", "[]", '{"loop": 3}', '{"loop": {"epochs": "x"}}'])
def test_a_damaged_note_of_what_was_begun_is_named(
    content: str, head: TripletRecipe, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    begun = out / "training" / "begun.json"
    begun.parent.mkdir(parents=True)
    begun.write_text(content)
    with pytest.raises(UsageError, match=rf"begun.json is damaged.*delete {out}/training to begin"):
        train(head, out, LOOP, resume=True)


def test_what_differs_from_what_was_begun_is_called_as_on_the_command_line(
    head: TripletRecipe, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    train(head, out, LOOP)
    other = autoencoder.prepare(open_source(folder), PICTURES, cache=tmp_path / "cache")
    with pytest.raises(UsageError, match=r"another one \(the recipe differs\)"):
        train(other, out, LOOP, resume=True)
    data = replace(head.data, sha256=head.data.sha256[::-1])
    settings = replace(HEAD, side=64)
    changed = replace(head, data=data, settings=settings)
    with pytest.raises(UsageError, match=r"\(--size, --threads, the pictures or labels differ\)"):
        train(changed, out, replace(LOOP, threads=2), resume=True)


def test_a_training_that_fails_in_its_first_epoch_is_in_nobodys_way(
    folder: Path, tmp_path: Path
) -> None:
    out, source = tmp_path / "mine", open_source(folder)
    wild = replace(PICTURES, rates=Rates(1e30))
    with pytest.raises(ModelError, match=r"with --precision 32$"):
        train(autoencoder.prepare(source, wild, cache=tmp_path / "cache"), out, LOOP)
    (out / "training").rmdir()  # nothing is left in it
    assert train(autoencoder.prepare(source, PICTURES, cache=tmp_path / "cache"), out, LOOP)
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["settings"]["rates"]["rate"] == PICTURES.rates.rate


def test_weights_that_a_last_step_made_no_numbers_are_told(
    head: TripletRecipe, tmp_path: Path
) -> None:
    everything = replace(HEAD, validation=0.0, rates=Rates(1e30, warmup=1e-9))
    made = triplet.prepare(
        head.source, "folder", str(tmp_path / "a-base"), everything, cache=tmp_path / "cache"
    )
    with pytest.raises(ModelError, match=r"no number.*lower --rate"):
        train(made, tmp_path / "mine", replace(LOOP, epochs=1))
    assert not (tmp_path / "mine" / "model.json").exists()
