"""`visavis demo`: the whole of it in one command, on drawn pictures or on your own."""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex

_COUNT = 280  # drawn pictures: 14 kinds of things, 5 products each, 4 views of every product
_SHOWN = 10


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Your own pictures. [default: drawn ones]"),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where pictures, index and sheet are put.")
    ] = Path("visavis-demo"),
) -> None:
    """Try it on drawn pictures, or on yours.

    Indexes them, searches for one of them, and writes a contact sheet of what was found.
    """
    from visavis.cli.progress import IndexProgress
    from visavis.errors import IndexIncompatibleError
    from visavis.image_index import ImageIndex

    out.mkdir(parents=True, exist_ok=True)
    source = folder if folder is not None else _drawn(out)
    with ImageIndex.create(out / _index_name(folder)) as index:
        with IndexProgress([str(source)], []) as progress:
            try:
                report = index.add(source, progress=progress.update)
            except IndexIncompatibleError:  # of an older version of visavis
                index.rebuild(progress=progress.update)
                report = index.add(source, progress=progress.update)
        typer.echo(f"indexed {len(index)} pictures of {source} in {report.seconds:.1f} s")
        _search(index, out, None if folder is not None else "sneaker-01-front")


def _index_name(folder: Path | None) -> str:
    """An index of its own for each folder."""
    if folder is None:
        return "demo.index"
    place = folder.resolve()
    return f"{place.name or 'root'}-{zlib.crc32(bytes(place)):08x}.index"


def _drawn(out: Path) -> Path:
    from visavis.images.drawn import write_gallery

    catalogue = out / "gallery" / "catalogue.csv"
    if not catalogue.exists():
        typer.echo(f"drawing {_COUNT} pictures …", err=True)
        write_gallery(out / "gallery", _COUNT)
    return catalogue


def _search(index: "ImageIndex", out: Path, chosen: str | None) -> None:
    from visavis.cli.searching import read_picture
    from visavis.cli.sheet import search_sheet, write_sheet
    from visavis.errors import SourceError
    from visavis.types import RecordTerm

    record = next(iter(index), None) if chosen is None else index.get(chosen)
    if record is None:
        raise SourceError("there are no pictures in it; give a folder that has some")
    result = index.similar(record.id, limit=_SHOWN)
    for match in result.matches:
        typer.echo(f"{match.score:.3f}  {match.record.id}  {match.record.fields.get('title', '')}")
    sheet = search_sheet([RecordTerm(record.id)], [read_picture(record)], result, read_picture)
    for name in ("sheet.png", "sheet.html"):
        write_sheet(out / name, sheet)
    typer.echo(f"\nlooks like {record.id}: {out / 'sheet.png'}, {out / 'sheet.html'}")
    typer.echo(f"search on with: visavis search ./PICTURE.jpg --index {index.path}")
    typer.echo(f"or on a page: visavis serve --index {index.path}  (http://127.0.0.1:8000)")
