"""Pictures of requests to pixels, at a cost that has a bound before it is paid."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from visavis.errors import ImageUnreadableError
from visavis.flows.relation.shown import term_picture
from visavis.images.decode import cost
from visavis.images.pixels import to_array
from visavis.server.memory import Memory
from visavis.server.options import ServerOptions
from visavis.server.pool import Job, Room
from visavis.server.refusals import BodyTooLargeError
from visavis.types import RGB, ImageTerm

ROOM = 640_000_000
"""Bytes that decoding takes at one time in each worker: a WebP picture of 40 megapixels."""

_BASE = 64_000_000  # bytes of memory that a picture of any size may take
_FOR_EACH_BYTE = 1_000  # and so many more for each byte of the file
_BURST = 16_000_000  # bytes of a picture after which memory is given back
_MOST_PIXELS = 2_000_000  # pixels of a question that was decoded
_SQUARES = 32  # or as many as this times the square that a model wants, if these are more


class Decoding:
    """Decodes pictures of strangers, as many at one time as there is room for."""

    def __init__(self, options: ServerOptions, memory: Memory) -> None:
        self._options = options
        self._memory = memory
        self._room = Room(ROOM)

    def query(self, terms: list[ImageTerm], side: int | None, job: Job) -> list[ImageTerm]:
        """The pictures of one question as pixels, which are all weighed before one is decoded.

        `side` is the shorter side that is wanted of what they show; None: all there is.
        Raises ImageError, BodyTooLargeError when they have too many pixels together, and what the
        job raises.
        """
        sent = [term.image for term in terms if isinstance(term.image, bytes)]
        self.check(*sent)
        found = []
        for term in terms:
            assert isinstance(term.image, bytes)  # narrows the type: URLs are fetched by now
            job.check()
            with self.room(term.image, job):
                most = self._options.max_pixels
                pixels, sha256 = term_picture(term, side, _no_url, most)
            found.append(ImageTerm(_no_strip(pixels, side), None, term.weight, sha256))
        return found

    def check(self, *pictures: bytes) -> None:
        """Refuse pictures of one question that would take too much, as `query` does."""
        work = 0
        for data in pictures:
            needed = cost(data, "the query picture", max_pixels=self._options.max_pixels)
            if needed.memory > _BASE + _FOR_EACH_BYTE * len(data):
                raise ImageUnreadableError(
                    "the query picture",
                    f"{needed.pixels / 1e6:.0f} megapixels in {len(data):,} bytes are almost "
                    "nothing but one colour; send a smaller one",
                )
            work += needed.work
        if work > (most := self._options.max_query_pixels):
            raise BodyTooLargeError(
                f"{work / 1e6:.0f} megapixels to decode are too many: this server takes "
                f"{most / 1e6:g} a query, of which those of a JPEG count a quarter; send smaller "
                "pictures"
            )

    @contextmanager
    def room(self, data: bytes, job: Job) -> Iterator[None]:
        """Memory for decoding a picture, once there is enough. Raises what the job raises."""
        needed = cost(data, "the picture", max_pixels=self._options.max_pixels).memory
        with self._room.taken(needed, job.check):
            yield
        if needed > _BURST:
            self._memory.note_burst()


def _no_strip(pixels: RGB, side: int | None) -> RGB:
    """The same picture; a strip, which is short as wanted and very long, as much smaller as others.

    Whatever looks at a picture goes over all of it, some of it a dozen times.
    """
    if side is None:
        return pixels
    most = max(_MOST_PIXELS, _SQUARES * side * side)
    height, width = pixels.shape[:2]
    if (over := height * width / most) <= 1:
        return pixels
    down = min(math.ceil(over**0.5), height)
    across = min(math.ceil(over / down), width)
    down = math.ceil(over / across)  # of a strip that is thinner than that
    return to_array(Image.fromarray(pixels).reduce((across, down)))


def _no_url(url: str) -> bytes:
    raise AssertionError(f"{url} was to be fetched before")
