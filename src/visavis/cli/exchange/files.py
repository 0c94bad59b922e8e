"""`visavis export` and `visavis import`: records and vectors to files of other tools, and back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from visavis.cli import options, terminal

SKIPPED = 4  # exit code with --strict


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write: .h5, .parquet, .npz, .csv or .faiss.",
            show_default=False,
        ),
    ],
    index: options.Index = None,
    vectors: Annotated[
        bool | None,
        typer.Option(
            "--vectors/--no-vectors",
            help="Whether the vectors are written as well. [default: yes, but not to CSV]",
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Only records that match the filter; may be repeated."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="The field that becomes labels in HDF5 and npz. "
            "[default: label, labels, class or category]",
            show_default=False,
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE",
            help="Of the vectors: float16 or float32. [default: float16; in Parquet float32]",
            show_default=False,
        ),
    ] = None,
    force: options.Force = False,
    json_output: options.Json = False,
) -> None:
    """Write records and vectors to a file that other tools open.

    HDF5 has the datasets image_ids, features and labels, Parquet a list of fixed size in each row;
    all formats have the fields, .faiss in a CSV beside it. The file is written completely or not
    at all.
    """
    given = {"where": where or None, "vectors": vectors, "label": label, "dtype": dtype}
    wanted: Any = {name: value for name, value in given.items() if value is not None}
    with options.open_index(options.settings(index)) as target:
        made = target.export(out, force=force, **wanted)
    if json_output:
        terminal.echo_json(made.to_dict())
        return
    for note in made.notes:
        terminal.tell(f"note: {note}")
    what = "record" if made.records == 1 else "records"
    terminal.echo(f"{made.records:,} {what} in {made.path}, {made.bytes / 1e6:,.1f} MB")


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="File with ids and vectors: .h5, .parquet, .npz, .csv or .faiss.",
            show_default=False,
        ),
    ],
    index: options.Index = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="What made the vectors: a name of your own, or a model that visavis has. "
            "[default: what the file says, else its name]",
            show_default=False,
        ),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column, dataset or array of the ids."),
    ] = None,
    vector_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column, dataset or array of the vectors."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 4 if rows were skipped.")
    ] = False,
    json_output: options.Json = False,
) -> int:
    """Make vectors that were computed elsewhere searchable.

    The index is created if needed. Records are found by record (id:ID) and by vector, and by
    picture where visavis has the model. Rows without a valid vector are skipped and counted.
    """
    from visavis.cli.progress import reports
    from visavis.exchange.importing import import_vectors

    given = options.settings(index)
    report = import_vectors(
        file, given.index, model=model, id_column=id_column, vector_column=vector_column
    )
    with options.open_index(given) as target:
        reports.show(report, target, json_output)
    return SKIPPED if strict and report.failed else 0
