"""`visavis copy`: one index into another."""

from typing import Annotated

import typer

from visavis.cli import options, terminal


def copy(
    source: Annotated[
        str,
        typer.Argument(metavar="SRC", help="Folder of an index, or milvus://HOST:PORT/COLLECTION."),
    ],
    target: Annotated[
        str, typer.Argument(metavar="DST", help="The same, for the copy; made if need be.")
    ],
    json_output: options.Json = False,
) -> int:
    """Copy an index: to another folder, to Milvus, or back.

    Records go over with their fields, vectors, sources and tags, and concepts with their marks.
    What the copy has already stays as it is, so copying may be stopped and repeated. At the end
    both are compared: how many records each source has, and some records with their vectors; where
    they differ, the exit code is 3.
    """
    from visavis.cli.progress import reports
    from visavis.cli.progress.loading import LoadProgress
    from visavis.exchange.copying import copy_index
    from visavis.image_index import ImageIndex

    with LoadProgress("copying") as progress:
        copied = copy_index(source, target, progress=progress.update)
    alike = f"{copied.compared:,} records were read back and compared"
    if not copied.differences:
        alike += ": all as in the original"
    if json_output:
        reports.tell(copied.report, json_output, "")
    else:
        with ImageIndex.open(target) as made:
            reports.show(copied.report, made, json_output)
        terminal.echo(alike)
    if (error := copied.error()) is not None:
        raise error
    return 0
