"""The command line of the built-in model's recipe: what people get wrong and hear of it."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from visavis.training.builtin import main, stopping

REPOSITORY = Path(__file__).parents[3]


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and the sentence on standard error."""
    code = main(arguments)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return code, said


def test_it_wants_to_know_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--data", "a", "--teacher", "b", "--out", "c"])
    assert stop.value.code == 2
    assert "--minutes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--minutes", "0"], "--minutes must be more than zero, not 0"),
        (["--minutes", "inf"], "--minutes must be more than zero, not inf"),
        (["--samples", "0"], "--samples must be at least 1, not 0"),
        (["--samples", "8", "--scale", "0"], "--scale must divide 384"),
        (["--samples", "8", "--scale", "5"], "--scale must divide 384"),
        (["--samples", "8", "--scale", "384"], "at most 69"),
        (["--samples", "8", "--threads", "0"], "--threads must be at least 1, not 0"),
        (["--samples", "8", "--rewind", "1.5"], "--rewind must lie in 0…1, not 1.5"),
        (["--export", "--rewind", "0.5"], "--rewind has no effect on --export"),
        (["--export"], "checkpoint.pt does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_values_that_make_no_sense_are_one_sentence(
    options: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["--data", "a", "--teacher", "b", "--out", str(tmp_path / "out")]
    code, said = told([*named, *options], capsys)
    assert code == 2
    assert reason in said


def test_what_cannot_be_trained_on_is_one_sentence(
    folder: Path, teacher_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out"), "--samples", "8"]
    missing = ["--data", str(tmp_path / "none"), "--teacher", str(teacher_folder)]
    code, said = told([*missing, *out], capsys)
    assert code == 2
    assert "labels.csv does not exist" in said
    code, said = told(["--data", str(folder), "--teacher", str(tmp_path / "none"), *out], capsys)
    assert code == 5
    assert "is not a model folder" in said
    (folder / "labels.csv").write_text("file\n0.png\n1.png\n")
    code, said = told(["--data", str(folder), "--teacher", str(teacher_folder), *out], capsys)
    assert code == 2
    assert "labels.csv needs a column path" in said


def test_a_teacher_that_cannot_teach_is_one_sentence(
    folder: Path, teacher_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["--data", str(folder), "--teacher", str(teacher_folder), "--out", str(tmp_path / "o")]
    # It has no inner maps at the strides that the recipe follows.
    code, said = told([*named, "--samples", "8"], capsys)
    assert code == 5
    assert "which a teacher here needs" in said
    (teacher_folder / "model.onnx").unlink()
    code, said = told([*named, "--samples", "8"], capsys)
    assert code == 5
    assert "model.onnx cannot be read" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_stop_and_ends_nothing_by_itself(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
    assert signal.getsignal(number) is before


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_make_model_says_what_is_missing() -> None:
    done = subprocess.run(
        ["make", "-n", "model", "DATA=some"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert 'TEACHER is not given; say make model DATA="DIR DIR"' in done.stderr
