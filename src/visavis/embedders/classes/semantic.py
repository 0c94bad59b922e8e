"""Classes of a model with a semantic part: a class lies there where its name does."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from visavis.embedders.base import unit_rows
from visavis.embedders.classes.names import FolderClasses, synonyms
from visavis.embedders.spec import ClassesSpec, ModelSpec
from visavis.embedders.words.semantic import SemanticWords
from visavis.errors import ClassesUnsupportedError, UnknownWordError
from visavis.types import Vectors


class SemanticClasses(FolderClasses):
    """The classifier in a folder whose words have a semantic part. As `FolderClasses`.

    A class's direction is the row of its name in the table of words, so `words` is asked for only
    when a search is bent by a class.
    """

    def __init__(
        self,
        folder: Path,
        spec: ModelSpec,
        classes: ClassesSpec,
        words: Callable[[], SemanticWords],
        *,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(folder, spec, classes, threads=threads, device=device)
        self._words = words

    def directions(self, names: Sequence[str]) -> Vectors:
        """A unit vector for each class name: (n, dim), 0 in the visual part.

        A broader word, such as *dog* of 118 classes, has a row in the table as well: among what it
        stands for. Raises UnknownWordError, and ClassesUnsupportedError for a class that the table
        lacks.
        """
        words = self._words()
        rows = np.zeros((len(names), self._spec.dim), np.float32)
        for row, name in zip(rows, names, strict=True):
            try:
                numbers = self._names.find(name)
            except UnknownWordError:
                broader = words.phrase(name)
                if broader is None:
                    raise
                found = [broader]
            else:
                found = [self._direction(self.labels[number], words) for number in numbers]
            row[-words.semantic.dim :] = unit_rows(np.sum(found, axis=0)[None])[0]
        return rows

    def notes(self, name: str) -> tuple[str, ...]:
        """What to know of a class name, in sentences for people."""
        try:
            return super().notes(name)
        except UnknownWordError:
            if self._words().phrase(name) is None:
                raise
            return (f"no class is called {name!r}; it stands for all that the word means",)

    def _direction(self, label: str, words: SemanticWords) -> Vectors:
        for name in synonyms(label):
            found = words.phrase(name)
            if found is not None:
                return found
        raise ClassesUnsupportedError(
            f"{words.table.path} has no row for the class {label!r}, so a search cannot be bent by "
            "it; ask for words instead"
        )
