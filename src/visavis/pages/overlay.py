"""Why two pictures are called the same or not: laid over one another, with the figures."""

from pathlib import Path

from visavis.disk import check_place, write_named
from visavis.errors import UsageError
from visavis.flows.relation.explaining import Explanation
from visavis.pages.cards import RELATION_WORDS, Card
from visavis.pages.render import render
from visavis.types import RGB


def check_overlay_path(path: Path) -> None:
    """Raise UsageError when no page can be written under that name; before any work is done."""
    if path.suffix.lower() != ".html":
        raise UsageError(f"cannot write an explanation named {path}: the name must end in .html")
    check_place(path, "sheet")


def write_overlay(path: Path, found: Explanation, asked: RGB | None, own: RGB | None) -> None:
    """Write one self-contained page; a picture that is None is said to be gone."""
    height, width = (1, 1) if own is None else own.shape[:2]
    page = render(
        "overlay.html",
        title=RELATION_WORDS[found.relation].capitalize(),
        subtitle=found.record.id,
        facts=found.facts,
        over=Card(asked, "the picture asked with"),
        under=Card(own, found.record.id),
        ratio=width / height,
        placed=_placed(found, width / height),
        outline=" ".join(f"{100 * x:.2f},{100 * y:.2f}" for x, y in found.corners),
    )
    write_named(path, "sheet", page.encode("utf-8", "replace"))


def _placed(found: Explanation, ratio: float) -> str:
    """The CSS transform that lays the picture, stretched to the record's frame, where it belongs.

    Sound to a hair for affine maps; `ratio` is the record's width by its height.
    """
    if not found.corners:
        return "none"
    (x, y), (right_x, right_y), _, (down_x, down_y) = found.corners
    matrix = (right_x - x, (right_y - y) / ratio, (down_x - x) * ratio, down_y - y, 0, 0)
    inside = ",".join(f"{part:.5f}" for part in matrix)
    return f"translate({100 * x:.3f}%,{100 * y:.3f}%) matrix({inside})"
