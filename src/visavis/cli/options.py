"""Options that several commands share, and the settings that they make up."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

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
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Where networks run: cpu, cuda, coreml or openvino. [default: cpu]",
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
        help="Choose tags from these words, one a line, for models that read words.",
    ),
]
AllowPrivate = Annotated[
    bool,
    typer.Option(
        "--allow-private", help="Also fetch addresses of this machine and of private networks."
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


def echo_json(shape: Any) -> None:
    """Print JSON that is sound whatever the encoding of the output."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(shape, ensure_ascii=not utf8))


def open_index(given: "Settings") -> "ImageIndex":
    """The index that the settings name. Raises IndexMissingError and its kin."""
    from visavis.image_index import ImageIndex

    return ImageIndex.open(
        given.index,
        device=given.device,
        jobs=given.jobs or None,
        max_pixels=given.max_pixels,
    )
