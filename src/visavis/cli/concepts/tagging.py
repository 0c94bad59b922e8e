"""Writing to every record which concepts it is: `visavis concept tag`, `index --tag-concepts`."""

from collections.abc import Iterator, Sequence
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
    yield from _parts([one.name for one in index.concepts if one.yes])


def _parts(names: Sequence[str]) -> Iterator[str]:
    """What is to be known of names that are a part of others, as `~` finds these too."""
    from visavis.filters import folded

    for name in names:
        for other in names:
            if other != name and folded(name) in folded(other):
                yield f"concepts~{name} also passes {other!r}, of which the name is a part"
                break
