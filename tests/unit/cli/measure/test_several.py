import pytest

from visavis.cli.measure.several import _how_clear


@pytest.mark.parametrize(
    ("count", "told"), [(1, "1 difference was looked at: "), (2, "2 differences were looked at: ")]
)
def test_one_difference_is_told_in_the_singular(count: int, told: str) -> None:
    assert _how_clear(count).startswith(told)
