"""Training pictures, decoded once into one memory-mapped file of pixels.

Decoding costs more than anything else that is done to a small picture, and a training looks at
each one hundreds of times; so the pixels are kept, at working resolution, beside the checkpoint.
"""

import csv
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

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
        with table.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                name = f"{folder.name}/{row['path']}"
                draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
                label = f"{folder.name}/{row.get('label', '')}"
                shade = row.get("baseColour")
                colour = f"{label}/{shade}" if shade else ""
                held_out = draw < HELD_OUT_SHARE
                found.append(Listed(folder / row["path"], name, label, colour, held_out))
    if not found:
        raise SourceError(f"no training pictures in {', '.join(map(str, folders))}")
    return found


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
    again when the list of pictures or the side is another than it was made for.
    """
    wanted = hashlib.sha256(
        "\n".join([str(side), *(p.name for p in pictures)]).encode()
    ).hexdigest()
    table, pixels = cache / "pictures.json", cache / "pictures.bin"
    if table.is_file():
        known = json.loads(table.read_text(encoding="utf-8"))
        if known["list"] == wanted:
            shapes = np.array(known["shapes"], dtype=np.int64)
            return Pictures(np.memmap(pixels, dtype=np.uint8, mode="r"), shapes), known["sha256"]
    cache.mkdir(parents=True, exist_ok=True)
    sizes: list[tuple[int, int]] = []
    digest = hashlib.sha256()
    with pixels.open("wb") as stream, ThreadPoolExecutor(2) as threads:
        for picture, file_hash in threads.map(lambda p: _decoded(p.path, side), pictures):
            stream.write(picture.tobytes())
            sizes.append(picture.shape[:2])
            digest.update(file_hash)
    known = {"list": wanted, "sha256": digest.hexdigest(), "shapes": sizes}
    table.write_text(json.dumps(known), encoding="utf-8")
    return open_pictures(pictures, cache, side)


def _decoded(path: Path, side: int) -> tuple[RGB, bytes]:
    """The pixels of one file, no longer than `side`, and the hash of its bytes."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageUnreadableError(str(path), f"it cannot be read: {error}") from error
    image = Image.fromarray(decode(data, str(path)).pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image), hashlib.sha256(data).digest()
