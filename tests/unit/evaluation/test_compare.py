import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visavis.errors import UsageError
from visavis.evaluation.compare import compare, together
from visavis.evaluation.report import read_report, write_report


def report(values: list[float], **data: Any) -> dict[str, Any]:
    return {
        "metrics": {"map": sum(values) / len(values)},
        "model": {"name": "a"},
        "data": {"hash": "h", "records": 9, "queries": len(values)} | data,
        "protocol": {"kind": "same", "field": "hue"},
        "per_query": {"ids": [str(n) for n in range(len(values))], "values": {"map": values}},
    }


WEAK, STRONG = [0.1, 0.4, 0.5, 0.2] * 10, [0.3, 0.5, 0.8, 0.6] * 10


def test_better_worse_and_no_clear_difference_are_told_apart() -> None:
    (found,) = compare(report(STRONG), report(WEAK), "other.json")
    assert found.difference == pytest.approx(0.25)
    assert 0 < found.low < 0.25 < found.high
    assert found.verdict == "better"
    assert compare(report(WEAK), report(STRONG), "other.json")[0].verdict == "worse"
    mixed = [0.4, 0.1, 0.2, 0.5] * 10
    assert compare(report(WEAK), report(mixed), "o.json")[0].verdict == "no clear difference"
    assert compare(report(WEAK), report(WEAK), "o.json")[0].verdict == "no clear difference"


def noise(seed: int, measures: int) -> dict[str, Any]:
    """A report of queries that are answered by chance."""
    found = report(WEAK)
    values = np.random.default_rng(seed).random((measures, 40)).tolist()
    found["per_query"]["values"] = {f"recall@{k}": row for k, row in enumerate(values, 1)}
    return found


def test_where_many_measures_are_looked_at_chance_is_not_called_a_difference() -> None:
    found = compare(noise(1, 60), noise(2, 60), "o.json")
    outside = [d for d in found if d.low > 0 or d.high < 0]
    assert outside  # one in twenty is to be expected
    assert {d.verdict for d in found} == {"no clear difference"}
    alone = min(outside, key=lambda d: d.p)
    ours, theirs = noise(1, 60), noise(2, 60)
    for one in (ours, theirs):
        values = one["per_query"]["values"]
        one["per_query"]["values"] = {alone.measure: values[alone.measure]}
    (single,) = compare(ours, theirs, "o.json")
    assert single.verdict != "no clear difference"
    assert (single.low, single.high, single.p) == (alone.low, alone.high, alone.p)
    assert single.adjusted == single.p < alone.adjusted


def test_the_differences_of_several_pairs_are_looked_at_together() -> None:
    pair = compare(report(STRONG), report(WEAK), "o.json")
    once, several = together([pair])[0][0], together([pair] * 9)[8][0]
    assert once.adjusted == once.p
    assert several.adjusted == pytest.approx(9 * once.p)
    assert several.to_dict()["p_holm"] == pytest.approx(9 * once.p, abs=1e-6)


def test_a_measure_and_its_quarter_are_looked_at_once() -> None:
    def fours(values: list[float], *names: str) -> dict[str, Any]:
        found = noise(3 if values is WEAK else 4, 2)
        columns = {"ns_score": values, "top4_accuracy": [value / 4 for value in values]}
        found["per_query"]["values"] |= {name: columns[name] for name in names}
        return found

    both = ("ns_score", "top4_accuracy")
    mixed = [0.4, 0.1, 0.5, 0.4] * 10
    one, two = (
        {d.measure: d for d in compare(fours(mixed, *names), fours(WEAK, *names), "o.json")}
        for names in (both[:1], both)
    )
    assert one["ns_score"].adjusted == two["ns_score"].adjusted
    assert two["top4_accuracy"].adjusted == two["ns_score"].adjusted
    assert one["recall@1"].adjusted == two["recall@1"].adjusted < 1


def test_a_very_small_p_is_written_as_it_is() -> None:
    [found] = compare(report([0.9] * 60), report([0.1] * 60), "o.json")
    assert 0 < found.to_dict()["p"] < 1e-6
    assert found.to_dict()["p_holm"] == found.to_dict()["p"]


def test_reports_of_other_data_or_another_protocol_are_refused() -> None:
    with pytest.raises(UsageError, match=r"o\.json: it is about other data"):
        compare(report(WEAK), report(WEAK, hash="other"), "o.json")
    other = deepcopy(report(WEAK))
    other["protocol"]["field"] = "kind"
    with pytest.raises(UsageError, match=r"another protocol \(field 'kind' there and 'hue' here\)"):
        compare(report(WEAK), other, "o.json")


def test_a_report_without_single_queries_is_refused() -> None:
    other = report(WEAK)
    del other["per_query"]
    with pytest.raises(UsageError, match="lacks the values of the single queries"):
        compare(report(WEAK), other, "o.json")


def test_a_written_report_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_report(path, report(WEAK))
    assert read_report(path) == report(WEAK)


@pytest.mark.parametrize(
    ("part", "shape", "told"),
    [
        ("metrics", 1, "metrics is no object"),
        ("data", [], "data is no object"),
        ("protocol", None, "protocol is no object"),
        ("model", {}, "the model has no name"),
        ("model", {"name": 3}, "the model has no name"),
        ("per_query", [], "per_query has no values"),
        ("per_query", {"ids": ["0"]}, "per_query has no values"),
        ("per_query", {"values": {"map": []}}, "per_query has no ids"),
        ("per_query", {"ids": ["0"], "values": {"map": 0.5}}, "map are no list of numbers"),
        ("per_query", {"ids": ["0"], "values": {"map": ["0.5"]}}, "map are no list of numbers"),
        ("per_query", {"ids": ["0"], "values": {"map": [float("nan")]}}, "no list of numbers"),
        ("per_query", {"ids": ["0", "1"], "values": {"map": [1.0]}}, "1 values of map for 2 quer"),
    ],
)
def test_a_misshapen_report_is_refused_in_one_sentence(
    tmp_path: Path, part: str, shape: object, told: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(report(WEAK) | {part: shape}))
    with pytest.raises(UsageError, match=rf"a\.json: it is no report .*{told}.*--out"):
        read_report(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"metrics": {}}', "[" * 100_000, "1" * 5000])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"a\.json"):
        read_report(path)
