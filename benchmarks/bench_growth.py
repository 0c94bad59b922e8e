"""What a record costs as a gallery grows: to write, on disk, in memory, and as it is searched.

A straight line (fixed part + a record's share × records) is fitted through the sizes that have an
approximate index, each a process of its own; how far the farthest of them lies from it says how
straight the growth is. Smaller ones are searched exactly and cost less. Vectors are as long as
those of `visavis-s`, by which some pictures are indexed, stage by stage.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import faiss
import numpy as np

from benchmarks.galleries import Clusters
from benchmarks.measure import Bound, Figure, Report, Size, cpu_seconds
from benchmarks.pictures import draw_photos, files

DIM = 448
PICTURE = "indexing a picture of 1024 × 768 with visavis-s, its record's writing not counted"
BYTES = "file of such a picture"
UNITS = {"writing": "CPU seconds", "disk": "bytes", "memory": "bytes", "searching": "CPU seconds"}
"""What is measured of each size."""
FARTHEST = "the farthest size from the straight line"
WRITE, DISK = "writing a record", "disk for a record"
MEMORY = "memory of opening and searching, for a record more"
MEMORY_FIXED = "memory of opening and searching, of however few records"
SEARCH_FIXED, SEARCH = "a search, of however few records", "a search, for a million records more"
HNSW_FIXED = "a search in an HNSW graph: the constant of its line over doublings"
HNSW = "a search in an HNSW graph, for each doubling"
HNSW_BUILD = "adding a vector to an HNSW graph"
_RECORDS = {
    "full": (10_000, 30_000, 100_000, 300_000, 1_000_000),
    "small": (10_000, 30_000, 100_000),
    "tiny": (500, 1_000, 2_000),
}
_PICTURES = {"full": 600, "small": 200, "tiny": 8}
_GRAPHS = {"full": (10_000, 80_000), "small": (5_000, 20_000), "tiny": (300, 600)}
SEARCHED_EXACTLY = 50_000
"""Records, of which no approximate index is made."""
_STRAIGHT = 1.3
"""How far a size may lie from the line, either way."""

_WRITING = """
import json, sys, time
from pathlib import Path
from benchmarks.galleries import Clusters, Model, fill
folder, count, dim = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
started = time.process_time()
fill(folder, Clusters(count, dim), Model.chosen())
wrote = time.process_time() - started
started = time.process_time()
for block in Clusters(count, dim).vectors():
    pass
drawn = time.process_time() - started
disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
print(json.dumps({"writing": wrote - drawn, "disk": disk}))
"""

_SEARCHING = """
import json, sys, time
from pathlib import Path
from benchmarks.galleries import Clusters, GalleryIndex, pixels
from benchmarks.measure import peak_kilobytes
from visavis.store.sqlite.store import SqliteStore
folder, count, dim = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
asked = [pixels(vector) for vector in Clusters(count, dim).fresh(210)]
def cpu(pictures):
    started = time.process_time()
    for picture in pictures:
        index.search(picture)
    return (time.process_time() - started) / len(pictures)
with GalleryIndex(SqliteStore(folder)) as index:
    cpu(asked[:10])
    print(json.dumps({"searching": cpu(asked[10:]), "memory": peak_kilobytes() * 1024}))
"""

_INDEXING = """
import json, sys, time
from io import BytesIO
from pathlib import Path
import numpy as np
from PIL import Image
from visavis import ImageIndex
from visavis.embedders.registry import load_embedder
from benchmarks.pictures import files
photos = list(files(Path(sys.argv[1])))
def cpu(work):
    started = time.process_time()
    work()
    return (time.process_time() - started) / len(photos)
def decoded(path):
    with Image.open(BytesIO(path.read_bytes())) as picture:
        picture.draft("RGB", (256, 256))
        return np.asarray(picture.convert("RGB").resize((224, 224)))
embedder = load_embedder("visavis-s", threads=1)
ready = [decoded(path) for path in photos]
embedder.embed_images(ready[:2])
decode = cpu(lambda: [decoded(path) for path in photos])
embed = cpu(lambda: [embedder.embed_images(ready[at : at + 2]) for at in range(0, len(ready), 2)])
with ImageIndex.create(sys.argv[2], "visavis-s") as index:
    index.add(photos[0])
    whole = cpu(lambda: index.add(sys.argv[1]))
print(json.dumps({"decode": decode, "embed": embed, "whole": whole}))
"""


def run(size: Size, work: Path) -> Report:
    """What each size took, a record's share of it, and how straight the growth is."""
    report = Report("growth", size)
    counts = _RECORDS[size]
    found = [_of_records(work, count) for count in counts]
    for stage, unit in UNITS.items():
        report.figures += [
            Figure(at_size(stage, count), unit, [one[stage]])
            for count, one in zip(counts, found, strict=True)
        ]
    shares = [_share(stage, size, counts, [one[stage] for one in found]) for stage in UNITS]
    report.figures += [figure for some in shares for figure in some]
    write = next(one.value for one in report.figures if one.what == WRITE) * 1e-6
    report.figures += [*_of_pictures(size, work, write), *_of_graphs(_GRAPHS[size])]
    report.notes.append(
        f"vectors of {DIM} dimensions; ids of 35 characters, two fields, both indexed; "
        "thumbnails not counted; HNSW: M 16, efConstruction 200, ef 64, inner product, by FAISS"
    )
    return report


def at_size(stage: str, count: int) -> str:
    """What a figure says of one size."""
    return f"{stage}: {count:,} records"


def _share(
    stage: str, size: Size, counts: Sequence[int], values: Sequence[float]
) -> Sequence[Figure]:
    kept = [at for at, count in enumerate(counts) if count > SEARCHED_EXACTLY or size != "full"]
    fixed, share, off = line([counts[at] for at in kept], [values[at] for at in kept])
    bound = None if size == "tiny" or stage == "searching" else Bound(_STRAIGHT, of="value")
    farthest = Figure(f"{stage}: {FARTHEST}", "×", [off], bound=bound)
    if stage == "writing":
        return [Figure(WRITE, "CPU µs", [share * 1e6]), farthest]
    if stage == "disk":
        return [Figure(DISK, "bytes", [share]), farthest]
    if stage == "memory":
        return [Figure(MEMORY, "bytes", [share]), Figure(MEMORY_FIXED, "bytes", [fixed]), farthest]
    search = Figure(SEARCH, "CPU ms", [share * 1e9])
    return [search, Figure(SEARCH_FIXED, "CPU ms", [fixed * 1e3]), farthest]


def line(counts: Sequence[float], values: Sequence[float]) -> tuple[float, float, float]:
    """(fixed, a record's share, the worst factor between line and value) of the straight line.

    Least squares of relative errors, so that a small size counts as much as a large one; neither
    part is below zero.
    """
    rows, wanted = np.array(counts, float), np.array(values, float)
    parts, least = np.zeros(2), np.inf
    for kept in ([0, 1], [0], [1]):
        solved = np.zeros(2)
        basis = np.stack([1 / wanted, rows / wanted], 1)
        solved[kept] = np.linalg.lstsq(basis[:, kept], np.ones(len(rows)), rcond=None)[0]
        error = float(((basis @ solved - 1) ** 2).sum())
        if (solved >= 0).all() and error < least:
            parts, least = solved, error
    told = parts[0] + parts[1] * rows
    return float(parts[0]), float(parts[1]), float(np.maximum(told / wanted, wanted / told).max())


def _of_records(work: Path, count: int) -> dict[str, float]:
    folder = work / f"growth-{count}.index"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return _told(_WRITING, folder, count, DIM) | _told(_SEARCHING, folder, count, DIM)
    finally:
        shutil.rmtree(folder)


def _of_pictures(size: Size, work: Path, write: float) -> list[Figure]:
    count = _PICTURES[size]
    photos, folder = work / f"photos-{count}", work / "growth-pictures.index"
    if not photos.exists():
        draw_photos(photos, count)
    shutil.rmtree(folder, ignore_errors=True)
    took = _told(_INDEXING, photos, folder)
    bytes = sum(path.stat().st_size for path in files(photos)) / count
    return [
        Figure(PICTURE, "CPU ms", [1e3 * (took["whole"] - write)]),
        Figure("of this: decoding it, small", "CPU ms", [1e3 * took["decode"]]),
        Figure("of this: the model", "CPU ms", [1e3 * took["embed"]]),
        Figure(BYTES, "bytes", [bytes]),
    ]


def _of_graphs(counts: tuple[int, int]) -> list[Figure]:
    """HNSW (Malkov and Yashunin 2018), as a segment of Milvus has it."""
    faiss.omp_set_num_threads(1)
    searching, building = [], 0.0
    for count in counts:
        clusters = Clusters(count, DIM)
        vectors, asked = np.concatenate(list(clusters.vectors())), clusters.fresh(500)
        graph = faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction, graph.hnsw.efSearch = 200, 64
        building = cpu_seconds(partial(graph.add, vectors)) / count
        searching.append(cpu_seconds(partial(graph.search, asked, 10)) / len(asked))
    doubling = (searching[1] - searching[0]) / np.log2(counts[1] / counts[0])
    fixed = searching[1] - doubling * np.log2(counts[1])
    return [
        Figure(HNSW_FIXED, "CPU ms", [1e3 * fixed]),
        Figure(HNSW, "CPU ms", [1e3 * float(doubling)]),
        Figure(f"{HNSW_BUILD} of {counts[1]:,}", "CPU ms", [1e3 * building]),
    ]


def _told(code: str, *arguments: object) -> dict[str, float]:
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": root},
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told
