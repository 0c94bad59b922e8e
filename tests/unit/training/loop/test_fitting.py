"""The loop on a network of a few weights: what it keeps, and that nothing is lost by a stop."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from visavis.errors import ModelError, UsageError
from visavis.training.data.batches import Batches, shuffled
from visavis.training.data.samples import Numbers
from visavis.training.loop.fitting import FitResult, check_device, fit, settled
from visavis.training.loop.learner import Batch, Learner
from visavis.training.progress import Progress, Tell, silent
from visavis.training.settings import LoopSettings, Rates

X = torch.randn(40, 4, generator=Generator().manual_seed(1))
Y = X.sum(dim=1, keepdim=True)
STEPS = 5  # in an epoch


class Sums(Learner):
    """Learns to add, with dropout and noise, so that chance matters."""

    measure = "error"
    higher_is_better = False

    def __init__(self, errors: list[float] | None = None, seed: int = 3) -> None:
        super().__init__(Rates(rate=0.03), seed)
        torch.manual_seed(seed)
        self.last = nn.Linear(8, 1)
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), self.last)
        self.errors = errors

    def batch(self, numbers: Numbers) -> dict[str, Tensor]:
        return {"x": X[numbers], "y": Y[numbers]}

    def losses(self, batch: Batch) -> Tensor:
        found: Tensor = self.body(batch["x"] + torch.randn_like(batch["x"]) * 0.05)
        return (found - batch["y"]).square().mean()

    def figures(self) -> dict[str, float]:
        if self.errors is not None:
            return {"error": self.errors[self.current_epoch]} if self.errors else {}
        return {"error": (self.body(X) - Y).square().mean().item()}


def run(
    folder: Path,
    learner: Learner | None = None,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    tell: Tell = silent,
    **settings: Any,
) -> tuple[FitResult, Learner]:
    learner = learner or Sums()
    batches = Batches(shuffled(np.arange(40), 8, 0), learner.batch)
    loop = replace(LoopSettings(4, device="cpu", threads=1), **settings)
    return (
        fit(learner, batches, folder / "training", loop, resume=resume, stop=stop, tell=tell),
        learner,
    )


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / "training" / "last.ckpt", weights_only=True)
    return found


def same(a: Any, b: Any) -> bool:
    """Bit by bit."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def stop_after(steps: int) -> tuple[threading.Event, Tell]:
    stop, seen = threading.Event(), []

    def tell(progress: Progress) -> None:
        seen.append(progress)
        if len([p for p in seen if p.done]) == steps:
            stop.set()

    return stop, tell


def test_the_loss_falls_and_the_best_weights_are_taken(tmp_path: Path) -> None:
    fitted, learner = run(tmp_path, epochs=12)
    assert fitted.finished
    assert fitted.rows[-1]["loss"] < fitted.rows[0]["loss"] / 4
    assert [row["epoch"] for row in fitted.rows] == list(range(1, 13))
    best = min(fitted.rows, key=lambda row: row["error"])
    assert (fitted.best_epoch, fitted.figures) == (best["epoch"], {"error": best["error"]})
    assert learner.figures()["error"] == pytest.approx(best["error"], rel=1e-6)


def test_the_same_seed_makes_the_same_losses_and_another_one_others(tmp_path: Path) -> None:
    seeds = {"first": 3, "again": 3, "other": 4}
    rows = [run(tmp_path / name, Sums(seed=seed))[0].rows for name, seed in seeds.items()]
    first, again, other = rows
    assert first == again
    assert first != other


@pytest.mark.parametrize("steps", [1, 3, STEPS, STEPS + 2, 3 * STEPS - 1])
def test_a_stopped_training_goes_on_bit_by_bit_as_if_nothing_had_been(
    steps: int, tmp_path: Path
) -> None:
    whole, learner = run(tmp_path / "whole")
    stop, tell = stop_after(steps)
    stopped, _ = run(tmp_path / "stopped", stop=stop, tell=tell)
    assert not stopped.finished
    resumed, again = run(tmp_path / "stopped", resume=True)
    assert resumed == whole
    assert same(again.state_dict(), learner.state_dict())
    assert same(state(tmp_path / "stopped"), state(tmp_path / "whole"))


def test_a_training_that_is_over_is_not_trained_on(tmp_path: Path) -> None:
    whole, _ = run(tmp_path)
    before = state(tmp_path)
    again, learner = run(tmp_path, resume=True)
    assert again == whole
    assert same(state(tmp_path), before)
    assert learner.figures() == {"error": pytest.approx(whole.figures["error"])}


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
@pytest.mark.parametrize("damage", ["cut", "empty", "no checkpoint", "no file", "another's"])
def test_a_damaged_checkpoint_is_named_before_anything_is_trained(
    name: str, damage: str, tmp_path: Path
) -> None:
    run(tmp_path)
    path = tmp_path / "training" / name
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:500])
        case "empty":
            path.write_bytes(b"")
        case "no checkpoint":
            torch.save({"a": 1}, path)
        case "no file" if name == "best.ckpt":
            path.unlink()
        case _:
            content = torch.load(path, weights_only=True)
            content["state_dict"]["last.bias"] = torch.zeros(2)
            torch.save(content, path)
    told: list[Progress] = []
    with pytest.raises(UsageError, match=rf"{name} is damaged.* delete .*training to begin anew"):
        run(tmp_path, resume=True, epochs=9, tell=told.append)
    assert not told


def test_a_checkpoint_that_has_no_room_leaves_the_one_before_and_takes_none(
    tiny_disk: Callable[[str], Path],
) -> None:
    folder = tiny_disk("1m")
    run(folder, epochs=1)
    before = (folder / "training" / "last.ckpt").read_bytes()
    (folder / "filling").write_bytes(b"x" * ((1 << 20) - (32 << 10)))
    told = r"best.ckpt: the checkpoint cannot be written \(No space left.*go on with --resume"
    with pytest.raises(UsageError, match=told):
        run(folder, epochs=3, resume=True)
    assert (folder / "training" / "last.ckpt").read_bytes() == before
    assert not [*folder.rglob("*.partial")]
    (folder / "filling").unlink()
    assert run(folder, epochs=3, resume=True)[0].finished


def test_it_ends_when_nothing_gets_better_and_a_resumed_one_does_too(tmp_path: Path) -> None:
    errors = [3.0, 2.0, 2.5, 2.4, 2.3, 1.0, 0.5]
    whole, _ = run(tmp_path / "whole", Sums(errors), epochs=7, patience=3)
    assert (len(whole.rows), whole.best_epoch) == (5, 2)
    stop, tell = stop_after(4 * STEPS - 2)
    run(tmp_path / "stopped", Sums(errors), epochs=7, patience=3, stop=stop, tell=tell)
    resumed, _ = run(tmp_path / "stopped", Sums(errors), epochs=7, patience=3, resume=True)
    assert resumed == whole


def test_without_validation_the_last_epoch_is_taken(tmp_path: Path) -> None:
    fitted, _ = run(tmp_path, Sums(errors=[]), patience=1)
    assert (len(fitted.rows), fitted.best_epoch, fitted.figures) == (4, 4, {})


def test_curves_are_written_after_each_epoch(tmp_path: Path) -> None:
    fitted, _ = run(tmp_path)
    assert json.loads((tmp_path / "curves.json").read_text()) == fitted.rows


def test_it_tells_each_step_and_each_epoch(tmp_path: Path) -> None:
    told: list[Progress] = []
    fitted, _ = run(tmp_path, epochs=2, tell=told.append)
    assert [(p.epoch, p.done) for p in told] == [
        (epoch, done) if done <= STEPS else (epoch + 1, 0)
        for epoch in range(2)
        for done in range(1, STEPS + 2)
    ]
    finished = [p for p in told if p.done == 0]
    assert [dict(p.figures) for p in finished] == [
        {name: value for name, value in row.items() if name != "epoch"} for row in fitted.rows
    ]


def test_bfloat16_trains_too(tmp_path: Path) -> None:
    fitted, learner = run(tmp_path, epochs=8, precision="bf16")
    assert fitted.rows[-1]["loss"] < fitted.rows[0]["loss"] / 2
    assert {value.dtype for value in learner.state_dict().values()} == {torch.float32}


def test_a_network_that_gains_nothing_stays_exact() -> None:
    assert settled(LoopSettings(), gains=False).precision == "32"
    assert settled(LoopSettings(precision="bf16"), gains=False).precision == "bf16"
    assert settled(LoopSettings(), gains=True).precision in ("32", "bf16")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epochs": 0}, "--epochs must be 1 or more, not 0"),
        ({"nodes": 0}, "--nodes must be 1 or more"),
        ({"threads": -1}, "--threads is from 0 to 1,024, not -1"),
        ({"threads": 100_000}, "--threads is from 0 to 1,024, not 100000"),
        ({"precision": "64"}, "--precision is one of auto, 32, bf16, not '64'"),
        ({"seed": -1}, "--seed must be 0 or more, not -1"),
        ({"seed": 2**32}, "--seed must be below 4,294,967,296"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        LoopSettings(**given)


def test_machines_that_nobody_numbered_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UsageError, match=r"--nodes 2 waits for other machines.*torchrun"):
        check_device(LoopSettings(device="cpu", nodes=2))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rate": 0.0}, "--rate must be a number above 0, not 0"),
        ({"rate": -1.0}, "--rate must be a number above 0, not -1"),
        ({"rate": math.nan}, "--rate must be a number above 0, not nan"),
        ({"rate": math.inf}, "--rate must be a number above 0, not inf"),
        ({"decay": math.nan}, "the rates' decay must be 0 or more, not nan"),
        ({"loss": -1.0}, "the rates' loss must be 0 or more"),
        ({"warmup": 2.0}, "the rates' warmup is a share"),
    ],
)
def test_rates_that_make_no_sense_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Rates(**given)


def test_the_largest_seed_trains(tmp_path: Path) -> None:
    fitted, _ = run(tmp_path, Sums(seed=2**32 - 1), seed=2**32 - 1, epochs=1)
    assert fitted.finished


class No64Bits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A device that has no numbers of 64 bits, as Apple's."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, Tensor) and found.dtype == torch.float64:
            raise TypeError(f"{func} made a float64")
        return found


def test_a_training_needs_no_numbers_of_64_bits(tmp_path: Path) -> None:
    wanted, _ = run(tmp_path / "any")
    with No64Bits():  # type: ignore[no-untyped-call]
        found, _ = run(tmp_path / "apple")
        assert found == wanted
        stop, tell = stop_after(STEPS + 2)
        run(tmp_path / "stopped", stop=stop, tell=tell)
        assert run(tmp_path / "stopped", resume=True)[0] == wanted


def test_the_loss_of_an_epoch_is_the_mean_of_its_steps_in_64_bits(tmp_path: Path) -> None:
    losses: list[float] = []

    class Noting(Sums):
        def losses(self, batch: Batch) -> Tensor:
            losses.append(float((found := super().losses(batch)).detach()))
            return found

    fitted, _ = run(tmp_path, Noting(), epochs=2)
    means = [sum(losses[at : at + STEPS]) / STEPS for at in (0, STEPS)]
    assert [row["loss"] for row in fitted.rows] == pytest.approx(means, rel=1e-15)


class WithLoss(Sums):
    """One whose loss learns as well."""

    def __init__(self) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.ones(4, 3))

    def fresh(self) -> Iterator[nn.Parameter]:
        yield self.directions

    def losses(self, batch: Batch) -> Tensor:
        return super().losses(batch) + (batch["x"] @ self.directions).square().mean()


def test_what_a_loss_learns_has_a_rate_of_its_own(tmp_path: Path) -> None:
    learner = WithLoss()
    run(tmp_path, learner, epochs=1)
    groups = state(tmp_path)["optimizer_states"][0]["param_groups"]
    assert [(round(g["initial_lr"], 9), len(g["params"])) for g in groups] == [
        (0.03, 2),  # the matrices of both layers
        (0.03, 2),  # their biases, which do not decay
        (0.01, 1),
    ]
    assert sum(len(group["params"]) for group in groups) == len([*learner.parameters()])


def test_a_loss_that_is_no_number_ends_the_training_with_a_sentence(tmp_path: Path) -> None:
    learner = Sums()
    torch.nn.init.constant_(learner.last.bias, float("nan"))
    with pytest.raises(ModelError, match="the loss is no number after epoch 1"):
        run(tmp_path, learner)


@pytest.mark.parametrize("device", ["cuda", "abacus"])
def test_a_device_that_is_not_there_is_told_in_a_sentence(device: str, tmp_path: Path) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UsageError, match=f"cannot train with --device {device} --devices 1"):
        run(tmp_path, device=device)


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[4])!r})\n"
        "from tests.unit.training.loop.test_fitting import run\n"
        "fitted, learner = run(Path(sys.argv[1]), devices=2)\n"
        "told = f\"{fitted.rows[-1]['error']} {float(learner.body[0].weight.sum())}\"\n"
        "Path(sys.argv[1], f'{fitted.first}.txt').write_text(told)\n"  # prints would mix
    )
    file = tmp_path / "together.py"  # Lightning starts the others by the name of the script
    file.write_text(script)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(file), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    first, other = ((tmp_path / "out" / f"{who}.txt").read_text() for who in ("True", "False"))
    assert first == other  # both have the same weights
    assert state(tmp_path / "out")["global_step"] == 4 * (STEPS // 2)


class Knowing(Sums):
    """One whose weights are worth keeping as they are."""

    knows = True

    def figures(self) -> dict[str, float]:
        done = len(self.rows)
        return {} if self.errors == [] else {"error": (self.errors or [9.0] * 9)[done]}


def test_what_a_learner_knew_before_may_remain_the_best(tmp_path: Path) -> None:
    learner = Knowing([0.1, 0.5, 0.4, 0.3, 0.2])
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    told: list[Progress] = []
    fitted, learner_after = run(tmp_path, learner, tell=told.append)
    assert (fitted.best_epoch, fitted.figures) == (0, {"error": 0.1})
    assert fitted.rows[0] == {"epoch": 0, "error": 0.1}
    assert [row["epoch"] for row in fitted.rows] == [0, 1, 2, 3, 4]
    assert same(dict(learner_after.state_dict()), before)
    assert (told[0].epoch, told[0].done, told[0].figures) == (0, 0, {"error": 0.1})


def test_an_epoch_that_is_better_than_what_was_known_is_taken(tmp_path: Path) -> None:
    fitted, _ = run(tmp_path, Knowing([0.3, 0.5, 0.2, 0.3, 0.4]))
    assert (fitted.best_epoch, fitted.figures) == (2, {"error": 0.2})


def test_without_a_validation_there_is_no_epoch_0(tmp_path: Path) -> None:
    fitted, _ = run(tmp_path, Knowing([]))
    assert [row["epoch"] for row in fitted.rows] == [1, 2, 3, 4]
    assert fitted.best_epoch == 4
