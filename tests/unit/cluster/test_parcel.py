import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visavis_fake import FakeEmbedder

from visavis.cluster.parcel import Parcel, pack, unpack
from visavis.embedders.base import Embedder
from visavis.embedders.reduced import ReducedEmbedder
from visavis.embedders.registry import builtin_folder, load_embedder
from visavis.errors import ModelChecksumError, ModelError, ModelNotFoundError
from visavis.types import RGB

PICTURE: RGB = np.random.default_rng(1).integers(0, 255, (40, 50, 3), np.uint8)


class Travel:
    """What a parcel refers to, by number; it notes what was fetched."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.fetched: list[int] = []

    def put(self, content: bytes) -> int:
        self.contents.append(content)
        return len(self.contents) - 1

    def get(self, number: int) -> bytes:
        self.fetched.append(number)
        return self.contents[number]

    def sent(self, embedder: Embedder) -> Parcel:
        parcel: Parcel = pickle.loads(pickle.dumps(pack(embedder, self.put)))
        return parcel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of the user's: the built-in one under another name."""
    copy = shutil.copytree(builtin_folder() / "visavis-s", tmp_path / "my+model")
    spec = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps({**spec, "name": "mine"}))
    return copy


def same(one: Embedder, other: Embedder) -> bool:
    return np.array_equal(one.embed_images([PICTURE]), other.embed_images([PICTURE]))


@pytest.mark.parametrize("name", ["classic", "visavis-s", "0.7:visavis-s+0.3:classic"])
def test_models_with_a_name_go_by_it(name: str) -> None:
    travel = Travel()
    embedder = load_embedder(name, threads=1)
    there = unpack(travel.sent(embedder), travel.get, "cpu", at_home=False)
    assert not travel.contents
    assert same(embedder, there)


def test_a_folder_travels_once_and_without_its_words(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel = Travel()
    embedder = load_embedder(folder, threads=1)
    embedder.embed_images([PICTURE])  # opens it
    parcel = travel.sent(embedder)
    moved = folder.rename(tmp_path / "elsewhere")  # the worker's machine does not have it
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "worker"))
    assert same(embedder, unpack(parcel, travel.get, "cpu", at_home=False))
    count = len(travel.fetched)
    [kept] = (tmp_path / "worker" / "visavis" / "travelled").glob("*/model.onnx")
    assert not (kept.parent / "words.bin").exists()
    assert kept.read_bytes() == (moved / "model.onnx").read_bytes()
    unpack(parcel, travel.get, "cpu", at_home=False)
    assert len(travel.fetched) == count


def test_at_home_a_folder_is_used_where_it_is(folder: Path) -> None:
    travel = Travel()
    embedder = load_embedder(folder, threads=1)
    assert same(embedder, unpack(travel.sent(embedder), travel.get, "cpu", at_home=True))
    assert not travel.fetched


def test_parts_and_reductions_travel_as_well(folder: Path) -> None:
    travel = Travel()
    both = load_embedder(f"3:{folder}+1:classic", threads=1)
    assert same(both, unpack(travel.sent(both), travel.get, "cpu", at_home=False))
    axes = np.eye(5, both.dim, dtype=np.float16)
    small = ReducedEmbedder(both, np.zeros(both.dim, np.float16), axes)
    there = unpack(travel.sent(small), travel.get, "cpu", at_home=False)
    assert same(small, there)
    assert there.fingerprint == small.fingerprint


def test_what_was_changed_on_its_way_is_not_used(folder: Path, tmp_path: Path) -> None:
    travel = Travel()
    parcel = travel.sent(load_embedder(folder, threads=1))
    travel.contents = [content + b" " for content in travel.contents]
    with pytest.raises(ModelChecksumError, match="on its way"):
        unpack(parcel, travel.get, "cpu", at_home=False)


def test_a_worker_without_the_model_or_with_another_says_so() -> None:
    travel = Travel()
    parcel = travel.sent(FakeEmbedder(name="fake-nobody-has"))
    with pytest.raises(ModelNotFoundError, match="fake-nobody-has"):
        unpack(parcel, travel.get, "cpu", at_home=False)
    other: Any = pack(load_embedder("classic"), travel.put)._replace(fingerprint="another")
    with pytest.raises(ModelError, match=r"'classic' there is not the one here.*same version"):
        unpack(other, travel.get, "cpu", at_home=False)
