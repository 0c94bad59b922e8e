"""Pictures decoded and embedded in batches, with a sentence for each that cannot be."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from visavis.embedders.base import Embedder, embed
from visavis.embedders.tolerant import tolerant_rows
from visavis.errors import ImageError
from visavis.images.decode import Picture, decode
from visavis.types import Failure, Vectors

T = TypeVar("T")


class DecodedItem(NamedTuple, Generic[T]):
    """What was asked about, its bytes, and what they show."""

    item: T
    data: bytes
    picture: Picture


def look_at(
    items: Sequence[T],
    read: Callable[[T], bytes],
    uri: Callable[[T], str],
    side: int | None,
    max_pixels: int,
) -> tuple[list[DecodedItem[T]], list[Failure]]:
    """Decode the pictures of some items; those that cannot be read are failures."""
    looked: list[DecodedItem[T]] = []
    failed: list[Failure] = []
    for item in items:
        try:
            data = read(item)
            picture = decode(data, uri(item), min_side=side, max_pixels=max_pixels)
        except ImageError as error:
            failed.append(Failure(error.uri, error.reason))
        else:
            looked.append(DecodedItem(item, data, picture))
    return looked, failed


def embedded(
    looked: Sequence[DecodedItem[T]], uri: Callable[[T], str], embedder: Embedder
) -> tuple[list[tuple[DecodedItem[T], Vectors]], list[Failure]]:
    """The pictures with their vectors; those that the model cannot take are failures."""
    make = partial(embed, embedder)
    vectors, refused = tolerant_rows(make, [one.picture.pixels for one in looked])
    failed = [Failure(uri(looked[place].item), reason) for place, reason in refused.items()]
    taken = [one for place, one in enumerate(looked) if place not in refused]
    return list(zip(taken, vectors, strict=True)), failed
