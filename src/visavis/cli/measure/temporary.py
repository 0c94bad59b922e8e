"""An index that is made for one command, and gone afterwards."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from visavis.cli import terminal

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex
    from visavis.settings import Settings
    from visavis.sources.base import Source
    from visavis.types import Failure


def tell_skipped(failures: "Sequence[Failure]") -> None:
    """A line for each picture that could not be used."""
    for failure in failures:
        terminal.tell(f"skipped {failure.uri}: {failure.reason}")


@contextmanager
def temporary_index(
    source: "str | Source",
    model: str | None,
    given: "Settings",
    image_column: str | None = None,
    skipped: "Callable[[Sequence[Failure]], None]" = tell_skipped,
) -> "Iterator[ImageIndex]":
    """The pictures of a source as a model sees them.

    `skipped` is called with those that could not be used. Raises UsageError when none is left.
    """
    from visavis.cli.progress.indexing import IndexProgress
    from visavis.errors import UsageError
    from visavis.image_index import ImageIndex

    named = [source] if isinstance(source, str) else []
    with (
        TemporaryDirectory(prefix="visavis-") as folder,
        ImageIndex.create(
            Path(folder) / "index",
            model,
            device=given.device,
            jobs=given.jobs or None,
            max_pixels=given.max_pixels,
        ) as made,
    ):
        with IndexProgress(named, [], image_column=image_column) as progress:
            report = made.add(source, image_column=image_column, progress=progress.update)
        skipped(report.failed)
        if not len(made):
            raise UsageError(
                f"{named[0] if named else given.index}: there is no picture in it that can be used"
            )
        yield made
