"""Questions of words alone: answered by how pictures look, by the records' own text, or by both."""

import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from visavis.errors import ModelUnknownError, TextUnsupportedError, UnknownWordError, UsageError
from visavis.flows.query.group_by import FIRST, Block, folded, folds
from visavis.flows.query.tinted import tinted
from visavis.flows.query.vector import QueryVector, reason_for_nothing
from visavis.store.capabilities import TextAnswer, WithText
from visavis.store.text.own import MOST_WORDS, Words, words_of
from visavis.types import Filter, Query, SearchResult, Term, TextTerm

_SHOWN = 200  # characters of a text
# Not compiled before it is needed. Signs such as (R) and arrows stand for nothing that is asked.
_EMOJI = "(?:[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff][\ufe0e\ufe0f\u200d]*)+"
_NOT_INDEXED = (
    "the records' own text was not searched, as this index does not hold it yet; the next run of "
    "visavis index or visavis compact adds it"
)


class Looks(NamedTuple):
    """What the model makes of a question's words."""

    asked: QueryVector
    notes: Callable[[Iterable[Term]], tuple[str, ...]]
    """What it ignored of some of the terms, or takes in two ways."""


def asks_text(query: Query) -> bool:
    """Whether the records' own text has a part in the answer.

    Raises UsageError where it is asked for, and the question is not of words alone, and where a
    record is to be left out, which only an answer by looks can do.
    """
    words_alone = bool(query.terms) and all(isinstance(term, TextTerm) for term in query.terms)
    if query.by == "text" and not words_alone:
        raise UsageError("by='text' is for words alone; pictures are found by looks")
    by_text = words_alone and query.by != "looks"
    if by_text and query.without is not None:
        raise UsageError("without is for answers by looks; give by='looks' with it")
    return by_text


def answer(
    query: Query, store: WithText, looks: Callable[[], Looks], started: float
) -> SearchResult:
    """The answer to words; `looks` is called only if they are to be answered by looks as well.

    Where the model does not read the words, the text alone answers; where no text has them, the
    looks alone.

    Raises UsageError for a question that makes no sense, and what `looks` raises where the text
    has no answer either: TextUnsupportedError, UnknownWordError.
    """
    words = _words(query)
    readable = store.texts.prepare()
    if query.by == "text":
        if not readable or not _wanted(query):
            raise UsageError("say which words to look for" if readable else _NOT_INDEXED)
        if query.min_score == "auto":
            raise UsageError("min_score auto is for answers by looks; give a number, as 1 for all")
        return _by_text(query, store, words, started)
    try:
        asked, notes = looks()
    except (ModelUnknownError, TextUnsupportedError, UnknownWordError) as error:
        if not readable or not _wanted(query):
            raise
        result = _by_text(query, store, words, started, error)
        if isinstance(error, UnknownWordError) and not store.texts.count(words, query.where):
            raise
        return result
    least = asked.least(query.min_score)
    floor = None if least is None else asked.floor(least)
    sought = words if readable else Words(())
    again = tinted(query.terms, store)

    def ask(limit: int, offset: int) -> TextAnswer:
        return store.texts.fused(sought, asked.vector, limit, offset, query.where, floor, again)

    found, folding = _paged(query, store, ask)
    found = found._replace(matches=asked.scored(found.matches))
    ignored = [term for term in _unwanted(query) if notes([term])]
    remarks = notes(_not_in_text(ignored, store, readable))
    if found.whole:  # what the model ignored was found in the text, where text can have it
        remarks = notes(_emoji(query)) + remarks
    else:
        remarks = notes(term for term in query.terms if term.weight >= 0) + remarks
        remarks += asked.weak(found.matches) if query.offset == 0 else ()
    remarks += (_NOT_INDEXED,) if not readable else ()
    reason = None if found.matches else reason_for_nothing(query, found.total)
    return _result(store, found, started, reason, (*remarks, *_cut(words), *folding))


def count(query: Query, store: WithText) -> int:
    """How many records the text alone finds."""
    return store.texts.count(_words(query), query.where, _score(query))


def _score(query: Query) -> float | None:
    """The least share of the words; where looks alone could have judged, any will do."""
    return None if query.min_score == "auto" else query.min_score


def _words(query: Query) -> Words:
    """What is looked for. Raises UsageError for an empty text."""
    texts = []
    for term in query.terms:
        assert isinstance(term, TextTerm)  # narrows the type: asks_text has asked
        if not term.text.strip():
            raise UsageError("an empty text; give words")
        if term.weight:
            texts.append((term.text, term.weight > 0))
    return words_of(texts)


def _paged(
    query: Query, store: WithText, ask: Callable[[int, int], TextAnswer]
) -> tuple[TextAnswer, tuple[str, ...]]:
    """The page that was asked for; where matches stand behind others, that of those in front."""
    if not folds(query):
        return ask(query.limit, query.offset), ()

    def fetch(size: int, offset: int, _: Filter | None) -> Block:
        matches = ask(size, offset).matches
        return Block(matches, matches, len(matches) < size)

    found = ask(FIRST, 0)
    first = Block(found.matches, found.matches, len(found.matches) < FIRST)
    matches, notes = folded(query, store, first, fetch, filtered=False)
    return found._replace(matches=matches), notes


def _by_text(
    query: Query,
    store: WithText,
    words: Words,
    started: float,
    error: Exception | None = None,
) -> SearchResult:
    def ask(limit: int, offset: int) -> TextAnswer:
        return store.texts.search(words, limit, offset, query.where, _score(query))

    found, folding = _paged(query, store, ask)
    notes = _cut(words) + folding
    for emoji in _emoji(query) if words.groups else ():
        notes += (f"{emoji.text!r} was ignored: texts are searched for letters and digits alone",)
    if idle := _not_in_text(_unwanted(query), store, readable=True):
        names = ", ".join(repr(term.text[:_SHOWN]) for term in idle)
        notes += (f"no record has {names} in its own text; nothing was left out for it",)
    if found.matches and not found.whole:
        notes += ("no record's own text has all of these words; the score is their share",)
    reason = None if found.matches else _nothing(query, store, words, found, error)
    return _result(store, found, started, reason, notes)


def _nothing(
    query: Query, store: WithText, words: Words, found: TextAnswer, error: Exception | None
) -> str:
    if found.found or not found.total:
        return reason_for_nothing(query, found.total)
    asked = _wanted(query)
    passing = " that passes the filter" if query.where is not None else ""
    reason = f"no record{passing} has {asked[:_SHOWN]!r} in its own text"
    if not words.groups:
        reason = f"{asked[:_SHOWN]!r} has no letters or digits to look for in the records' own text"
    if isinstance(error, ModelUnknownError | TextUnsupportedError):
        reason += f", and the index's model {store.model().name!r} does not read words"
    return reason


def _wanted(query: Query) -> str:
    """The words that are to be found, not those to be kept away."""
    return " ".join(
        term.text for term in query.terms if isinstance(term, TextTerm) and term.weight > 0
    )


def _emoji(query: Query) -> list[TextTerm]:
    """The pictographs among the words that are to be found: no text is searched for them."""
    wanted = _wanted(query)
    found = [] if wanted.isascii() else re.findall(_EMOJI, wanted)
    return [TextTerm(" ".join(dict.fromkeys(found))[:_SHOWN])] if found else []


def _unwanted(query: Query) -> list[TextTerm]:
    return [term for term in query.terms if isinstance(term, TextTerm) and term.weight < 0]


def _not_in_text(terms: Iterable[TextTerm], store: WithText, readable: bool) -> list[TextTerm]:
    """Those for whose words no record was left out."""

    def found(term: TextTerm) -> bool:
        words = words_of([(term.text, True)])
        return bool(words.groups) and bool(store.texts.search(words, 1, min_score=1.0).matches)

    return [term for term in terms if not (readable and found(term))]


def _cut(words: Words) -> tuple[str, ...]:
    return (
        (f"only the first {MOST_WORDS} words were looked for in the records' own text",)
        if words.cut
        else ()
    )


def _result(
    store: WithText,
    found: TextAnswer,
    started: float,
    reason: str | None,
    notes: tuple[str, ...],
) -> SearchResult:
    took = (time.perf_counter() - started) * 1000
    return SearchResult(found.matches, found.total, store.model().name, took, reason, notes)
