from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ModelError
from visavis.training.pool import Examples, Pool
from visavis.training.teacher import Projection, Teacher
from visavis.types import RGB


def picture(number: int) -> RGB:
    return np.random.default_rng(number).integers(0, 256, (48, 48, 3)).astype(np.uint8)


def pool(teacher: Teacher) -> Pool:
    projection = Projection(np.zeros(16, np.float32), np.eye(16, dtype=np.float32)[:, :8])
    hint = Projection(np.zeros(16, np.float32), np.eye(16, dtype=np.float32)[:, :4])
    return Pool(
        picture,
        teacher,
        projection,
        [hint],
        side=32,
        cells=2,
        hint_cells=[2],
        capacity=12,
        block=4,
        classes=5,
    )


def test_the_teacher_gives_the_map_before_the_pooling_and_the_scores(teacher_folder: Path) -> None:
    maps, scores, hints = Teacher(teacher_folder).look([picture(0), picture(1)])
    assert hints == []
    assert maps.shape == (2, 16, 3, 3)
    assert scores.shape == (2, 6)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_a_hint_is_the_last_map_of_its_resolution_before_the_pooling(teacher_folder: Path) -> None:
    maps, _, (hint,) = Teacher(teacher_folder, strides=[16]).look([picture(0)])
    assert np.array_equal(np.maximum(hint, 0), maps)  # the convolution, of which the map is a Relu


def test_a_teacher_without_a_map_to_follow_is_refused(teacher_folder: Path) -> None:
    with pytest.raises(ModelError, match="no map of 6 x 6 places"):
        Teacher(teacher_folder, strides=[8])


def test_a_teacher_without_classes_is_refused(teacher_folder: Path) -> None:
    path = teacher_folder / "model.json"
    text = path.read_text()
    start, end = text.index('"classes"'), text.index('"license"')
    path.write_text(text[:start] + text[end:])
    with pytest.raises(ModelError, match="class scores"):
        Teacher(teacher_folder)


def test_a_projection_keeps_the_directions_that_vary_most() -> None:
    rng = np.random.default_rng(0)
    spread = np.array([5.0, 3.0, 0.1])
    data = (rng.normal(size=(4000, 3)) * spread + 7).astype(np.float32)
    plain = Projection.fit(data, 2, 0.0)
    white = Projection.fit(data, 2, 1.0)
    assert np.allclose(np.abs(plain.matrix), [[1, 0], [0, 1], [0, 0]], atol=0.05)
    assert np.allclose(plain.vectors(data).std(axis=0), spread[:2], rtol=0.05)
    assert np.allclose(white.vectors(data).std(axis=0), 1, rtol=0.01)
    assert np.allclose(white.vectors(data).mean(axis=0), 0, atol=1e-2)


def test_projected_maps_average_to_the_projected_embedding() -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 6, 3, 3)).astype(np.float32)
    projection = Projection.fit(rng.normal(size=(50, 6)).astype(np.float32), 4, 0.5)
    assert projection.maps(maps).shape == (2, 4, 3, 3)
    expected = projection.vectors(maps.mean(axis=(2, 3)))
    assert np.allclose(projection.maps(maps).mean(axis=(2, 3)), expected, atol=1e-5)


def test_the_pool_holds_the_latest_pictures_with_what_the_teacher_says(
    teacher_folder: Path,
) -> None:
    teacher = Teacher(teacher_folder, strides=[16])
    store = pool(teacher)
    store.advance(5)  # twenty pictures made, the last twelve kept, eight of them in a new place
    held = store.take(np.arange(12))
    for place, number in enumerate([12, 13, 14, 15, 16, 17, 18, 19, 8, 9, 10, 11]):
        maps, scores, (inner,) = teacher.look([picture(number)])
        assert np.allclose(held.vectors[place], maps.mean(axis=(2, 3))[0, :8], atol=2e-3)
        assert np.allclose(held.maps[place][:, 0, 0], maps[0, :8, :2, :2].mean((1, 2)), atol=2e-3)
        quarter = inner[0, :4, 1:, :2].mean((1, 2))  # the windows of three places overlap
        assert np.allclose(held.hints[0][place][:, 1, 0], quarter, atol=2e-3)
        wanted = scores[0, 1:] / scores[0, 1:].sum()
        assert np.allclose(held.scores[place], wanted, atol=1e-3)


def test_a_pool_made_at_once_equals_one_that_grew(teacher_folder: Path) -> None:
    teacher = Teacher(teacher_folder, strides=[16])
    grown, made = pool(teacher), pool(teacher)
    for blocks in range(8):
        grown.advance(blocks)
    made.advance(7)
    for a, b in zip(
        vars_of(grown.take(np.arange(12))), vars_of(made.take(np.arange(12))), strict=True
    ):
        assert np.array_equal(a, b)


def vars_of(held: object) -> list[np.ndarray]:
    assert isinstance(held, Examples)
    return [held.pixels, held.vectors, held.maps, held.scores, *held.hints]
