"""ConSE: any classifier searched by words at once, without training.

The vector of a picture is the mean of the word vectors of its most probable classes, each counted
by its probability (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic
Embeddings", ICLR 2014):

    f(x) = Σ p(c | x) · s(c) over the T most probable classes c

where s(c) is the vector of the class's name. The sum is appended to the classifier's own graph, and
the words become the text side, so the result is a model folder like any other; it still tells
classes. Two things are ours: word vectors are used without their mean (see `copy_table`), and a
class whose name holds no known word is left out before the T are chosen.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.disk import new_folder
from visavis.embedders.adding.checking import check_model
from visavis.embedders.base import unit_rows
from visavis.embedders.classes.names import synonyms
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.registry import load_embedder
from visavis.embedders.runtime.graph import Graph, read_graph
from visavis.embedders.runtime.graph_edit import appended, node, parse_opset, tensor
from visavis.embedders.spec import SPEC_FILE, ModelSpec, WordsSpec
from visavis.embedders.words.aliases import read_aliases
from visavis.embedders.words.lookup import Words, open_words
from visavis.embedders.words.table import WordTable, copy_table
from visavis.errors import ClassesUnsupportedError, ModelError, WordVectorsError

TOP = 10
"""Classes that count; the paper's choice."""

_WORDS_FILE, _ALIASES_FILE, _MODEL_FILE = "words.bin", "aliases.txt", "model.onnx"
_EMBEDDING = "visavis.conse.embedding"
_RESHAPING = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast"}
_PROBABLE = {"Softmax", "Sigmoid"}
_TOPK_BY_INPUT = 10  # the version of the operators from which TopK takes its number as an input
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class ConseReport:
    """What was made, and what could not be used."""

    name: str
    folder: Path
    dim: int
    words: int
    classes: int
    unknown: tuple[str, ...]
    """Labels without a known word: these classes say nothing."""
    notes: tuple[str, ...]
    """About the file of word vectors."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of what was made."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "dim": self.dim,
            "words": self.words,
            "classes": self.classes,
            "unknown": list(self.unknown),
            "notes": list(self.notes),
        }


def make_conse(
    classifier: str,
    words: Path,
    out: Path,
    *,
    aliases: Path | None = None,
    top: int = TOP,
    keep: int | None = None,
    replace: bool = False,
    models: Path | None = None,
) -> ConseReport:
    """Write the model folder `out` from a classifier and a file of word vectors.

    Args:
        classifier: A model with classes: its name or folder.
        words: GloVe, word2vec or fastText vectors; see word_file.py.
        out: The new folder; its name is the model's.
        aliases: More words for words that the vectors lack; see aliases.py.
        top: How many classes count for a picture.
        keep: How many of the commonest words people can ask for; None: all.
        replace: Whether a folder that is there is replaced.
        models: Where added models are kept; None: `models_folder()`.

    Raises:
        ClassesUnsupportedError: the model has no classifier.
        WordVectorsError: the vectors cannot be read, or no class has a known word.
        ModelError: the folder is there, or the result does not work.
    """
    source = load_embedder(classifier, threads=1, models=models)
    if not isinstance(source, OnnxEmbedder) or source.classes is None:
        raise ClassesUnsupportedError(
            f"the model {source.name!r} has no classifier; give a model folder whose model.json "
            "names one under classes"
        )
    table = open_words(words)
    with _new_folder(out, replace) as made:
        copy_table(table, made / _WORDS_FILE, keep=keep, centred=True)
        if aliases is not None:
            shutil.copyfile(aliases, made / _ALIASES_FILE)
        known = Words(
            WordTable(made / _WORDS_FILE), None if aliases is None else read_aliases(aliases)
        )
        vectors = class_vectors(known, source.classes.labels)
        unknown = [
            label
            for label, vector in zip(source.classes.labels, vectors, strict=True)
            if not vector.any()
        ]
        if len(unknown) == len(vectors):
            raise WordVectorsError(
                f"{words}: no class of {source.name!r} has a name of known words; give other "
                "vectors, or name the words with --aliases"
            )
        spec = _write_model(made, source, vectors, top, out, f"{words.name}", aliases is not None)
        check_model(made, may_be_alike=True)
    return ConseReport(
        spec.name, out, spec.dim, len(known.table), len(vectors), tuple(unknown), table.notes
    )


def class_vectors(words: Words, labels: Sequence[str]) -> NDArray[np.float32]:
    """A unit vector for each label, or zeros where it holds no known word: (n, dim).

    That of the words that `class_words` chooses.
    """
    rows = np.zeros((len(labels), words.dim), np.float32)
    for row, numbers in zip(rows, class_words(words, labels), strict=True):
        if numbers:
            row[:] = unit_rows(words.table.vectors(numbers).mean(axis=0)[None])[0]
    return rows


def class_words(words: Words, labels: Sequence[str]) -> list[list[int]]:
    """The numbers of the words that stand for each label; none where it holds no known word.

    Of the names in a label, the first counts whose words are all known, or else the first whose
    last word is: a "golden retriever" is no gold, and an "acoustic guitar" is a guitar.
    """
    names = [_best_name(words, synonyms(label)) for label in labels]
    return [[] if name is None else words.look_up(name)[0] for name in names]


def _best_name(words: Words, names: Sequence[str]) -> str | None:
    looked_up = {name: words.look_up(name) for name in names}
    for name, (numbers, unknown) in looked_up.items():
        if numbers and not unknown:
            return name
    for name, (numbers, _) in looked_up.items():
        if numbers and words.look_up(name.split()[-1])[0]:
            return name
    return None


def _write_model(
    made: Path,
    source: OnnxEmbedder,
    vectors: NDArray[np.float32],
    top: int,
    out: Path,
    words: str,
    aliases: bool,
) -> ModelSpec:
    classes = source.spec.classes
    assert classes is not None  # narrows the type: the caller has its labels
    graph_path = source.folder / source.spec.file
    graph = read_graph(graph_path)
    model = _with_sum(graph_path, graph, classes.output, vectors, top)
    (made / _MODEL_FILE).write_bytes(model)
    for name in (*graph.external, classes.labels):
        shutil.copyfile(source.folder / name, made / name)
    spec = with_changes(
        source.spec,
        name=_NAME.sub("-", out.name).lstrip("._-") or "conse",
        file=_MODEL_FILE,
        sha256=hashlib.sha256(model).hexdigest(),
        output=_EMBEDDING,
        pool="none",
        dim=vectors.shape[1],
        text=WordsSpec(_WORDS_FILE, _ALIASES_FILE if aliases else None),
        semantic=None,
        origin=f"ConSE of {source.name} (top {top}) and the word vectors {words}; "
        f"the network: {source.spec.origin}",
    )
    (made / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
    return spec


def _with_sum(
    path: Path, graph: Graph, output: str, vectors: NDArray[np.float32], top: int
) -> bytes:
    """The classifier with the weighted sum of its classes' vectors as one more output."""
    if output not in graph.tensors():
        raise ModelError(f"{path} has no tensor {output!r}, but its model.json names it")
    data = path.read_bytes()
    count = len(vectors)
    own = {name: f"visavis.conse.{name}" for name in _TENSORS}
    single = 1  # float32, among ONNX's types
    parts = [
        tensor(own["flat"], np.array([-1, count], np.int64)),
        tensor(own["known"], np.asarray(vectors.any(axis=1), np.float32).reshape(1, -1)),
        tensor(own["vectors"], vectors.astype(np.float32)),
        tensor(own["row"], np.array([-1, 1, min(top, count)], np.int64)),
        tensor(own["wide"], np.array([-1, vectors.shape[1]], np.int64)),
        node("Reshape", [output, own["flat"]], [own["rows"]]),
        node("Cast", [own["rows"]], [own["scores"]], to=single),
    ]
    if _is_probable(graph, output):
        parts.append(node("Identity", [own["scores"]], [own["shares"]]))
    else:
        parts.append(node("Softmax", [own["scores"]], [own["shares"]], axis=1))
    parts.append(node("Mul", [own["shares"], own["known"]], [own["counted"]]))
    best = [own["best"], own["places"]]
    if parse_opset(data) >= _TOPK_BY_INPUT:
        parts.append(tensor(own["top"], np.array([min(top, count)], np.int64)))
        parts.append(node("TopK", [own["counted"], own["top"]], best, axis=1))
    else:
        parts.append(node("TopK", [own["counted"]], best, axis=1, k=min(top, count)))
    parts += [
        node("Gather", [own["vectors"], own["places"]], [own["chosen"]], axis=0),
        node("Reshape", [own["best"], own["row"]], [own["weights"]]),
        node("MatMul", [own["weights"], own["chosen"]], [own["sum"]]),
        node("Reshape", [own["sum"], own["wide"]], [_EMBEDDING]),
    ]
    return appended(data, parts, _EMBEDDING)


_TENSORS = (
    *("flat", "known", "vectors", "row", "wide", "rows", "scores", "shares", "counted"),
    *("top", "best", "places", "chosen", "weights", "sum"),
)


def _is_probable(graph: Graph, output: str) -> bool:
    """Whether a tensor holds probabilities: what a softmax gives, in whatever shape."""
    makers = {name: one for one in graph.nodes for name in one.outputs}
    while (made_by := makers.get(output)) and made_by.op in _RESHAPING:
        output = made_by.inputs[0]
    return made_by is not None and made_by.op in _PROBABLE


@contextmanager
def _new_folder(out: Path, replace: bool) -> Iterator[Path]:
    """A folder that takes its place only when the block has come to its end."""
    if out.exists() and not (replace and (out / SPEC_FILE).is_file()):
        raise ModelError(
            f"{out} is there already; "
            + ("it is no model folder" if replace else "give another folder, or --replace")
        )
    try:
        with new_folder(out) as made:
            made.mkdir()
            yield made
    except OSError as error:
        raise ModelError(
            f"{error.filename or out}: {error.strerror or error}; nothing was made"
        ) from error
