"""`visavis models`: what turns pictures into vectors."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli import options, terminal

if TYPE_CHECKING:
    from visavis.embedders.adding.hub import DownloadPlan
    from visavis.embedders.registry import ModelInfo
    from visavis.embedders.spec import PreprocessSpec

app = typer.Typer(help="List, add and check models.", rich_markup_mode=None)

_SHOWN = 10  # classes without a known word; --json has them all

Name = Annotated[str, typer.Argument(metavar="MODEL", help="Name or folder.", show_default=False)]


@app.command("list")
def list_(
    available: Annotated[
        bool,
        typer.Option("--available", help="List the models that `models add` can download, too."),
    ] = False,
    json_output: options.Json = False,
) -> None:
    """List the models on this machine."""
    from visavis.embedders.presets import presets
    from visavis.embedders.registry import list_models

    here = list_models()
    names = {info.name for info in here}
    offered = [preset for name, preset in presets().items() if available and name not in names]
    if json_output:
        shape = [info.to_dict() for info in here]
        shape += [{"name": p.name, "kind": "available", "license": p.license} for p in offered]
        terminal.echo_json(shape)
        return
    rows = [_row(info) for info in here]
    rows += [(p.name, "available", "", p.license, p.about) for p in offered]
    _print_rows(rows)


def _row(info: "ModelInfo") -> tuple[str, ...]:
    about = info.problem or info.origin
    facts = [
        f"{info.dim} dimensions" if info.dim else "",
        f"{info.bytes / 1e6:.0f} MB" if info.bytes else "",
        "reads words" if info.text else "",
        "has classes" if info.classes else "",
    ]
    return (info.name, info.kind, ", ".join(filter(None, facts)), info.license, about)


def _print_rows(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        terminal.echo("  ".join([*cells, row[4]]).rstrip())


@app.command()
def info(model: Name, json_output: options.Json = False) -> None:
    """Show what is known about a model.

    Its width, the size of its input, its licence and where it came from.
    """
    from visavis.embedders.registry import model_info

    shape = model_info(model).to_dict()
    if json_output:
        terminal.echo_json(shape)
        return
    for key, value in shape.items():
        if value not in (None, "", False):
            terminal.echo(f"{key.ljust(12)} {value}")


@app.command()
def check(model: Name, device: options.Device = None, json_output: options.Json = False) -> None:
    """Check whether a model works, and how fast it is.

    Its files are compared with their checksums, and two drawn pictures have to get two different
    vectors, as have two words.
    """
    from visavis.embedders.adding.checking import check_model
    from visavis.embedders.registry import model_info
    from visavis.errors import UsageError

    given = options.settings(device=device)
    folder = model_info(model).folder
    if folder is None:
        raise UsageError(f"{model} has no folder to check; it is part of the program")
    report = check_model(folder, device=given.device)
    if json_output:
        terminal.echo_json(report.to_dict())
        return
    terminal.echo(
        f"{report.name} works: {report.dim} dimensions, {report.image_ms:.1f} ms a picture on one "
        f"core, loaded in {report.load_ms:.0f} ms"
    )
    if report.text_ms is not None:
        terminal.echo(f"it reads words: {report.text_ms:.1f} ms a text")
    if report.note is not None:
        terminal.tell(f"note: {report.note}")


@app.command()
def outputs(
    model: Annotated[
        str,
        typer.Argument(metavar="FILE", help="An .onnx file, or a model.", show_default=False),
    ],
    like: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Only tensors whose names contain this."),
    ] = None,
    json_output: options.Json = False,
) -> None:
    """List the tensors of a network, any of which `models add --output` takes.

    With the shape of each: N is the number of pictures, ? depends on the picture.
    """
    from visavis.embedders.registry import model_info
    from visavis.embedders.runtime.graph import read_graph
    from visavis.embedders.runtime.network import tensor_shapes
    from visavis.embedders.spec import read_spec
    from visavis.errors import UsageError

    path = Path(model)
    if not path.is_file():
        folder = model_info(model).folder
        if folder is None:
            raise UsageError(f"{model} has no network: it is part of the program")
        path = folder / read_spec(folder).file
    shapes = tensor_shapes(path)
    if like is not None:
        shapes = {name: shapes[name] for name in read_graph(path).like(like) if name in shapes}
        if not shapes:
            raise UsageError(f"{path} has no tensor with a name like {like!r}")
    if json_output:
        terminal.echo_json({name: list(shape) for name, shape in shapes.items()})
        return
    wide = max(map(len, shapes))
    for name, shape in shapes.items():
        numbers = " x ".join(map(str, shape)) or "one number"
        terminal.echo(terminal.one_line(f"{name.ljust(wide)}  {numbers}"))


@app.command()
def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A model folder, an .onnx file, a name from `models list --available`, or a hub "
            "repository owner/name.",
            show_default=False,
        ),
    ],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name to give it.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="TENSOR",
            help="For an .onnx file or a download: the tensor to take, inner ones too. "
            "[default: the one before the classifier]",
            show_default=False,
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="As --output: pool maps by average, gem or none."),
    ] = None,
    preprocess: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help='For an .onnx file: {"size": 224, "mean": [...], "std": [...], ...}, or a file '
            "of it; required.",
        ),
    ] = None,
    license: Annotated[
        str | None, typer.Option(metavar="NAME", help="For an .onnx file: its licence.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="For the .onnx file of a classifier: its classes, one per line.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a model of the same name.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Download without asking.")] = False,
) -> None:
    """Add a model.

    It is copied or downloaded, tried once, and kept under its name in the user's data folder.
    """
    from visavis.errors import ModelNotFoundError, UsageError

    if "://" in source:
        raise ModelNotFoundError(
            f"{source}: models are added from files of this machine, by the names of presets, and "
            "from the hub as OWNER/NAME; download it first"
        )
    path = Path(source)
    for_files = {"--output": output, "--pool": pool, "--preprocess": preprocess}
    for_files |= {"--license": license, "--labels": labels}
    if yes and path.exists():
        raise UsageError("--yes is for downloads; a folder or file is added without asking")
    if path.suffix == ".onnx":
        if not path.is_file():
            raise ModelNotFoundError(f"{path}: there is no such file")
        if preprocess is None:
            raise UsageError(
                f'{path}: say how its input is made, such as --preprocess \'{{"size": 224, "mean": '
                '[0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}\''
            )
        from visavis.embedders.adding.add import add_onnx

        made = add_onnx(
            path,
            _preprocess(preprocess),
            name=name,
            output=output,
            pool=pool,
            license=license or "",
            labels=None if labels is None else Path(labels),
            replace=replace,
        )
        terminal.echo(f"added {made.name}: {made.dim} dimensions")
        return
    downloads = not path.exists()
    taken = {"--output", "--pool"} if downloads else set[str]()
    _refuse({o: v for o, v in for_files.items() if o not in taken}, "for an .onnx file")
    if path.is_dir():
        from visavis.embedders.adding.add import add_folder

        added = add_folder(path, name=name, replace=replace)
        terminal.echo(f"added {added.name}: {added.dim} dimensions")
        return
    changes = {"name": name, "output": output, "pool": pool}
    _add_from_hub(source, {k: v for k, v in changes.items() if v is not None}, replace, yes)


def _refuse(given: dict[str, Any], why: str) -> None:
    from visavis.errors import UsageError

    idle = [option for option, value in given.items() if value is not None]
    if idle:
        raise UsageError(f"{' and '.join(idle)} {'is' if len(idle) == 1 else 'are'} {why}")


def _preprocess(text: str) -> "PreprocessSpec":
    from visavis.disk import reason
    from visavis.embedders.spec import parse_preprocess
    from visavis.errors import UsageError

    where = "--preprocess"
    if not text.lstrip().startswith("{"):
        where = text
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{where}: cannot be read ({reason(error)})") from error
    try:
        shape = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: is no JSON ({reason(error)})") from error
    return parse_preprocess(shape, Path(where))


def _add_from_hub(wanted: str, changes: dict[str, str], replace: bool, yes: bool) -> None:
    from visavis.embedders.adding.hub import add_from_hub, plan_download

    plan = plan_download(wanted, **changes)
    typer.echo(terminal.printable(_described(plan)), err=True)
    if not yes:
        typer.confirm("Download it?", abort=True, err=True)
    folder = add_from_hub(plan, replace=replace)
    terminal.echo(f"added {plan.name} ({folder})")


def _described(plan: "DownloadPlan") -> str:
    warning = "; NOT for commercial use" if plan.non_commercial else ""
    return (
        f"{plan.name} from {plan.preset.repo}: {plan.total_bytes / 1e6:.0f} MB, "
        f"licence {plan.license}{warning}"
    )


@app.command()
def conse(
    classifier: Annotated[
        str,
        typer.Option(
            "--classifier",
            metavar="MODEL",
            help="A model with a classifier: its name or folder.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", metavar="DIR", help="The new model folder.", show_default=False),
    ],
    words: options.Words = None,
    aliases: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Substitutes for words that the vectors lack, one per line: word = other word.",
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            "-k",
            min=1,
            metavar="N",
            help="Number of most probable classes to use per picture.",
        ),
    ] = 10,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Keep the N most frequent words. [default: all]",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the model folder.")] = False,
    json_output: options.Json = False,
) -> None:
    """Let a classifier be searched by words, without training.

    A picture's vector is the mean of the word vectors of its most probable classes (ConSE). Index
    with the new folder, then search by any word of the file.
    """
    from visavis.embedders.adding.conse import make_conse
    from visavis.errors import UsageError

    given = options.settings(words=words)
    if not given.words:
        raise UsageError("say which word vectors: --words FILE, or words in visavis.toml")
    report = make_conse(
        classifier,
        Path(given.words),
        Path(out),
        aliases=None if aliases is None else Path(aliases),
        top=top,
        keep=keep,
        replace=replace,
    )
    if json_output:
        terminal.echo_json(report.to_dict())
        return
    for note in report.notes:
        terminal.tell(f"note: {note}")
    if report.unknown:
        shown = "; ".join(report.unknown[:_SHOWN]) + (" …" if len(report.unknown) > _SHOWN else "")
        terminal.tell(
            f"note: {len(report.unknown)} of {report.classes} classes have no known word and say "
            f"nothing: {shown}"
        )
    terminal.echo(f"made {report.folder}: {report.dim} dimensions, {report.words} words")
