"""`visavis train`: an embedding of your own pictures."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from visavis.cli import options

if TYPE_CHECKING:
    from visavis.images.sources import Source
    from visavis.training.progress import Tell
    from visavis.training.results import Result

    Begin = Callable[[Tell], tuple[Sequence[str], str, Callable[..., Result | None]]]
    """Reads the data; gives notes, how it is validated, and what trains."""

app = typer.Typer(help="Train a model on your own pictures.", rich_markup_mode=None)

_PACKAGES = {"torch", "lightning", "pytorch_metric_learning", "onnx", "h5py", "matplotlib"}

SourceOption = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A folder or a catalogue (.csv .tsv .jsonl .parquet).",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(metavar="DIR", help="Where the model folder is made.", show_default=False),
]
Epochs = Annotated[
    int, typer.Option(min=1, metavar="N", help="How often the pictures are gone through, at most.")
]
Patience = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="End after N epochs without a better validation."),
]
Rate = Annotated[float, typer.Option(metavar="R", help="Learning rate at its highest.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the training that was begun in --out.")
]
Seed = Annotated[int, typer.Option(min=0, help="Draws weights, batches and the validation.")]
Precision = Annotated[
    str,
    typer.Option(metavar="NAME", help="32 or bf16; auto: bf16 where the machine gains by it."),
]
Device = Annotated[
    str,
    typer.Option("--device", metavar="NAME", help="cpu, cuda or mps; auto: the fastest there is."),
]
Devices = Annotated[
    int, typer.Option(min=0, metavar="N", help="GPUs (or processes) to share the work; 0: all.")
]
Nodes = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Machines that share it, each started by torchrun."),
]
Threads = Annotated[
    int, typer.Option(min=0, metavar="N", help="Threads of the processor; 0: as many as it has.")
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where decoded pictures and base embeddings are kept. "
        "[default: visavis/training in $XDG_CACHE_HOME]",
        show_default=False,
    ),
]
ImageColumn = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="The catalogue's column with paths or addresses."),
]


@app.command("autoencoder")
def autoencoder(
    source: SourceOption,
    out: Out,
    size: Annotated[int, typer.Option(metavar="N", help="Pixels of a picture's sides.")] = 128,
    dim: Annotated[int, typer.Option(metavar="N", help="Numbers of an embedding.")] = 64,
    widths: Annotated[
        str,
        typer.Option(
            metavar="N,N,…", help="Channels at a quarter of the size, an eighth, and so on."
        ),
    ] = "32,64,128",
    variant: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="plain; denoising: sees noise; masked: sees parts. All draw all."
        ),
    ] = "plain",
    loss: Annotated[
        str, typer.Option(metavar="NAME", help="mse (of pixels) or ssim (of structure).")
    ] = "mse",
    batch: Annotated[int, typer.Option(metavar="N", help="Pictures in a step.")] = 64,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Validate by searching for pictures that share it."),
    ] = None,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="Of the pictures, kept from training.")
    ] = 0.1,
    epochs: Epochs = 30,
    patience: Patience = 10,
    rate: Rate = 0.002,
    seed: Seed = 0,
    resume: Resume = False,
    precision: Precision = "auto",
    device: Device = "auto",
    devices: Devices = 1,
    nodes: Nodes = 1,
    threads: Threads = 0,
    cache: Cache = None,
    image_column: ImageColumn = None,
    json_output: options.Json = False,
) -> None:
    """Learn an embedding from pictures alone.

    A network draws pictures again from a few numbers, which become the embedding. It needs no
    labels, and finds what looks the same rather than what is the same.
    """
    with _extra():
        from visavis.training import autoencoder as recipe
        from visavis.training.autoencoder_settings import AutoencoderSettings
        from visavis.training.fitting import LoopSettings
        from visavis.training.learner import Rates

    loop = LoopSettings(
        epochs, patience, seed, cast(Any, precision), device, devices, nodes, threads
    )
    settings = AutoencoderSettings(
        side=size,
        dim=dim,
        widths=_whole_numbers("--widths", widths),
        variant=cast(Any, variant),
        loss=cast(Any, loss),
        batch=batch,
        rates=Rates(rate),
        validation=validation,
    )
    pictures = _opened(source, image_column)

    def begin(tell: "Tell") -> Any:
        made = recipe.prepare(pictures, settings, labels=labels, seed=seed, cache=cache, tell=tell)
        return made.notes, made.told, lambda **given: recipe.train(made, out, loop, **given)

    _run(begin, out, resume=resume, json_output=json_output)


@app.command("triplet")
def triplet(
    source: SourceOption,
    labels: Annotated[
        str,
        typer.Option(
            metavar="FIELD",
            help="Pictures that share its value belong together; of a folder: folder.",
            show_default=False,
        ),
    ],
    out: Out,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The network to build on, by name or folder. [default: visavis-s]",
            show_default=False,
        ),
    ] = None,
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
        str, typer.Option(metavar="NAME", help="Which triplets count: semihard, hard or all.")
    ] = "semihard",
    margin: Annotated[
        float, typer.Option(metavar="E", help="How much farther a wrong picture has to be.")
    ] = 0.2,
    layers: Annotated[
        str,
        typer.Option(metavar="N,N,…", help="Widths of the head's layers, the embedding's last."),
    ] = "512,512,256",
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Look at colours and patterns too, beside the base.")
    ] = False,
    unfreeze: Annotated[
        bool,
        typer.Option("--unfreeze", help="Train the base too: visavis-s, or one from scratch."),
    ] = False,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Pixels of a picture's sides, with --unfreeze from scratch. [default: 128]",
            show_default=False,
        ),
    ] = None,
    p: Annotated[int, typer.Option("-p", metavar="N", help="Labels in a step.")] = 16,
    k: Annotated[int, typer.Option("-k", metavar="N", help="Pictures of each label.")] = 4,
    split: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="label: whole labels are kept for validation; image: pictures of each; auto: "
            "labels where there are 10.",
        ),
    ] = "auto",
    validation: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Of labels (or pictures) kept; 0: train on all."),
    ] = 0.2,
    epochs: Epochs = 30,
    patience: Patience = 10,
    rate: Rate = 0.001,
    seed: Seed = 0,
    resume: Resume = False,
    precision: Precision = "auto",
    device: Device = "auto",
    devices: Devices = 1,
    nodes: Nodes = 1,
    threads: Threads = 0,
    cache: Cache = None,
    image_column: ImageColumn = None,
    json_output: options.Json = False,
) -> None:
    """Learn from labels which pictures belong together.

    A small network is trained on top of another one, whose embeddings of your pictures are
    computed once. The model that comes out holds both.
    """
    with _extra():
        from visavis.training import triplet as recipe
        from visavis.training.fitting import LoopSettings
        from visavis.training.learner import Rates
        from visavis.training.metric_losses import LossSettings
        from visavis.training.triplet_settings import TripletSettings

    _refuse_idle_size(size, base, unfreeze)
    loop = LoopSettings(
        epochs, patience, seed, cast(Any, precision), device, devices, nodes, threads
    )
    settings = TripletSettings(
        loss=LossSettings(cast(Any, loss), cast(Any, metric), cast(Any, mining), margin),
        layers=_whole_numbers("--layers", layers),
        pixels=pixels,
        unfreeze=unfreeze,
        side=size or 128,
        p=p,
        k=k,
        rates=Rates(rate),
        split=cast(Any, split),
        validation=validation,
    )
    pictures = _opened(source, image_column)

    def begin(tell: "Tell") -> Any:
        made = recipe.prepare(pictures, labels, base, settings, seed=seed, cache=cache, tell=tell)
        return made.notes, made.parts.told, lambda **given: recipe.train(made, out, loop, **given)

    _run(begin, out, resume=resume, json_output=json_output)


def _run(begin: "Begin", out: Path, *, resume: bool, json_output: bool) -> None:
    from visavis.cli.training_progress import TrainingProgress, described
    from visavis.training.workplace import check_out, is_first

    check_out(out, resume=resume)
    with TrainingProgress() as shown:
        notes, told, train = begin(shown.update)
        for line in (*notes, told) if is_first() else ():
            shown.say(line)
        with _stoppable() as stop:
            result = train(resume=resume, stop=stop, tell=shown.update)
    if result is None:
        if stop.is_set():
            typer.echo(f"stopped; go on with the same command and --resume ({out})", err=True)
            raise KeyboardInterrupt
        return  # one of several processes: the first one writes the model and tells of it
    if json_output:
        shape = {"model": result.spec.name, "folder": str(out), "dim": result.spec.dim}
        options.echo_json(shape | {"metrics": result.metrics})
        return
    for name in ("validation", "base"):
        if found := result.metrics.get(name):
            typer.echo(f"{'trained' if name == 'validation' else 'base'}: {described(found)}")
    typer.echo(f"{out}: {result.spec.dim} numbers a picture; use it with --model {out}")


def _opened(source: str, image_column: str | None) -> "Source":
    from visavis.errors import UsageError
    from visavis.images.sources import open_source
    from visavis.images.tables import CATALOGUE_SUFFIXES

    if image_column is not None and Path(source).suffix.lower() not in CATALOGUE_SUFFIXES:
        raise UsageError("--image-column is for catalogues; none was given")
    return open_source(source, image_column=image_column)


def _refuse_idle_size(size: int | None, base: str | None, unfreeze: bool) -> None:
    from visavis.errors import UsageError

    if size is not None and (base is not None or not unfreeze):
        raise UsageError("--size is for --unfreeze without --base; a base has a size of its own")


def _whole_numbers(option: str, text: str) -> tuple[int, ...]:
    from visavis.errors import UsageError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} wants whole numbers joined by commas, not {text!r}") from None


@contextmanager
def _extra() -> "Iterator[None]":
    """Say in one sentence what to install where the training's packages are missing."""
    from visavis.errors import ExtraMissingError

    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise ExtraMissingError("training a model", "train") from error


@contextmanager
def _stoppable() -> "Iterator[threading.Event]":
    """The first Ctrl-C asks the training to stop after its step, the second one ends it at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only there signals can be caught
        return

    def ask(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
