import json
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import SourceError, UsageError
from visavis.evaluation.gallery import Gallery
from visavis.evaluation.ground_truth import from_file, read_answers, same_value
from visavis.types import FieldValue, ImageRecord


def record(id: str, content: str | None = None, **fields: FieldValue) -> ImageRecord:
    return ImageRecord(id, f"/photos/{id}", 1, 0.0, content or id, 8, 8, fields)


def gallery(*records: ImageRecord) -> Gallery:
    return Gallery(records, np.zeros((len(records), 2), np.float32))


SHOP = gallery(
    record("a1", kind="a"), record("a2", kind="a"), record("b1", kind="b"), record("b2", kind="b")
)


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_records_that_share_a_value_are_each_others_positives() -> None:
    truth = same_value(SHOP.records, SHOP, "kind", own=True)
    assert [question.id for question in truth.questions] == ["a1", "a2", "b1", "b2"]
    first = truth.questions[0]
    assert first.positives == {"a1", "a2"}
    assert first.itself
    assert first.sought == 1
    assert first.group == "a"


def test_a_whole_number_is_the_same_value_with_and_without_decimals() -> None:
    of_others = gallery(record("a", kind=3.0), record("b", kind=3.5), record("c", kind="3"))
    truth = same_value([record("q", kind=3)], of_others, "kind", own=False)
    [asked] = truth.questions
    assert asked.group == "3"
    assert asked.positives == {"a", "c"}


def test_records_without_a_partner_or_a_value_are_not_asked_but_counted() -> None:
    lonely = gallery(*SHOP.records, record("c1", kind="c"), record("d1"))
    truth = same_value(lonely.records, lonely, "kind", own=True)
    assert len(truth.questions) == 4
    assert truth.left_out == 2


def test_a_field_that_groups_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no two records share a value of 'kind'"):
        same_value(SHOP.records[::2], gallery(*SHOP.records[::2]), "kind", own=True)


def test_a_field_that_nobody_has_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no record of the index has a field 'knd'; did you mean"):
        same_value(SHOP.records, SHOP, "knd", own=True)


def test_a_query_picture_without_an_answer_is_an_error_that_names_it() -> None:
    strangers = [record("q1", kind="a"), record("q2", kind="z")]
    with pytest.raises(UsageError, match=r"1 query has no positive in the gallery: q2 \(z\)"):
        same_value(strangers, SHOP, "kind", own=False)


def test_a_query_picture_that_is_in_the_gallery_is_left_out_of_its_ranking() -> None:
    queries = [record("a1", kind="a"), record("a2", "another picture of that name", kind="a")]
    first, second = same_value(queries, SHOP, "kind", own=False).questions
    assert (first.itself, first.sought) == (True, 1)
    assert (second.itself, second.sought) == (False, 2)


def test_json_and_csv_say_the_same(tmp_path: Path) -> None:
    as_json = write(tmp_path, "t.json", {"a1": ["a2"], "b1": {"positives": ["b2"], "junk": ["a1"]}})
    rows = "query,id,kind\na1,a2,positive\nb1,b2,\nb1,a1,junk\n"
    as_csv = write(tmp_path, "t.csv", rows)
    assert from_file(as_json, SHOP.records, SHOP) == from_file(as_csv, SHOP.records, SHOP)
    _, second = from_file(as_csv, SHOP.records, SHOP).questions
    assert second.positives == {"b2"}
    assert second.junk == {"a1"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "query;id;kind\na1;a2;positive\nb1;b2;\nb1;a1;junk\n"),
        ("t.csv", "query\tid\tkind\na1\ta2\tpositive\nb1\tb2\t\nb1\ta1\tjunk\n"),
        ("t.csv", "\ufeffsep=|\nquery|id|kind\na1|a2|positive\nb1|b2|\nb1|a1|junk\n"),
        ("t.tsv", "kind\tquery\tid\n\ta1\ta2\n\tb1\tb2\njunk\tb1\ta1\n"),
        (
            "t.jsonl",
            '{"query": "a1", "id": "a2"}\n{"query": "b1", "id": "b2"}\n'
            '{"query": "b1", "id": "a1", "kind": "junk"}\n',
        ),
    ],
)
def test_a_table_is_read_as_catalogues_are(tmp_path: Path, name: str, content: str) -> None:
    expected = {
        "a1": {"positives": ["a2"], "junk": []},
        "b1": {"positives": ["b2"], "junk": ["a1"]},
    }
    assert read_answers(write(tmp_path, name, content)) == expected


def test_ids_stay_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "query;id\n007;1,50\n007;2024-1-5\n")
    assert read_answers(path) == {"007": {"positives": ["1,50", "2024-1-5"], "junk": []}}


def test_a_query_counts_itself_only_where_the_file_names_it(tmp_path: Path) -> None:
    path = write(tmp_path, "t.json", {"a1": ["a2"], "b1": ["b1", "b2"]})
    holidays, oxford = from_file(path, SHOP.records, SHOP).questions
    assert (holidays.itself, holidays.sought) == (True, 1)
    assert (oxford.itself, oxford.sought) == (False, 2)


def test_a_query_of_a_file_is_left_out_by_id_and_content_wherever_it_was_read(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, "t.json", {"a1": ["a2"], "b1": ["b2"], "q": ["a1"]})
    asked = [record("a1"), record("b1", "another picture of that name"), record("q", "a2")]
    same, other, new = from_file(path, asked, SHOP).questions
    assert same.itself
    assert not other.itself
    assert not new.itself


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"zz": ["a1"]}, "queries that are not there: zz"),
        ({"a1": ["a2", "zz"]}, "ids that the gallery does not have: zz"),
        ({"a1": {"positives": ["a2"], "junk": ["a2"]}}, "both positive and junk for .* 'a1': a2"),
        ({"a1": ["a2"], "b1": []}, "1 query has no positive in the gallery: b1"),
        ({}, "names no query"),
    ],
)
def test_wrong_ground_truth_is_refused_before_anything_is_scored(
    tmp_path: Path, content: object, told: str
) -> None:
    path = write(tmp_path, "t.json", content)
    with pytest.raises(UsageError, match=told) as caught:
        from_file(path, [record("a1"), record("b1")], SHOP)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.json", "{", "no JSON"),
        ("t.json", [1], "should be an object"),
        ("t.json", {"a1": "a2"}, "needs a list of ids"),
        ("t.json", {"a1": [3]}, "list of texts"),
        ("t.json", {"a1": {"right": []}}, "needs a list of ids"),
        ("t.json", '{"a1": ["a2"], "b1": ["b2"], "a1": ["b1"]}', "names a1 more than once"),
        ("t.json", '{"a1": {"positives": ["a2"], "positives": []}}', "names positives more than"),
        ("t.csv", "query,answer\n", "no column is named 'id'"),
        ("t.csv", "query,id,kind\na1,a2,maybe\n", "row 2"),
        ("t.csv", "query,id\na1,\n", "row 2"),
        ("t.csv", "query,id,score\na1,a2,0\n", "the column 'score' is not read; leave it out"),
        ("t.txt", "a1 a2", "one of these kinds: .json, .csv"),
    ],
)
def test_a_file_that_is_no_ground_truth_is_refused(
    tmp_path: Path, name: str, content: object, told: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(SourceError, match=told):
        read_answers(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.json: .* cannot be read \(No such file or di"):
        read_answers(tmp_path / "none.json")


def test_json_of_other_encodings_is_read_and_a_deep_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        path.write_text('{"ä1": ["a2"]}', encoding=encoding)
        assert read_answers(path) == {"ä1": {"positives": ["a2"], "junk": []}}
    with pytest.raises(SourceError, match=r"it is no JSON \(it is nested too deeply"):
        read_answers(write(tmp_path, "deep.json", "[" * 100_000))
