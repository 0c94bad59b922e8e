"""The classes that a network was taught: their names, their scores, and where they lie."""

import re
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.disk import reason
from visavis.embedders.base import unit_rows
from visavis.embedders.classes.weights import class_directions
from visavis.embedders.runtime.network import Network
from visavis.embedders.spec import SPEC_FILE, ClassesSpec, ModelSpec
from visavis.errors import ModelError, ModelSpecError, UnknownWordError
from visavis.types import RGB, Vectors

_NEAR = 6
"""Names that an error suggests."""
_SHOWN = 200  # characters of a name


class ClassNames:
    """The labels of a classifier, each of which may be several names: "tabby, tabby cat"."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._classes: dict[str, list[int]] = {}
        self._spelled: dict[str, str] = {}
        for number, label in enumerate(self.labels):
            for name in dict.fromkeys([*synonyms(label), label]):
                self._classes.setdefault(_key(name), []).append(number)
                self._spelled.setdefault(_key(name), name)

    def find(self, name: str) -> list[int]:
        """The classes of that name, whatever its case; several share a name at times (crane).

        Raises UnknownWordError, which names similar ones.
        """
        found = self._classes.get(_key(name))
        if found is None:
            near = self._near(_key(name)[:_SHOWN])
            hint = f"similar are {', '.join(map(repr, near))}" if near else "tags show its names"
            raise UnknownWordError(f"the model knows no class {name[:_SHOWN]!r}; {hint}")
        return found

    def notes(self, name: str) -> tuple[str, ...]:
        """A sentence when a name is that of several classes."""
        labels = [self.labels[number] for number in self.find(name)]
        if len(labels) < 2:
            return ()
        shown = "; ".join(map(repr, labels))
        return (f"the model has {len(labels)} classes called {name!r}, and all count: {shown}",)

    def _near(self, key: str) -> list[str]:
        """Names that hold the wanted one as a word, then names that are spelled like it."""
        import difflib

        word = re.compile(rf"\b{re.escape(key)}\b") if key else None
        single = [name for name in self._classes if "," not in name]
        holding = [name for name in single if word and word.search(name)]
        close = difflib.get_close_matches(key, single, n=_NEAR)
        return [self._spelled[name] for name in dict.fromkeys([*holding, *close])][:_NEAR]


def synonyms(label: str) -> list[str]:
    """The names in a label, best known first.

    >>> synonyms("tabby, tabby cat")
    ['tabby', 'tabby cat']
    """
    return [name for part in label.split(",") if (name := part.strip())] or [label]


def _key(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


class FolderClasses:
    """The classifier in a model folder; a `ClassSide`. Safe to use from several threads.

    Raises ModelSpecError when the labels cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        spec: ModelSpec,
        classes: ClassesSpec,
        *,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        self._folder, self._spec, self._classes = folder, spec, classes
        self._threads, self._device = threads, device
        self._names = ClassNames(read_labels(folder / classes.labels))
        self._guard = threading.Lock()
        self._network: Network | None = None
        self._directions: Vectors | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each class."""
        return self._names.labels

    def scores(self, images: Sequence[RGB]) -> NDArray[np.float32]:
        """The probability of each class for each picture: (n, classes).

        Of a network that gives no probabilities, the softmax of what it gives.
        """
        network = self._opened()
        rows = np.empty((len(images), len(self.labels)), np.float32)
        for start in range(0, len(images), network.batch):
            part = images[start : start + network.batch]
            found = np.asarray(network(part), np.float32).reshape(len(part), -1)
            if found.shape[1] != rows.shape[1]:
                raise ModelSpecError(
                    f"{self._folder / SPEC_FILE}: {self._classes.output!r} has {found.shape[1]} "
                    f"classes and {self._classes.labels} {rows.shape[1]} lines; correct one of them"
                )
            rows[start : start + network.batch] = found
        return probabilities(rows)

    def directions(self, names: Sequence[str]) -> Vectors:
        """A unit vector for each class name: (n, dim). See class_weights.py.

        Raises UnknownWordError, and ClassesUnsupportedError where the classifier does not act on
        the embedding.
        """
        chosen = [self._names.find(name) for name in names]
        with self._guard:
            if self._directions is None:
                self._directions = class_directions(
                    self._folder, self._spec, self._classes, len(self.labels)
                )
        rows = [self._directions[numbers].mean(axis=0) for numbers in chosen]
        found = np.array(rows, np.float32).reshape(len(rows), self._spec.dim)
        return unit_rows(found)

    def notes(self, name: str) -> tuple[str, ...]:
        """What to know of a class name, in sentences for people."""
        return self._names.notes(name)

    def _opened(self) -> Network:
        with self._guard:
            if self._network is None:
                self._network = Network(
                    self._folder / self._spec.file,
                    self._classes.output,
                    self._spec.preprocess,
                    threads=self._threads,
                    device=self._device,
                )
            return self._network


def read_labels(path: Path) -> list[str]:
    """The labels in a file, one on each line. Raises ModelError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: the labels cannot be read ({reason(error)})") from error
    return [line.strip() for line in lines]


def probabilities(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows as they are if they are shares of one, and their softmax if not.

    >>> probabilities(np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)).tolist()
    [[0.25, 0.75], [0.5, 0.5]]
    """
    sums = rows.sum(axis=1)
    if (rows >= 0).all() and np.allclose(sums, 1, atol=0.02):
        return rows
    raised = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
