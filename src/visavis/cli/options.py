"""Options that several commands share, and the settings that they make up."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.settings import Settings

Index = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="DIR",
        help="Folder of the index. [default: $VISAVIS_INDEX or visavis.index]",
        show_default=False,
    ),
]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column",
        metavar="COLUMN",
        help="The catalogue's column with paths or URLs.",
    ),
]
IdColumn = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The catalogue's column with ids.")
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Leave out files and folders that match; may be repeated."),
]
Parts = Annotated[
    bool | None,
    typer.Option(
        "--parts/--no-parts",
        help="Keep codes of the parts of pictures too, from now on, for search --anywhere "
        "(448 bytes a picture, 5 times the model's work); --no-parts drops them.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, metavar="N", help="Threads. [default: one per core]"),
]
Files = Annotated[bool, typer.Option("--files", "-f", help="Print only paths, one per line.")]
Print0 = Annotated[
    bool, typer.Option("--print0", "-0", help="Print only paths, each terminated by NUL.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Device to run networks on: cpu, cuda, coreml or openvino. [default: cpu]",
        show_default=False,
    ),
]
MaxMegapixels = Annotated[
    float | None,
    typer.Option(
        "--max-megapixels",
        metavar="N",
        help="Refuse larger pictures before decoding them. [default: 100]",
        show_default=False,
    ),
]
Words = Annotated[
    str | None,
    typer.Option(
        "--words",
        metavar="FILE",
        help="Word vectors of GloVe, word2vec or fastText (.txt .vec .bin, also .gz). "
        "[default: $VISAVIS_WORDS]",
        show_default=False,
    ),
]
Vocabulary = Annotated[
    str | None,
    typer.Option(
        "--vocabulary",
        metavar="FILE",
        help="Choose tags from these words, one per line, for models that read words.",
    ),
]
AllowPrivate = Annotated[
    bool,
    typer.Option(
        "--allow-private", help="Also fetch URLs on this machine and in private networks."
    ),
]


def settings(
    index: str | None = None,
    device: str | None = None,
    jobs: int | None = None,
    max_megapixels: float | None = None,
    model: str | None = None,
    words: str | None = None,
) -> "Settings":
    """The settings in force, the given flags first."""
    from visavis.settings import load_settings

    return load_settings(
        {
            "index": index,
            "device": device,
            "jobs": jobs,
            "max_megapixels": max_megapixels,
            "model": model,
            "words": words,
        }
    )


def open_index(given: "Settings") -> "ImageIndex":
    """The index that the settings name. Raises IndexMissingError and its subclasses."""
    from visavis.image_index import ImageIndex

    return ImageIndex.open(
        given.index,
        device=given.device,
        jobs=given.jobs or None,
        max_pixels=given.max_pixels,
    )


def at_most_one(flags: Mapping[str, object]) -> list[str]:
    """The name of the flag that was given, if any was. Raises UsageError for more than one."""
    from visavis.errors import UsageError

    chosen = [name for name, value in flags.items() if value]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude one another; give one of them")
    return chosen


def check_fields(option: str, names: Iterable[str], fields: Collection[str]) -> None:
    """Raise UsageError for a field that no record has: a wrong name would hide nothing."""
    from visavis.errors import UsageError
    from visavis.filters import normal

    for name in names:
        if normal(name) not in fields:
            known = f"there are {', '.join(sorted(fields))}" if fields else "they have no fields"
            raise UsageError(f"{option} {name}: no record has such a field; {known}")


def check_image_column(
    source: str | None, image_column: str | None, queries: str | None = None
) -> None:
    """Raise UsageError for a column of what is no catalogue."""
    from visavis.errors import UsageError

    if image_column is not None and not (_is_catalogue(source) or _is_catalogue(queries)):
        raise UsageError("--image-column is for catalogues; none was given")


def image_columns(
    source: str | None, image_column: str | None, queries: str | None
) -> tuple[str | None, str | None]:
    """The column of SOURCE and that of --queries, by `--image-column` of `visavis evaluate`.

    A catalogue without the column is read by a usual name if it has one, and the other has the
    column. Raises SourceError for a catalogue that cannot be read, and UsageError where there is
    none.
    """
    from visavis.evaluation.tasks import is_filter
    from visavis.sources.catalogue import IMAGE_COLUMNS
    from visavis.sources.tables import open_table

    if queries is not None and is_filter(queries):
        queries = None
    check_image_column(source, image_column, queries)
    places = [source, queries]
    given = [image_column if _is_catalogue(place) else None for place in places]
    if all(given):
        known = [open_table(Path(str(place))).columns for place in places]
        for at, columns in enumerate(known):
            usual = image_column not in columns and any(name in columns for name in IMAGE_COLUMNS)
            if usual and image_column in known[1 - at]:
                given[at] = None
    return given[0], given[1]


def _is_catalogue(place: str | None) -> bool:
    from visavis.sources.endings import CATALOGUE_SUFFIXES

    return place is not None and Path(place).suffix.lower() in CATALOGUE_SUFFIXES
