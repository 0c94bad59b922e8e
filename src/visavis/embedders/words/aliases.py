"""Other words for words that a table of vectors lacks: spellings first, then broader words.

A file of them has lines `word, word = first choice, second choice`, and `#` begins a comment.
aliases.txt beside this file is built in; a model folder or a person can bring another, whose lines
count before it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from visavis.disk import reason
from visavis.errors import WordVectorsError

Aliases = Mapping[str, tuple[str, ...]]
"""A word in lower case → what to try instead, in that order; a choice may be several words."""


@lru_cache(maxsize=1)
def built_in_aliases() -> Aliases:
    """Those that come with visavis: spellings, the classes of PASCAL VOC and of ImageNet."""
    # Not by importlib.resources, whose import costs a search ten milliseconds.
    text = Path(__file__).with_name("aliases.txt").read_text(encoding="utf-8")
    return parse_aliases(text.splitlines(), "aliases.txt")


def read_aliases(path: Path) -> Aliases:
    """Those in a file, before the built-in ones. Raises WordVectorsError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WordVectorsError(f"{path}: the aliases cannot be read ({reason(error)})") from error
    own = parse_aliases(lines, str(path))
    built_in = built_in_aliases()
    return {word: (*own.get(word, ()), *built_in.get(word, ())) for word in {**built_in, **own}}


def parse_aliases(lines: Iterable[str], name: str) -> Aliases:
    """Lines of a file; `name` is only named in errors. Raises WordVectorsError."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        words, equals, choices = (part.strip() for part in text.partition("="))
        listed = _listed(choices)
        if not equals or not listed or not _listed(words):
            raise WordVectorsError(
                f"{name}, line {number}: write word = other word, another; not {text[:60]!r}"
            )
        for word in _listed(words):
            found[word] = (*found.get(word, ()), *listed)
    return found


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip().casefold()))
