"""Training pictures, decoded once into one memory-mapped file of pixels.

Decoding costs more than anything else that is done to a small picture, and a training looks at
each one hundreds of times; so the pixels are kept, at working resolution, beside the checkpoint.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.errors import ImageUnreadableError, SourceError
from visavis.images.decode import decode
from visavis.types import RGB

HELD_OUT_SHARE = 0.06
"""Pictures kept from training, for choices such as the weights of the parts of the vector."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A training picture as its folder's labels.csv names it."""

    path: Path
    name: str
    """`folder/path`, the same on every machine."""
    label: str
    colour: str
    """Label and colour of a product, from a column `baseColour`; empty where there is none."""
    held_out: bool


def listed(folders: Sequence[Path]) -> list[Listed]:
    """Every picture that the folders' `labels.csv` name, in the order of the files.

    A picture is held out by the hash of its name, so the choice is the same everywhere and does
    not move when pictures are added.
    """
    found: list[Listed] = []
    for folder in folders:
        table = folder / "labels.csv"
        if not table.is_file():
            raise SourceError(
                f"{table} does not exist; a training folder needs labels.csv with path"
            )
        try:
            with table.open(encoding="utf-8-sig", newline="") as stream:
                found.extend(_rows(folder, table, csv.DictReader(stream)))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(
                f"{table} cannot be read ({error}); save it as CSV in UTF-8"
            ) from error
    if not found:
        raise SourceError(f"no training pictures in {', '.join(map(str, folders))}")
    return found


def _rows(folder: Path, table: Path, rows: "csv.DictReader[str]") -> Iterator[Listed]:
    for number, row in enumerate(rows, start=2):
        path = row.get("path")
        if not path:
            raise SourceError(f"{table}, row {number}: no path; labels.csv needs a column path")
        home = folder.absolute().name
        name = f"{home}/{path}"
        draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
        label = f"{home}/{row.get('label', '')}"
        shade = row.get("baseColour")
        colour = f"{label}/{shade}" if shade else ""
        yield Listed(folder / path, name, label, colour, held_out=draw < HELD_OUT_SHARE)


class Pictures:
    """Decoded pictures by number: `pictures[i]` is (height, width, 3), uint8."""

    def __init__(self, pixels: NDArray[np.uint8], shapes: NDArray[np.int64]) -> None:
        self._pixels = pixels
        self._shapes = shapes
        self._starts = np.concatenate([[0], np.cumsum(shapes[:, 0] * shapes[:, 1] * 3)])

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, index: int) -> RGB:
        height, width = self._shapes[index]
        start, end = self._starts[index], self._starts[index + 1]
        return self._pixels[start:end].reshape(int(height), int(width), 3)


def open_pictures(pictures: Sequence[Listed], cache: Path, side: int) -> tuple[Pictures, str]:
    """The decoded pictures and the hash of their files, from the cache or made now.

    Pictures are shrunk to `side` pixels on the longest side and never enlarged. The cache is made
    again when it was made for another side or list, or when the size or the time of change of a
    file is another. What is there at any moment is whole: a stop in the middle costs the work and
    no more. Raises ImageUnreadableError for a picture that is missing or broken.
    """
    wanted = _key(pictures, side)
    table, pixels = cache / "pictures.json", cache / "pictures.bin"
    known = _known(table, pixels, wanted)
    if known is None:
        cache.mkdir(parents=True, exist_ok=True)
        known = _make(pictures, side, pixels.with_suffix(".partial"))
        # The table is what makes the pixels count, so it goes first and comes last. The old pixels
        # are replaced and not written over: another training may be looking at them.
        table.unlink(missing_ok=True)
        pixels.with_suffix(".partial").replace(pixels)
        partial = table.with_suffix(".partial-table")
        partial.write_text(json.dumps({"list": wanted} | known), encoding="utf-8")
        partial.replace(table)
    shapes = np.array(known["shapes"], dtype=np.int64)
    return Pictures(np.memmap(pixels, dtype=np.uint8, mode="r"), shapes), known["sha256"]


def _key(pictures: Sequence[Listed], side: int) -> str:
    """What a cache was made for, as a hash: the side, and the name, size and time of each file."""
    digest = hashlib.sha256(str(side).encode())
    for picture in pictures:
        try:
            status = picture.path.stat()
        except OSError as error:
            raise ImageUnreadableError(str(picture.path), f"it cannot be read: {error}") from error
        digest.update(f"\n{picture.name}|{status.st_size}|{status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _known(table: Path, pixels: Path, wanted: str) -> dict[str, Any] | None:
    """The table of a cache that was made for `wanted`, or None."""
    if not table.is_file():
        return None
    known: dict[str, Any] = json.loads(table.read_text(encoding="utf-8"))
    whole = sum(height * width * 3 for height, width in known["shapes"])
    fits = known["list"] == wanted and pixels.is_file() and pixels.stat().st_size == whole
    return known if fits else None


def _make(pictures: Sequence[Listed], side: int, pixels: Path) -> dict[str, Any]:
    """Write the pixels of all pictures, one after the other; their shapes and the files' hash."""
    sizes: list[tuple[int, int]] = []
    digest = hashlib.sha256()
    with pixels.open("wb") as stream, ThreadPoolExecutor(2) as threads:
        for picture, file_hash in threads.map(lambda p: _decoded(p.path, side), pictures):
            stream.write(picture.tobytes())
            sizes.append(picture.shape[:2])
            digest.update(file_hash)
    return {"sha256": digest.hexdigest(), "shapes": sizes}


def _decoded(path: Path, side: int) -> tuple[RGB, bytes]:
    """The pixels of one file, no longer than `side`, and the hash of its bytes."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageUnreadableError(str(path), f"it cannot be read: {error}") from error
    image = Image.fromarray(decode(data, str(path)).pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image), hashlib.sha256(data).digest()
