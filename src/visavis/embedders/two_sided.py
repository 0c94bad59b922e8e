"""Model folders with a text side: pictures and words in one space."""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from visavis.embedders.classes.names import FolderClasses
from visavis.embedders.classes.semantic import SemanticClasses
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.spec import SPEC_FILE, TextSpec, WordsSpec, read_spec
from visavis.embedders.words.aliases import read_aliases
from visavis.embedders.words.lookup import Words
from visavis.embedders.words.semantic import SemanticWords
from visavis.embedders.words.table import WordTable
from visavis.embedders.words.text import TextNetwork
from visavis.errors import ModelError, ModelSpecError
from visavis.types import Vectors

TextSide = TextNetwork | Words


class TwoSidedEmbedder(OnnxEmbedder):
    """A model folder with a text side.

    Each side is opened when it is first asked: a search by words needs no eyes. Arguments and
    errors are those of `OnnxEmbedder`; a network that cannot be opened is an error then.
    """

    lazy = True

    def __init__(
        self,
        folder: Path,
        *,
        ref: str | None = None,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(folder, ref=ref, threads=threads, device=device)
        self._guard = threading.Lock()
        self._side: TextSide | None = None

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text, in order: (n, dim) float32.

        Raises:
            UnknownWordError: the model knows none of a text's words.
            ExtraMissingError: the text side needs a package that is not installed.
            ModelError: the text side cannot be used.
        """
        return self.text_side().embed(texts)

    def text_notes(self, text: str) -> tuple[str, ...]:
        """What of a text is ignored, in sentences for people."""
        return self.text_side().notes(text)

    def good_from(self, text: str) -> float | None:
        """The score from which on pictures are good answers to a text; None: it is not known."""
        side = self.text_side()
        return side.good_from(text) if isinstance(side, SemanticWords) else None

    @cached_property
    def classes(self) -> FolderClasses | None:
        """Its classifier, if model.json names one; classes lie among the words where it can be."""
        words = self.spec.semantic is not None and isinstance(self.spec.text, WordsSpec)
        if self.spec.classes is None or not words:
            return super().classes
        return SemanticClasses(
            self.folder,
            self.spec,
            self.spec.classes,
            self._semantic_words,
            threads=self.threads,
            device=self.device,
        )

    def _semantic_words(self) -> SemanticWords:
        side = self.text_side()
        assert isinstance(side, SemanticWords)  # narrows the type: the spec says so
        return side

    def words(self) -> Words | None:
        """The vocabulary, where the text side is a table of words. Raises ModelError."""
        side = self.text_side() if isinstance(self.spec.text, WordsSpec) else None
        return side if isinstance(side, Words) else None

    def text_side(self) -> TextSide:
        """The text side, opened at the first use. Raises ModelError."""
        with self._guard:
            if self._side is None:
                self._side = self._opened()
            return self._side

    def _opened(self) -> TextSide:
        spec = self.spec.text
        if isinstance(spec, TextSpec):
            return TextNetwork(self.folder, spec, self.dim, self.threads, self.device)
        if spec is None:
            raise ModelError(f"{self.folder} has no text side")
        aliases = None if spec.aliases is None else read_aliases(self.folder / spec.aliases)
        semantic = self.spec.semantic
        if semantic is None:
            return Words(self._table(spec.words, "dim", self.dim), aliases)
        visual = self.dim - semantic.dim
        table = self._table(spec.words, "semantic.dim", semantic.dim)
        colours = None
        if spec.colours is not None:
            colours = self._table(spec.colours, "dim without semantic.dim", visual)
        return SemanticWords(table, semantic, visual, colours, aliases)

    def _table(self, name: str, key: str, dim: int) -> WordTable:
        table = WordTable(self.folder / name)
        if table.dim != dim:
            raise ModelSpecError(
                f"{self.folder / SPEC_FILE}: {key} is {dim}, but the vectors in {name} have "
                f"{table.dim} dimensions; make the model again"
            )
        return table


def open_folder(
    folder: Path, *, ref: str | None = None, threads: int | None = None, device: str = "cpu"
) -> OnnxEmbedder:
    """The embedder of a model folder; a `TextEmbedder` if it has a text side. ModelError."""
    kind = OnnxEmbedder if read_spec(folder).text is None else TwoSidedEmbedder
    return kind(folder, ref=ref, threads=threads, device=device)
