"""`visavis words`: a look into word vectors, to see what a search by words would understand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.embedders.words.lookup import Words

app = typer.Typer(help="Inspect word vectors.", rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Inspect word vectors."""


@app.command()
def similar(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORD...",
            help="Words, or a sum of them: king - man + woman.",
            show_default=False,
        ),
    ],
    vectors: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Word vectors of GloVe, word2vec or fastText (.txt .vec .bin, also .gz), or a "
            "model whose words are such vectors. [default: $VISAVIS_WORDS]",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, metavar="N", help="How many words.")
    ] = 10,
    json_output: options.Json = False,
) -> None:
    """Show the words nearest to a word, a phrase or a sum.

    A file of vectors is read the first time; then its words are there at once.
    """
    given = options.settings(words=vectors)
    known = _opened(given.words)
    terms = _terms(words)
    found = known.similar(terms, top)
    for note in (*known.table.notes, *(note for text, _ in terms for note in known.notes(text))):
        terminal.tell(f"note: {note}")
    if json_output:
        terminal.echo_json([tag.to_dict() for tag in found])
        return
    for tag in found:
        terminal.row(f"{tag.score:.3f}", tag.name)


def _opened(place: str) -> "Words":
    from visavis.embedders.words.lookup import Words, open_words
    from visavis.errors import UsageError

    if not place:
        raise UsageError(
            "say which word vectors: --vectors FILE, or words in visavis.toml; GloVe and fastText "
            "can be downloaded freely"
        )
    path = Path(place)
    if path.is_file():
        return Words(open_words(path))
    from visavis.embedders.registry import load_embedder
    from visavis.embedders.two_sided import TwoSidedEmbedder
    from visavis.errors import ModelNotFoundError

    try:
        model = load_embedder(place)
    except ModelNotFoundError as error:
        reason = f"{place} is neither a file of vectors nor a model: {error}"
        raise ModelNotFoundError(reason) from error
    found = model.words() if isinstance(model, TwoSidedEmbedder) else None
    if found is None:
        raise UsageError(f"{place} is a model without a table of words; give a file of vectors")
    return found


def _terms(words: list[str]) -> list[tuple[str, float]]:
    """Phrases with their signs: words without a sign between them are one phrase."""
    from visavis.errors import UsageError

    terms: list[tuple[str, float]] = []
    sign, phrase = 1.0, ""
    for word in (*" ".join(words).split(), "+"):
        if word not in ("+", "-"):
            phrase = f"{phrase} {word}".strip()
            continue
        if phrase:
            terms.append((phrase, sign))
        elif terms:
            raise UsageError("a sign has nothing after it; write A + B - C")
        sign, phrase = -1.0 if word == "-" else 1.0, ""
    if not terms:
        raise UsageError("no word; give some, such as: king - man + woman")
    return terms
