"""The words of a record's own text: which texts it has, how they are cut into words, and where a
question's words stand in them.

A record's text is its fields that are texts for people, its file's name, and the names of its
folders. Left out are fields that hold URLs, paths, ids or hashes, known by their name or by
what is in them. Words are compared without case, accents and English plurals; a word with a hyphen
is also one without, and East Asian writing is cut into its characters.

What is read, and how, must not change without another RULE: an index takes a record's words out
again by working out what they were.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from visavis.images.metadata import METADATA
from visavis.types import Fields, ImageRecord

RULE = "2"
"""The version of this file's rules; an index of another one has its words made again."""

TITLE, FIELD, FILE, FOLDER = range(4)
"""The columns of the table of words."""

FILE_NAME, FOLDER_NAME = "file name", "folder"

_LONGEST = 4_000  # characters of a field
_MOST = 20_000  # characters of a record
MOST_WORDS = 32
"""Words of a question that are looked for."""

_LONGEST_QUESTION = 2_000  # characters
_TITLES = {"title", "name", "caption", "headline"}
_NO_TEXT = {"id", "ids", "uuid", "guid", "hash", "checksum", "md5", "sha1", "sha256"}
_NO_TEXT |= {"url", "uri", "href", "link", "path", "filename", "filepath"}

# Not compiled here: that takes 10 ms, and a search by picture has no use for them.
_URL = r"(?i:[a-z][a-z0-9+.-]*://|data:|mailto:|www\.)\S*"
_PATH = r"(?:[.~]{0,2}[/\\]|[A-Za-z]:[/\\])\S*|\S*[/\\]\S*\.\w{1,5}"
_FILE = r"(?i:\S+\.(?:jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf]|svg|raw|dng))"
_HASH = r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){2,}[0-9a-fA-F-]*|[\w+/=-]{40,}"
_LETTER = r"[^\W\d_]"

_CHARACTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # of words without spaces
_WORD = rf"[^\W_{_CHARACTERS}]+"
_JOINT = r"[-\u2010\u2011'\u2019.&+]"
_GROUPS = rf"[{_CHARACTERS}]{{1,16}}|{_WORD}(?:{_JOINT}{_WORD}){{0,7}}"
_PARTS = rf"[{_CHARACTERS}]|{_WORD}"
_RUN = r"[^\W_]+"
_HUMP = (
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])"
)
_BETWEEN = {code: None for code in range(128) if not chr(code).isalnum()}
# Indexed like all others, and not asked for beside other words.
_STOP = {"a", "an", "and", "at", "by", "for", "from", "in", "is", "my", "of", "on", "or", "the"}
_STOP |= {"to", "with"}


class Piece(NamedTuple):
    """A text of a record."""

    name: str
    """Where it stands: a field's name, or one of the two above."""
    column: int
    words: str
    """Folded, with a space between them; words that are made of others come last."""


Group = tuple[str, ...]
"""A word of a question: ways to write it, each one or several words in a row."""


class Words(NamedTuple):
    """What a question asks of a record's text."""

    groups: tuple[Group, ...]
    """All of them should stand in it."""
    phrase: str = ""
    """The question as it was written, where that is more than a word."""
    without: tuple[tuple[Group, ...], ...] = ()
    """Records that have all groups of one of these do not count."""
    cut: bool = False
    """Whether the question was longer than what is looked for."""


def words_of(texts: Iterable[tuple[str, bool]]) -> Words:
    """The words of a question's texts, each wanted or (False) unwanted.

    >>> words_of([("The red T-shirts", True)]).groups
    (('red',), ('t shirt', 'tshirt'))
    """
    wanted: list[Group] = []
    phrases, without = [], []
    cut = False
    for text, want in texts:
        cut = cut or len(text) > _LONGEST_QUESTION
        groups = [_group(found) for found in re.findall(_GROUPS, text[:_LONGEST_QUESTION])]
        asked = [group for group in groups if group[0] not in _STOP] or groups
        if want:
            wanted += asked
            phrases.append(" ".join(group[0] for group in groups[:MOST_WORDS]))
        elif asked:
            without.append(tuple(dict.fromkeys(asked))[:MOST_WORDS])
    phrase = phrases[0] if len(phrases) == 1 and " " in phrases[0] else ""
    distinct, unwanted = tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(without))
    cut = cut or max(len(distinct), len(unwanted)) > MOST_WORDS
    return Words(distinct[:MOST_WORDS], phrase, unwanted[:MOST_WORDS], cut)


def pieces(record: ImageRecord, source: str, groups: Sequence[Group] = ()) -> list[Piece]:
    """The texts of a record that came from a source (its URI).

    With the groups of a question, fields that surely have none of its words may be left out: to
    cut a field into words takes ten times as long as to see that they are not in it.
    """
    starts = frozenset(form.split(" ", 1)[0][:-1] for group in groups for form in group)
    found = [*_fields(record.fields, record.uri, starts), *_places(record.uri, source)]
    kept, left = [], _MOST
    for piece in found:
        words = piece.words[:left]
        left -= len(words)
        if words:
            kept.append(piece._replace(words=words))
    return kept


def where_they_stand(groups: Sequence[Group], found: Sequence[Piece]) -> tuple[str, ...]:
    """The names of the pieces that hold a question's words: the fewest, those with most first."""
    held = [(piece, _held(groups, piece)) for piece in found]
    seen: set[int] = set()
    names: list[str] = []
    for piece, numbers in sorted(held, key=lambda one: (-len(one[1]), one[0].column)):
        if numbers - seen:
            seen |= numbers
            names.append(piece.name)
    return tuple(dict.fromkeys(names))


def _held(groups: Sequence[Group], piece: Piece) -> set[int]:
    text = f" {piece.words} "
    return {
        at for at, group in enumerate(groups) if any(f" {written} " in text for written in group)
    }


def _fields(fields: Fields, uri: str, starts: frozenset[str]) -> Iterator[Piece]:
    for name, value in fields.items():
        if not isinstance(value, str) or (starts and not _may_hold(starts, value)):
            continue
        value = value[:_LONGEST].strip()
        column = _column(name)
        if column is None or not is_text(value):
            continue
        if name == FOLDER_NAME and f"/{value}/" in uri:
            continue  # the folders are read off the URI
        yield Piece(name, column, _field_words(value))


def _may_hold(starts: frozenset[str], value: str) -> bool:
    """Whether a text may have a word that starts so; folding changes the ends of ASCII words."""
    if not value.isascii():
        return True
    letters = value.casefold().translate(_BETWEEN)
    return any(start in letters for start in starts)


@lru_cache(1_000)
def _column(name: str) -> int | None:
    """Where a field's words go, by its name; None: nowhere."""
    parts = parted(name).casefold().split() or [""]
    if {parts[-1], name.casefold()} & _NO_TEXT or name in METADATA:
        return None
    return TITLE if parts[-1] in _TITLES else FIELD


def is_text(value: str) -> bool:
    """Whether a value is there for people to read."""
    if not re.search(_LETTER, value):
        return False
    if " " in value and "://" not in value:
        return True  # as most are: a shortcut
    return not any(re.fullmatch(kind, value) for kind in (_URL, _PATH, _FILE, _HASH))


def _places(uri: str, source: str) -> Iterator[Piece]:
    """The words of the file's name and of the folders on the way to it from its source."""
    if "://" in uri:
        folders = unquote(urlsplit(uri).path).strip("/").split("/")
    else:
        folders = _below(uri.replace("\\", "/"), source.replace("\\", "/")).split("/")
    name = folders.pop().rpartition(".")
    yield Piece(FILE_NAME, FILE, _name_words(name[0] or name[2]))
    yield Piece(FOLDER_NAME, FOLDER, _name_words(" ".join(folders)))


def _below(uri: str, source: str) -> str:
    """A path from its source's folder on (its name included), or its file and last folder."""
    head, _, name = source.rpartition("/")
    if name and uri.startswith(f"{source}/"):
        return uri[len(head) + 1 :]
    if head and uri.startswith(f"{head}/"):  # below a catalogue's folder
        return uri[len(head) + 1 :]
    return "/".join(uri.split("/")[-2:])


def _field_words(text: str) -> str:
    groups = [_group(found) for found in re.findall(_GROUPS, text)]
    made = [written for _, *others in groups for written in others]
    return " ".join([*(group[0] for group in groups), *made])


@lru_cache(1_000)
def _name_words(text: str) -> str:
    runs = [run for run in re.findall(_RUN, text[:_LONGEST]) if not re.fullmatch(_HASH, run)]
    parts = [_folded(part) for run in runs for part in re.findall(_PARTS, parted(run))]
    whole = [_folded(run) for run in runs if re.search(_HUMP, run)]
    return " ".join([*parts, *whole])


def parted(name: str) -> str:
    """A name with spaces where it changes: productName2 → product Name 2."""
    return re.sub(_HUMP, " ", name.replace("_", " ").replace("-", " "))


@lru_cache(50_000)
def _group(found: str) -> Group:
    parts = [_folded(part) for part in re.findall(_PARTS, found)]
    if len(parts) == 1 or re.match(rf"[{_CHARACTERS}]", found):
        return (" ".join(parts),)
    return " ".join(parts), _folded("".join(re.findall(_PARTS, found)))


@lru_cache(50_000)
def _folded(word: str) -> str:
    """A word without case, accents and the English plural.

    The plural after Harman's S-stemmer (How effective is suffixing?, JASIS 42, 1991), with the
    singular treated alike where the two would part: shoe and shoes are both sho, movies is movy.
    """
    word = word.casefold()
    if not word.isascii():
        parts = unicodedata.normalize("NFKD", word)
        word = "".join(part for part in parts if part.isalnum()) or word
    return _singular(word) if len(word) > 3 and word.isascii() else word


def _singular(word: str) -> str:
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if word.endswith("ie"):
        return word[:-2] + "y"
    return word[:-1] if word.endswith("oe") else word
