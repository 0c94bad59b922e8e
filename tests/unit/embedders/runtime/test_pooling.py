import numpy as np
import pytest

from visavis.embedders.runtime.pooling import pooled

MAPS = np.array([[[[1.0, 3.0], [5.0, 7.0]], [[0.0, 0.0], [0.0, 4.0]]]])  # (1, 2, 2, 2)


def test_the_average_goes_over_the_places_of_a_map() -> None:
    assert pooled(MAPS, "average").tolist() == [[4.0, 1.0]]


def test_the_generalised_mean_of_power_three_is_worked_by_hand() -> None:
    first = ((1 + 27 + 125 + 343) / 4) ** (1 / 3)
    second = (64 / 4) ** (1 / 3)
    np.testing.assert_allclose(pooled(MAPS, "gem"), [[first, second]], rtol=1e-5)


def test_the_generalised_mean_lies_between_average_and_maximum() -> None:
    maps = np.random.default_rng(0).random((3, 8, 5, 5))
    gem = pooled(maps, "gem")
    assert (gem > pooled(maps, "average")).all()
    assert (gem < maps.max(axis=(2, 3))).all()


def test_maps_with_channels_last_are_known_by_their_width() -> None:
    first = np.random.default_rng(0).random((2, 8, 5, 5))
    last = first.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(pooled(last, "gem", 8), pooled(first, "gem", 8), rtol=1e-5)


def test_a_map_without_pooling_is_all_its_numbers() -> None:
    assert pooled(MAPS, "none").tolist() == [MAPS.ravel().tolist()]


def test_of_a_transformers_tokens_the_first_is_the_class() -> None:
    tokens = np.arange(12.0).reshape(1, 3, 4)
    assert pooled(tokens, "none").tolist() == [[0, 1, 2, 3]]
    assert pooled(tokens, "average").tolist() == [[4, 5, 6, 7]]


def test_rows_stay_rows_and_become_float32() -> None:
    rows = pooled(np.ones((2, 3), dtype=np.float16), "none")
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("shape", [(3,), (1, 2, 2, 2, 2)])
def test_what_is_no_embedding_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no embedding"):
        pooled(np.ones(shape), "none")
