"""`visavis export` and `visavis import`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Cli = Callable[..., Any]


def test_an_export_is_searched_like_the_index_it_came_from(
    cli: Cli, drawn: Path, drawn_index: Path, tmp_path: Path
) -> None:
    made = json.loads(cli("export", tmp_path / "o.h5", "--index", drawn_index, "--json").out)
    assert made["records"] == 56
    done = cli("import", tmp_path / "o.h5", "--index", tmp_path / "new.index")
    assert done.out.splitlines()[1] == f"56 records in {tmp_path / 'new.index'}, model classic"
    ask = ("search", drawn / "images" / "mug-01-front.jpg", "-k", 5, "--jsonl", "--index")
    before, after = cli(*ask, drawn_index).out, cli(*ask, tmp_path / "new.index").out
    ids = [json.loads(line)["id"] for line in after.splitlines()]
    assert ids == [json.loads(line)["id"] for line in before.splitlines()]


def test_what_is_there_is_refused_with_a_code(cli: Cli, drawn_index: Path, tmp_path: Path) -> None:
    (tmp_path / "o.npz").write_text("mine")
    done = cli("export", tmp_path / "o.npz", "--index", drawn_index)
    assert (done.code, done.out) == (2, "")
    assert "replace it with --force" in done.err
    assert cli("export", tmp_path / "o.npz", "--index", drawn_index, "--force").code == 0


def test_features_of_an_unknown_model_say_so(cli: Cli, drawn: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["image_ids"], file["features"] = ["a", "b", "c"], np.eye(3) * [[1], [2], [np.nan]]
    place = tmp_path / "f.index"
    done = cli("import", tmp_path / "f.h5", "--model", "vgg", "--index", place, "--strict")
    assert done.code == 4
    assert "2 added" in done.out
    assert "skipped c: its vector holds NaN" in done.err
    assert cli("search", "id:a", "--index", place).out.splitlines()[0].split("\t")[1] == "a"
    refused = cli("search", drawn / "images" / "mug-01-front.jpg", "--index", place)
    assert refused.code == 5
    assert "does not have the model 'vgg'" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert "as they were imported" in cli("duplicates", "--index", place).err
    assert cli("index", "--rebuild", "--index", place).code == 5
