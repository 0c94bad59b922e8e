"""What all commands of `visavis train` have in common: their options, and how they run."""

import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.sources.base import Source
    from visavis.training.loop.recipe import Recipe, Result
    from visavis.training.settings import LoopSettings

Base = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="The network to build on, by name or folder. [default: visavis-s, or the index's]",
        show_default=False,
    ),
]
"""Of recipes that train on top of a network."""

_PACKAGES = {"torch", "lightning", "pytorch_metric_learning", "onnx", "matplotlib"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The options of every recipe; `recipe_command` gives them to a command."""

    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A folder or a catalogue (.csv .tsv .jsonl .parquet); none with --index.",
            show_default=False,
        ),
    ] = None
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder to write the model to.", show_default=False),
    ]
    epochs: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Maximum number of epochs."),
    ] = 30
    patience: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Stop after N epochs without a better validation."),
    ] = 10
    seed: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Random seed for weights, batches and the split."),
    ] = 0
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the training in --out, for more --epochs if given.",
        ),
    ] = False
    precision: Annotated[
        str,
        typer.Option(metavar="NAME", help="32 or bf16; auto: bf16 where it is faster."),
    ] = "auto"
    device: Annotated[
        str, typer.Option(metavar="NAME", help="cpu, cuda or mps; auto: the fastest available.")
    ] = "auto"
    devices: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="GPUs (or processes) that share the work (0 = all)."),
    ] = 1
    nodes: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Machines that share the work, each started by torchrun."
        ),
    ] = 1
    threads: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="CPU threads (0 = all cores)."),
    ] = 0
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where decoded pictures and base embeddings are kept. "
            "[default: visavis/training in $XDG_CACHE_HOME]",
            show_default=False,
        ),
    ] = None
    index: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Train on the records of an index, and on top of its model.",
            show_default=False,
        ),
    ] = None
    image_column: options.ImageColumn = None
    json_output: options.Json = False

    @property
    def loop(self) -> "LoopSettings":
        """What the loop is told. Raises UsageError."""
        from visavis.training.settings import LoopSettings

        return LoopSettings(
            self.epochs,
            self.patience,
            self.seed,
            cast(Any, self.precision),
            self.device,
            self.devices,
            self.nodes,
            self.threads,
        )

    @contextmanager
    def opened(self) -> "Iterator[Source]":
        """The pictures; none is read yet. What can be refused before torch is loaded, is."""
        from visavis.errors import UsageError
        from visavis.image_index import ImageIndex
        from visavis.sources.base import open_source
        from visavis.training.data.indexed import source_of
        from visavis.training.loop.workplace import check_out

        if (self.source is None) == (self.index is None):
            raise UsageError("say what to train on: either a SOURCE or --index DIR")
        options.check_image_column(self.source, self.image_column)
        _ = self.loop
        check_out(self.out, resume=self.resume)
        with ExitStack() as stack:
            if self.source is not None:
                source = open_source(self.source, image_column=self.image_column)
            else:
                source = source_of(stack.enter_context(ImageIndex.open(str(self.index))))
            stack.callback(source.close)
            yield source

    def run(self, prepare: "Callable[..., Recipe[Any]]", *, force: bool = False) -> None:
        """Train with a bar, and say at the end what there is.

        `prepare` takes `seed`, `cache` and `tell`, and gives what is trained.
        """
        from visavis.cli.progress.training import TrainingProgress
        from visavis.training.loop.recipe import train
        from visavis.training.loop.workplace import is_first

        stop = threading.Event()

        def prepared() -> "Recipe[Any]":
            made = prepare(seed=self.seed, cache=self.cache, tell=shown.update)
            for line in (*made.notes, made.summary) if is_first() else ():
                shown.say(line)
            stack.enter_context(_asking(stop))  # reading can be broken off at any moment
            return made

        with TrainingProgress() as shown, ExitStack() as stack:
            how = {"resume": self.resume, "force": force}
            result = train(prepared, self.out, self.loop, **how, stop=stop, tell=shown.update)
        if result is not None:
            self._say(result)
        elif stop.is_set():
            terminal.tell(f"stopped; go on with the same command and --resume ({self.out})")
            raise KeyboardInterrupt
        # Else this is one of several processes: the first one writes the model and reports it.

    def _say(self, result: "Result") -> None:
        from visavis.cli.progress.training import described, gained

        for note in result.notes:
            terminal.tell(f"note: {note}")
        if self.json_output:
            shape = {"model": result.spec.name, "folder": str(self.out), "dim": result.spec.dim}
            terminal.echo_json(shape | {"metrics": result.metrics})
            return
        metrics = result.metrics
        if found := metrics.get("validation"):
            epoch = f"epoch {metrics['best_epoch']}" if metrics["best_epoch"] else "as it began"
            terminal.echo(f"trained: {described(found)} ({epoch})")
        if found := metrics.get("base"):
            terminal.echo(f"base: {described(found)}")
        if found := metrics.get("gain"):
            terminal.echo(f"gained: {gained(found)}")
        if words := metrics.get("words"):
            terminal.echo(f"it reads {words['count']:,} words ({words['bytes'] / 1e6:.1f} MB)")
        terminal.echo(f"{self.out}: {result.spec.dim} dimensions; use it with --model {self.out}")


def recipe_command(command: Callable[..., None]) -> Callable[..., None]:
    """Decorates a command that takes `common`, a Common, besides options of its own.

    On the command line it has the options of both. What is missing of the extra `train` while it
    runs is reported in one sentence.
    """

    @wraps(command)
    def whole(**given: Any) -> None:
        common = Common(**{one.name: given.pop(one.name) for one in fields(Common)})
        with _extra():
            command(common=common, **given)

    hints = get_type_hints(Common, include_extras=True)
    shared = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=hints[one.name],
        )
        for one in fields(Common)
    ]
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "common"
    ]
    parameters = [*shared[:1], *own, *shared[1:]]
    setattr(whole, "__signature__", inspect.Signature(parameters))  # noqa: B010
    whole.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return whole


def check_base(base: str | None) -> None:
    """Raise ModelNotFoundError for a base that is not there, before torch is loaded."""
    from visavis.embedders.registry import model_info

    if base is not None and "+" not in base:
        model_info(base)


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """The numbers of "512,256". Raises UsageError that names the option."""
    from visavis.errors import UsageError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} wants whole numbers joined by commas, not {text!r}") from None


@contextmanager
def _extra() -> Iterator[None]:
    """Say in one sentence what to install where the training's packages are missing."""
    from visavis.errors import ExtraMissingError

    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise ExtraMissingError("training a model", "train") from error


@contextmanager
def _asking(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks the training to stop after its step, the second ends it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there signals can be caught
        return

    def ask(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(number, before[number])

    before: dict[int, Any] = {}
    for one in (signal.SIGINT, signal.SIGTERM):
        before[one] = signal.signal(one, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
