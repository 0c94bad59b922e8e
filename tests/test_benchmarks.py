"""The benchmarks run at their smallest size and say what they measured; no speed is judged here."""

import json
import math
from pathlib import Path

import pytest
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.measure import Bound, Figure, Floor, in_turns


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_at_its_smallest_size_and_writes_sound_json(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [name, "--tiny", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    assert main(arguments) == 0
    report = json.loads((tmp_path / "out" / f"{name}.json").read_text(encoding="utf-8"))
    assert report["benchmark"] == name
    assert report["machine"]["cores"] >= 1
    assert report["versions"]["faiss-cpu"]
    assert report["figures"] or report["notes"]  # without the network, a note says so
    table = capsys.readouterr().out
    for figure in report["figures"]:
        assert math.isfinite(figure["value"])
        assert figure["rounds"]
        assert figure["spread"][0] <= figure["spread"][1]
        assert ("bound" in figure) == ("holds" in figure)
        assert "floor" not in figure or figure["floor"]["value"] > 0
        assert figure["what"] in table


def test_the_smallest_search_finds_all_true_neighbours(tmp_path: Path) -> None:
    report = BENCHMARKS["search"]("tiny", tmp_path)
    recalls = [figure.value for figure in report.figures if figure.unit == "share"]
    assert recalls == [1.0, 1.0, 1.0]


def test_a_ratio_is_judged_by_the_median_of_the_rounds() -> None:
    figure = Figure("work", "ms", [2.0, 30.0, 4.0], Floor("least", [1.0, 10.0, 4.0]), Bound(2.0))
    assert figure.ratios == [2.0, 3.0, 1.0]
    assert (figure.value, figure.ratio, figure.holds) == (4.0, 2.0, True)


def test_a_value_below_what_was_promised_breaks_the_bound() -> None:
    figure = Figure("recall", "share", [0.9], bound=Bound(0.95, of="value", at_least=True))
    assert figure.holds is False
    assert figure.to_dict()["bound"] == "value ≥ 0.95"


def test_parts_take_turns_and_every_other_round_runs_backwards() -> None:
    order: list[str] = []

    def part(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = in_turns(2, lambda: part("a"), lambda: part("b"))
    assert order == ["a", "b", "b", "a"]
    assert found == [[1.0, 4.0], [2.0, 3.0]]
