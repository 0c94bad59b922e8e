"""Shards in a real S3 server: written by one command, and taken in by another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visavis.buckets.folders import Folder
from visavis.cli.main import run

Cli = Callable[..., Any]


def test_shards_go_through_a_bucket(
    gallery: Path, place: str, bucket: Folder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: object, code: int = 0) -> str:
        assert run([*map(str, arguments)]) == code
        told = capfd.readouterr()
        return told.out + told.err

    shards, index = f"{place}/shards", tmp_path / "loaded.index"
    bucket.write("shards/notes.txt", b"no shard")
    made = said("index", gallery, "--shards", shards, "--model", "classic")
    assert f"1 shard in {shards}, model classic" in made
    assert said("index", gallery, "--shards", shards).startswith("0 added, 16 unchanged")
    [name] = [name for name in bucket.names() if name.endswith(".parquet")]
    assert said("load", shards, "--index", index).startswith("16 added")
    assert said("load", f"{place}/{name}", "--index", index).startswith("0 added, 16 unchanged")
    assert said("index", gallery, "--index", index).startswith("0 added, 16 unchanged")
    bucket.write(name, bucket.read(name)[:5000])
    refused = said("load", shards, "--index", tmp_path / "other.index", code=2)
    assert refused.startswith(f"error: {place}/{name}: it is no sound Parquet file")
    assert "there are no shards in it" in said("load", f"{place}/none", "--index", index, code=2)
