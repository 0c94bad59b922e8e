"""`visavis demo`: the whole of it in one command, on drawn pictures or on your own."""

import shlex
import sys
import zlib
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli import terminal

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.types import SearchResult, Term

_COUNT = 280  # drawn pictures: 14 kinds of things, 5 products each, 4 views of every product
_SHOWN = 10
_ASKED = "sneaker-01-front"
_WORDS = "green chair"
_NAME = "visavis"  # of the command


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Folder with your own pictures. [default: drawn ones]"
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the pictures, the index and the sheets.")
    ] = Path("visavis-demo"),
) -> None:
    """Try visavis on drawn pictures, or on yours.

    Indexes them, searches for one of them and by words, and writes contact sheets of what it found.
    """
    from visavis.cli.progress.indexing import IndexProgress
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
        terminal.echo(f"indexed {len(index)} pictures of {source} in {report.seconds:.1f} s")
        _by_picture(index, out, None if folder is not None else _ASKED)
        if folder is None:
            _by_words(index, out)
        program = _program()
        terminal.echo(f"\nsearch on with: {program} search ./PICTURE.jpg --index {index.path}")
        terminal.echo(f"or by words:    {program} search WORDS --index {index.path}")
        terminal.echo(
            f"or on a page:   {program} serve --index {index.path}  (http://127.0.0.1:8000)"
        )


def _program() -> str:
    """What to type: the name where a shell finds it; in an environment that is not, the path."""
    called = Path(sys.argv[0])
    if called.parts[-2:] == (_NAME, "__main__.py"):
        return f"{shlex.quote(sys.executable)} -m visavis"
    return shlex.quote(str(called)) if called.stem == _NAME and not which(_NAME) else _NAME


def _index_name(folder: Path | None) -> str:
    """An index of its own for each folder."""
    if folder is None:
        return "demo.index"
    place = folder.resolve()
    return f"{place.name or 'root'}-{zlib.crc32(bytes(place)):08x}.index"


def _drawn(out: Path) -> Path:
    from visavis.drawn.gallery import write_gallery

    catalogue = out / "gallery" / "catalogue.csv"
    if not catalogue.exists():
        terminal.tell(f"drawing {_COUNT} pictures …")
        write_gallery(out / "gallery", _COUNT)
    return catalogue


def _by_picture(index: "ImageIndex", out: Path, chosen: str | None) -> None:
    from visavis.errors import SourceError
    from visavis.types import RecordTerm

    record = next(iter(index), None) if chosen is None else index.get(chosen)
    if record is None:
        raise SourceError("there are no pictures in it; give a folder that has some")
    result = index.similar(record.id, limit=_SHOWN)
    _show(f"looks like {record.id}", RecordTerm(record.id), index, result, out / "sheet")


def _by_words(index: "ImageIndex", out: Path) -> None:
    from visavis.types import TextTerm

    result = index.search(_WORDS, limit=_SHOWN)
    terminal.echo("")
    _show(f"by the words {_WORDS!r}", TextTerm(_WORDS), index, result, out / "words")


def _show(
    what: str, term: "Term", index: "ImageIndex", result: "SearchResult", sheet: Path
) -> None:
    from visavis.pages.sheet import search_sheet, write_sheet
    from visavis.store.text.titles import titles_in

    for match in result.matches:
        row = [f"{match.score:.3f}", match.record.id, str(match.record.fields.get("title", ""))]
        terminal.echo("  ".join([*row, f"found by {', '.join(match.why)}"] if match.why else row))
    drawn = search_sheet([term], result, index.get, titles_in(index.store))
    paths = [sheet.with_suffix(suffix) for suffix in (".png", ".html")]
    for path in paths:
        write_sheet(path, drawn)
    terminal.echo(f"{what}: {paths[0]}, {paths[1]}")
