"""What the tests of the indexing flow share."""

import csv
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from visavis.store.base import VectorStore
from visavis.store.sqlite.store import SqliteStore
from visavis.types import ImageRecord, IndexReport

Draw = Callable[..., Path]
Run = Callable[..., IndexReport]

RED, GREEN, BLUE = (200, 10, 10), (10, 200, 10), (10, 10, 200)


def png(colour: tuple[int, int, int], mark: int = 0, side: int = 16) -> bytes:
    pixels = np.full((side, side, 3), colour, np.uint8)
    pixels[0, 0] = (mark >> 16 & 255, mark >> 8 & 255, mark & 255)
    held = BytesIO()
    Image.fromarray(pixels).save(held, "png")
    return held.getvalue()


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    """added, unchanged, moved, removed, failed"""
    return report.added, report.unchanged, report.moved, report.removed, len(report.failed)


def generation(store: VectorStore) -> str | None:
    """Changes with everything that is written."""
    assert isinstance(store, SqliteStore)
    return store._db.meta("generation")


def records(store: SqliteStore) -> dict[str, ImageRecord]:
    return {record.id: record for record in store.records()}


def numbers(store: SqliteStore) -> dict[str, int]:
    """Of the records: one that is written again gets a new one."""
    return {record.id: number for number, record in store.numbered_records()}


def catalogue(folder: Path, rows: Sequence[dict[str, object]], name: str = "all.csv") -> Path:
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        table.writeheader()
        table.writerows(rows)
    return path
