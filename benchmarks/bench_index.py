"""Indexing photographs with a network, against what decoding and inference alone need."""

import os
import shutil
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.measure import Bound, Figure, Floor, Report, Size, cpu_seconds, in_turns
from benchmarks.models import MOBILENET, NO_MOBILENET
from benchmarks.pictures import HEIGHT, WIDTH, draw_photos, files
from visavis import ImageIndex
from visavis.embedders.runtime.engine import engine

SIDE = 224
_BATCH = 2  # the fastest a picture on one core, of 1, 2, 4, 8, 16
_PICTURES = {"full": 1_200, "small": 200, "tiny": 12}
_ROUNDS = {"full": 7, "small": 3, "tiny": 2}
_FLOOR_PICTURES = 64


def run(size: Size, work: Path) -> Report:
    """Images a second of `ImageIndex.add` on a new index, over the floor's."""
    report = Report("index", size)
    if not MOBILENET.is_dir():
        report.notes.append(NO_MOBILENET)
        return report
    count = _PICTURES[size]
    photos = work / f"photos-{count}"
    if not photos.exists():
        draw_photos(photos, count)
    busy: list[float] = []
    decoding, inference, indexing = in_turns(
        _ROUNDS[size],
        lambda: _decoding(photos),
        lambda: _inference(photos),
        lambda: _indexing(photos, work / "new.index", busy),
    )
    cores = os.cpu_count() or 1
    alone = [cores / (one + other) for one, other in zip(decoding, inference, strict=True)]
    report.figures = [
        Figure(
            f"index {count:,} JPEGs of {WIDTH} × {HEIGHT}, mobilenet-v2",
            "images/s",
            [count / took for took in indexing],
            Floor("cores ÷ CPU seconds of decode + resize alone and inference alone", alone),
            Bound(0.85, at_least=True),
        ),
        Figure(
            "the same in CPU time, which other processes hardly touch",
            "CPU ms/image",
            [1e3 * took / count for took in busy],
            Floor(
                "decode + resize alone and inference alone", [1e3 * cores / one for one in alone]
            ),
        ),
        Figure(
            "decode + resize alone, one thread", "CPU ms/image", [1e3 * one for one in decoding]
        ),
        Figure("inference alone, one thread", "CPU ms/image", [1e3 * one for one in inference]),
    ]
    kilobytes = sum(path.stat().st_size for path in files(photos)) / count / 1000
    report.notes.append(
        f"pictures: drawn by code (soft shapes, texture at seven scales, grain), JPEG quality 85, "
        f"{kilobytes:.0f} kB on average; the model's loading is not counted"
    )
    return report


def _indexing(photos: Path, folder: Path, busy: list[float]) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    with ImageIndex.create(folder, MOBILENET) as index:
        started = time.perf_counter()
        busy.append(cpu_seconds(lambda: index.add(photos)))
        took = time.perf_counter() - started
        assert len(index) == len(list(files(photos)))
    return took


def _decoding(photos: Path) -> float:
    """CPU seconds a picture, by plain Pillow, at the smallest size that the network allows."""
    data = [path.read_bytes() for path in _some(photos)]
    return cpu_seconds(lambda: [_resized(one) for one in data]) / len(data)


def _resized(data: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data)) as picture:
        picture.draft("RGB", (SIDE, SIDE))
        small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(small)


def _inference(photos: Path) -> float:
    """CPU seconds a picture, by plain ONNX Runtime on one thread, its input being ready."""
    session = _session()
    name = session.get_inputs()[0].name
    ready = np.stack([_resized(path.read_bytes()) for path in _some(photos)])
    batches = (ready.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1).reshape(
        -1, _BATCH, 3, SIDE, SIDE
    )
    session.run(["features"], {name: batches[0]})
    work = cpu_seconds(lambda: [session.run(["features"], {name: batch}) for batch in batches])
    return work / len(ready)


def _session() -> Any:
    onnxruntime = engine()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(MOBILENET / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )


def _some(photos: Path) -> Sequence[Path]:
    found = list(files(photos))[:_FLOOR_PICTURES]
    return found[: len(found) // _BATCH * _BATCH]
