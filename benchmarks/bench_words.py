"""Words: opening a table from the cache, a query in words against one by id, the nearest words."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.galleries import ChosenVectors, Clusters, GalleryIndex, Model, fill, record_id
from benchmarks.measure import Bound, Figure, Floor, Report, Size, in_turns, seconds
from visavis import ImageIndex, load_embedder
from visavis.embedders.base import unit_rows
from visavis.embedders.registry import DEFAULT_MODEL, model_info
from visavis.embedders.words.lookup import Words, open_words
from visavis.embedders.words.table import TableWriter, WordTable
from visavis.flows.binding import Binding
from visavis.store.sqlite.store import SqliteStore
from visavis.types import RecordTerm, TextTerm, Vectors

_LARGE = {"full": (400_000, 300), "small": (400_000, 300), "tiny": (2_000, 20)}
_RECORDS = {"full": 200_000, "small": 50_000, "tiny": 300}
_IN_MEMORY = {"full": 20_000, "small": 20_000, "tiny": 300}
_ROUNDS = {"full": 9, "small": 5, "tiny": 2}
_WORDS = {"full": 10_000, "small": 10_000, "tiny": 500}
_QUERIES = {"full": 100, "small": 100, "tiny": 5}
_DIM = 256
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

_OPENING = """
import sys, time
from pathlib import Path
import numpy
from visavis.embedders.words.lookup import Words, open_words

def resident():
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

path, word = Path(sys.argv[1]), sys.argv[2]
before, started = resident(), time.perf_counter()
words = Words(open_words(path))
words.embed([word])
print(1e3 * (time.perf_counter() - started), (resident() - before) / 1024)
"""


def run(size: Size, work: Path) -> Report:
    """Milliseconds and resident megabytes of opening; a query in words over one by id."""
    report = Report("words", size)
    small = _text_file(work / "words-10k.txt", min(10_000, _LARGE[size][0]), 50)
    open_words(small)  # made in the user's cache, as a first command would
    report.figures += _opening(small, _ROUNDS[size], Bound(50, of="value"), None)
    large = _table(work / "words-large.bin", *_LARGE[size])
    limits = Bound(300, of="value"), Bound(50, of="value")
    report.figures += _opening(large, _ROUNDS[size], *limits)
    report.figures += _asking(work, size)
    report.figures += _built_in(work, size)
    report.figures.append(_similar(large, size))
    report.notes.append(
        "opening: a process of its own, from the first line of Python to the vector of a word, "
        "numpy imported before; a query in words is a function word and the plural of a known one"
    )
    return report


def _opening(path: Path, rounds: int, time: Bound, memory: Bound | None) -> list[Figure]:
    table = open_words(path)
    word = table.word(len(table) // 2)
    what = f"{len(table):,} × {table.dim} words"
    command = [sys.executable, "-c", _OPENING, str(path), word]
    found = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        for _ in range(rounds + 1)
    ][1:]  # everything was read once before
    figures = [Figure(f"open {what}, warm", "ms", [float(row[0]) for row in found], bound=time)]
    if memory is not None:
        grown = [float(row[1]) for row in found]
        figures.append(Figure("the same, growth of memory", "MB", grown, bound=memory))
    return figures


def _asking(work: Path, size: Size) -> list[Figure]:
    count = _RECORDS[size]
    folder = work / f"words-{count}.index"
    clusters = Clusters(count, _DIM)
    fill(folder, clusters, Model.chosen())
    # Words lie among the pictures, as a joint space has them.
    near = _written(work / "words-near.bin", [clusters.fresh(_WORDS[size])], _DIM)
    far = _table(work / "words-far.bin", _WORDS[size], _DIM)
    random = np.random.default_rng(3)
    numbers = random.integers(0, _WORDS[size], _QUERIES[size]).tolist()
    ids = [RecordTerm(record_id(int(n))) for n in random.integers(0, count, _QUERIES[size])]
    name = f"search {count:,} × {_DIM} by words"
    figures = []
    for path, what, bound in (
        (near, "among the pictures", Bound(2)),
        (far, "unlike the pictures, answered exactly", None),
    ):
        words = Words(open_words(path))
        texts = [TextTerm(f"the {words.table.word(number)}s") for number in numbers]
        with _ReadingIndex(SqliteStore(folder), words) as index:
            in_words, by_id = in_turns(
                _ROUNDS[size],
                partial(_median_ms, index.search, texts),
                partial(_median_ms, index.search, ids),
            )
        figures.append(
            Figure(f"{name} {what}", "ms", in_words, Floor("the same by id", by_id), bound)
        )
    return figures


def _built_in(work: Path, size: Size) -> list[Figure]:
    """The built-in model's words: by looks, which is what an id asks for too, and by text as well.

    Where all vectors are in memory, and where there is an approximate index of whole vectors.
    """
    figures = []
    for count in (_IN_MEMORY[size], _RECORDS[size]):
        figures += _asking_built_in(work, size, count)
    return figures


def _asking_built_in(work: Path, size: Size, count: int) -> list[Figure]:
    model = load_embedder(DEFAULT_MODEL)
    builtin = model_info(DEFAULT_MODEL).folder
    assert builtin is not None
    table = WordTable(builtin / "words.bin.gz")
    folder = work / f"words-{DEFAULT_MODEL}-{count}.index"
    made_by = Model(model.name, model.ref, model.fingerprint)
    fill(folder, Shown(count, model.dim, table=table), made_by)
    random = np.random.default_rng(3)
    common = random.choice(min(5_000, len(table)), _QUERIES[size], replace=False)
    texts = [TextTerm(table.word(int(n))) for n in common if not table.silent([int(n)])[0]]
    ids = [RecordTerm(record_id(int(n))) for n in random.integers(0, count, _QUERIES[size])]
    with ImageIndex.open(folder) as index:
        by_looks, by_both, by_id = in_turns(
            _ROUNDS[size],
            partial(_median_ms, partial(index.search, by="looks"), texts),
            partial(_median_ms, index.search, texts),
            partial(_median_ms, index.search, ids),
        )
    name, floor = f"search {count:,} × {model.dim} by words, {DEFAULT_MODEL}", "the same by id"
    bound = Bound(1.2) if count == _IN_MEMORY[size] else None
    return [
        Figure(f"{name}, by looks", "ms", by_looks, Floor(floor, by_id), bound),
        Figure(f"{name}, by text and looks", "ms", by_both, Floor(floor, by_id)),
    ]


@dataclass(frozen=True, slots=True)
class Shown(Clusters):
    """Clusters whose last numbers say what is shown: a common word, and something else."""

    table: WordTable = field(kw_only=True)

    def vectors(self) -> Iterator[Vectors]:
        """All of them, a block at a time."""
        random = np.random.default_rng(self.seed)
        wide = self.table.dim
        for block in Clusters.vectors(self):
            shown = random.integers(0, min(5_000, len(self.table)), len(block))
            words = self.table.vectors(shown.tolist())
            noise = random.standard_normal(words.shape, np.float32) / np.float32(wide**0.5)
            block[:, :-wide] = unit_rows(block[:, :-wide]) * np.float32(0.9**0.5)
            block[:, -wide:] = unit_rows(words + noise) * np.float32(0.1**0.5)
            yield block


def _similar(path: Path, size: Size) -> Figure:
    words = Words(open_words(path))
    word = words.table.word(7)
    taken = [1e3 * seconds(lambda: words.similar([(word, 1.0)], 10)) for _ in range(3)]
    return Figure(f"the 10 nearest of {len(words.table):,} words", "ms", taken)


class _Reading(ChosenVectors):
    """Reads words as a model with a table does."""

    def __init__(self, dim: int, words: Words) -> None:
        super().__init__(dim)
        self._words = words

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Of the table."""
        return self._words.embed(texts)

    def text_notes(self, text: str) -> tuple[str, ...]:
        """Of the table."""
        return self._words.notes(text)


class _ReadingBinding(Binding):
    def __init__(self, store: SqliteStore, words: Words) -> None:
        super().__init__(store, "cpu")
        self._reading = _Reading(store.model().dim, words)

    def embedder(self, threads: int | None = None) -> _Reading:
        return self._reading


class _ReadingIndex(GalleryIndex):
    """An index that is asked in words; everything but the model is the real thing."""

    def __init__(self, store: SqliteStore, words: Words) -> None:
        super().__init__(store)
        self._model = _ReadingBinding(store, words)


def _median_ms(ask: Callable[..., object], terms: Sequence[object]) -> float:
    return 1e3 * float(np.median([seconds(partial(ask, term)) for term in terms]))


def _word(number: int) -> str:
    """Words of letters, such as people's files hold."""
    letters = ""
    while number or len(letters) < 3:
        number, rest = divmod(number, len(_LETTERS))
        letters += _LETTERS[rest]
    return letters


def _table(path: Path, count: int, dim: int) -> Path:
    if not path.exists():
        random = np.random.default_rng(1)
        blocks = (
            random.standard_normal((min(10_000, count - start), dim), np.float32)
            for start in range(0, count, 10_000)
        )
        _written(path, blocks, dim)
    return path


def _written(path: Path, blocks: Iterable[Vectors], dim: int) -> Path:
    first = 0
    with TableWriter(path, dim) as writer:
        for block in blocks:
            writer.add([_word(first + n) for n in range(len(block))], block)
            first += len(block)
        writer.finish()
    return path


def _text_file(path: Path, count: int, dim: int) -> Path:
    random = np.random.default_rng(2)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            row = " ".join(f"{value:.4f}" for value in random.standard_normal(dim))
            file.write(f"{_word(number)} {row}\n")
    return path
