import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from PIL import Image

from visavis.embedders.spec import read_spec
from visavis.errors import ModelChecksumError, SourceError, UsageError
from visavis.training.builtin import advance, train, useful_threads
from visavis.training.builtin_model import class_labels
from visavis.training.builtin_settings import Settings
from visavis.training.pictures import listed
from visavis.training.state import UNKNOWN


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
    metrics = json.loads((model / "metrics.json").read_text())
    assert set(metrics["held_out"]) == {"cosine", "agreement", "copy_recall"}
    assert metrics["rounding"]["pictures"] == recipe["data"]["held_out"]
    assert set(metrics["rounding"]["float32"]) == {"agreement", "copy_recall"}
    assert set(metrics["rounding"]["int8"]) == {"agreement", "copy_recall"}
    assert 0.9 < metrics["rounding"]["cosine"]["worst"] <= metrics["rounding"]["cosine"]["mean"]
    assert metrics["rounding"]["cosine"]["mean"] < 1 + 1e-6
    assert metrics["products"] == {"pictures": 0, "held_out": 0}
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


def test_products_are_counted_by_whether_they_were_held_out(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    rows = (folder / "labels.csv").read_text().splitlines()
    coloured = [f"{rows[0]},baseColour", *(f"{row},red" for row in rows[1:61]), *rows[61:]]
    (folder / "labels.csv").write_text("\n".join(coloured) + "\n")
    train([folder], teacher_folder, tmp_path / "out", replace(settings, samples=16))
    metrics = json.loads((tmp_path / "out" / "model" / "metrics.json").read_text())
    held_out = sum(entry.held_out for entry in listed([folder])[:60])
    assert metrics["products"] == {"pictures": 60, "held_out": held_out}
    assert metrics["blend"]["products"] > 0


def test_a_training_does_not_go_on_under_other_settings_pictures_or_teacher(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    settings, out = replace(settings, samples=64), tmp_path / "out"
    train([folder], teacher_folder, out, settings, stop=StopAfter(2))
    mixture = replace(settings.mixture, whole=0.5)
    with pytest.raises(UsageError, match=r"another choice of mixture\.whole, rate;"):
        train([folder], teacher_folder, out, replace(settings, rate=0.1, mixture=mixture))
    Image.new("RGB", (50, 50)).save(folder / "3.png")
    with pytest.raises(UsageError, match=r"another choice of the pictures;"):
        train([folder], teacher_folder, out, settings)


def test_another_teacher_is_not_gone_on_with(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    settings, out = replace(settings, samples=64), tmp_path / "out"
    train([folder], teacher_folder, out, settings, stop=StopAfter(2))
    content = (teacher_folder / "model.onnx").read_bytes() + b"\x72\x00"  # another domain: none
    (teacher_folder / "model.onnx").write_bytes(content)
    with pytest.raises(ModelChecksumError):
        train([folder], teacher_folder, out, settings)
    spec = replace(read_spec(teacher_folder), sha256=hashlib.sha256(content).hexdigest())
    (teacher_folder / "model.json").write_text(spec.to_json())
    with pytest.raises(UsageError, match=r"another choice of the teacher;"):
        train([folder], teacher_folder, out, settings)


def test_the_recipe_tells_which_length_and_machine_each_stretch_had(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    first = replace(settings, samples=64)
    train([folder], teacher_folder, out, first, stop=StopAfter(2))
    train([folder], teacher_folder, out, first, stop=StopAfter(2))  # the same: no run of its own
    train([folder], teacher_folder, out, replace(settings, samples=32, tell_steps=1))
    train([folder], teacher_folder, out, replace(settings, samples=32), rewind=0.75)
    train([folder], teacher_folder, out, settings)  # only writes the model
    recipe = json.loads((out / "model" / "recipe.json").read_text())
    runs = [(run["step"], run["position"], run["samples"]) for run in recipe["runs"]]
    assert runs == [(0, 0.0, 64), (4, 0.5, 32), (6, 0.75, 32)]
    assert {run["data"] for run in recipe["runs"]} == {recipe["data"]["sha256"]}
    assert {run["teacher"] for run in recipe["runs"]} == {recipe["teacher"]["sha256"]}
    assert not {"samples", "minutes", "threads", "device"} & set(recipe["settings"])
    assert recipe["settings"]["rate"] == settings.rate


def test_a_checkpoint_from_before_runs_were_kept_goes_on_and_says_what_is_unknown(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    settings, out = replace(settings, samples=64), tmp_path / "out"
    train([folder], teacher_folder, out, settings, stop=StopAfter(3))
    content = torch.load(out / "checkpoint.pt", weights_only=True)
    del content["runs"], content["settings"]["clip"]  # a setting that it did not know: the default
    torch.save(content, out / "checkpoint.pt")
    train([folder], teacher_folder, out, settings)
    before, after = json.loads((out / "model" / "recipe.json").read_text())["runs"]
    assert (before["step"], before["samples"], before["data"]) == (0, 64, UNKNOWN)
    assert "not recorded before step 3" in before["note"]
    assert (after["step"], after["samples"], len(after["data"])) == (3, 64, 64)


def test_a_training_at_its_end_is_not_made_longer_by_asking(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    train([folder], teacher_folder, out, replace(settings, samples=16))
    with pytest.raises(UsageError, match=r"at its end.*--rewind"):
        train([folder], teacher_folder, out, replace(settings, samples=32))


def test_what_is_no_checkpoint_is_an_error_that_names_it(
    folder: Path, teacher_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(UsageError, match=r"checkpoint\.pt does not exist; train"):
        train([folder], teacher_folder, tmp_path, settings)
    (tmp_path / "checkpoint.pt").write_bytes(b"not made by torch")
    with pytest.raises(SourceError, match=r"checkpoint\.pt is no checkpoint"):
        train([folder], teacher_folder, tmp_path, replace(settings, samples=16))


@pytest.mark.parametrize(
    ("nice", "load", "threads"),
    [(0, 9.0, 4), (5, 9.0, 1), (5, 1.5, 4)],
    ids=["not nice", "nice on a busy machine", "nice on an idle machine"],
)
def test_a_training_that_gives_way_takes_one_thread_on_a_busy_machine(
    nice: int, load: float, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.nice", lambda _: nice)
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))  # one of it is our own thread
    assert useful_threads(replace(Settings(), threads=4)) == threads
