"""Each public name once, as users write it. Checked by mypy, never run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from visavis import (
    ClassTerm,
    Embedder,
    Failure,
    Filter,
    ImageIndex,
    ImageRecord,
    ImageTerm,
    IndexReport,
    Match,
    Query,
    RecordTerm,
    SearchResult,
    Tag,
    TextEmbedder,
    TextTerm,
    VisavisError,
    load_embedder,
)
from visavis.types import Subject


def told(report: IndexReport) -> None:
    assert_type(report.added, int)
    assert_type(report.failed, list[Failure])


def indexing(folder: Path) -> None:
    with ImageIndex.create("photos.index", "classic", jobs=2) as index:
        assert_type(index, ImageIndex)
        report = index.add(folder, "shop.csv", image_column="photo", progress=told)
        assert_type(report, IndexReport)
        for failure in report.failed:
            assert_type(failure.uri, str)
            assert_type(failure.reason, str)
        assert_type(index.remove("a.jpg") + index.remove(where="price<50"), int)
        assert_type(index.rebuild("classic"), IndexReport)
        assert_type(len(index), int)
        assert_type("a.jpg" in index, bool)


def searching(index: ImageIndex, pixels: NDArray[np.uint8]) -> None:
    assert_type(index.search("query.jpg"), SearchResult)
    index.search(Path("query.jpg"), where=["category=shoes", "price<50"], limit=5, offset=5)
    index.search(b"...", min_score=0.5)
    index.search(pixels)
    index.search([ImageTerm(pixels, box=(0, 0, 0.5, 1)), RecordTerm("a", 0.5), TextTerm("red", -1)])
    result = index.search(Query((RecordTerm("a"),), where=None, limit=3))
    assert_type(result.matches, tuple[Match, ...])
    for match in result.matches:
        assert_type(match.score, float)
        assert_type(match.record, ImageRecord)
        assert_type(match.record.fields, Mapping[str, str | int | float | bool])
    assert_type(result.reason, str | None)


def words(index: ImageIndex) -> None:
    result = index.search([TextTerm("a dog"), ClassTerm("Siamese cat", 0.5), ClassTerm("lamp", -1)])
    assert_type(result.notes, tuple[str, ...])
    tags = index.tagging.of("query.jpg", limit=5)
    assert_type(tags, tuple[Tag, ...])
    for tag in tags:
        assert_type(tag.name, str)
        assert_type(tag.score, float)
    assert_type(index.tagging.write(5, vocabulary=["dog", "cat"], progress=told), IndexReport)
    assert_type(index.tagging.made, bool)
    subjects = index.subjects.of("query.jpg")
    assert_type(subjects, tuple[Subject, ...])
    index.search(ImageTerm("query.jpg", subjects[0].box))


def records(index: ImageIndex, where: Filter) -> list[ImageRecord]:
    found = [record for record in index if record.width > 100]
    return [*found, *index.records(where), index.get("a.jpg")]


def embedding(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    model: Embedder = load_embedder("classic")
    assert_type(model.dim, int)
    if isinstance(model, TextEmbedder):
        return model.embed_texts(["a red mug"])
    return model.embed_images(pictures)


def handling(index: ImageIndex) -> int:
    try:
        index.search("./gone.jpg")
    except VisavisError as error:
        assert_type(error.http_status, int)
        return error.exit_code
    return 0
