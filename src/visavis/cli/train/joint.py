"""`visavis train joint`: pictures and words in one space."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from visavis.cli import options
from visavis.cli.train.options import Base, Common, check_base, recipe_command, whole_numbers


@recipe_command
def joint(
    common: Common,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="What a picture shows, in a word or several: dog | grass; of a folder: folder.",
        ),
    ] = None,
    captions: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="Sentences about a picture: one, or a JSON list of several."
        ),
    ] = None,
    words: options.Words = None,
    aliases: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Substitutes for words that the vectors lack, one per line: word = other word.",
        ),
    ] = None,
    base: Base = None,
    loss: Annotated[str, typer.Option(metavar="NAME", help="cosine or hinge-rank.")] = "cosine",
    margin: Annotated[
        float,
        typer.Option(
            metavar="E",
            help="Margin of the hinge-rank loss: how much nearer a picture's own word has to be.",
        ),
    ] = 0.1,
    hidden: Annotated[
        str, typer.Option(metavar="N,N,…", help="Widths of the head's hidden layers.")
    ] = "2000",
    caption_weight: Annotated[
        float,
        typer.Option(
            metavar="SHARE", help="Weight of captions where there are labels too, 0 to 1."
        ),
    ] = 0.2,
    spread: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="How far the labels' words are rotated apart, 0 (as in the file) to 1.",
        ),
    ] = 1.0,
    keep: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Keep the N most frequent words for queries, and those of labels and captions.",
        ),
    ] = 100_000,
    views: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Views of each picture: mirrored, cropped. [default: 6, with --index 1]",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(metavar="N", help="Maximum batch size, in pictures.")] = 64,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the pictures held out for validation.")
    ] = 0.2,
    rate: Annotated[float, typer.Option(metavar="R", help="Peak learning rate.")] = 0.001,
) -> None:
    """Learn to search your pictures by words.

    A small network is trained on top of another one to lay each picture where the words of its
    label and its captions lie, among the vectors of a file (GloVe, word2vec, fastText). The model
    that comes out reads words too, also such as were never trained.
    """
    from visavis.errors import UsageError
    from visavis.training.data.samples import named
    from visavis.training.joint.settings import JointSettings, WordFields
    from visavis.training.settings import Rates

    given = options.settings(words=words)
    if not given.words:
        raise UsageError("say which word vectors: --words FILE, or words in visavis.toml")
    said = WordFields(Path(given.words), labels, captions, aliases)
    settings = JointSettings(
        loss=cast(Any, loss),
        margin=margin,
        hidden=whole_numbers("--hidden", hidden),
        captions=caption_weight,
        spread=spread,
        keep=keep,
        views=views or 0,
        batch=batch,
        rates=Rates(rate, decay=1e-2),
        validation=validation,
    )
    check_base(base)
    with common.opened() as pictures:
        known = named(pictures, said.field, lists=True)
        from visavis.training.joint.recipe import prepare  # only now: torch takes seconds

        ready = partial(prepare, known=known, device=common.device)
        common.run(partial(ready, pictures, said, base, settings))
