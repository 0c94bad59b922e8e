"""A small world: six classes with their broader words, and sentences read as bags of words."""

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from recipes.visavis_s.semantic import Matrix, Semantic, build

from visavis.embedders.base import unit_rows

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import torch

    @pytest.fixture(autouse=True)
    def one_thread() -> Iterator[None]:
        """Small tensors gain nothing from threads, which wait for one another on a busy machine."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)


LABELS = (
    "beagle",
    "golden retriever, Goldie",
    "tabby, tabby cat",
    "tiger cat",
    "sports car, sport car",
    "minivan",
)
KINDS = {"dog": "0-1", "cat": "2-3", "car": "4-5", "animal": "0-3"}
SURROUNDINGS = {"street": "4 5"}


def read_bags(sentences: Sequence[str]) -> Matrix:
    """A sentence is the sum of its words, each of which has a direction drawn by its letters."""
    rows = [
        np.sum([_direction(word.strip(",")) for word in sentence.split()], axis=0)
        for sentence in sentences
    ]
    return unit_rows(np.array(rows, np.float32).reshape(len(rows), 64))


def _direction(word: str) -> Matrix:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=64).astype(np.float32)


def write_table(path: Path) -> Path:
    lines = ["word\trelation\tclasses"]
    lines += [f"{word}\tkind\t{ranges}" for word, ranges in KINDS.items()]
    lines += [f"{word}\tsurroundings\t{ranges}" for word, ranges in SURROUNDINGS.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The small world's broader words."""
    return write_table(tmp_path / "broader.tsv")


@pytest.fixture
def small(table: Path) -> Semantic:
    """The small world's space, of five axes."""
    return build(read_bags, LABELS, table, dim=5)
