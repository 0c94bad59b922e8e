"""What an embedder promises, and how rows are made unit length."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ClassesUnsupportedError, ModelError, VisavisError
from visavis.types import RGB, Vectors

_ROUNDING = 0.02  # of a length; float16 rounds less


@runtime_checkable
class Embedder(Protocol):
    """Turns pictures into vectors whose dot product says how alike they are.

    Safe to use from several threads at once. The same picture gets the same vector, up to
    rounding, whatever else is in the batch.
    """

    @property
    def name(self) -> str:
        """What people call it: "classic", "mobilenet-v2", "0.7:mobilenet-v2+0.3:classic"."""
        ...

    @property
    def ref(self) -> str:
        """What `load_embedder` takes to load it again; folders are absolute paths."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex digest of all that shapes a vector; the same in every process, on every machine."""
        ...

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def side(self) -> int | None:
        """The shorter side in pixels that it looks at: decoding to less loses detail.

        None: it wants all the pixels there are.
        """
        ...

    def embed_images(self, images: Sequence[RGB]) -> Vectors:
        """One unit vector for each picture, in order: (n, dim) float32; (0, dim) for none."""
        ...


@runtime_checkable
class ClassSide(Protocol):
    """What a model with a classifier knows of classes: the attribute `classes` of its embedder."""

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each class, which may be several names: "tabby, tabby cat"."""
        ...

    def scores(self, images: Sequence[RGB]) -> NDArray[np.float32]:
        """The probability of each class for each picture: (n, classes)."""
        ...

    def directions(self, names: Sequence[str]) -> Vectors:
        """A unit vector for each class name, toward pictures of that class: (n, dim).

        Raises UnknownWordError for a name that is no class, ClassesUnsupportedError where classes
        have no place among the embeddings.
        """
        ...


def classes_of(embedder: Embedder) -> ClassSide:
    """The classifier of a model. Raises ClassesUnsupportedError when it has none."""
    side = getattr(embedder, "classes", None)
    if isinstance(side, ClassSide):
        return side
    instead = "ask for words instead, or " * isinstance(embedder, TextEmbedder)
    raise ClassesUnsupportedError(
        f"the model {embedder.name!r} has no classifier; {instead}use a model folder whose "
        "model.json names one under classes"
    )


@runtime_checkable
class TextEmbedder(Embedder, Protocol):
    """An embedder that puts words into the same space as pictures."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text, in order: (n, dim) float32; (0, dim) for none."""
        ...


def reads_words(embedder: Embedder) -> TypeGuard[TextEmbedder]:
    """Whether a model is a `TextEmbedder`, at once: `isinstance` takes a tenth of a search."""
    return callable(getattr(embedder, "embed_texts", None))


def text_notes(embedder: Embedder, text: str) -> tuple[str, ...]:
    """What of a text a model passes over, in sentences for people; () from models that do not say.

    A `TextEmbedder` says so by a method of this name.
    """
    tell = getattr(embedder, "text_notes", None)
    return tuple(tell(text)) if callable(tell) else ()


def good_from(embedder: Embedder, text: str) -> float | None:
    """The score from which on pictures are good answers to a text; None where it is not known.

    A `TextEmbedder` says so by a method of this name.
    """
    tell = getattr(embedder, "good_from", None)
    return tell(text) if callable(tell) else None


def class_notes(side: ClassSide, name: str) -> tuple[str, ...]:
    """What to know of a class name, in sentences for people; () from sides that do not say.

    A `ClassSide` says so by a method `notes`.
    """
    tell = getattr(side, "notes", None)
    return tuple(tell(name)) if callable(tell) else ()


def unit_rows(matrix: NDArray[Any]) -> Vectors:
    """The rows of (n, dim) at unit length, as float32.

    Numbers that are not finite count as 0. A row of nothing but zeros (a black picture can make
    one) has no direction; it becomes the even one, all entries equal, so that it is still finite,
    of unit length, and the same each time.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.7070000171661377, 0.7070000171661377]]
    """
    rows = np.array(matrix, dtype=np.float32)
    if not np.isfinite(rows).all():
        np.nan_to_num(rows, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    # Scaled by the largest entry first: the square of a large float32 overflows.
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    empty = largest[:, 0] == 0.0
    rows /= np.where(largest > 0.0, largest, 1.0)
    rows[empty] = 1.0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def embed(embedder: Embedder, pictures: Sequence[RGB]) -> Vectors:
    """Vectors for some pictures. Raises ModelError for those that no model should make."""
    return _checked(embedder, embedder.embed_images, pictures, "pictures")


def embed_words(embedder: TextEmbedder, texts: Sequence[str]) -> Vectors:
    """The same for texts."""
    return _checked(embedder, embedder.embed_texts, texts, "texts")


def _checked(
    embedder: Embedder, make: Callable[[Sequence[Any]], Vectors], given: Sequence[Any], what: str
) -> Vectors:
    try:
        vectors = np.asarray(make(given))
    except Exception as error:
        if isinstance(error, VisavisError) or type(embedder).__module__.startswith("visavis."):
            raise
        raise ModelError(  # of a plug-in anything may come
            f"the model {embedder.name!r} failed: {type(error).__name__}: {error}"
        ) from error
    number = vectors.dtype.kind in "fiu"
    if vectors.shape != (len(given), embedder.dim) or not number or not np.isfinite(vectors).all():
        raise ModelError(
            f"the model {embedder.name!r} made no vectors that can be kept: {vectors.shape} of "
            f"{vectors.dtype} for {len(given)} {what} and {embedder.dim} dimensions each, all of "
            "them to be finite numbers"
        )
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if (off := np.abs(lengths - 1) > _ROUNDING).any():
        raise ModelError(
            f"the model {embedder.name!r} made vectors of the length {lengths[off][0]:.3g}; they "
            "have to be of length 1, or scores are no cosines: divide each by its length"
        )
    return vectors.astype(np.float32, copy=False)
