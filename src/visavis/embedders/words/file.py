"""Files of word vectors, as GloVe, word2vec and fastText write them.

Text: on each line a word and its numbers, with spaces between; word2vec and fastText (.vec) begin
with a line of two numbers, how many words and how long a vector. Binary (word2vec's .bin): such a
line, then for each word its bytes, a space, and the numbers as float32. Either may be gzipped.
fastText's own .bin holds a whole model and is refused.

Such files have faults: a line that is no word and its numbers, a word a second time, bytes that are
no UTF-8, an end that is missing. What cannot be used is ignored and counted; the first of equal
words counts, as these files put the commonest first.
"""

import codecs
import gzip
import io
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from visavis.disk import reason
from visavis.errors import WordVectorsError

_BLOCK = 2_000  # words that are handed on together
_LONGEST_LINE = 1 << 20
_LONGEST_WORD = 1_000  # bytes
_LARGEST_DIM = 10_000
_PROBED = 50  # lines that show how long a vector is
_CHUNK = 1 << 20
_PEEKED = 4_096
_GZIP = b"\x1f\x8b"
_FASTTEXT = b"\xba\x16\x4f\x2f"

Block = tuple[list[str], NDArray[np.float32]]


@dataclass(slots=True)
class Oddities:
    """What was ignored, and where that began."""

    ragged: int = 0
    first_ragged: int = 0
    """Its line, or its place among the words, counted from 1."""
    duplicates: int = 0
    undecodable: int = 0
    missing: int = 0
    """Lines that the first line promises, beyond those that are there."""

    def sentences(self) -> list[str]:
        """A sentence for each kind."""
        notes = []
        if self.ragged:
            notes.append(
                f"lines ignored, as they are not a word and its numbers: {self.ragged}, the first "
                f"being line {self.first_ragged}"
            )
        if self.duplicates:
            notes.append(f"words that occur again: {self.duplicates}; the first of each counts")
        if self.undecodable:
            notes.append(f"words ignored, as they are not UTF-8: {self.undecodable}")
        if self.missing:
            notes.append(
                f"lines that its first line promises and that are not there: {self.missing}; "
                "see that the file is complete"
            )
        return notes


class WordFile:
    """A file of word vectors, read once from beginning to end.

    Raises WordVectorsError when it cannot be read or holds no word vectors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.oddities = Oddities()
        """Complete when `blocks` has come to its end."""
        self._seen: set[str] = set()

    def blocks(self) -> Iterator[Block]:
        """Words that are new, with their vectors (n, dim), a few thousand at a time."""
        count = 0
        try:
            with self._opened() as file:
                start = file.peek(_PEEKED)[:_PEEKED]
                if start.startswith(_FASTTEXT):
                    raise WordVectorsError(
                        f"{self.path} is a model of fastText, not a list of vectors; take the "
                        "file .vec that comes with it"
                    )
                binary = any(_header(start.partition(b"\n")[0])) and not _is_text(start)
                for words, vectors in self._binary(file) if binary else self._text(file):
                    count += len(words)
                    if words:
                        yield words, vectors
        except (OSError, EOFError, ValueError) as error:
            raise WordVectorsError(
                f"{self.path}: the word vectors cannot be read ({reason(error)})"
            ) from error
        if not count:
            raise WordVectorsError(
                f"{self.path} holds no word vectors; each line should be a word and its numbers"
            )

    @contextmanager
    def _opened(self) -> Iterator[io.BufferedReader]:
        with self.path.open("rb") as file:
            if file.peek(2)[:2] != _GZIP:
                yield file
                return
            with gzip.GzipFile(fileobj=file) as packed:
                yield io.BufferedReader(cast(io.RawIOBase, packed))

    # -- text --------------------------------------------------------------------------------------

    def _text(self, file: BinaryIO) -> Iterator[Block]:
        lines = iter(lambda: file.readline(_LONGEST_LINE), b"")
        first = next(lines, b"").removeprefix(codecs.BOM_UTF8)
        promised, stated = _header(first)
        number = 1 if stated else 0
        probed = [] if stated else [first]
        while len(probed) < _PROBED and (line := next(lines, b"")):
            probed.append(line)
        dim = stated or _commonest_width(probed)
        if not 1 <= dim <= _LARGEST_DIM:
            return
        if stated and probed:
            self._check_width(stated, probed)
        words: list[bytes] = []
        texts: list[bytes] = []
        places: list[int] = []
        for line in chain(probed, lines):
            number += 1
            if not line.strip():
                continue
            word, _, rest = line.rstrip().partition(b" ")
            if rest.count(b" ") != dim - 1:
                word, rest = _split_otherwise(line, dim)
            if not rest:
                self._note_ragged(number)
                continue
            words.append(word)
            texts.append(rest)
            places.append(number)
            if len(words) == _BLOCK:
                yield self._parsed(words, texts, dim, places)
                words, texts, places = [], [], []
        if words:
            yield self._parsed(words, texts, dim, places)
        self.oddities.missing = max(0, promised - (number - 1))

    def _check_width(self, stated: int, lines: list[bytes]) -> None:
        """That some line is as wide as the header says."""
        there = _commonest_width(lines)
        if there > 1 and all(len(line.split()) - 1 != stated for line in lines):
            raise WordVectorsError(
                f"{self.path}: its first line promises vectors of {stated} dimensions, but the "
                f"lines below have {there}; correct that line or delete it"
            )

    def _parsed(
        self, words: list[bytes], texts: list[bytes], dim: int, places: Sequence[int]
    ) -> Block:
        whole = _numbers(b" ".join(texts))
        if whole is None or whole.size != len(words) * dim:  # one of them is bad: each by itself
            rows = np.full((len(words), dim), np.nan, np.float32)
            for at, text in enumerate(texts):
                one = _numbers(text)
                if one is not None and one.size == dim:
                    rows[at] = one
        else:
            rows = whole.reshape(len(words), dim)
        return self._usable(words, rows, places)

    # -- binary ------------------------------------------------------------------------------------

    def _binary(self, file: BinaryIO) -> Iterator[Block]:
        fields = file.readline().split()
        count, dim = int(fields[0]), int(fields[1])
        data, at, done = b"", 0, 0
        words: list[bytes] = []
        rows: list[bytes] = []
        while done < count:
            space = data.find(b" ", at)
            if space < 0 or space + 1 + 4 * dim > len(data):
                more = file.read(max(_CHUNK, 4 * dim))
                if not more:
                    raise WordVectorsError(
                        f"{self.path} ends too early: {done} of {count} words are there"
                    )
                data, at = data[at:] + more, 0
                continue
            words.append(data[at:space].lstrip(b"\r\n"))
            rows.append(data[space + 1 : space + 1 + 4 * dim])
            at = space + 1 + 4 * dim
            done += 1
            if len(words) == _BLOCK or done == count:
                vectors = np.frombuffer(b"".join(rows), "<f4").reshape(-1, dim)
                yield self._usable(words, vectors, range(done - len(words) + 1, done + 1))
                words, rows = [], []

    # -- both --------------------------------------------------------------------------------------

    def _usable(
        self, words: list[bytes], rows: NDArray[np.float32], places: Sequence[int]
    ) -> Block:
        """The new words that have a direction; `places` are their lines in the file."""
        with np.errstate(invalid="ignore", over="ignore"):
            sound = np.isfinite(rows).all(axis=1) & (rows != 0).any(axis=1)
        kept: list[str] = []
        chosen: list[int] = []
        for at, raw in enumerate(words):
            if not sound[at] or not 0 < len(raw) <= _LONGEST_WORD:
                self._note_ragged(places[at])
                continue
            try:
                word = raw.decode()
            except UnicodeDecodeError:
                self.oddities.undecodable += 1
                continue
            if word in self._seen:
                self.oddities.duplicates += 1
                continue
            self._seen.add(word)
            kept.append(word)
            chosen.append(at)
        return kept, rows[chosen]

    def _note_ragged(self, number: int) -> None:
        self.oddities.ragged += 1
        self.oddities.first_ragged = min(number, self.oddities.first_ragged or number)


def _header(line: bytes) -> tuple[int, int]:
    """How many words and how long vectors a first line of two numbers says; zeros: it is none."""
    fields = line.split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[0]), int(fields[1])
    return 0, 0


def _is_text(start: bytes) -> bool:
    """Whether a number in digits follows the first word after the header."""
    first = start.partition(b"\n")[2].partition(b" ")[2].split(maxsplit=1)
    try:
        float(first[0])
    except (IndexError, ValueError):
        return False
    return True


def _commonest_width(lines: list[bytes]) -> int:
    widths = Counter(len(line.split()) - 1 for line in lines)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _split_otherwise(line: bytes, dim: int) -> tuple[bytes, bytes]:
    """Word and numbers of a line with tabs or several spaces; nothing where it is ragged."""
    fields = line.split()
    if len(fields) != dim + 1:
        return b"", b""
    return fields[0], b" ".join(fields[1:])


def _numbers(text: bytes) -> NDArray[np.float32] | None:
    """The numbers of a text with spaces between; None where something else is among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy reports what is no number
        try:
            return np.fromstring(text.decode("ascii"), np.float32, sep=" ")
        except (ValueError, DeprecationWarning):
            return None
