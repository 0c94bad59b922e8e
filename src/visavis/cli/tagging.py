"""`visavis tag`: words for what pictures show."""

import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from visavis.settings import Settings
    from visavis.types import ImageTerm, RecordTerm, Tag

    Tags = Callable[[ImageTerm | RecordTerm], Sequence[Tag]]

UNUSABLE = 2  # exit code when no picture could be used


def tag(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Pictures, URLs, records of the index as id:ID, or - for standard input.",
            show_default=False,
        ),
    ],
    index: options.Index = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Name or folder. [default: the model of the index, if there is one]",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            "-k",
            min=1,
            metavar="N",
            help="Maximum number of tags. [default: 3 for a model that gives only tags that are "
            "right often enough, 10 of others]",
            show_default=False,
        ),
    ] = None,
    vocabulary: options.Vocabulary = None,
    device: options.Device = None,
    max_megapixels: options.MaxMegapixels = None,
    allow_private: options.AllowPrivate = False,
    json_output: options.Json = False,
) -> int:
    """Suggest tags for images.

    By a model with a classifier, its classes with their probabilities; by a model that reads words,
    the words nearest to the picture. A model that says which of its words are right often enough
    may give none.
    """
    from visavis.errors import ImageError, UsageError
    from visavis.flows.query.terms import parse_picture

    given = options.settings(index, device, max_megapixels=max_megapixels, model=model)
    words = _vocabulary(vocabulary)
    by = _by_index if model is None and _exists(given.index) else _by_model
    shapes = []
    with by(given, top, words, allow_private) as find:
        for image in images:
            try:
                tags = find(parse_picture(image, terminal.standard_input))
            except (ImageError, UsageError) as error:  # no picture: the others are tagged
                terminal.tell(f"skipped {error}")
                continue
            shapes.append({"image": image, "tags": [tag.to_dict() for tag in tags]})
            if not json_output:
                _print(image, tags, several=len(images) > 1)
    if json_output:
        terminal.echo_json(shapes)
    return 0 if shapes else UNUSABLE


def _vocabulary(file: str | None) -> list[str] | None:
    if file is None:
        return None
    from pathlib import Path

    from visavis.embedders.tagger import read_vocabulary

    return read_vocabulary(Path(file))


def _exists(index: str) -> bool:
    from visavis.store.open import store_exists

    return store_exists(index)


@contextmanager
def _by_index(
    given: "Settings", top: int | None, words: list[str] | None, allow_private: bool
) -> "Iterator[Tags]":
    """By the model of the index."""
    with options.open_index(given) as target:
        yield partial(target.tagging.of, limit=top, vocabulary=words, allow_private=allow_private)


@contextmanager
def _by_model(
    given: "Settings", top: int | None, words: list[str] | None, allow_private: bool
) -> "Iterator[Tags]":
    """By a model alone."""
    from visavis.embedders.registry import DEFAULT_MODEL, load_embedder
    from visavis.embedders.tagger import make_tagger
    from visavis.errors import UsageError
    from visavis.flows.relation.shown import term_pixels
    from visavis.sources.web.fetch import Fetcher
    from visavis.types import RecordTerm

    embedder = load_embedder(given.model or DEFAULT_MODEL, device=given.device)
    tagger = make_tagger(embedder, words)
    most = tagger.usual if top is None else top
    fetcher = Fetcher(allow_private=allow_private, keep=False)

    def find(term: "ImageTerm | RecordTerm") -> "Sequence[Tag]":
        if isinstance(term, RecordTerm):
            raise UsageError(
                f"id:{term.id} is a record, which needs its index and no --model; give a file or "
                "a URL"
            )
        pixels = term_pixels(term, embedder.side, fetcher.fetch, given.max_pixels)
        return tagger.of_images([pixels], most)[0]

    try:
        yield find
    finally:
        fetcher.close()


def _print(image: str, tags: "Sequence[Tag]", several: bool) -> None:
    if not sys.stdout.isatty():
        for one in tags:
            terminal.row(f"{one.score:.6f}", one.name, image)
        return
    if several:
        terminal.echo(terminal.one_line(image))
    for one in tags:
        terminal.echo(f"{one.score:.3f}  {one.name}")
