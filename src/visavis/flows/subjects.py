"""What a picture seems to be about: boxes to search with, from the map of the index's model."""

import contextlib
from functools import partial

from visavis.embedders.parts.looking import PartsEmbedder
from visavis.errors import UsageError
from visavis.flows.aspects.base import PARTS, Parts
from visavis.flows.aspects.keeping import Aspects
from visavis.flows.query.questions import Question, as_picture
from visavis.flows.relation.shown import term_pixels
from visavis.sources.base import read_anywhere
from visavis.sources.web.fetch import Fetcher
from visavis.store.base import VectorStore
from visavis.types import ImageTerm, RecordTerm, Subject

_SHOWN = 200  # characters of what is no picture


class Subjects:
    """What stands out in pictures: `index.subjects`. Safe to use from threads.

    ```python
    for subject in index.subjects.of("street.jpg"):
        index.search(ImageTerm("street.jpg", box=subject.box))
    ```
    """

    def __init__(self, store: VectorStore, aspects: Aspects, max_pixels: int) -> None:
        """Made by ImageIndex."""
        self._store = store
        self._aspects = aspects
        self._max_pixels = max_pixels

    @property
    def offered(self) -> bool:
        """Whether the index's model can tell: its network ends with the mean of a map.

        It looks like it, that is: the network is taken apart when a picture is first asked about.
        """
        return self._looking(1).seems_to_split

    def side(self, threads: int | None = None) -> int | None:
        """The shorter side in pixels that is looked at; None: all the pixels there are."""
        return self._looking(threads).side

    def of(
        self, picture: Question, *, allow_private: bool = False, threads: int | None = None
    ) -> tuple[Subject, ...]:
        """Up to three boxes around what a picture seems to be about, most first.

        None where nothing stands out, where one thing fills the picture, and of a model that cannot
        tell (see `offered`).

        Args:
            picture: A path, a file's bytes, pixels, an ImageTerm, a RecordTerm or `id:ID`; whole.
            allow_private: Whether a URL may lie in a private network.
            threads: Cores for the model; None: all of them.

        Raises:
            ImageError: the picture cannot be used.
            UsageError: it is no whole picture and no record (RecordNotFoundError).
        """
        terms = as_picture(picture)
        term = terms[0] if len(terms) == 1 else None
        if not isinstance(term, ImageTerm | RecordTerm):
            raise UsageError(f"{str(picture)[:_SHOWN]!r} is not one picture; give a file or id:ID")
        if isinstance(term, ImageTerm) and term.box is not None:
            raise UsageError("subjects are looked for in whole pictures; leave the box out")
        looking = self._looking(threads)
        with contextlib.closing(Fetcher(allow_private=allow_private, keep=False)) as fetcher:
            read = partial(read_anywhere, fetcher=fetcher)
            if isinstance(term, RecordTerm):
                term = ImageTerm(read(self._store.get(term.id).uri))
            pixels = term_pixels(term, looking.side, read, self._max_pixels)
        return tuple(looking.subjects(pixels))

    def _looking(self, threads: int | None) -> PartsEmbedder:
        parts = self._aspects.maker(PARTS, threads)
        assert isinstance(parts, Parts)  # whatever is kept under that name
        return parts.looking
