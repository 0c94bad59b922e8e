import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from visavis.embedders.spec import read_spec
from visavis.errors import SourceError
from visavis.training.builtin import advance, class_labels, main, train
from visavis.training.builtin_settings import Settings


class StopAfter(threading.Event):
    """Set once it has been asked so many times, which is once before each step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


def weights(out: Path) -> dict[str, torch.Tensor]:
    content = torch.load(out / "checkpoint.pt", weights_only=True)
    return {f"{part}.{k}": v for part in ("student", "averaged") for k, v in content[part].items()}


def test_a_training_writes_a_model_folder_that_the_runtime_reads(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    spec = train([folder], teacher_folder, tmp_path / "out", replace(settings, samples=64))
    model = tmp_path / "out" / "model"
    assert spec == read_spec(model)
    assert spec.dim == 8 + 6 + 6
    session = ort.InferenceSession(str(model / "model.onnx"), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(1).random((3, 3, 64, 64), dtype=np.float32)
    vectors, scores = session.run(["embedding", "classes"], {"input": pixels})
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert scores.shape == (3, 5)
    assert (model / "labels.txt").read_text().split() == ["one", "two", "three", "four", "five"]
    recipe = json.loads((model / "recipe.json").read_text())
    assert recipe["steps"] == 8
    assert recipe["data"]["pictures"] + recipe["data"]["held_out"] == 80
    assert set(json.loads((model / "metrics.json").read_text())["held_out"]) == {
        "cosine",
        "agreement",
        "copy_recall",
    }
    curve = (tmp_path / "out" / "curve.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in curve] == [3, 6, 8]


def test_a_stopped_and_resumed_training_equals_an_unbroken_one(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    settings = replace(settings, samples=56)
    train([folder], teacher_folder, tmp_path / "whole", settings)
    stopped = train([folder], teacher_folder, tmp_path / "parts", settings, stop=StopAfter(3))
    assert stopped is None
    train([folder], teacher_folder, tmp_path / "parts", settings)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_a_finished_training_goes_on_when_it_is_taken_back(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    settings = replace(settings, samples=32)
    out = tmp_path / "out"
    train([folder], teacher_folder, out, settings)
    train([folder], teacher_folder, out, settings)  # nothing left to do
    assert json.loads((out / "model" / "recipe.json").read_text())["steps"] == 4
    train([folder], teacher_folder, out, settings, rewind=0.5)
    assert json.loads((out / "model" / "recipe.json").read_text())["steps"] == 6


def test_a_schedule_in_minutes_counts_the_work_not_the_clock() -> None:
    assert advance(6.0, replace(Settings(), minutes=2)) == pytest.approx(0.05)
    assert advance(6.0, replace(Settings(), samples=880)) == pytest.approx(0.1)


def test_too_few_labels_are_an_error(teacher_folder: Path) -> None:
    with pytest.raises(SourceError, match="6 of 1000 labels"):
        class_labels(teacher_folder, read_spec(teacher_folder), 1000)


def test_the_command_wants_to_know_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", "a", "--teacher", "b", "--out", "c"])
    assert "--minutes" in capsys.readouterr().err
