"""What the model of an index can do beside looking at pictures: found out once for each model."""

import difflib
import logging
import threading
from dataclasses import dataclass
from typing import Literal

from visavis.embedders.base import ClassSide, Embedder, TextEmbedder, classes_of
from visavis.embedders.classes.names import synonyms
from visavis.embedders.registry import DEFAULT_MODEL, reading_models
from visavis.errors import (
    ClassesUnsupportedError,
    ModelError,
    ModelUnknownError,
    TextUnsupportedError,
)
from visavis.image_index import ImageIndex

_LOG = logging.getLogger("visavis.server")
_SPELLED_LIKE = 6


@dataclass(frozen=True, slots=True)
class Abilities:
    """Of one model."""

    model: str
    text: bool
    """Whether it reads words."""
    text_models: tuple[str, ...]
    """Models that do, when this one does not."""
    classes: int
    """How many classes its classifier has."""
    class_names: tuple[str, ...]
    """All their names, of which a class may have several, in the order of the classes."""
    class_search: bool
    """Whether a search can be steered toward them."""
    tags: Literal["classes", "words"] | None
    """What its tags are; None: it has none."""
    subjects: bool
    """Whether it can tell what pictures are about."""

    def check_text(self) -> None:
        """Raise TextUnsupportedError unless the model reads words."""
        if not self.text:
            raise TextUnsupportedError(
                f"the model of this index, {self.model!r}, sees pictures and reads no words; "
                "search by picture or by record (words need an index made by a model that has a "
                f"text side: {', '.join(self.text_models[:3])})"
            )

    def check_classes(self) -> None:
        """Raise ClassesUnsupportedError unless a search can be steered toward classes."""
        if not self.classes:
            raise ClassesUnsupportedError(
                f"the model of this index, {self.model!r}, has no classifier; leave them out "
                f"(they need an index made by a model with a classifier: {DEFAULT_MODEL})"
            )
        if not self.class_search:
            instead = "ask for words instead" if self.text else "tags work all the same"
            raise ClassesUnsupportedError(
                f"a search cannot be bent by class here, as the classifier of {self.model!r} does "
                f"not act on its embedding; {instead}"
            )

    def check_tags(self) -> None:
        """Raise ClassesUnsupportedError unless the model gives tags."""
        if self.tags is None:
            able = dict.fromkeys((DEFAULT_MODEL, *self.text_models[:3]))
            raise ClassesUnsupportedError(
                f"the model of this index, {self.model!r}, gives no tags; they need an index made "
                f"by a model with a classifier or one that reads words: {', '.join(able)}"
            )

    def names_like(self, text: str) -> list[str]:
        """Class names: equal to a text, beginning with it, with such a word, or spelled nearly so.

        All of them for an empty text.
        """
        if not (key := " ".join(text.casefold().split())):
            return list(self.class_names)
        ranked: list[list[str]] = [[], [], []]
        for name in self.class_names:
            folded = name.casefold()
            if folded == key:
                ranked[0].append(name)
            elif folded.startswith(key):
                ranked[1].append(name)
            elif f" {key}" in folded.replace("-", " "):
                ranked[2].append(name)
        folded_names = {name.casefold(): name for name in self.class_names}
        near = difflib.get_close_matches(key, folded_names, n=_SPELLED_LIKE, cutoff=0.75)
        found = [*ranked[0], *ranked[1], *ranked[2], *(folded_names[name] for name in near)]
        return list(dict.fromkeys(found))


class KnownAbilities:
    """Finds out what a model can, and remembers it until the index has another one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: dict[str, Abilities] = {}

    def of(self, index: ImageIndex) -> Abilities:
        """What the model of an index can. Raises ModelError when it cannot be loaded."""
        made_by = index.store.model().fingerprint
        with self._guard:
            found = self._known.get(made_by)
        if found is None:
            found = _found_out(index)
            with self._guard:
                self._known = {made_by: found}
        return found


def _found_out(index: ImageIndex) -> Abilities:
    try:
        embedder = index.embedder(threads=1)
    except ModelUnknownError:
        return Abilities(index.store.model().name, False, (), 0, (), False, None, False)
    side = class_side(embedder)
    labels = side.labels if side is not None else ()
    names = dict.fromkeys(name for label in labels for name in synonyms(label) if name)
    text = isinstance(embedder, TextEmbedder)
    return Abilities(
        model=embedder.name,
        text=text,
        text_models=() if text else reading_models(),
        classes=len(labels),
        class_names=tuple(names),
        class_search=side is not None and bends(side, embedder.name),
        tags=_tags(index),
        subjects=index.subjects.offered,
    )


def class_side(embedder: Embedder) -> ClassSide | None:
    """What a model knows of classes; None: nothing."""
    try:
        return classes_of(embedder)
    except ClassesUnsupportedError:
        return None


def bends(side: ClassSide, model: str) -> bool:
    """Whether classes have a place among the embeddings; from here on that place is known."""
    try:
        side.directions(side.labels[:1])
    except ModelError as error:
        _LOG.info("model %s: no search by class (%s)", model, error)
        return False
    return bool(side.labels)


def _tags(index: ImageIndex) -> Literal["classes", "words"] | None:
    try:
        return "classes" if index.tagging.needs_pictures(threads=1) else "words"
    except ClassesUnsupportedError:
        return None
