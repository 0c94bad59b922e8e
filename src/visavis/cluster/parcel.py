"""A model on its way to workers: by name where they have it too, else the files of its folder.

Files go by their content. A worker that has a folder of the same content takes that; one that has
not gets the files, once a machine. What is made of them has to have the driver's fingerprint.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from visavis.disk import cache_home, new_folder, reason
from visavis.embedders.base import Embedder
from visavis.embedders.combined import CombinedEmbedder, Part, combined
from visavis.embedders.folder import OnnxEmbedder
from visavis.embedders.reduced import Halves, ReducedEmbedder
from visavis.embedders.registry import builtin_folder, load_embedder
from visavis.embedders.runtime.checksum import file_sha256
from visavis.errors import ModelChecksumError, ModelError

Put = Callable[[bytes], Any]
"""Puts bytes where workers get them; a reference to them."""
Get = Callable[[Any], bytes]
"""The bytes of a reference."""


class PackedFile(NamedTuple):
    """A file of a model folder."""

    name: str
    sha256: str
    content: Any
    """A reference to its bytes."""


class PackedModel(NamedTuple):
    """One model, not a combination."""

    ref: str
    """What loads it where its files are those of the driver's machine, or where it has a name."""
    weight: float
    files: tuple[PackedFile, ...]
    """Empty: it goes by its name."""

    @property
    def digest(self) -> str:
        """The SHA-256 of names and contents, as hex."""
        listing = "".join(f"{one.sha256} {one.name}\n" for one in self.files)
        return hashlib.sha256(listing.encode()).hexdigest()


class Parcel(NamedTuple):
    """All that a worker needs to embed as the driver does."""

    name: str
    fingerprint: str
    models: tuple[PackedModel, ...]
    reduction: tuple[Halves, Halves] | None
    """Mean and axes, where the index keeps fewer dimensions."""


def pack(embedder: Embedder, put: Put | None) -> Parcel:
    """A model as a parcel; without `put`, for workers that see the same files.

    Raises ModelError where a file of it cannot be read.
    """
    base, reduction = embedder, None
    if isinstance(embedder, ReducedEmbedder):
        base, reduction = embedder.base, embedder.kept
    parts = base.parts if isinstance(base, CombinedEmbedder) else (Part(base),)
    models = tuple(_packed(part, put) for part in parts)
    return Parcel(embedder.name, embedder.fingerprint, models, reduction)


def unpack(parcel: Parcel, get: Get, device: str, *, at_home: bool) -> Embedder:
    """The model of a parcel, on one thread.

    Args:
        parcel: What `pack` made.
        get: Reads what it refers to.
        device: As for `load_embedder`.
        at_home: Whether this is the machine on which it was packed.

    Raises:
        ModelError: it cannot be had here, or is another one.
    """
    parts = []
    for one in parcel.models:
        place = one.ref if at_home or not one.files else str(_folder(one, get))
        parts.append(Part(load_embedder(place, threads=1, device=device), one.weight))
    embedder = parts[0].embedder if len(parts) == 1 else combined(parts)
    if parcel.reduction is not None:
        embedder = ReducedEmbedder(embedder, *parcel.reduction)
    if embedder.fingerprint != parcel.fingerprint:
        raise ModelError(
            f"the model {parcel.name!r} there is not the one here (fingerprint "
            f"{embedder.fingerprint} instead of {parcel.fingerprint}); install the same version"
        )
    return embedder


def _packed(part: Part, put: Put | None) -> PackedModel:
    model = part.embedder
    if (
        put is None
        or not isinstance(model, OnnxEmbedder)
        or model.folder.parent == builtin_folder()
    ):
        return PackedModel(model.ref, part.weight, ())
    left_out = _of_text_alone(model)
    try:
        files = tuple(
            PackedFile(path.name, file_sha256(path), put(path.read_bytes()))
            for path in sorted(model.folder.iterdir())
            if path.is_file() and path.name not in left_out
        )
    except OSError as error:
        raise ModelError(
            f"{model.folder} cannot be read ({reason(error)}); add the model again"
        ) from error
    return PackedModel(str(model.folder), part.weight, files)


def _of_text_alone(model: OnnxEmbedder) -> set[str]:
    """Files that no picture needs: the text side is often the larger one."""
    text = model.spec.text
    names = ("file", "tokenizer", "words", "aliases", "colours", "tags")
    return {getattr(text, name, None) or "" for name in names} - {model.spec.file}


def _folder(model: PackedModel, get: Get) -> Path:
    """The folder of its files on this machine; they are fetched unless they are there."""
    place = cache_home("travelled") / model.digest
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):  # the first of a machine's workers fetches, the others wait
        if not place.is_dir():
            _fetch(model, place, get)
    return place


def _fetch(model: PackedModel, place: Path, get: Get) -> None:
    with new_folder(place) as folder:
        folder.mkdir()
        for file in model.files:
            content = get(file.content)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise ModelChecksumError(f"{file.name} was changed on its way to a worker")
            (folder / file.name).write_bytes(content)
