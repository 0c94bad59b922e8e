"""The fine-tuning: what is asked for, its schedule, and that it goes on where it was stopped."""

import random
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from recipes.visavis_s.finetune import Training, tuned_state
from recipes.visavis_s.learner import Learner, Settings
from recipes.visavis_s.network import Network, chain
from recipes.visavis_s.targets import Targets, kept, make
from tests.unit.recipes.lite import SMALL, images, state
from torch.nn import functional

from visavis.errors import UsageError

SETTINGS = Settings(batch=4, clean=2, side=32, last_side=32, frozen=0, dim=12, warmup=2)


def network() -> Network:
    made = state()
    return Network(chain(made, SMALL), (made["_fc.weight"], made["_fc.bias"]))


def pictures(count: int = 8) -> list[Image.Image]:
    chance = random.Random(1)
    return [
        Image.effect_noise((40, 40), 90).convert("RGB").rotate(chance.randint(0, 360))
        for _ in range(count)
    ]


def known(count: int = 8) -> Targets:
    generator = torch.Generator().manual_seed(9)
    vectors = functional.normalize(torch.randn(count, 12, generator=generator))
    return Targets(vectors, torch.full((count, 1000), 1e-3))


def training(out: Path, steps: int = 6, settings: Settings = SETTINGS) -> Training:
    torch.manual_seed(0)
    out.mkdir(exist_ok=True)
    shown = [Image.fromarray(np.full((40, 40, 3), 20 * n, np.uint8)) for n in range(8)]
    return Training(Learner(network(), settings), shown, known(), settings, steps, out)


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    settings = Settings(warmup=10, fall=0.25)
    rates = [settings.rate_at(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:76] == [1.0] * 67
    assert rates[88] == pytest.approx(0.48)
    assert rates[100] == 0


def test_a_loss_of_nothing_is_that_of_the_targets_themselves() -> None:
    learner = Learner(network(), SETTINGS)
    _, scores = learner.network(images())
    with torch.no_grad():
        vectors, _ = learner(images())
    told = Targets(vectors, scores.softmax(1).detach())
    parts = learner.losses(images(), torch.arange(4), told)
    assert float(parts["cosine"].detach()) == pytest.approx(0, abs=1e-5)
    assert float(parts["scores"].detach()) == pytest.approx(0, abs=1e-5)
    logits = vectors @ vectors.T / SETTINGS.temperature
    wanted = -torch.log_softmax(logits, 1).diagonal().mean()
    assert float(parts["among"].detach()) == pytest.approx(float(wanted), rel=1e-4)


def test_the_linear_map_begins_as_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(2)
    features = torch.rand(3000, 1280, generator=generator)
    answer = torch.randn(1280, 12, generator=generator) * 0.1
    vectors = (features + 1e-3).sqrt() @ answer
    learner = Learner(network(), SETTINGS)
    learner.begin(features, vectors)
    with torch.no_grad():
        found = learner.head((features + 1e-3).sqrt())
    assert float((found - vectors).abs().max()) < 0.1 * float(vectors.std())


def test_frozen_blocks_keep_their_weights_and_others_move(tmp_path: Path) -> None:
    one = training(tmp_path)
    before = {n: p.clone() for n, p in one.learner.named_parameters()}
    assert one.run(threading.Event())
    moved = {n for n, p in one.learner.named_parameters() if not torch.equal(p, before[n])}
    frozen = {f"network.{kind}.{place}" for kind in ("weights", "biases") for place in range(3)}
    assert not moved & frozen
    assert "network.weights.4" in moved
    assert "head.weight" in moved


def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    whole = training(tmp_path / "whole")
    assert whole.run(threading.Event())
    halfway = training(tmp_path / "parts")
    for step in range(3):
        halfway.move(*halfway.shown(step))
    halfway.save()
    again = training(tmp_path / "parts")
    assert again.resume()
    assert again.step == 3
    assert again.run(threading.Event())
    for name, value in whole.learner.state_dict().items():
        assert torch.equal(value, again.learner.state_dict()[name]), name


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    one = training(tmp_path)
    assert not one.resume()
    one.save()
    with pytest.raises(UsageError, match="another training"):
        training(tmp_path, settings=Settings(batch=2, clean=1, dim=12)).resume()
    with pytest.raises(UsageError, match="at step 0 of 6"):
        tuned_state(one.checkpoint)
    one.step = 5
    one.save()
    with pytest.raises(UsageError, match="give the same --steps"):
        training(tmp_path, steps=60).resume()


def test_weights_are_read_from_a_finished_checkpoint_and_from_nothing_else(tmp_path: Path) -> None:
    one = training(tmp_path)
    one.run(threading.Event())
    found, steps = tuned_state(one.checkpoint)
    assert steps == 6
    assert found.keys() == one.learner.network.state_dict().keys()
    (tmp_path / "other.pt").write_bytes(b"no checkpoint")
    for path in (tmp_path / "other.pt", tmp_path / "missing.pt"):
        with pytest.raises(UsageError, match="is no checkpoint"):
            tuned_state(path)


def test_targets_are_made_once(tmp_path: Path) -> None:
    teachers = [(network(), 32)]
    made = kept(tmp_path / "targets.pt", teachers, pictures(), 6)
    assert made.vectors.shape == (8, 6)
    assert torch.allclose(made.vectors.norm(dim=1), torch.ones(8), atol=1e-5)
    assert torch.allclose(made.scores.sum(dim=1), torch.ones(8), atol=1e-4)
    again = kept(tmp_path / "targets.pt", [], [], 6)
    assert torch.equal(made.vectors, again.vectors)
    assert torch.allclose(make(teachers * 2, pictures(), 6).scores.sum(1), torch.ones(8), atol=1e-4)
