"""Writing to every record which concepts it is: `visavis concept tag`, `index --tag-concepts`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visavis.image_index import ImageIndex

NONE_YET = "there are no concepts yet; make one with: visavis concept mark NAME ID..."


def write_concepts(index: "ImageIndex") -> list[str]:
    """Write them; what is to be told of that."""
    changed = index.concepts.write()
    return [
        f"the concepts of {changed:,} record{'' if changed == 1 else 's'} changed",
        *notes(index),
    ]


def notes(index: "ImageIndex") -> Iterator[str]:
    """What is to be known of concepts that were written."""
    if not len(index.concepts):
        yield NONE_YET
    yield from index.concepts.troubles()
