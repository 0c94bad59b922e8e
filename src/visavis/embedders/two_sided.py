"""Model folders with a text side: pictures and words in one space."""

import threading
from collections.abc import Sequence
from pathlib import Path

from visavis.embedders.aliases import read_aliases
from visavis.embedders.onnx import OnnxEmbedder
from visavis.embedders.spec import SPEC_FILE, TextSpec, WordsSpec, read_spec
from visavis.embedders.text import TextNetwork
from visavis.embedders.word_table import WordTable
from visavis.embedders.words import Words
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
        """What of a text is passed over, in sentences for people."""
        return self.text_side().notes(text)

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
        table = WordTable(self.folder / spec.words)
        if table.dim != self.dim:
            raise ModelSpecError(
                f"{self.folder / SPEC_FILE}: dim is {self.dim}, but the vectors in {spec.words} "
                f"have {table.dim} numbers; make the model again"
            )
        aliases = None if spec.aliases is None else read_aliases(self.folder / spec.aliases)
        return Words(table, aliases)


def open_folder(
    folder: Path, *, ref: str | None = None, threads: int | None = None, device: str = "cpu"
) -> OnnxEmbedder:
    """The embedder of a model folder; a `TextEmbedder` if it has a text side. ModelError."""
    kind = OnnxEmbedder if read_spec(folder).text is None else TwoSidedEmbedder
    return kind(folder, ref=ref, threads=threads, device=device)
