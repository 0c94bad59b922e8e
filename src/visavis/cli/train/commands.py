"""`visavis train`: an embedding of your own pictures."""

from functools import partial
from typing import Annotated, Any, cast

import typer

from visavis.cli.train.joint import joint
from visavis.cli.train.options import Base, Common, check_base, recipe_command, whole_numbers

app = typer.Typer(help="Train a model on your own pictures.", rich_markup_mode=None)


@app.command("autoencoder")
@recipe_command
def autoencoder(
    common: Common,
    size: Annotated[int, typer.Option(metavar="N", help="Image side length in pixels.")] = 128,
    dim: Annotated[int, typer.Option(metavar="N", help="Size of the embedding (dimensions).")] = 64,
    widths: Annotated[
        str,
        typer.Option(metavar="N,N,…", help="Channels at 1/4 of the size, 1/8, and so on."),
    ] = "32,64,128",
    variant: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="plain, denoising (noisy input) or masked (partial input)."
        ),
    ] = "plain",
    loss: Annotated[
        str, typer.Option(metavar="NAME", help="mse (of pixels) or ssim (of structure).")
    ] = "mse",
    batch: Annotated[int, typer.Option(metavar="N", help="Batch size, in pictures.")] = 64,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Validate by searching for pictures that share it."),
    ] = None,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the pictures held out for validation.")
    ] = 0.1,
    rate: Annotated[float, typer.Option(metavar="R", help="Peak learning rate.")] = 0.002,
) -> None:
    """Learn an embedding from pictures alone.

    A network reconstructs pictures from a small vector, which becomes the embedding. It needs no
    labels, and finds what looks the same rather than what is the same.
    """
    from visavis.training.autoencoder.settings import AutoencoderSettings
    from visavis.training.data.samples import named
    from visavis.training.settings import Rates

    settings = AutoencoderSettings(
        side=size,
        dim=dim,
        widths=whole_numbers("--widths", widths),
        variant=cast(Any, variant),
        loss=cast(Any, loss),
        batch=batch,
        rates=Rates(rate),
        validation=validation,
    )
    with common.opened() as pictures:
        known = named(pictures, labels, optional=True)
        from visavis.training.autoencoder.recipe import prepare  # only now: torch takes seconds

        common.run(partial(prepare, pictures, settings, labels=labels, known=known))


@app.command("triplet")
@recipe_command
def triplet(
    common: Common,
    labels: Annotated[
        str,
        typer.Option(
            metavar="FIELD",
            help="Pictures that share its value belong together; of a folder: folder.",
            show_default=False,
        ),
    ],
    base: Base = None,
    loss: Annotated[
        str, typer.Option(metavar="NAME", help="triplet, multi-similarity or arcface.")
    ] = "triplet",
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What the triplet loss compares by: cosine, euclidean, manhattan or chi2.",
        ),
    ] = "cosine",
    mining: Annotated[
        str, typer.Option(metavar="NAME", help="Which triplets to train on: semihard, hard or all.")
    ] = "semihard",
    margin: Annotated[
        float,
        typer.Option(
            metavar="E",
            help="Margin of the triplet loss: how much farther away a wrong picture has to be.",
        ),
    ] = 0.2,
    layers: Annotated[
        str,
        typer.Option(
            metavar="N,N,…",
            help="Widths of the head's layers, the embedding's last (0 = as wide as the base).",
        ),
    ] = "512,512,0",
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Add a branch that looks at colours and patterns.")
    ] = False,
    unfreeze: Annotated[
        bool,
        typer.Option(
            "--unfreeze", help="Train a network from scratch instead of on top of a base."
        ),
    ] = False,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Image side length in pixels, with --unfreeze. [default: 128]",
            show_default=False,
        ),
    ] = None,
    p: Annotated[int, typer.Option("-p", metavar="N", help="Labels per batch.")] = 16,
    k: Annotated[int, typer.Option("-k", metavar="N", help="Images per label.")] = 4,
    across: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Search only pictures with another value of it: photographs in a catalogue, say.",
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="label: hold out whole labels; image: some pictures of each; auto: "
            "labels where there are 10.",
        ),
    ] = "auto",
    validation: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Share of labels (or pictures) held out for validation (0 = none).",
        ),
    ] = 0.2,
    force: Annotated[
        bool, typer.Option("--force", help="Write the model even if it finds less than its base.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            help="Peak learning rate. [default: 0.0001, with --unfreeze 0.001]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Learn from labels which pictures belong together.

    A small network is trained on top of another one, whose embeddings of your pictures are
    computed once. The model that comes out holds both.
    """
    from visavis.training.data.samples import named
    from visavis.training.data.splits import check_labels
    from visavis.training.settings import Rates
    from visavis.training.triplet.settings import LossSettings, TripletSettings

    _refuse_idle_size(size, base, unfreeze)
    settings = TripletSettings(
        loss=LossSettings(cast(Any, loss), cast(Any, metric), cast(Any, mining), margin),
        layers=whole_numbers("--layers", layers),
        pixels=pixels,
        unfreeze=unfreeze,
        side=128 if size is None else size,
        p=p,
        k=k,
        rates=Rates((1e-3 if unfreeze else 1e-4) if rate is None else rate),
        across=across,
        split=cast(Any, split),
        validation=validation,
    )
    check_base(base)
    with common.opened() as pictures:
        known = named(pictures, labels)
        check_labels([sample.label for sample in known.samples])
        from visavis.training.triplet.recipe import prepare  # only now: torch takes seconds

        ready = partial(prepare, known=known, device=common.device)
        common.run(partial(ready, pictures, labels, base, settings), force=force)


def _refuse_idle_size(size: int | None, base: str | None, unfreeze: bool) -> None:
    from visavis.errors import UsageError

    if size is not None and (base is not None or not unfreeze):
        raise UsageError("--size is for --unfreeze without --base; a base has its own size")


app.command("joint")(joint)
