"""JPEG files for benchmarks, drawn by code: large ones like photographs, and tiny ones."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.types import RGB

Scene = NDArray[np.float32]
"""What a photo shows, before grain and limits: (768, 1024, 3), around 0."""

WIDTH, HEIGHT = 1024, 768
_DISTINCT = 32  # scenes, and tiny pictures
_OCTAVES = (3, 6, 12, 24, 48, 96, 192)  # cells across; each half as strong as the one before
_GRAIN = 6.0  # of 255, as a small sensor's at dusk
_QUALITY = 85


def photo(random: np.random.Generator) -> bytes:
    """A 1024 × 768 JPEG of soft shapes, texture at every scale and grain: some 200 KB."""
    return _photo(_scene(random), random)


def draw_photos(folder: Path, count: int) -> None:
    """Files of such pictures, no two alike: of a few scenes two are moved and mixed."""
    random = np.random.default_rng(1)
    scenes = [_scene(random) for _ in range(min(count, _DISTINCT))]
    _write(folder, count, lambda number: _mixed(scenes, number), in_one=count)


def _scene(random: np.random.Generator) -> Scene:
    scene = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for octave, cells in enumerate(_OCTAVES):
        small = random.normal(128, 50, (max(2, cells * 3 // 4), cells, 3)).clip(0, 255)
        layer = Image.fromarray(small.astype(np.uint8)).resize(
            (WIDTH, HEIGHT), Image.Resampling.BICUBIC
        )
        scene += (np.asarray(layer, np.float32) - 128) * np.float32(0.5 ** (octave / 2))
    return scene


def _photo(scene: Scene, random: np.random.Generator) -> bytes:
    grain = random.standard_normal((HEIGHT, WIDTH, 1), np.float32) * np.float32(_GRAIN)
    pixels = (128 + scene * np.float32(0.7) + grain).clip(0, 255).astype(np.uint8)
    return _jpeg(pixels, _QUALITY)


def _mixed(scenes: list[Scene], number: int) -> bytes:
    random = np.random.default_rng([1, number])
    one, other = random.integers(0, len(scenes), 2)
    down, across = random.integers(0, HEIGHT), random.integers(0, WIDTH)
    moved = np.roll(scenes[other], (down, across), (0, 1))[:, :: random.choice([-1, 1])]
    return _photo((scenes[one] + moved) * np.float32(0.5**0.5), random)


def draw_tiny(folder: Path, count: int, in_one: int = 200) -> None:
    """Files of 32 × 32 pixels, `in_one` to a folder, no two with the same bytes."""
    random = np.random.default_rng(2)
    drawn = [_jpeg(random.integers(0, 255, (32, 32, 3), np.uint8), 75) for _ in range(_DISTINCT)]
    _write(folder, count, lambda number: _numbered(drawn[number % len(drawn)], number), in_one)


def files(folder: Path) -> Iterator[Path]:
    """The JPEG files below a folder, in order."""
    yield from sorted(folder.rglob("*.jpg"))


def _write(folder: Path, count: int, drawn: Callable[[int], bytes], in_one: int) -> None:
    for number in range(count):
        place = folder / f"album-{number // in_one:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"picture-{number:06}.jpg").write_bytes(drawn(number))


def _jpeg(pixels: RGB, quality: int) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _numbered(jpeg: bytes, number: int) -> bytes:
    """The same picture with a comment, so that its content is its own (ITU T.81, B.2.4.5)."""
    comment = f"number {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + jpeg[2:]
