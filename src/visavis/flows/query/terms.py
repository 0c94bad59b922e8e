"""Terms as people write them: pictures, records, words, and how they are joined."""

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from visavis.buckets.address import is_object
from visavis.errors import ImageUnreadableError, UsageError
from visavis.flows.concepts.marks import as_name
from visavis.images.files import IMAGE_SUFFIXES
from visavis.matching.colour.names import shades_of
from visavis.sources.endings import CATALOGUE_SUFFIXES
from visavis.types import (
    RELATIONS,
    Box,
    ClassTerm,
    ColourTerm,
    ConceptTerm,
    ImageTerm,
    RecordTerm,
    Relation,
    Term,
    TextTerm,
)

NOTHING = "nothing to search for; give a picture, id:ID, concept:NAME, or words"

_WEIGHTED = re.compile(r"(?P<weight>\d+(?:\.\d*)?|\.\d+):(?P<rest>.+)", re.DOTALL)
_STANDARD_INPUT = re.compile(r"(?:(?P<weight>\d+(?:\.\d*)?|\.\d+):)?-")
_LEFT_OUT = re.compile(r"(?:(?<=\s)|\A)-(?=[^\W\d_])(\S+)")
_AROUND = " \t\r\n'\"`’”“‘«»,;"
"""What may stand around a file's name that was pasted: quotes that no shell has taken away."""
_SHOWN = 200  # characters of what is no picture
_MOST_LEFT_OUT = 32  # words with a minus: the model looks each of them up, and what is near it
_SIGNS = re.compile(r"(?:(?<=\s)|\A)([+-])\s+(?=(?:(?:\d+(?:\.\d*)?|\.\d+):)?[^\W\d_])")
"""A sign by itself between words: not the hyphen of *size 9 - 11*."""
_WORDS = "text:"
_NAMED: Mapping[str, Callable[[str, float], Term]] = {
    "id": RecordTerm,
    "concept": lambda name, weight: ConceptTerm(as_name(name), weight),
}
"""Terms that begin with what they are."""
_COLOUR = re.compile(r"colou?r:(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_COLOUR_WORD = re.compile(
    r"(?<!\S)((?:-\s*)?)((?:(?:\d+(?:\.\d*)?|\.\d+):)?colou?r:\S+)", re.IGNORECASE
)
_PATH = re.compile(r"\.{0,2}[/\\]|~[\w.-]*/|[A-Za-z]:[/\\]")  # ./ ../ / ~/ ~anna/ C:\ \\server\
_SEVERAL = re.compile(r"\S\s+[+-]\s+\S")
_OTHER_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S|data:image/", re.IGNORECASE)
_OTHERS = (
    ".jxl .jp2 .psd .svg .ico .raw .cr2 .cr3 .nef .arw .dng .raf .orf .rw2 .pdf .mp4 .mov .zip"
)
_ENDINGS = (*IMAGE_SUFFIXES, *CATALOGUE_SUFFIXES, *_OTHERS.split())
"""Nobody searches for words that end so."""


def parse_term(text: str, weight: float = 1.0) -> Term:
    """A term as people write it.

    `./photo.jpg` or any file that exists, an http(s) or s3:// URL, `id:ID`, `concept:NAME`, or else
    words; `text:dog` is words whatever they look like, `colour:` (or `color:`) and a name, a hex
    value, a picture or an id is a colour, and `0.5:` in front is a weight (a file of that very name
    is taken for the file).

    >>> parse_term("0.5:red shoes")
    TextTerm(text='red shoes', weight=0.5)

    Raises ImageUnreadableError for what is written as a path (`./`, `/`, `C:\\`), has the ending of
    a file or is a folder's name, and is no file; UsageError for an empty term, or no colour.
    """
    return _alone(text, weight)


def parse_picture(
    text: str, standard_input: Callable[[], bytes] | None = None
) -> ImageTerm | RecordTerm:
    """The one picture or record that is meant where words can't be; `-` is the standard input.

    Raises as `parse_term`, and UsageError for all that is neither.
    """
    if text == "-" and standard_input is not None:
        return ImageTerm(standard_input())
    term = _alone(text, 1.0, words=False)
    if not isinstance(term, ImageTerm | RecordTerm):
        raise UsageError(
            f"{text[:_SHOWN]!r} is no picture that exists; give a file, a URL or id:ID"
        )
    return term


def _alone(text: str, weight: float, *, words: bool = True) -> Term:
    """A term that is all of a text; without `words` the errors don't offer to take it for words."""
    term = _one_word(text, weight, words=words)
    if isinstance(term, TextTerm) and not _said_to_be_words(text) and _is_folder(term.text):
        hint = f", or text:{term.text} for the word" if words else ""
        reason = f"it is a folder; give one of its pictures{hint}"
        raise ImageUnreadableError(term.text, reason)
    return term


def _one_word(text: str, weight: float, *, words: bool = True) -> Term:
    """A term that may be one word of several, so that a folder's name is none of its own."""
    found = _WEIGHTED.fullmatch(text)
    if found and not _is_file(text):
        text, weight = found["rest"], weight * float(found["weight"])
    if _is_file(text):
        return ImageTerm(_as_path(text), weight=weight)
    if (named := _named(text, weight)) is not None:
        return named
    if text.lower().startswith(("http://", "https://")) or is_object(text):
        return ImageTerm(text, weight=weight)
    if text.lower().startswith("file://"):
        return ImageTerm(Path(unquote(urlsplit(text).path)), weight=weight)
    if _PATH.match(text):
        return ImageTerm(_as_path(text), weight=weight)
    if _OTHER_URL.match(text):
        raise ImageUnreadableError(text, "visavis reads http(s), s3, gs and file URLs alone")
    bare = text.strip(_AROUND)
    if bare.lower().endswith(_ENDINGS) or _in_a_folder(bare):
        hint = f"; if these are words, write text:{text}"
        if _SEVERAL.search(text):
            hint = "; several terms are an argument each: ./a.jpg - ./b.jpg"
        raise ImageUnreadableError(text, f"there is no such file{hint if words else ''}")
    return _words(text, weight)


def _named(text: str, weight: float) -> Term | None:
    """A term that begins with what it is."""
    kind, colon, name = text.partition(":")
    if colon and kind in _NAMED:
        return _NAMED[kind](name, weight)
    if text.startswith(_WORDS):
        return _words(text.removeprefix(_WORDS), weight)
    if colour := _COLOUR.fullmatch(text):
        return _colour(colour["rest"], weight)
    return None


def _colour(text: str, weight: float) -> ColourTerm:
    """A colour by its name or value; else by what has it. Raises UsageError for neither."""
    try:
        shades_of(text)
    except UsageError as error:
        place = _has_colours(text)
        if place is None:
            raise error from None
        return ColourTerm(place, weight)
    return ColourTerm(text, weight)


def _has_colours(text: str) -> ImageTerm | RecordTerm | None:
    """The picture or record of that name; None for words."""
    try:
        place = _one_word(text, 1.0) if text.strip() else None
    except ImageUnreadableError as error:
        raise ImageUnreadableError(text, "it is no file, and no colour has that name") from error
    return place if isinstance(place, ImageTerm | RecordTerm) else None


def _words(text: str, weight: float) -> TextTerm:
    if not text.strip():
        raise UsageError("an empty term; give a picture, id:ID, concept:NAME, or words")
    return TextTerm(text, weight)


def _said_to_be_words(text: str) -> bool:
    found = _WEIGHTED.fullmatch(text)
    return (found["rest"] if found else text).startswith(_WORDS)


def parse_class(text: str, sign: float = 1.0) -> ClassTerm:
    """A class as people write it, with a weight in front if they like.

    >>> parse_class("0.5:Siamese cat", -1)
    ClassTerm(name='Siamese cat', weight=-0.5)

    Raises UsageError for an empty name.
    """
    found = _WEIGHTED.fullmatch(text)
    name, weight = (found["rest"], float(found["weight"])) if found else (text, 1.0)
    if not name.strip():
        raise UsageError("an empty class; give its name, such as 'Siamese cat'")
    return ClassTerm(name.strip(), sign * weight)


def parse_terms(
    words: Sequence[str], box: Box | None = None, standard_input: Callable[[], bytes] | None = None
) -> tuple[Term, ...]:
    """Terms joined by `+` and `-`, each sign a word of its own: `./a.jpg + 0.5:red - ./b.jpg`.

    Words that follow one another without a sign are one text, as people type it; colours among
    them are terms of their own. The box belongs to the first picture. A `-` where a term has to
    stand is the picture from standard input.

    Raises UsageError when a sign has nothing after it, or there is no term.
    """
    terms: list[Term] = []
    sign = 1.0
    between: list[str] = []
    for at, word in enumerate(words):
        piped = standard_input is not None and not between and _stands_for_a_term(words, at)
        if piped or word not in ("+", "-"):
            between.append(word)
            continue
        if between:
            terms += _joined(between, sign, standard_input)
        elif terms or sign < 0:
            raise UsageError(f"nothing stands before {word!r}; write A + B - C")
        between, sign = [], -1.0 if word == "-" else 1.0
    if between:
        terms += _joined(between, sign, standard_input)
    elif words:
        raise UsageError(f"nothing stands after the last {words[-1]!r}; write A + B - C")
    if not terms:
        raise UsageError(NOTHING)
    return tuple(terms if box is None else _with_box(terms, box))


def spelled_out(terms: Sequence[Term]) -> tuple[Term, ...]:
    """The same, what has a minus before it being a term of its own, as people know it.

    A minus on a word is about that word, and one by itself about all up to the next sign, as where
    each word is an argument of its own.

    >>> spelled_out([TextTerm("red mug -blue")])
    (TextTerm(text='red mug', weight=1.0), TextTerm(text='blue', weight=-1.0))
    >>> spelled_out([TextTerm("mug - dark blue")])
    (TextTerm(text='mug', weight=1.0), TextTerm(text='dark blue', weight=-1.0))

    Raises UsageError where there are far more of them than a question has.
    """
    spelled: list[Term] = []
    for term in terms:
        spelled += _signed(term) if isinstance(term, TextTerm) else [term]
    if (more := len(spelled) - len(terms)) > _MOST_LEFT_OUT:
        raise UsageError(
            f"{more} words with a minus before them are too many; {_MOST_LEFT_OUT} can be left out"
        )
    return tuple(spelled)


def sign_notes(terms: Sequence[Term]) -> tuple[str, ...]:
    """What is to be said of a minus by itself within a text: it may be a title's hyphen."""
    signed = [_SIGNS.split(term.text) for term in terms if isinstance(term, TextTerm)]
    less = [
        f"{text.strip()!r} was read as what is not wanted, after a minus; leave the minus out if "
        "it is a part of a title"
        for first, *others in signed
        for sign, text in zip(others[::2], others[1::2], strict=True)
        if sign == "-" and first.strip()
    ]
    return tuple(less)


def _signed(term: TextTerm) -> list[TextTerm]:
    """A text's terms: what is wanted, as one of them, then what is not."""
    wanted: list[str] = []
    unwanted: list[TextTerm] = []
    signs = _SIGNS.split(term.text)
    for sign, text in zip(["+", *signs[1::2]], signs[::2], strict=True):
        rest = " ".join(_LEFT_OUT.sub(" ", text).split())
        if sign == "+":
            wanted += [rest] if rest else []
        elif rest:
            found = _WEIGHTED.fullmatch(rest)
            weight = float(found["weight"]) if found else 1.0
            unwanted.append(TextTerm(found["rest"] if found else rest, -weight * term.weight))
        unwanted += [TextTerm(word, -term.weight) for word in _LEFT_OUT.findall(text)]
    if not unwanted:
        return [term]
    return [*([TextTerm(" ".join(wanted), term.weight)] if wanted else []), *unwanted]


def _stands_for_a_term(words: Sequence[str], at: int) -> bool:
    """Whether a `-` with nothing before it is no sign: it has nothing after it to join either."""
    ends = at + 1 == len(words) or words[at + 1] in ("+", "-")
    return words[at] == "-" and ends and (at == 0 or words[at - 1] in ("+", "-"))


def _joined(
    words: Sequence[str], sign: float, standard_input: Callable[[], bytes] | None
) -> list[Term]:
    """Words between two signs: pictures, ids and colours are a term each, all else is one text."""
    if len(words) == 1:
        found = _STANDARD_INPUT.fullmatch(words[0])
        if found and standard_input is not None:
            return [ImageTerm(standard_input(), weight=sign * float(found["weight"] or 1))]
        term = parse_term(words[0], sign)
        if not isinstance(term, TextTerm):
            return [term]
        return [replace(one, weight=sign * one.weight) for one in typed_terms(words[0])]
    read = [_one_word(word, sign) for word in words]
    colours = [term for term in read if isinstance(term, ColourTerm)]
    if colours:
        rest = [word for word, term in zip(words, read, strict=True) if term not in colours]
        return [*(_joined(rest, sign, standard_input) if rest else []), *colours]
    if not any(isinstance(term, TextTerm) for term in read):
        return read
    if all(isinstance(term, TextTerm) for term in read):
        return [_one_word(" ".join(words), sign)]
    raise UsageError(f"put + or - between the terms of {' '.join(words)!r}")


def _with_box(terms: list[Term], box: Box) -> list[Term]:
    for at, term in enumerate(terms):
        if isinstance(term, ImageTerm):
            terms[at] = ImageTerm(term.image, box, term.weight)
            return terms
    raise UsageError("a box needs a picture to be a part of")


def _as_path(text: str) -> Path:
    """The path that a text means: a file of that very name, such as ~1.jpg, or one at home.

    A home that is nobody's stays as it is written.
    """
    at_home = text[:1] == "~" and not Path(text).is_file()
    return Path(os.path.expanduser(text) if at_home else text)  # noqa: PTH111 - pathlib raises


def _is_file(text: str) -> bool:
    try:
        path = _as_path(text)
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # too long, a NUL byte
        return False


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except (OSError, ValueError):
        return False


def _in_a_folder(text: str) -> bool:
    """Whether a text is a path below a folder that is there; *black/white* is none."""
    first, slash, rest = text.replace("\\", "/").partition("/")
    return bool(slash and rest.strip()) and "://" not in text and _is_folder(first)


def typed_terms(text: str) -> tuple[Term, ...]:
    """A text as people type it: one term, and the colours that stand among its words.

    Raises as `parse_term` does.
    """
    colours = _COLOUR_WORD.findall(text)
    if not colours or _is_file(text) or _said_to_be_words(text):
        return (parse_term(text),)
    if _COLOUR.fullmatch(text):
        with contextlib.suppress(UsageError):  # a name of several words, or a file's
            return (parse_term(text),)
    rest = " ".join(_COLOUR_WORD.sub(" ", text).split())
    parsed = (parse_term(word, -1.0 if sign else 1.0) for sign, word in colours)
    return (*((parse_term(rest),) if rest else ()), *parsed)


def as_relation(text: str) -> Relation:
    """The relation of that name. Raises UsageError."""
    for relation in RELATIONS:
        if text == relation:
            return relation
    raise UsageError(f"there is no relation {text!r}, but {', '.join(RELATIONS)}")
